//! A key that is revoked ends the answers that were being streamed for it, on every surface that
//! streams one.
//!
//! ChatAIBot streams nothing and its token reads on the live feed; the widget's streams are the live
//! feed's, too.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::id;
use crate::harness::Client;
use crate::harness::feed::Feed;
use crate::harness::site::{Engine, Site, apply, both_engines};

/// Streams end so soon after the command.
const SOON: Duration = Duration::from_secs(1);
/// What is answered so.
pub const QUESTION: &str = "please count";

/// What a bot says for half a minute, at a second's pace: nothing but the key's end ends its streams here.
pub fn slow_answer() -> Value {
    let answer = "one, two, three, four, five. ".repeat(6);
    json!({ "name": "count", "examples": { "en": [QUESTION] }, "answers": { "en": answer } })
}

fn slow() -> Value {
    json!({ "kind": "faq", "name": "Counts", "default_language": "en", "pace_ms": 1_000,
        "intents": [slow_answer()], "fallback": { "en": "No." } })
}

/// A key of its own kind.
struct Key {
    id: String,
    secret: String,
}

impl Key {
    async fn issued(site: &mut Site, kind: &str, name: &str) -> Self {
        let issued = site.run(&["key", "issue", "--kind", kind]).await;
        let issued: Value = serde_json::from_str(&issued).expect("a key");
        Self { id: id(&issued, "key_id"), secret: id(&issued, name) }
    }

    /// Revokes it; the streams must end soon after, in the middle of an answer.
    async fn ends(self, site: &mut Site, streams: Vec<(&str, Feed)>) {
        site.run(&["key", "revoke", &self.id]).await;
        let revoked = Instant::now();
        for (name, mut feed) in streams {
            let rest = feed.rest().await;
            assert!(revoked.elapsed() < SOON, "{name}: after {:?}", revoked.elapsed());
            let whole = ["end", "message.outbound"];
            let ended = rest.iter().find(|event| whole.contains(&event.name.as_str()));
            assert_eq!(ended, None, "{name}: the answer was over before");
        }
    }
}

/// An answer that is under way on AeroChat: some of it was shown.
async fn on_aerochat(client: &Client) -> Feed {
    let path = "/bot/v1/conversations/messages/stream";
    let mut feed = client.stream(path, Some(&json!({ "message": QUESTION }))).await;
    feed.until("chunk").await;
    feed
}

/// The same on Aloo; and its message and the last event, to resume it with.
async fn on_aloo(site: &Site, client: &Client) -> (Feed, String, String) {
    let form = reqwest::multipart::Form::new()
        .text("agent_key", site.credential("aloochat_agent_key").to_owned())
        .text("query", QUESTION);
    let request = client.request(reqwest::Method::POST, "/api/v1/chat/agent/stream");
    let response = request.multipart(form).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let mut feed = Feed::new(response);
    let told = feed.until("agent_text_chunk").await;
    let (message, last) = (id(&told[0].data, "message_id"), feed.last_id.clone());
    (feed, message, last)
}

#[apply(both_engines)]
async fn a_revoked_aerochat_key_ends_the_answer_that_it_streams(engine: Engine) {
    let mut site = Site::with_bot(engine, &slow()).await;
    let key = Key::issued(&mut site, "aerochat", "aerochat_api_key").await;
    let client = site.client_with(&key.secret);
    let (conversation, _) = site.conversation().await;
    let path = format!("/live/v1/conversations/{conversation}/messages/stream");
    let mut live = client.stream(&path, Some(&json!({ "text": QUESTION }))).await;
    live.until("reply.chunk").await;
    let streams = vec![("AeroChat", on_aerochat(&client).await), ("live", live)];
    // Another key of the account keeps what it has opened.
    let mut other = on_aerochat(&site.client()).await;
    key.ends(&mut site, streams).await;
    other.until("chunk").await;
}

#[apply(both_engines)]
async fn a_revoked_aloo_token_ends_the_answer_that_it_streams_and_one_that_was_resumed(
    engine: Engine,
) {
    let mut site = Site::with_bot(engine, &slow()).await;
    let key = Key::issued(&mut site, "aloochat", "aloochat_api_token").await;
    let client = site.stranger().with("x-api-token", &key.secret);
    let (first, message, last) = on_aloo(&site, &client).await;
    let path = format!("/api/v1/chat/agent/stream/{message}");
    let mut resumed = client.with("Last-Event-ID", &last).stream(&path, None).await;
    resumed.until("agent_text_chunk").await;
    let token = site.credential("aloochat_api_token").to_owned();
    let (mut other, _, _) = on_aloo(&site, &site.stranger().with("x-api-token", &token)).await;
    key.ends(&mut site, vec![("Aloo", first), ("Aloo, resumed", resumed)]).await;
    other.until("agent_text_chunk").await;
}

#[apply(both_engines)]
async fn a_revoked_chataibot_token_ends_what_it_reads_on_the_live_feed(engine: Engine) {
    let mut site = Site::with_bot(engine, &slow()).await;
    let key = Key::issued(&mut site, "chataibot", "chataibot_token").await;
    let bearer = site.stranger().with("Authorization", &format!("Bearer {}", key.secret));
    let (conversation, _) = site.conversation().await;
    let path = format!("/live/v1/conversations/{conversation}/stream?after=0");
    let mut feed = bearer.stream(&path, None).await;
    feed.until("conversation.started").await;
    key.ends(&mut site, vec![("ChatAIBot", feed)]).await;
}
