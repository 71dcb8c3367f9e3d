//! What `parlor bot` refuses, and what it says then.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::stage::Stage;
use crate::harness::Server;
use crate::harness::server::run;
use crate::harness::upstream::{Answer, Upstream};

/// A directory with an account, where nobody serves.
struct Desk {
    dir: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        desk.done(&["account", "create", "--template", "demo", "--name", "x"]).await;
        desk
    }

    async fn parlor(&self, arguments: &[&str]) -> (bool, String) {
        Server::command(self.dir.path(), arguments).await
    }

    /// Checks a definition, for which no directory is needed.
    async fn check(&self, file: &str) -> (bool, String) {
        let output = run(&["bot", "check", "--file", file]).await;
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    async fn done(&self, arguments: &[&str]) -> String {
        let (done, said) = self.parlor(arguments).await;
        assert!(done, "{arguments:?}: {said}");
        said
    }

    /// A file with a definition.
    fn file(&self, text: &str) -> String {
        let file = self.dir.path().join("bot.json");
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Runs a command that is refused; what it says.
    async fn refused(&self, arguments: &[&str]) -> String {
        let (done, said) = self.parlor(arguments).await;
        assert!(!done, "{arguments:?}: {said}");
        said
    }
}

/// A model with a key, as a definition and as it is shown.
fn model() -> Value {
    json!({ "kind": "llm", "name": "Ada", "base_url": "https://models.example/v1", "model": "tiny",
        "api_key": "sk-s3cret" })
}

#[tokio::test]
async fn all_that_is_wrong_with_a_document_is_told_with_its_place() {
    let desk = Desk::new().await;
    let form = desk.file(
        r#"{ "kind": "flow", "name": "Desk", "start": "hi", "steps": {
            "hi": { "type": "saay", "text": "Hi." },
            "ask": { "type": "ask", "text": 7, "variable": "contact.plan" },
            "end": { "type": "end", "text": "Bye." }, "end": { "type": "end", "text": "Bye." } } }"#,
    );
    let drafted = desk.parlor(&["bot", "draft", "--file", &form]).await;
    for (done, said) in [desk.check(&form).await, drafted] {
        assert!(!done, "{said}");
        for told in [
            "steps.ask.next: is missing",
            "steps.ask.text: is of type number",
            "steps.end: stands there twice",
            "steps.hi.type: is \"saay\"",
        ] {
            assert!(said.contains(told), "{told}: {said}");
        }
    }
    let faq = json!({ "kind": "faq", "name": " ", "default_language": "en", "fallback": {},
        "intents": [{ "name": "a", "examples": {}, "answers": {} }] });
    let (_, said) = desk.check(&desk.file(&faq.to_string())).await;
    for told in ["name: is empty", "intents[0].examples: ", "intents[0].answers: ", "fallback: "] {
        assert!(said.contains(told), "{told}: {said}");
    }
}

#[tokio::test]
async fn a_secret_that_was_hidden_comes_back_or_is_asked_for() {
    let desk = Desk::new().await;
    let drafted =
        desk.done(&["bot", "draft", "--new", "--file", &desk.file(&model().to_string())]).await;
    let bot = drafted.split(' ').next().expect("an id");
    let shown = desk.done(&["bot", "show", "--bot", bot]).await;
    assert!(shown.contains("(hidden)") && !shown.contains("s3cret"), "{shown}");
    let file = desk.file(&shown);
    assert!(desk.check(&file).await.0, "it can be checked as it was shown");
    desk.done(&["bot", "draft", "--bot", bot, "--file", &file]).await;
    let said = desk.refused(&["bot", "draft", "--new", "--file", &file]).await;
    assert!(said.contains("api_key: stands for a secret"), "{said}");
    let said = desk.refused(&["bot", "replay", "--file", &file]).await;
    assert!(said.contains("api_key: stands for a secret"), "{said}");
}

#[tokio::test]
async fn what_was_hidden_is_sent_again_when_it_is_deployed() {
    let upstream = Upstream::start(|_, _| Answer::completion(&["Hello."])).await;
    let mut definition = model();
    definition["base_url"] = json!(upstream.url("/v1"));
    let mut stage = Stage::with_bot(&definition).await;
    definition["api_key"] = json!("(hidden)");
    definition["system_prompt"] = json!("Be kind.");
    stage.deploy(&definition).await;
    assert_eq!(stage.conversation().await.answer("hi").await, "Hello.");
    assert_eq!(upstream.request(0).await.header("authorization"), "Bearer sk-s3cret");
}

#[tokio::test]
async fn a_list_is_of_the_bot_that_is_named() {
    let desk = Desk::new().await;
    let all = desk.done(&["bot", "list"]).await;
    let first = all.split("  ").next().expect("an id");
    desk.done(&["bot", "draft", "--new", "--file", &desk.file(&model().to_string())]).await;
    let bots = |said: &str| said.lines().filter(|line| line.starts_with("bot_")).count();
    assert!(bots(&desk.done(&["bot", "list"]).await) > 1);
    let one = desk.done(&["bot", "list", "--bot", first]).await;
    assert!(bots(&one) == 1 && one.starts_with(first), "{one}");
    desk.refused(&["bot", "list", "--bot", "bot_1"]).await;
}

#[tokio::test]
async fn the_last_limit_of_an_account_can_be_removed() {
    let desk = Desk::new().await;
    let set = async |settings: &str| desk.done(&["account", "set", "--settings", settings]).await;
    assert!(set(r#"{"limits":{"chataibot":3}}"#).await.contains("\"chataibot\": 3"));
    assert!(!set(r#"{"limits":{"chataibot":null}}"#).await.contains("chataibot"));
    for (wrong, told) in [
        (r#"{"look":{"title":"x"}}"#, "no setting look.title"),
        (r#"{"limits":[]}"#, "limits is no JSON object"),
    ] {
        let said = desk.refused(&["account", "set", "--settings", wrong]).await;
        assert!(said.contains(told), "{said}");
    }
}
