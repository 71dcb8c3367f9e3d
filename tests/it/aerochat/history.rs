//! *Get a conversation's messages* (seed 000): oldest first, in pages that say where they stand.

use reqwest::Method;
use serde_json::{Value, json};

use super::shapes::{SEND, assert_page, assert_refused, history_of, text, texts};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};

/// A conversation that people have, so that only what is said here stands in it.
async fn quiet_conversation(client: &Client, messages: usize) -> String {
    let first = client.say(None, "I want to talk to a human").await;
    let id = text(&first, "conversation_id").to_owned();
    for number in 1..messages {
        client.say(Some(&id), &format!("message {number}")).await;
    }
    id
}

async fn page(client: &Client, conversation: &str, query: &str) -> Value {
    let path = format!("{}{query}", history_of(conversation));
    assert_page(client.get(&path).await.expect(200))
}

fn paging(page: &Value) -> String {
    page["paging"].to_string()
}

#[apply(both_engines)]
async fn messages_come_oldest_first_and_say_who_sent_them(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = client.say(None, "what are your opening hours?").await;
    let id = text(&first, "conversation_id");
    client.say(Some(id), "where is my order?").await;
    let page = page(&client, id, "").await;
    assert_eq!(paging(&page), r#"{"page":1,"limit":50,"total":4,"has_more":false}"#);
    let authors: Vec<_> =
        page["messages"].as_array().expect("a list").iter().map(|m| m["author"].clone()).collect();
    let (customer, bot) =
        (json!({ "type": "customer" }), json!({ "type": "bot", "name": "Acme Support" }));
    assert_eq!(authors, [customer.clone(), bot.clone(), customer, bot]);
    let texts = texts(&page);
    assert_eq!(texts[0], "what are your opening hours?");
    assert_eq!(texts[1], text(&first["reply"], "text"));
    assert_eq!(texts[2], "where is my order?");
    assert_eq!(page["messages"][0]["message_id"], first["message_id"]);
}

#[apply(both_engines)]
async fn every_message_is_on_exactly_one_page(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let id = quiet_conversation(&client, 105).await;
    let whole: Vec<String> = std::iter::once("I want to talk to a human".to_owned())
        .chain((1..105).map(|number| format!("message {number}")))
        .collect();
    for limit in [1, 7, 50, 51, 100] {
        let mut seen = Vec::new();
        for number in 1.. {
            // One message per page: the first pages and the last show enough.
            if limit == 1 && number == 4 {
                break;
            }
            let page = page(&client, &id, &format!("?page={number}&limit={limit}")).await;
            seen.extend(texts(&page).into_iter().map(str::to_owned));
            assert_eq!(page["paging"]["page"], number);
            assert_eq!(page["paging"]["limit"], limit);
            assert_eq!(page["paging"]["total"], 105);
            assert_eq!(page["paging"]["has_more"], number * limit < 105, "page {number}");
            if page["paging"]["has_more"] == false {
                break;
            }
        }
        assert_eq!(seen, whole[..seen.len()], "pages of {limit}");
        assert!(limit == 1 || seen.len() == 105, "pages of {limit} end at {}", seen.len());
    }
    let default = page(&client, &id, "").await;
    assert_eq!(paging(&default), r#"{"page":1,"limit":50,"total":105,"has_more":true}"#);
    let last = page(&client, &id, "?page=105&limit=1").await;
    assert_eq!(texts(&last), ["message 104"]);
    assert_eq!(last["paging"]["has_more"], false);
}

#[apply(both_engines)]
async fn beyond_the_end_there_is_an_empty_page(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let id = quiet_conversation(&client, 2).await;
    for number in ["2", "3", "1000000", "18446744073709551615"] {
        let page = page(&client, &id, &format!("?page={number}&limit=2")).await;
        assert!(texts(&page).is_empty(), "page {number}");
        let expected = format!(r#"{{"page":{number},"limit":2,"total":2,"has_more":false}}"#);
        assert_eq!(paging(&page), expected);
    }
    let full = page(&client, &id, "?page=1&limit=2").await;
    assert_eq!(full["paging"]["has_more"], false, "exactly one full page");
}

#[apply(both_engines)]
async fn page_and_limit_have_bounds_and_every_faulty_one_is_named(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let id = quiet_conversation(&client, 1).await;
    for faulty in ["page=0", "page=-1", "page=x", "page=1.5", "page=", "page=18446744073709551616"]
    {
        let answer = client.get(&format!("{}?{faulty}", history_of(&id))).await;
        let message = assert_refused(&answer, 400, "invalid_request");
        assert!(message.contains("page") && !message.contains("limit"), "{faulty}: {message}");
    }
    for faulty in ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit="] {
        let answer = client.get(&format!("{}?{faulty}", history_of(&id))).await;
        let message = assert_refused(&answer, 400, "invalid_request");
        assert!(message.contains("limit") && !message.contains("page "), "{faulty}: {message}");
    }
    let answer = client.get(&format!("{}?page=0&limit=101", history_of(&id))).await;
    let message = assert_refused(&answer, 400, "invalid_request");
    assert!(message.contains("page") && message.contains("limit"), "both at once: {message}");
    page(&client, &id, "?page=1&limit=1").await;
    page(&client, &id, "?page=1&limit=100").await;
    page(&client, &id, "?unknown=1").await;
}

#[apply(both_engines)]
async fn an_unknown_conversation_is_not_found(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = client.say(None, "Hello").await;
    let contact = text(&sent, "contact_id").to_owned();
    for id in ["cv_7Hq2Lm8pR1vXc0", "cv_", "cv_0000000000000000000000000", "x", "cv_💥", &contact]
    {
        let answer = client.get(&history_of(id)).await;
        assert_refused(&answer, 404, "not_found");
    }
}

#[apply(both_engines)]
async fn a_head_request_is_the_answer_without_its_body(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let id = quiet_conversation(&client, 1).await;
    let path = history_of(&id);
    let whole = client.get(&path).await;
    let head = client.try_send(client.request(Method::HEAD, &path)).await.expect("an answer");
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-type"), whole.header("content-type"));
    let length = head.header("content-length");
    assert!(length.is_empty() || length == whole.text.len().to_string(), "{length}");
    let unknown = client.request(Method::HEAD, &history_of("cv_7Hq2Lm8pR1vXc0"));
    assert_eq!(client.try_send(unknown).await.expect("an answer").status, 404);
}

#[apply(both_engines)]
async fn a_message_that_was_answered_is_on_the_next_page_read(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let id = quiet_conversation(&client, 1).await;
    for number in 2..20 {
        let body = json!({ "message": "again", "conversation_id": id });
        client.post(SEND, &body).await.expect(200);
        assert_eq!(page(&client, &id, "").await["paging"]["total"], number);
    }
}
