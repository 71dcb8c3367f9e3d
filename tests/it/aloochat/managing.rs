//! *Conversation Management*: create, list, get, update, delete, history.

use serde_json::{Value, json};

use super::stage::{CONVERSATIONS, agent_id, ask, developer, patch, text};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn a_conversation_is_created_as_the_page_shows(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({ "agent_id": agent_id(&site), "title": "Customer Support Chat" });
    let created = developer(&site).post(CONVERSATIONS, &body).await;
    let conversation = created.expect(201);
    let names: Vec<_> = conversation.as_object().expect("an object").keys().collect();
    let documented =
        ["id", "agent_id", "deployment_id", "title", "created_at", "updated_at", "status"];
    assert_eq!(names, documented);
    assert!(text(&conversation, "id").starts_with("conv_"));
    assert_eq!(conversation["agent_id"], agent_id(&site));
    assert_eq!(conversation["title"], "Customer Support Chat");
    assert_eq!(conversation["status"], "active");
    assert_eq!(created.header("RateLimit-Limit"), "100");
    let body = json!({
        "agent_id": agent_id(&site),
        "deployment_id": conversation["deployment_id"],
        "title": "Customer Support Chat"
    });
    developer(&site).post(CONVERSATIONS, &body).await.expect(201);
}

#[apply(both_engines)]
async fn the_list_is_newest_first_in_pages_and_has_everyones(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let mut made = Vec::new();
    for number in 0..5 {
        let body = json!({ "title": format!("Number {number}") });
        let created = developer.post(CONVERSATIONS, &body).await.expect(201);
        made.push(text(&created, "id").to_owned());
    }
    let said = site.client().say(None, "Hello").await;
    made.push(text(&said, "conversation_id").replacen("cv_", "conv_", 1));
    made.reverse();
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{CONVERSATIONS}?limit=2{cursor}");
        let page = developer.get(&path).await.expect(200);
        let ids = page["conversations"].as_array().expect("a list").iter();
        listed.extend(ids.map(|one| text(one, "id").to_owned()));
        match &page["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            other => {
                assert_eq!(other, &Value::Null);
                break;
            }
        }
    }
    assert_eq!(listed, made);
    let default = developer.get(&format!("{CONVERSATIONS}?limit=20")).await.expect(200);
    assert_eq!(default["conversations"].as_array().map(Vec::len), Some(6));
    assert_eq!(default["next_cursor"], Value::Null);
}

#[apply(both_engines)]
async fn a_conversation_is_changed(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let created = developer.post(CONVERSATIONS, &json!({})).await.expect(201);
    assert_eq!(created["title"], Value::Null);
    let path = format!("{CONVERSATIONS}/{}", text(&created, "id"));
    let renamed = patch(&developer, &path, &json!({ "title": "Billing" })).await.expect(200);
    assert_eq!(renamed["title"], "Billing");
    assert_eq!(developer.get(&path).await.expect(200), renamed);
    let resolved = patch(&developer, &path, &json!({ "status": "resolved" })).await.expect(200);
    assert_eq!((&resolved["status"], &resolved["title"]), (&json!("resolved"), &json!("Billing")));
    let again = patch(&developer, &path, &json!({ "status": "active" })).await.expect(200);
    assert_eq!(again["status"], "active");
    for wrong in [json!({ "title": "" }), json!({ "title": 7 }), json!({ "status": "escalated" })] {
        patch(&developer, &path, &wrong).await.expect(400);
    }
}

#[apply(both_engines)]
async fn what_people_answer_is_not_made_active(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let asked = ask(&developer, &site, "I want to talk to a human").await;
    let path = format!("{CONVERSATIONS}/{}", text(&asked, "conversation_id"));
    let before = developer.get(&path).await.expect(200);
    assert_eq!(before["status"], "escalated");
    let active = json!({ "status": "active", "title": "Mine" });
    let refused = patch(&developer, &path, &active).await.expect(409);
    assert!(text(&refused, "message").contains("status"), "{refused}");
    assert_eq!(developer.get(&path).await.expect(200), before);
    patch(&developer, &path, &json!({ "status": "resolved" })).await.expect(200);
    assert_eq!(patch(&developer, &path, &active).await.expect(200)["status"], "active");
}

#[apply(both_engines)]
async fn an_id_that_says_nothing_is_refused(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    for field in ["agent_id", "deployment_id"] {
        for id in ["", "   ", &"x".repeat(65)] {
            let refused = developer.post(CONVERSATIONS, &json!({ field: id })).await.expect(400);
            assert!(text(&refused, "message").starts_with(field), "{refused}");
        }
        developer.post(CONVERSATIONS, &json!({ field: "unknown" })).await.expect(404);
    }
}

#[apply(both_engines)]
async fn what_is_deleted_is_gone_on_every_surface(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let chat = ask(&developer, &site, "How can I pay?").await;
    let id = text(&chat, "conversation_id");
    let path = format!("{CONVERSATIONS}/{id}");
    let deleted = developer.raw("DELETE", &path, "", "").await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    developer.get(&path).await.expect(404);
    developer.get(&format!("{path}/messages")).await.expect(404);
    developer.raw("DELETE", &path, "", "").await.expect(404);
    let ours = id.replacen("conv_", "cv_", 1);
    site.client().get(&format!("/bot/v1/conversations/{ours}/messages")).await.expect(404);
    site.client().get(&format!("/live/v1/conversations/{ours}/events")).await.expect(404);
    let more = json!({ "message": "Hello?", "conversation_id": ours });
    site.client().post("/bot/v1/conversations/messages", &more).await.expect(404);
    let listed = developer.get(CONVERSATIONS).await.expect(200);
    assert_eq!(listed["conversations"], json!([]));
}

#[apply(both_engines)]
async fn the_history_comes_in_pages_oldest_first(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let chat = ask(&developer, &site, "How can I pay?").await;
    let path = format!("{CONVERSATIONS}/{}/messages", text(&chat, "conversation_id"));
    let first = developer.get(&format!("{path}?limit=1")).await.expect(200);
    assert_eq!(first["messages"][0]["content"], "How can I pay?");
    assert_eq!(first["messages"][0]["role"], "user");
    let next = text(&first, "next_cursor");
    let second = developer.get(&format!("{path}?limit=1&cursor={next}")).await.expect(200);
    assert_eq!(second["messages"][0]["content"], chat["agent_response_text"]);
    assert_eq!(second["next_cursor"], Value::Null);
}
