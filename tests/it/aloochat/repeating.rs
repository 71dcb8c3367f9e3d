//! `Idempotency-Key`: what is sent again is answered as before, and nothing else is.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use super::stage::{
    CHAT, CONVERSATIONS, agent_id, ask, deploy_anew, developer, fields_of, form, other_agent, send,
    stream, text,
};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};

const KEY: (&str, &str) = ("Idempotency-Key", "k-1");

fn repeating(site: &Site) -> Client {
    developer(site).with(KEY.0, KEY.1)
}

#[apply(both_engines)]
async fn the_same_idempotency_key_asks_once(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = repeating(&site);
    let first = ask(&developer, &site, "How can I pay?").await;
    assert_eq!(ask(&developer, &site, "How can I pay?").await, first);
    for fields in [
        vec![("query", "Hello")],
        vec![("query", "How can I pay?"), ("conversation_id", text(&first, "conversation_id"))],
        vec![("query", "How can I pay?"), ("messages", r#"[{"role":"user","content":"Hi"}]"#)],
    ] {
        let other = send(&developer, CHAT, form(&site, &fields)).await.expect(409);
        assert_eq!(other["error"], "Conflict");
    }
    // The same question, streamed, is the same request.
    let told = stream(&developer, form(&site, &[("query", "How can I pay?")])).await.rest().await;
    let end = told.last().expect("an end");
    assert_eq!(end.data["conversation_id"], first["conversation_id"]);
    for field in ["was_resolved", "response_time_ms"] {
        assert_eq!(end.data[field], first[field], "{field}");
    }
}

#[apply(both_engines)]
async fn a_repeat_is_known_by_what_was_sent_and_not_by_what_it_comes_to_now(engine: Engine) {
    let mut site = Site::start(engine).await;
    let developer = repeating(&site);
    let first = ask(&developer, &site, "How can I pay?").await;
    deploy_anew(&mut site).await;
    assert_eq!(ask(&developer, &site, "How can I pay?").await, first, "after a deployment");
    let bot = site.default_bot();
    site.run(&["bot", "withdraw", "--bot", &bot]).await;
    assert_eq!(ask(&developer, &site, "How can I pay?").await, first, "after a withdrawal");
}

#[apply(both_engines)]
async fn another_agent_is_another_request_and_switches_nothing(engine: Engine) {
    let mut site = Site::start(engine).await;
    let other = other_agent(&mut site).await;
    let begun = ask(&developer(&site), &site, "How can I pay?").await;
    let id = text(&begun, "conversation_id");
    let repeating = repeating(&site);
    let fields = [("conversation_id", id), ("query", "Hello")];
    send(&repeating, CHAT, form(&site, &fields)).await.expect(200);
    let path = format!("{CONVERSATIONS}/{id}");
    let before = repeating.get(&path).await.expect(200);
    let others = fields_of(&[&fields[..], &[("agent_key", &other)]].concat());
    send(&repeating, CHAT, others).await.expect(409);
    assert_eq!(repeating.get(&path).await.expect(200), before);
}

#[apply(both_engines)]
async fn the_same_idempotency_key_creates_once(engine: Engine) {
    let mut site = Site::start(engine).await;
    let developer = repeating(&site);
    let body = json!({ "agent_id": agent_id(&site), "title": "Customer Support Chat" });
    let first = developer.post(CONVERSATIONS, &body).await.expect(201);
    assert_eq!(developer.post(CONVERSATIONS, &body).await.expect(201), first);
    for other in [json!({ "title": "Customer Support Chat" }), json!({})] {
        let refused = developer.post(CONVERSATIONS, &other).await.expect(409);
        assert_eq!(refused["error"], "Conflict");
    }
    send(&developer, CHAT, form(&site, &[("query", "Hello")])).await.expect(409);
    let bot = site.default_bot();
    site.run(&["bot", "withdraw", "--bot", &bot]).await;
    assert_eq!(developer.post(CONVERSATIONS, &body).await.expect(201), first);
    let listed = developer.get(CONVERSATIONS).await.expect(200);
    assert_eq!(listed["conversations"], json!([first]));
    let path = format!("{CONVERSATIONS}/{}", text(&first, "id"));
    developer.raw("DELETE", &path, "", "").await;
    developer.post(CONVERSATIONS, &body).await.expect(404);
}

#[apply(both_engines)]
async fn of_many_at_once_one_creates(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = repeating(&site);
    let body = json!({ "title": "Billing" });
    let requests = (0..8).map(|_| developer.post(CONVERSATIONS, &body));
    let answers = join_all(requests).await;
    let ids: BTreeSet<_> =
        answers.iter().map(|answer| text(&answer.expect(201), "id").to_owned()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let listed = developer.get(CONVERSATIONS).await.expect(200);
    assert_eq!(listed["conversations"], json!([answers[0].json()]));
}
