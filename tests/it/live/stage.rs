//! Where these tests play: an account whose bot takes its time to tell a story.

use serde_json::{Value, json};

use crate::harness::Client;
use crate::harness::feed::SseEvent;
use crate::harness::site::{Engine, Site};
use crate::harness::socket::Socket;

/// What the bot says to [`ASK`]: some thirty pieces, with characters of one to four bytes.
pub const STORY: &str = "Once upon a time, in Île-de-France, a baker lost her 🥐. She asked the cat, \
    the cat asked the moon 🌙, and the moon — très élégante — said: look under the bed. नमस्ते, said \
    the bed, I have been waiting for you. 您好，我们一起回家吧。 And so they all went home, ate the 🥐 \
    together, and lived happily ever after, which was a very long time indeed.";
pub const ASK: &str = "tell me a story";

/// An account with the slow bot, and its key.
pub struct Stage {
    pub site: Site,
    /// A caller with the account's key, and the key itself.
    pub key: Client,
    pub secret: String,
}

impl Stage {
    /// The bot pauses so long between the pieces of its reply.
    pub async fn with_pace(engine: Engine, pace_ms: u64) -> Self {
        let definition = json!({
            "kind": "faq",
            "name": "Storyteller",
            "default_language": "en",
            "pace_ms": pace_ms,
            "intents": [{
                "name": "story",
                "examples": { "en": ["tell me a story", "a story please", "one more story"] },
                "answers": { "en": STORY }
            }],
            "fallback": { "en": "I only know one story." }
        });
        let site = Site::with_bot(engine, &definition).await;
        let (key, secret) = (site.client(), site.key().to_owned());
        Self { site, key, secret }
    }

    /// A WebSocket with the account's key.
    pub async fn socket(&self) -> Socket {
        let headers = [("X-AeroChat-API-Key", self.secret.as_str())];
        Socket::open(self.site.address(), "", &headers).await.expect("opened")
    }

    /// A new conversation and a caller with its token.
    pub async fn conversation(&self) -> (Thread, Client) {
        let (id, client) = self.site.conversation().await;
        (Thread { id }, client)
    }
}

/// A conversation's paths.
#[derive(Clone)]
pub struct Thread {
    pub id: String,
}

impl Thread {
    /// `/live/v1/conversations/{id}` and what follows.
    pub fn path(&self, rest: &str) -> String {
        format!("/live/v1/conversations/{}{rest}", self.id)
    }

    pub fn stream(&self, after: &str) -> String {
        self.path(&format!("/stream?after={after}"))
    }

    /// Sends a message; the answer's body.
    pub async fn send(&self, client: &Client, text: &str) -> Value {
        client.post(&self.path("/messages"), &json!({ "text": text })).await.expect(201)
    }

    /// Sends a message and reads its turn to the end.
    pub async fn turn(&self, client: &Client, text: &str) -> Vec<SseEvent> {
        let body = json!({ "text": text });
        client.stream(&self.path("/messages"), Some(&body)).await.rest().await
    }

    /// All that is stored, as pages of the feed give it.
    pub async fn events(&self, client: &Client) -> Vec<Value> {
        let page = client.get(&self.path("/events?limit=500")).await.expect(200);
        page["events"].as_array().expect("frames").clone()
    }

    /// The cursor after its last event.
    pub async fn end(&self, client: &Client) -> String {
        self.now(client).await["cursor"].as_str().expect("a cursor").to_owned()
    }

    pub async fn now(&self, client: &Client) -> Value {
        client.get(&self.path("")).await.expect(200)
    }
}

/// The names of frames, in order.
pub fn names(events: &[SseEvent]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The text of all chunks, whose offsets must go on from `seen` characters.
pub fn rest_of_reply(events: &[SseEvent], seen: usize) -> String {
    let mut text = String::new();
    for event in events.iter().filter(|event| event.name == "reply.chunk") {
        let offset = seen + text.chars().count();
        assert_eq!(event.data["data"]["offset"], offset, "a hole or a repetition: {event:?}");
        text.push_str(event.data["data"]["text"].as_str().expect("a text"));
    }
    text
}
