//! `parlor account`, `key` and `bot` while the server runs, and without one.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::Server;
use crate::harness::server::parlor;
use crate::harness::wait::within;

const CONTACT: &str = "/bot/v1/contacts/none";

/// Runs a command that must go well; gives what it printed on standard output.
async fn done(server: &Server, arguments: &[&str]) -> String {
    let (done, said) = Server::command(server.dir(), arguments).await;
    assert!(done, "{arguments:?}: {said}");
    said
}

/// The same with `--json`.
async fn document(server: &Server, arguments: &[&str]) -> Value {
    let said = done(server, &[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
}

async fn refused(server: &Server, arguments: &[&str]) -> String {
    let (done, said) = Server::command(server.dir(), arguments).await;
    assert!(!done, "{arguments:?}: {said}");
    said
}

/// A file with a bot that says this.
fn bot(home: &TempDir, text: &str) -> String {
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "say",
        "steps": { "say": { "type": "end", "text": text } } });
    let file = home.path().join("bot.json");
    std::fs::write(&file, definition.to_string()).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn what_is_administered_while_the_server_runs_holds_at_once() {
    let (server, home) = (Server::start().await, tempfile::tempdir().expect("a directory"));
    let pid = server.pid();
    let made = document(&server, &["account", "create", "--name", "Acme"]).await;
    let acme = ["--account", "Acme"];
    let client = server.client_with(made["aerochat_api_key"].as_str().expect("a key"));
    client.get(CONTACT).await.expect(404);

    let issue = [&["key", "issue", "--label", "second"], &acme[..]].concat();
    let issued = document(&server, &issue).await;
    let second = server.client_with(issued["aerochat_api_key"].as_str().expect("a key"));
    second.get(CONTACT).await.expect(404);
    let id = issued["key_id"].as_str().expect("an id");
    let revoked = document(&server, &[&["key", "revoke", id], &acme[..]].concat()).await;
    assert_eq!(revoked, json!({ "key_id": id }));
    second.get(CONTACT).await.expect(401);
    let keys = document(&server, &[&["key", "list"], &acme[..]].concat()).await;
    let listed = keys["keys"].as_array().expect("keys");
    let label = |key: &&Value| key["label"] == "second" && key["revoked_at"].is_string();
    assert_eq!((listed.len(), listed.iter().filter(label).count()), (5, 1), "{keys}");

    let file = bot(&home, "Hello from Acme.");
    let deployed = [&["bot", "deploy", "--file", &file], &acme[..]].concat();
    let deployed = document(&server, &deployed).await;
    assert_eq!(deployed["version"], 1, "{deployed}");
    let reply = client.say(None, "hi").await;
    assert_eq!(reply["reply"]["text"], "Hello from Acme.");
    let bots = document(&server, &[&["bot", "list"], &acme[..]].concat()).await;
    let only = &bots["bots"][0];
    assert_eq!((&only["bot_id"], &only["answers"]), (&deployed["bot_id"], &json!(true)), "{bots}");
    assert!(only["agent_key"].as_str().is_some_and(|key| key.starts_with("agent:")), "{bots}");

    let set = ["account", "set", "--settings", r#"{"auto_reply":"Soon."}"#];
    let settings = document(&server, &[&set, &acme[..]].concat()).await;
    let shown = document(&server, &[&["account", "show"], &acme[..]].concat()).await;
    assert_eq!((&settings["auto_reply"], &shown["settings"]), (&json!("Soon."), &settings));
    let accounts = document(&server, &["account", "list"]).await;
    let names: Vec<_> = accounts["accounts"].as_array().expect("accounts").iter().collect();
    assert!(names.iter().any(|it| it["name"] == "Acme") && names.len() == 2, "{accounts}");
    assert!(server.runs() && server.pid() == pid, "it was never stopped");
}

#[tokio::test]
async fn which_account_is_meant_is_said_by_name_by_id_or_by_a_variable() {
    let server = Server::start().await;
    done(&server, &["key", "list"]).await;
    let made = document(&server, &["account", "create", "--name", "Acme"]).await;
    let said = refused(&server, &["key", "list"]).await;
    for told in ["several accounts (Demo, Acme)", "--account", "PARLOR_ACCOUNT"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let id = made["account_id"].as_str().expect("an id");
    let by_name = done(&server, &["key", "list", "--account", "Acme"]).await;
    assert_eq!(done(&server, &["key", "list", "--account", id]).await, by_name);
    let mut command = parlor();
    command.env("PARLOR_ACCOUNT", "Acme").args(["key", "list", "--data-dir"]).arg(server.dir());
    let output = within("a command", command.output()).await.expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), by_name);
    let said = refused(&server, &["key", "list", "--account", "Amce"]).await;
    assert!(said.contains("no account \"Amce\"; there are Demo, Acme"), "{said}");
    let said = refused(&server, &["account", "create", "--name", "Acme"]).await;
    assert!(
        said.contains("already") && said.contains(id) && said.contains("--same-name"),
        "{said}"
    );
    done(&server, &["account", "create", "--name", "Acme", "--same-name"]).await;
    let said = refused(&server, &["key", "list", "--account", "Acme"]).await;
    assert!(said.contains("several accounts are called") && said.contains(id), "{said}");
    let said = refused(&server, &["account", "create", "--name", " "]).await;
    assert!(said.contains("name must be 1 to 100 characters"), "{said}");
}

#[tokio::test]
async fn a_new_account_has_its_own_name_and_nothing_of_the_demos_shop() {
    let server = Server::start().await;
    let made = document(&server, &["account", "create", "--name", "Acme"]).await;
    assert_eq!(
        (&made["chataibot_bot_key"], &made["aloochat_agent_key"]),
        (&Value::Null, &Value::Null)
    );
    let shown = document(&server, &["account", "show", "--account", "Acme"]).await;
    let settings = &shown["settings"];
    assert_eq!((&settings["brand"], &settings["greeting"]), (&json!("Acme"), &json!("")));
    assert_eq!(settings["allowed_origins"], json!([]));
    let bots = document(&server, &["bot", "list", "--account", "Acme"]).await;
    assert_eq!(bots, json!({ "bots": [] }));
    let client = server.client_with(made["aerochat_api_key"].as_str().expect("a key"));
    let sent = client.say(None, "I want to talk to a human").await;
    assert_eq!(sent["status"], "unavailable", "nobody is there yet: {sent}");
    let text = sent.to_string() + &shown.to_string();
    for of_the_shop in ["Sarah", "opening hours", "order"] {
        assert!(!text.contains(of_the_shop), "{of_the_shop}: {text}");
    }
    let create = ["account", "create", "--name", "Shop", "--template", "demo"];
    let made = document(&server, &create).await;
    let client = server.client_with(made["aerochat_api_key"].as_str().expect("a key"));
    let sent = client.say(None, "what are your opening hours?").await;
    assert_eq!(sent["intent"], "business_hours");
    let create = ["account", "create", "--name", "Desk", "--agent", "Ada"];
    let made = document(&server, &create).await;
    assert_eq!(made["aloochat_agent_key"], Value::Null);
}

#[tokio::test]
async fn a_failure_is_a_document_too() {
    let server = Server::start().await;
    let (done, said) = Server::command(server.dir(), &["key", "revoke", "key_1", "--json"]).await;
    let first = said.lines().next().expect("a document");
    let document: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!((done, &document), (false, &json!({ "error": { "message": "no such key" } })));
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("bot.json");
    std::fs::write(&file, r#"{"kind":"flow","name":"x","start":"a","steps":{}}"#).expect("written");
    let mut command = parlor();
    command.args(["bot", "check", "--json", "--file"]).arg(&file);
    let output = within("a command", command.output()).await.expect("it runs");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["valid"], false);
    assert!(document["faults"][0]["place"].is_string(), "{document}");
}

#[tokio::test]
async fn commands_that_come_at_once_wait_for_each_other() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    let names = ["A", "B", "C"];
    let create = names.map(|name| {
        let dir = dir.clone();
        async move { Server::command(&dir, &["account", "create", "--name", name]).await }
    });
    for (done, said) in join_all(create).await {
        assert!(done, "{said}");
    }
    let (_, listed) = Server::command(&dir, &["account", "list"]).await;
    assert_eq!(listed.lines().count(), names.len(), "{listed}");
}

