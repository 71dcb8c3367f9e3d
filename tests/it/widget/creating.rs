//! *Create Conversation*: 201, 409, 422, each text of the page.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{CREATE, assert_refused, bodies, create, messages, messages_of, page, visitor};
use crate::harness::site::{Engine, Site, apply, both_engines};

const REQUIRED: &str = "Name, email, message, and visitor_token are required";
const TAKEN: &str = "A conversation with this visitor token already exists";

#[apply(both_engines)]
async fn the_config_has_the_greeting(engine: Engine) {
    let site = Site::start(engine).await;
    let config = page(&site).get("/api/v1/chat/config").await.expect(200);
    assert!(config["greeting"].as_str().is_some_and(|greeting| !greeting.is_empty()), "{config}");
}

#[apply(both_engines)]
async fn a_conversation_is_created_with_its_first_message_and_answered(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    let created = create(&page, "v-1", "what are your opening hours?").await.expect(201);
    let answer = created["auto_reply"].as_str().expect("the bot's answer");
    let token = created["conversation_token"].as_str().expect("a token");
    let listed = messages(&page, "v-1").await;
    assert_eq!(bodies(&listed), ["what are your opening hours?", answer]);
    assert_eq!(listed[0]["direction"], "inbound");
    assert_eq!(listed[0]["author"], "Jane Doe");
    assert_eq!(listed[1]["direction"], "outbound");
    // The token opens the live feed, and nothing else does there.
    let reader = site.stranger().with("Authorization", &format!("Bearer {token}"));
    let feed = reader.get("/live/v1/conversations/current/events").await.expect(200);
    let kinds: Vec<_> = feed["events"].as_array().expect("frames").iter().map(kind).collect();
    assert_eq!(kinds, ["conversation.started", "message.inbound", "message.outbound"]);
    let stranger = site.stranger().get("/live/v1/conversations/current/events").await;
    stranger.expect(401);
}

fn kind(frame: &Value) -> &str {
    frame["type"].as_str().expect("a type")
}

#[apply(both_engines)]
async fn the_config_says_what_the_account_wants_of_a_visitor_and_offers(engine: Engine) {
    let mut site = Site::start(engine).await;
    site.set(
        r#"{"require_details":"after_first_answer","starters":["Where is my order?"],
            "translations":{"es":{"greeting":"¡Hola!","starters":["¿Dónde está mi pedido?"]}},
            "reply_time":"hours"}"#,
    )
    .await;
    let config = page(&site).get("/api/v1/chat/config").await.expect(200);
    assert_eq!(config["require_details"], "after_first_answer");
    assert_eq!(config["starters"], json!(["Where is my order?"]));
    let spanish = json!({ "greeting": "¡Hola!", "starters": ["¿Dónde está mi pedido?"] });
    assert_eq!(config["translations"]["es"], spanish);
    assert_eq!(config["reply_time"], "hours");
}

#[apply(both_engines)]
async fn a_visitor_who_was_not_asked_is_nobody_until_a_reply_says_who(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    let mut body = visitor("v-1", "Hello");
    for field in ["name", "email"] {
        body.as_object_mut().expect("an object").remove(field);
    }
    assert_refused(&page.post(CREATE, &body).await, 422, REQUIRED);
    body["anonymous"] = json!(true);
    page.post(CREATE, &body).await.expect(201);
    let before = messages(&page, "v-1").await;
    assert_eq!(before[0]["body"], "Hello");
    let mut reply = json!({ "message": "It is me", "name": "Jane Doe", "email": "jane@" });
    let refused = page.post(&messages_of("v-1"), &reply).await;
    assert_refused(&refused, 422, "Invalid email address");
    reply["email"] = json!("jane@example.com");
    page.post(&messages_of("v-1"), &reply).await.expect(201);
    let after = messages(&page, "v-1").await;
    assert_eq!(after[0]["author"], "Jane Doe", "{after:#?}");
}

