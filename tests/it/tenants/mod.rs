//! Nothing crosses from one account to another.
//!
//! The walk is made from the generated documents: every operation that takes an id anywhere is
//! called with another account's ids, and must answer to the byte as it does for ids that nobody
//! has. A parameter or field that the walk does not know stops it, so that a new operation cannot
//! be forgotten.

mod sockets;
mod things;
mod tokens;

use serde_json::{Map, Value, json};
use things::{FILE_NUMBER, Things, Two, id_for, nobodys, token, two};

use crate::documents::{Operation, operations};
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::site::{Engine, apply, both_engines};
use crate::harness::wait::within;

/// Operations without any id: nobody else's things can be named in them. A visitor's token that
/// begins a conversation is its account's own.
const WITHOUT_IDS: [&str; 4] =
    ["start_demo", "get_widget_config", "create_widget_conversation", "list_conversations"];
/// Operations that take forms, which the walk does not make: `aloochat` and `widget` try them with
/// another account's ids.
const FORMS: [&str; 3] = ["agent_chat", "agent_stream", "upload_widget_file"];
/// Parameters that are no ids.
const PLAIN_PARAMETERS: [&str; 13] = [
    "Idempotency-Key",
    "Accept",
    "Prefer",
    "page",
    "limit",
    "at",
    "after",
    "before",
    "since",
    "cursor",
    "disposition",
    "Last-Event-ID",
    "token",
];

/// Something valid for a body's field that is no id.
fn value_for(operation: &str, field: &str) -> Value {
    match field {
        "message" if matches!(operation, "start_conversation" | "send_visitor_response") => {
            json!({ "data": { "body": "Hello" }, "type": "text" })
        }
        "channel" => json!("API"),
        "variables" => json!({}),
        "from" => json!({ "user_external_id": "visitor-7", "type": "VISITOR" }),
        "user" => json!({ "type": "VISITOR" }),
        "title" => json!("Billing"),
        "status" => json!("active"),
        "message" | "text" => json!("Hello"),
        "contact" => json!({ "name": "Jane Doe" }),
        "typing" => json!(true),
        "as" => json!("agent"),
        "name" => json!("Sarah"),
        "email" => json!("sarah@example.com"),
        "anonymous" => json!(false),
        "expires_in" => json!(600),
        _ => panic!(
            "tenants/mod.rs does not know the field {field} of {operation}: if it is an id, say whose \
             in id_for; if not, give it a value here"
        ),
    }
}

/// Every place of an operation where an id stands, such as `path id` or `body message_id`.
fn places(operation: &Operation) -> Vec<(&'static str, String)> {
    let mut places = Vec::new();
    let known = nobodys();
    let is_id = |name: &str| id_for(name, &operation.path, &known).is_some();
    for name in operation.parameters("path") {
        assert!(is_id(&name), "say in id_for whose id {{{name}}} of {} is", operation.id);
        // Where everybody's is the same, it names nobody's things.
        let of_nobody = id_for(&name, &operation.path, &known);
        if of_nobody != Some(FILE_NUMBER) {
            places.push(("path", name));
        }
    }
    for place in ["query", "header", "cookie"] {
        for name in operation.parameters(place) {
            if place == "query" && is_id(&name) {
                places.push(("query", name));
                continue;
            }
            assert!(
                PLAIN_PARAMETERS.contains(&&*name),
                "{} has a new parameter {name}: can it name another account's things?",
                operation.id
            );
        }
    }
    for name in operation.body.iter().flatten() {
        if is_id(name) {
            places.push(("body", name.clone()));
        } else if !WITHOUT_IDS.contains(&operation.id.as_str()) {
            value_for(&operation.id, name);
        }
    }
    places
}