#[tokio::test]
async fn orders_that_come_to_a_server_at_once_do_not_overlook_each_other() {
    let server = Server::start().await;
    let twins =
        (0..6).map(|_| Server::command(server.dir(), &["account", "create", "--name", "Twin"]));
    let made = join_all(twins).await.into_iter().filter(|(done, _)| *done);
    assert_eq!(made.count(), 1, "the others find the first");
    let settings: Vec<_> = ["widget_send", "widget_read", "widget_create", "chataibot"]
        .into_iter()
        .map(|name| json!({ "limits": { name: 7 } }).to_string())
        .collect();
    let change = |settings| ["account", "set", "--account", "Twin", "--settings", settings];
    let changes: Vec<_> = settings.iter().map(|settings| change(settings.as_str())).collect();
    let set = changes.iter().map(|change| Server::command(server.dir(), change));
    for (done, said) in join_all(set).await {
        assert!(done, "{said}");
    }
    let shown = document(&server, &["account", "show", "--account", "Twin"]).await;
    for name in ["widget_send", "widget_read", "widget_create", "chataibot"] {
        assert_eq!(shown["settings"]["limits"][name], 7, "{shown}");
    }
}

#[tokio::test]
async fn only_making_an_account_makes_a_directory() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    for arguments in [&["account", "list"][..], &["key", "issue"], &["bot", "list"]] {
        let (done, said) = Server::command(&dir, arguments).await;
        assert!(!done && said.contains("parlor account create"), "{arguments:?}: {said}");
        assert!(!dir.exists(), "{arguments:?}");
    }
    assert!(Server::command(&dir, &["account", "create", "--name", "A"]).await.0);
}

