//! *Non-Streaming Chat*.

use serde_json::json;

use super::Site;
use super::stage::{CHAT, CONVERSATIONS, ask, developer, form, patch, send, text};

#[tokio::test]
async fn the_pages_example_is_answered_in_the_pages_shape() {
    let site = Site::start().await;
    let fields = [
        ("messages", r#"[{"role":"user","content":"Hello"}]"#),
        ("query", "What are your business hours?"),
    ];
    let answer = send(&developer(&site), CHAT, form(&site, &fields)).await;
    let body = answer.expect(200);
    let names: Vec<_> = body.as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        ["conversation_id", "agent_response_text", "response_time_ms", "was_resolved"]
    );
    assert!(text(&body, "conversation_id").starts_with("conv_"));
    assert!(!text(&body, "agent_response_text").is_empty());
    assert!(body["response_time_ms"].is_u64());
    assert_eq!(body["was_resolved"], true);
    assert_eq!(answer.header("RateLimit-Limit"), "60");
}

#[tokio::test]
async fn a_conversation_is_gone_on_with() {
    let site = Site::start().await;
    let developer = developer(&site);
    let first = ask(&developer, &site, "What are your business hours?").await;
    let id = text(&first, "conversation_id");
    let fields = [("conversation_id", id), ("query", "How can I pay?")];
    let second = send(&developer, CHAT, form(&site, &fields)).await.expect(200);
    assert_eq!(second["conversation_id"], id);
    let history = developer.get(&format!("{CONVERSATIONS}/{id}/messages")).await.expect(200);
    let said: Vec<_> = history["messages"].as_array().expect("a list").iter().collect();
    let roles: Vec<_> = said.iter().map(|message| text(message, "role")).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
    assert_eq!(said[3]["content"], second["agent_response_text"]);
}

#[tokio::test]
async fn who_hands_over_has_not_resolved_it() {
    let site = Site::start().await;
    let answer = ask(&developer(&site), &site, "I want to talk to a human").await;
    assert_eq!(answer["agent_response_text"], "");
    assert_eq!(answer["was_resolved"], false);
}

#[tokio::test]
async fn nor_has_who_falls_back() {
    let site = Site::with_account(&["--no-agent"]).await;
    let answer = ask(&developer(&site), &site, "zxcv qwer uiop").await;
    assert!(!text(&answer, "agent_response_text").is_empty(), "the fallback is said");
    assert_eq!(answer["was_resolved"], false);
}

#[tokio::test]
async fn the_same_idempotency_key_asks_once() {
    let site = Site::start().await;
    let developer = developer(&site).with("Idempotency-Key", "k-1");
    let first = ask(&developer, &site, "How can I pay?").await;
    let again = ask(&developer, &site, "How can I pay?").await;
    assert_eq!(first["conversation_id"], again["conversation_id"]);
    assert_eq!(first["agent_response_text"], again["agent_response_text"]);
    let other = send(&developer, CHAT, form(&site, &[("query", "Hello")])).await.expect(409);
    assert_eq!(other["error"], "Conflict");
}

#[tokio::test]
async fn a_deployment_is_a_version_and_a_conversation_stays_with_its_own() {
    let mut site = Site::start().await;
    let developer = developer(&site);
    let first = ask(&developer, &site, "How can I pay?").await;
    let path = format!("{CONVERSATIONS}/{}", text(&first, "conversation_id"));
    let began_with = developer.get(&path).await.expect(200);
    // The same bot under another name is another version.
    let shown = site.run(&["bot", "show", "--version", "1"]).await;
    let mut definition: serde_json::Value = serde_json::from_str(&shown).expect("a definition");
    definition["name"] = json!("The new one");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), definition.to_string()).expect("written");
    site.run(&["bot", "deploy", "--file", file.path().to_str().expect("UTF-8")]).await;
    let second = ask(&developer, &site, "How can I pay?").await;
    let newer = format!("{CONVERSATIONS}/{}", text(&second, "conversation_id"));
    let newer = developer.get(&newer).await.expect(200);
    assert_eq!(newer["agent_id"], began_with["agent_id"]);
    assert_ne!(newer["deployment_id"], began_with["deployment_id"]);
    assert_eq!(
        developer.get(&path).await.expect(200)["deployment_id"],
        began_with["deployment_id"]
    );
    // Unless it is told otherwise.
    let told = json!({ "deployment_id": newer["deployment_id"] });
    let changed = patch(&developer, &path, &told).await.expect(200);
    assert_eq!(changed["deployment_id"], newer["deployment_id"]);
    let fields =
        [("query", "How can I pay?"), ("deployment_id", text(&began_with, "deployment_id"))];
    let older = send(&developer, CHAT, form(&site, &fields)).await.expect(200);
    let older = format!("{CONVERSATIONS}/{}", text(&older, "conversation_id"));
    assert_eq!(
        developer.get(&older).await.expect(200)["deployment_id"],
        began_with["deployment_id"]
    );
}