/// Calls an operation; `whose` says for each place whose id stands there.
async fn call(
    client: &Client,
    operation: &Operation,
    whose: impl Fn(&'static str, &str) -> Things,
) -> Answer {
    let mut path = operation.path.clone();
    for name in operation.parameters("path") {
        let things = whose("path", &name);
        let id = id_for(&name, &operation.path, &things).expect("places() knows it");
        path = path.replace(&format!("{{{name}}}"), id);
    }
    for name in operation.parameters("query") {
        let things = whose("query", &name);
        if let Some(id) = id_for(&name, &operation.path, &things) {
            path = format!("{path}?{name}={id}");
        }
    }
    let body = operation.body.as_ref().map(|fields| {
        let mut body = Map::new();
        for name in fields {
            let things = whose("body", name);
            let id = id_for(name, &operation.path, &things).map(Value::from);
            body.insert(name.clone(), id.unwrap_or_else(|| value_for(&operation.id, name)));
        }
        Value::Object(body).to_string()
    });
    let content_type = if body.is_some() { "application/json" } else { "" };
    let body = body.unwrap_or_default();
    let answer = client.raw(&operation.method, &path, content_type, &body);
    // A stream that opens where it must not would never end.
    within(&format!("an answer of {}, not a stream", operation.id), answer).await
}

/// Everything that is told, but what differs with every answer.
fn told(answer: &Answer) -> String {
    let headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        // What is left of a limit is less each time.
        .filter(|(name, _)| !name.as_str().starts_with("ratelimit-"))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    format!("{}\n{}\n{}", answer.status, headers.join("\n"), answer.text)
}

/// Walks every operation of a surface as B, with A's ids in all places and in each alone.
async fn walk(two: &Two, client_of: impl Fn(&Operation) -> Client, surface: Option<&str>) -> usize {
    let (mut calls, mut breaches) = (0, Vec::new());
    for operation in operations() {
        let is_other = surface.is_some_and(|surface| surface != operation.surface);
        if is_other || FORMS.contains(&operation.id.as_str()) {
            continue;
        }
        let client = client_of(&operation);
        let places = places(&operation);
        assert_eq!(
            places.is_empty(),
            WITHOUT_IDS.contains(&operation.id.as_str()),
            "{} has {places:?}: name it in WITHOUT_IDS, or take it off",
            operation.id
        );
        // None: in all places at once.
        let choices = std::iter::once(None).chain(places.iter().map(Some));
        for choice in choices.filter(|_| !places.is_empty()) {
            // A place in the log is a number: in two partitions it may be the same one.
            let is_own = choice.is_some_and(|(_, only)| {
                let of = |things| id_for(only, &operation.path, things).map(str::to_owned);
                of(&two.of_a) == of(&two.of_b)
            });
            if is_own {
                continue;
            }
            let with = async |theirs: &Things| {
                let whose = |place, name: &str| match choice {
                    Some((kind, only)) if (*kind, only.as_str()) != (place, name) => {
                        two.of_b.clone()
                    }
                    _ => theirs.clone(),
                };
                call(&client, &operation, whose).await
            };
            let (of_a, of_nobody) = (with(&two.of_a).await, with(&nobodys()).await);
            let place = format!("{} {} ({choice:?})", operation.method, operation.path);
            if of_a.status < 400 {
                breaches.push(format!("{place} takes another account's id: {}", of_a.status));
            }
            if told(&of_a) != told(&of_nobody) {
                let (theirs, nobodys) = (told(&of_a), told(&of_nobody));
                breaches.push(format!("{place} tells\n{theirs}\nfrom\n{nobodys}"));
            }
            calls += 1;
        }
    }
    assert!(
        breaches.is_empty(),
        "{}\nan id of another account must be as unknown as one that nobody has",
        breaches.join("\n")
    );
    calls
}

/// What A has, as A sees it.
async fn seen(two: &Two) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        format!("/bot/v1/contacts/{}", two.of_a.contact),
        format!("/bot/v1/conversations/{}/messages", two.of_a.conversation),
        format!("/live/v1/conversations/{}", two.of_a.conversation),
        format!("/live/v1/conversations/{}/events", two.of_a.conversation),
    ] {
        let answer = two.a.get(&path).await;
        answer.expect(200);
        seen.push(answer.text);
    }
    seen
}

#[apply(both_engines)]
async fn an_accounts_key_opens_nothing_of_another(engine: Engine) {
    let two = two(engine).await;
    let before = seen(&two).await;
    let calls = walk(&two, |operation| two.b_on(operation), None).await;
    assert!(calls >= 12, "the walk is made from the documents: {calls} calls");
    assert_eq!(seen(&two).await, before, "nothing of A's has changed");
}

#[apply(both_engines)]
async fn an_accounts_live_token_opens_nothing_of_another(engine: Engine) {
    let two = two(engine).await;
    let before = seen(&two).await;
    let token = token(&two.b, &two.of_b.conversation).await;
    let bearer = two.site.stranger().with("Authorization", &format!("Bearer {token}"));
    walk(&two, |_| bearer.clone(), Some("live")).await;
    assert_eq!(seen(&two).await, before, "nothing of A's has changed");
}

#[apply(both_engines)]
async fn the_walk_calls_what_it_means_to_call(engine: Engine) {
    // With its own ids every operation succeeds: so a refusal above is about whose they are.
    let two = two(engine).await;
    let mut all = operations();
    // After it there is nothing more to call.
    all.sort_by_key(|operation| operation.id == "delete_conversation");
    for operation in all {
        let id = operation.id.as_str();
        // The first answers without end.
        let is_left_out = id == "stream_conversation" || FORMS.contains(&id);
        if is_left_out || WITHOUT_IDS.contains(&id) {
            continue;
        }
        let answer = call(&two.b_on(&operation), &operation, |_, _| two.of_b.clone()).await;
        assert!(answer.status < 300, "{}: {}", operation.id, answer.text);
    }
}

#[apply(both_engines)]
async fn an_idempotency_key_is_its_accounts_own(engine: Engine) {
    let two = two(engine).await;
    let body = json!({ "message": "what are your opening hours?" });
    let send = "/bot/v1/conversations/messages";
    let keyed = |client: &Client| client.with("Idempotency-Key", "order-1");
    let of_a = keyed(&two.a).post(send, &body).await.expect(200);
    let of_b = keyed(&two.b).post(send, &body).await.expect(200);
    assert_ne!(of_a["conversation_id"], of_b["conversation_id"]);
    assert_ne!(of_a["message_id"], of_b["message_id"]);
    let other = keyed(&two.b).post(send, &json!({ "message": "Hello" })).await;
    assert_eq!(other.status, 400, "B's own key was used with another body");
    assert_eq!(keyed(&two.a).post(send, &body).await.expect(200), of_a);
}