#[apply(both_engines)]
async fn where_the_account_asks_before_nobody_begins_a_conversation(engine: Engine) {
    let mut site = Site::start(engine).await;
    site.set(r#"{"require_details":"before"}"#).await;
    let mut body = visitor("v-1", "Hello");
    body["anonymous"] = json!(true);
    body["email"] = Value::Null;
    assert_refused(&page(&site).post(CREATE, &body).await, 422, REQUIRED);
}

#[apply(both_engines)]
async fn when_people_will_answer_the_account_says_so_and_it_is_in_the_history(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    let created = create(&page, "v-1", "I want to talk to a human").await.expect(201);
    let said = "Thanks for reaching out! We'll get back to you soon.";
    assert_eq!(created["auto_reply"], said);
    assert_eq!(bodies(&messages(&page, "v-1").await), ["I want to talk to a human", said]);
}

#[apply(both_engines)]
async fn without_a_bot_or_anybody_the_visitor_is_told_the_same(engine: Engine) {
    let site = Site::with_account(engine, &["--no-bot", "--no-agent"]).await;
    let created = create(&page(&site), "v-1", "Hello").await.expect(201);
    assert_eq!(created["auto_reply"], "Thanks for reaching out! We'll get back to you soon.");
}

#[apply(both_engines)]
async fn a_field_that_is_missing_empty_or_of_another_type_is_required(engine: Engine) {
    let mut site = Site::start(engine).await;
    let settings = r#"{"limits":{"widget_create":1000}}"#;
    site.set(settings).await;
    let page = page(&site);
    for field in ["name", "email", "message", "visitor_token"] {
        for wrong in [Value::Null, json!(""), json!("  "), json!(7), json!([])] {
            let mut body = visitor("v-1", "Hi");
            body[field] = wrong;
            assert_refused(&page.post(CREATE, &body).await, 422, REQUIRED);
        }
    }
}

#[apply(both_engines)]
async fn an_address_that_is_none_and_a_message_too_long_are_refused_in_this_order(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    let mut both = visitor("v-1", &"x".repeat(10_001));
    both["email"] = json!("jane@");
    assert_refused(&page.post(CREATE, &both).await, 422, "Invalid email address");
    let long = "Message is too long (maximum 10000 characters)";
    assert_refused(&create(&page, "v-1", &"é".repeat(10_001)).await, 422, long);
    create(&page, "v-1", &"é".repeat(10_000)).await.expect(201);
}

#[apply(both_engines)]
async fn a_visitor_token_is_used_once(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    assert_refused(&create(&page, "v-1", "Hello again").await, 409, TAKEN);
    assert_eq!(messages(&page, "v-1").await.len(), 2, "what was refused is not there");
}

#[apply(both_engines)]
async fn of_many_at_once_one_creates_it(engine: Engine) {
    let mut site = Site::start(engine).await;
    // A minute has five. Were one counted twice, the limit would answer instead.
    site.set(r#"{"limits":{"widget_create":60}}"#).await;
    let page = page(&site);
    let all = (0..5).map(|number| {
        let page = page.clone();
        async move { create(&page, "v-race", &format!("Hello {number}")).await }
    });
    let answers = join_all(all).await;
    let created: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(created.len(), 1, "{answers:#?}");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_refused(refused, 409, TAKEN);
    }
    let listed = messages(&page, "v-race").await;
    assert_eq!(listed.len(), 2, "one message and its answer: {listed:#?}");
}

#[apply(both_engines)]
async fn a_token_of_one_account_is_nobodys_in_another(engine: Engine) {
    let site = Site::with_accounts(engine, &["One", "Two"]).await;
    let key = |account| site.credential_of(account, "widget_site_key");
    let one = site.stranger().with("X-Site-Key", key(0));
    let two = site.stranger().with("X-Site-Key", key(1));
    create(&one, "v-1", "Hello").await.expect(201);
    assert_refused(
        &two.get("/api/v1/chat/conversations/v-1/messages").await,
        404,
        "Conversation not found",
    );
    create(&two, "v-1", "Hello").await.expect(201);
}

#[apply(both_engines)]
async fn the_same_key_creates_it_once_and_answers_the_same(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site).with("Idempotency-Key", "k-1");
    let first = create(&page, "v-1", "what are your opening hours?").await.expect(201);
    let again = create(&page, "v-1", "what are your opening hours?").await.expect(201);
    assert_eq!(first["auto_reply"], again["auto_reply"]);
    let other = create(&page, "v-2", "what are your opening hours?").await;
    other.expect(409);
    assert_eq!(messages(&page, "v-1").await.len(), 2);
}
