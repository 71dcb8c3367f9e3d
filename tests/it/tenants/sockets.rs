//! The same walk over the WebSocket, from the commands of the generated AsyncAPI document.

use serde_json::{Map, Value, json};

use super::seen;
use super::things::{Things, Two, id_for, nobodys, token, two};
use crate::harness::site::{Engine, apply, both_engines};
use crate::harness::socket::Socket;

/// Commands that name no conversation.
const WITHOUT_IDS: [&str; 1] = ["ping"];
/// Commands that do nothing to what they name: they may succeed, but must tell nothing.
const HARMLESS: [&str; 1] = ["unsubscribe"];

/// Every command with the names of its fields.
fn commands() -> Vec<(String, Vec<String>)> {
    let document: Value = serde_json::from_str(&parlor::surface::asyncapi()).expect("JSON");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let of_command = schemas.iter().filter(|(name, _)| name.starts_with("Command"));
    let commands: Vec<_> = of_command
        .map(|(_, schema)| {
            let fields = schema["properties"].as_object().expect("properties");
            let name = fields["type"]["const"].as_str().expect("a command's name");
            (name.to_owned(), fields.keys().cloned().collect())
        })
        .collect();
    assert!(commands.len() >= 7, "the commands are where they are looked for: {commands:?}");
    commands
}

/// A command about things; a field that is not known here stops the walk.
fn command(name: &str, fields: &[String], whose: impl Fn(&str) -> Things) -> Value {
    let mut command = Map::new();
    for field in fields {
        let things = whose(field);
        let value = match field.as_str() {
            "type" => json!(name),
            "ref" => continue,
            "after" => json!("0"),
            "text" => json!("Hello"),
            "typing" => json!(true),
            "as" | "name" => continue,
            "idempotency_key" => continue,
            other => match id_for(other, "", &things) {
                Some(id) => json!(id),
                None => panic!("tenants/sockets.rs does not know the field {other} of {name}"),
            },
        };
        command.insert(field.clone(), value);
    }
    Value::Object(command)
}

async fn walk(two: &Two, socket: &mut Socket) {
    for (name, fields) in commands() {
        let ids: Vec<_> = fields.iter().filter(|field| field.ends_with("_id")).collect();
        assert_eq!(ids.is_empty(), WITHOUT_IDS.contains(&name.as_str()), "{name}: {ids:?}");
        for choice in std::iter::once(None).chain(ids.iter().map(Some)).take(ids.len() + 1) {
            let mut answers = Vec::new();
            for theirs in [&two.of_a, &nobodys()] {
                let whose = |field: &str| match choice {
                    Some(only) if only.as_str() != field => two.of_b.clone(),
                    _ => theirs.clone(),
                };
                let (mut answer, frames) = socket.ask(command(&name, &fields, whose)).await;
                let leaked =
                    frames.iter().any(|frame| frame["conversation_id"] == two.of_a.conversation);
                assert!(!leaked, "{name} shows another account's frames: {frames:#?}");
                if answer["conversation_id"] == theirs.conversation {
                    answer["conversation_id"] = "as asked".into();
                }
                answers.push(answer);
            }
            if ids.is_empty() {
                continue;
            }
            let refused = answers[0]["type"] == "error" || HARMLESS.contains(&name.as_str());
            assert!(refused, "{name} ({choice:?}) opens another account's things: {}", answers[0]);
            assert_eq!(
                answers[0], answers[1],
                "{name} ({choice:?}) tells another account's id from one that nobody has"
            );
        }
    }
}

#[apply(both_engines)]
async fn no_command_of_an_accounts_key_reaches_another(engine: Engine) {
    let two = two(engine).await;
    let before = seen(&two).await;
    let key = two.key_b.clone();
    let headers = [("X-AeroChat-API-Key", key.as_str())];
    let mut socket = Socket::open(two.site.address(), "", &headers).await.expect("open");
    walk(&two, &mut socket).await;
    assert_eq!(seen(&two).await, before, "nothing of A's has changed");
}

#[apply(both_engines)]
async fn no_command_of_a_live_token_reaches_another(engine: Engine) {
    let two = two(engine).await;
    let before = seen(&two).await;
    let token = token(&two.b, &two.of_b.conversation).await;
    let query = format!("?token={token}");
    let mut socket = Socket::open(two.site.address(), &query, &[]).await.expect("open");
    walk(&two, &mut socket).await;
    assert_eq!(seen(&two).await, before, "nothing of A's has changed");
}

#[apply(both_engines)]
async fn a_reader_sees_nothing_of_another_accounts_conversations(engine: Engine) {
    let two = two(engine).await;
    let headers = [("X-AeroChat-API-Key", two.key_b.as_str())];
    let mut socket = Socket::open(two.site.address(), "", &headers).await.expect("open");
    let own = json!({ "type": "subscribe", "conversation_id": two.of_b.conversation });
    assert_eq!(socket.ask(own).await.0["type"], "ok");
    two.a.say(Some(&two.of_a.conversation), "where is my order?").await;
    two.b.say(Some(&two.of_b.conversation), "where is my order?").await;
    for frame in socket.until("message.outbound").await {
        assert_eq!(frame["conversation_id"], two.of_b.conversation, "{frame}");
    }
}
