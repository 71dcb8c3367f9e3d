//! Nothing crosses from one account to another.
//!
//! The walk is made from the generated documents: every operation that takes an id anywhere is
//! called with another account's ids, and must answer to the byte as it does for ids that nobody
//! has. A parameter or field that the walk does not know stops it, so that a new operation cannot
//! be forgotten.

mod sockets;
mod tokens;

use parlor::domain::ids::{ContactId, ConversationId, Id, MessageId};
use serde_json::{Map, Value, json};

use super::Site;
use crate::documents::{Operation, operations};
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::wait::within;

/// Operations without any id: nobody else's things can be named in them.
const WITHOUT_IDS: [&str; 1] = ["start_demo"];
/// Parameters that are no ids.
const PLAIN_PARAMETERS: [&str; 8] =
    ["Idempotency-Key", "Accept", "page", "limit", "at", "after", "Last-Event-ID", "token"];

/// What an account has.
#[derive(Clone)]
struct Things {
    conversation: String,
    contact: String,
    message: String,
}

/// Ids that are well spelled and nobody's.
fn nobodys() -> Things {
    let uuid = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    Things {
        conversation: ConversationId::from_uuid(uuid).to_string(),
        contact: ContactId::from_uuid(uuid).to_string(),
        message: MessageId::from_uuid(uuid).to_string(),
    }
}

/// Two accounts.
struct Two {
    site: Site,
    a: Client,
    b: Client,
    key_b: String,
    of_a: Things,
    of_b: Things,
}

async fn things(client: &Client) -> Things {
    let sent = client.say(None, "what are your opening hours?").await;
    let id = |field: &str| sent[field].as_str().expect("an id").to_owned();
    Things {
        conversation: id("conversation_id"),
        contact: id("contact_id"),
        message: id("message_id"),
    }
}

async fn two() -> Two {
    let site = Site::with_accounts(&["A", "B"]).await;
    let key_b = site.key_of(1).to_owned();
    let (a, b) = (site.client(), site.client_with(&key_b));
    let (of_a, of_b) = (things(&a).await, things(&b).await);
    Two { site, a, b, key_b, of_a, of_b }
}

/// A live token for a conversation, minted with its account's key.
async fn token(owner: &Client, conversation: &str) -> String {
    let body = json!({ "conversation_id": conversation });
    let minted = owner.post("/live/v1/tokens", &body).await.expect(201);
    minted["token"].as_str().expect("a token").to_owned()
}

/// The id that belongs into a place of this name, or none where no id does.
fn id_for<'a>(name: &str, path: &str, things: &'a Things) -> Option<&'a str> {
    match name {
        "conversation_id" => Some(&things.conversation),
        "contact_id" => Some(&things.contact),
        "message_id" => Some(&things.message),
        "id" if path.contains("/conversations/{id}") => Some(&things.conversation),
        _ => None,
    }
}

/// Something valid for a body's field that is no id.
fn value_for(operation: &str, field: &str) -> Value {
    match field {
        "message" | "text" => json!("Hello"),
        "contact" => json!({ "name": "Jane Doe" }),
        "typing" => json!(true),
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
        places.push(("path", name));
    }
    for place in ["query", "header", "cookie"] {
        for name in operation.parameters(place) {
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
        } else {
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
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    format!("{}\n{}\n{}", answer.status, headers.join("\n"), answer.text)
}

/// Walks every operation of a surface as B, with A's ids in all places and in each alone.
async fn walk(two: &Two, client: &Client, surface: Option<&str>) -> usize {
    let (mut calls, mut breaches) = (0, Vec::new());
    for operation in operations() {
        if surface.is_some_and(|surface| surface != operation.surface) {
            continue;
        }
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
            let with = async |theirs: &Things| {
                let whose = |place, name: &str| match choice {
                    Some((kind, only)) if (*kind, only.as_str()) != (place, name) => {
                        two.of_b.clone()
                    }
                    _ => theirs.clone(),
                };
                call(client, &operation, whose).await
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

#[tokio::test]
async fn an_accounts_key_opens_nothing_of_another() {
    let two = two().await;
    let before = seen(&two).await;
    let calls = walk(&two, &two.b, None).await;
    assert!(calls >= 12, "the walk is made from the documents: {calls} calls");
    assert_eq!(seen(&two).await, before, "nothing of A's has changed");
}

#[tokio::test]
async fn an_accounts_live_token_opens_nothing_of_another() {
    let two = two().await;
    let before = seen(&two).await;
    let token = token(&two.b, &two.of_b.conversation).await;
    let bearer = two.site.stranger().with("Authorization", &format!("Bearer {token}"));
    walk(&two, &bearer, Some("live")).await;
    assert_eq!(seen(&two).await, before, "nothing of A's has changed");
}

#[tokio::test]
async fn the_walk_calls_what_it_means_to_call() {
    // With its own ids every operation succeeds: so a refusal above is about whose they are.
    let two = two().await;
    for operation in operations() {
        // This one answers without end.
        if operation.id == "stream_conversation" || WITHOUT_IDS.contains(&operation.id.as_str()) {
            continue;
        }
        let answer = call(&two.b, &operation, |_, _| two.of_b.clone()).await;
        assert!(answer.status < 300, "{}: {}", operation.id, answer.text);
    }
}

#[tokio::test]
async fn an_idempotency_key_is_its_accounts_own() {
    let two = two().await;
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
