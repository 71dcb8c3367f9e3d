//! *Non-Streaming Chat*.

use serde_json::json;

use super::stage::{
    CHAT, CONVERSATIONS, ask, deploy_anew, developer, fields_of, form, other_agent, patch, send,
    text,
};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn the_pages_example_is_answered_in_the_pages_shape(engine: Engine) {
    let site = Site::start(engine).await;
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

#[apply(both_engines)]
async fn a_conversation_is_gone_on_with(engine: Engine) {
    let site = Site::start(engine).await;
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

#[apply(both_engines)]
async fn who_hands_over_has_not_resolved_it(engine: Engine) {
    let site = Site::start(engine).await;
    let answer = ask(&developer(&site), &site, "I want to talk to a human").await;
    assert_eq!(answer["agent_response_text"], "");
    assert_eq!(answer["was_resolved"], false);
}

#[apply(both_engines)]
async fn nor_has_who_falls_back(engine: Engine) {
    let site = Site::with_account(engine, &["--no-agent"]).await;
    let answer = ask(&developer(&site), &site, "zxcv qwer uiop").await;
    assert!(!text(&answer, "agent_response_text").is_empty(), "the fallback is said");
    assert_eq!(answer["was_resolved"], false);
}

#[apply(both_engines)]
async fn a_deployment_is_a_version_and_a_conversation_stays_with_its_own(engine: Engine) {
    let mut site = Site::start(engine).await;
    let developer = developer(&site);
    let first = ask(&developer, &site, "How can I pay?").await;
    let path = format!("{CONVERSATIONS}/{}", text(&first, "conversation_id"));
    let began_with = developer.get(&path).await.expect(200);
    deploy_anew(&mut site).await;
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

#[apply(both_engines)]
async fn an_agent_is_switched_with_the_message_that_names_it(engine: Engine) {
    let mut site = Site::start(engine).await;
    let other = other_agent(&mut site).await;
    let developer = developer(&site);
    let first = ask(&developer, &site, "How can I pay?").await;
    let id = text(&first, "conversation_id");
    let fields = [("agent_key", &*other), ("conversation_id", id), ("query", "Hello")];
    send(&developer, CHAT, fields_of(&fields)).await.expect(200);
    let shown = developer.get(&format!("{CONVERSATIONS}/{id}")).await.expect(200);
    assert_eq!(text(&shown, "agent_id"), other.split(':').nth(1).expect("a UUID"));
}

#[apply(both_engines)]
async fn a_conversation_goes_on_with_an_agent_that_is_out_of_service(engine: Engine) {
    let mut site = Site::start(engine).await;
    let developer = developer(&site);
    let first = ask(&developer, &site, "What are your business hours?").await;
    let bot = site.default_bot();
    site.run(&["bot", "withdraw", "--bot", &bot]).await;
    let fields =
        [("conversation_id", text(&first, "conversation_id")), ("query", "How can I pay?")];
    let answer = send(&developer, CHAT, form(&site, &fields)).await.expect(200);
    assert_eq!(answer["was_resolved"], true);
    send(&developer, CHAT, form(&site, &fields[1..])).await.expect(404);
}
