//! Invalid requests to AeroChat: 400 that names every faulty field at once, 404 for conversations
//! that are not there, and never 422 (seed 000, *Errors*).

use serde_json::{Value, json};

use super::shapes::{SEND, assert_refused, assert_sent, history_of, text};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn an_empty_message_is_an_invalid_request(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for body in [
        json!({ "message": "" }),
        json!({ "message": " \n\t\u{a0}\u{2003}" }),
        json!({ "message": null }),
        json!({ "message": 7 }),
        json!({ "message": ["Hello"] }),
        json!({ "message": { "text": "Hello" } }),
        json!({}),
        json!({ "Message": "Hello" }),
    ] {
        let answer = client.post(SEND, &body).await;
        let said = assert_refused(&answer, 400, "invalid_request");
        assert!(said.starts_with("message "), "names the field: {body} → {said}");
    }
}

#[apply(both_engines)]
async fn every_faulty_field_is_named_at_once(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({
        "message": "  ",
        "conversation_id": 5,
        "contact": { "name": "a\u{7}b", "email": "jane", "phone": "12" },
    });
    let answer = site.client().post(SEND, &body).await;
    let said = assert_refused(&answer, 400, "invalid_request");
    for field in ["message", "conversation_id", "contact.name", "contact.email", "contact.phone"] {
        assert!(said.contains(field), "{field} is missing in {said}");
    }
}

#[apply(both_engines)]
async fn an_invalid_email_or_phone_is_refused_and_nothing_is_kept(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for (contact, field) in [
        (json!({ "email": "jane" }), "contact.email"),
        (json!({ "email": "jane@localhost" }), "contact.email"),
        (json!({ "email": "jane@example.com, roe@example.com" }), "contact.email"),
        (json!({ "email": format!("{}@example.com", "j".repeat(250)) }), "contact.email"),
        (json!({ "email": true }), "contact.email"),
        (json!({ "phone": "12" }), "contact.phone"),
        (json!({ "phone": "call me" }), "contact.phone"),
        (json!({ "phone": "+1234567890123456" }), "contact.phone"),
        (json!({ "phone": 15551234567_u64 }), "contact.phone"),
        (json!({ "phone": " ".repeat(41) }), "contact.phone"),
        (json!({ "name": "n".repeat(201) }), "contact.name"),
        (json!({ "name": ["Jane"] }), "contact.name"),
        (json!("Jane"), "contact"),
        (json!([]), "contact"),
        (json!(3), "contact"),
    ] {
        let body = json!({ "message": "Hello", "contact": contact });
        let said = assert_refused(&client.post(SEND, &body).await, 400, "invalid_request");
        assert!(said.starts_with(&format!("{field} ")), "{contact} → {said}");
        assert!(!said.contains(';'), "one fault, one sentence: {said}");
    }
    let sent = client.say(None, "Hello").await;
    let before = client.get(&history_of(text(&sent, "conversation_id"))).await.expect(200);
    let body = json!({
        "message": "lost", "conversation_id": sent["conversation_id"],
        "contact": { "email": "jane" },
    });
    client.post(SEND, &body).await.expect(400);
    let after = client.get(&history_of(text(&sent, "conversation_id"))).await.expect(200);
    assert_eq!(after, before, "a refused message is not kept");
}

#[apply(both_engines)]
async fn a_conversation_that_is_not_there_is_not_found(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let contact = text(&client.say(None, "Hello").await, "contact_id").to_owned();
    for id in
        ["cv_7Hq2Lm8pR1vXc0", "cv_", "", "x", "cv_7Hq2Lm8pR1vXc0🙂", "cv_\u{0}", &contact, " "]
    {
        let body = json!({ "message": "Hello", "conversation_id": id });
        assert_refused(&client.post(SEND, &body).await, 404, "not_found");
    }
    for id in [json!(5), json!(["cv_1"]), json!({ "id": "cv_1" }), json!(true)] {
        let body = json!({ "message": "Hello", "conversation_id": id });
        let said = assert_refused(&client.post(SEND, &body).await, 400, "invalid_request");
        assert!(said.starts_with("conversation_id "), "{said}");
    }
}

#[apply(both_engines)]
async fn nulls_and_unknown_fields_are_ignored(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({
        "message": "what are your opening hours?",
        "conversation_id": null,
        "contact": null,
        "channel": "whatsapp",
        "metadata": { "any": [1, 2, { "deep": null }] },
    });
    let sent = assert_sent(site.client().post(SEND, &body).await.expect(200));
    assert_eq!(sent["status"], "bot");
    let body = json!({ "message": "Hello", "contact": { "name": null, "age": 7 } });
    assert_sent(site.client().post(SEND, &body).await.expect(200));
}

#[apply(both_engines)]
async fn ten_thousand_characters_are_taken_and_one_more_is_too_long(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for character in ["a", "é", "€", "😀"] {
        let longest = character.repeat(10_000);
        let sent = assert_sent(client.post(SEND, &json!({ "message": longest })).await.expect(200));
        let path = history_of(text(&sent, "conversation_id"));
        let kept = client.get(&path).await.expect(200);
        assert_eq!(kept["messages"][0]["text"], longest, "kept whole");
        let long = json!({ "message": character.repeat(10_001) });
        let said = assert_refused(&client.post(SEND, &long).await, 413, "message_too_long");
        assert!(said.contains("10001") && said.contains("10000"), "{said}");
    }
    // Every character as two escapes: the longest a message can be on the wire.
    let escaped = format!(r#"{{"message":"{}"}}"#, r"\ud83d\ude00".repeat(10_000));
    let answer = client.raw("POST", SEND, "application/json", &escaped).await;
    assert_sent(answer.expect(200));
    let escaped = format!(r#"{{"message":"{}"}}"#, r"\u0000".repeat(10_001));
    let answer = client.raw("POST", SEND, "application/json", &escaped).await;
    assert_refused(&answer, 413, "message_too_long");
}

#[apply(both_engines)]
async fn a_too_long_message_tells_so_whatever_else_is_wrong(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({
        "message": "x".repeat(10_001), "conversation_id": "cv_7Hq2Lm8pR1vXc0", "contact": Value::Null,
    });
    assert_refused(&site.client().post(SEND, &body).await, 413, "message_too_long");
}