#[tokio::test]
async fn the_bot_that_is_chosen_must_be_there_to_answer() {
    let server = Server::start().await;
    let set = |bot: &str| json!({ "default_bot": bot }).to_string();
    let chosen = async |bot: &str, as_it_should: bool| {
        let settings = set(bot);
        let arguments = ["account", "set", "--settings", &settings];
        let (done, said) = Server::command(server.dir(), &arguments).await;
        assert_eq!(done, as_it_should, "{bot}: {said}");
        said
    };
    let bots = document(&server, &["bot", "list"]).await;
    let first = bots["bots"][0]["bot_id"].as_str().expect("a bot").to_owned();
    let said = chosen("bot_nope", false).await;
    assert!(said.contains("default_bot"), "{said}");
    let other = "bot_351Qn59HarTtsY2Gro1qg";
    assert!(chosen(other, false).await.contains("is not deployed in this account"));
    chosen(&first, true).await;
    done(&server, &["bot", "withdraw", "--bot", &first]).await;
    // What was chosen before may stay: another setting can be changed.
    done(&server, &["account", "set", "--settings", r#"{"greeting":"Hi!"}"#]).await;
}

#[tokio::test]
async fn a_second_bot_is_told_apart_and_its_draft_deployed_by_itself() {
    let (server, home) = (Server::start().await, tempfile::tempdir().expect("a directory"));
    let file = bot(&home, "Hello.");
    let said = done(&server, &["bot", "draft", "--new", "--file", &file]).await;
    let id = said.split(' ').next().expect("an id");
    let hint = format!("`parlor bot deploy --bot {id}`");
    assert!(said.contains(&hint), "{said}");
    let shown = document(&server, &["bot", "show", "--bot", id]).await;
    assert_eq!((&shown["kind"], &shown["name"]), (&json!("flow"), &json!("Desk")));
    let listed = done(&server, &["bot", "list", "--bot", id]).await;
    assert!(listed.contains(r#"flow  "Desk"  versions none"#), "{listed}");
    done(&server, &["bot", "deploy", "--bot", id]).await;
    let listed = done(&server, &["bot", "list", "--bot", id]).await;
    assert!(listed.contains("versions 1  deployed 1"), "{listed}");
    // The demo's own bot has no draft: what answers is shown.
    assert_eq!(document(&server, &["bot", "show"]).await["kind"], "faq");
}

#[tokio::test]
async fn a_reader_that_has_had_enough_is_no_failure() {
    let server = Server::start().await;
    let mut command = std::process::Command::new("sh");
    let piped = format!(
        "'{}' bot show --data-dir '{}' | head -n 1",
        crate::harness::server::BINARY,
        server.dir().display()
    );
    let output = tokio::task::spawn_blocking(move || command.args(["-c", &piped]).output());
    let output = within("a command", output).await.expect("joined").expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout.starts_with(b"{") && said.is_empty(), "{said}");
}

#[tokio::test]
async fn to_migrate_is_for_a_cluster() {
    let server = Server::start().await;
    let said = refused(&server, &["migrate"]).await;
    assert!(said.contains("--engine cluster"), "{said}");
}
