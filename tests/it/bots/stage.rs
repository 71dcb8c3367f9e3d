//! Where these tests play: a server that may call this machine, with an account that a bot answers
//! for.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::feed::SseEvent;
use crate::harness::server::PACED;
use crate::harness::wait::eventually;
use crate::harness::{Client, Server};

/// This machine is no public address.
pub const HOME: [&str; 4] = ["--allow-network", "127.0.0.0/8", PACED[0], PACED[1]];

pub struct Stage {
    pub server: Server,
    credentials: Value,
    dir: TempDir,
}

impl Stage {
    /// With a bot, and nobody to hand over to.
    pub async fn with_bot(definition: &Value) -> Self {
        Self::made(definition, &["--no-agent"], &HOME).await
    }

    /// With a bot, and a person who is available.
    pub async fn with_person(definition: &Value) -> Self {
        Self::made(definition, &[], &HOME).await
    }

    pub async fn made(definition: &Value, account: &[&str], flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let create = ["account", "create", "--template", "demo", "--name", "Demo"];
        let create = [&create[..], account].concat();
        let (done, said) = Server::command(dir.path(), &create).await;
        assert!(done, "{said}");
        let credentials: Value = serde_json::from_str(&said).expect("JSON");
        deploy(&dir, definition).await;
        Self { server: Server::open(dir.path(), flags).await, credentials, dir }
    }

    /// Deploys a bot more while the server runs; the first goes on answering.
    pub async fn deploy_beside(&mut self, definition: &Value) {
        let file = self.dir.path().join("beside.json");
        std::fs::write(&file, definition.to_string()).expect("written");
        let file = file.to_str().expect("a path in UTF-8");
        let draft = ["bot", "draft", "--new", "--file", file];
        let (done, said) = Server::command(self.dir.path(), &draft).await;
        assert!(done, "{said}");
        let id = said.split_whitespace().find(|word| word.starts_with("bot_")).expect("its id");
        let deploy = ["bot", "deploy", "--accept", "--bot", id.trim_end_matches([',', ':', '.'])];
        let (done, said) = Server::command(self.dir.path(), &deploy).await;
        assert!(done, "{said}");
    }

    /// Deploys another version while the server runs.
    pub async fn deploy(&mut self, definition: &Value) {
        deploy(&self.dir, definition).await;
    }

    /// A caller with the account's AeroChat key.
    pub fn client(&self) -> Client {
        self.server.client_with(self.credential("aerochat_api_key"))
    }

    /// A credential of the account by its name in `credentials.json`.
    pub fn credential(&self, name: &str) -> &str {
        self.credentials[name].as_str().expect("a credential")
    }

    /// An empty conversation, and a caller with its token.
    pub async fn conversation(&self) -> Thread {
        let (id, client) = self.server.stranger().demo().await;
        Thread { id, client }
    }

    /// Sends a message on AeroChat; the reply, which must come.
    pub async fn ask(&self, conversation: Option<&str>, text: &str) -> Value {
        self.client().say(conversation, text).await
    }
}

async fn deploy(dir: &TempDir, definition: &Value) {
    let file = dir.path().join("bot.json");
    std::fs::write(&file, definition.to_string()).expect("written");
    let file = file.to_str().expect("a path in UTF-8");
    let (done, said) =
        Server::command(dir.path(), &["bot", "deploy", "--accept", "--file", file]).await;
    assert!(done, "{said}");
}

/// A conversation on the live feed.
pub struct Thread {
    pub id: String,
    pub client: Client,
}

impl Thread {
    pub fn path(&self, rest: &str) -> String {
        format!("/live/v1/conversations/{}{rest}", self.id)
    }

    /// Sends a message without waiting for what comes of it.
    pub async fn send(&self, text: &str) -> Value {
        let body = json!({ "text": text });
        self.client.post(&self.path("/messages"), &body).await.expect(201)
    }

    /// Sends a message and reads its turn to the end.
    pub async fn turn(&self, text: &str) -> Vec<SseEvent> {
        let body = json!({ "text": text });
        self.client.stream(&self.path("/messages"), Some(&body)).await.rest().await
    }

    /// The text that a turn is answered with; fails where it is not answered.
    pub async fn answer(&self, text: &str) -> String {
        let frames = self.turn(text).await;
        let message = frames.iter().find(|frame| frame.name == "message.outbound");
        let message = message.unwrap_or_else(|| panic!("no answer: {frames:#?}"));
        message.data["data"]["text"].as_str().expect("a text").to_owned()
    }

    /// All that is stored.
    pub async fn events(&self) -> Vec<Value> {
        let page = self.client.get(&self.path("/events?limit=500")).await.expect(200);
        page["events"].as_array().expect("frames").clone()
    }

    /// The first stored event of this type, which must come.
    pub async fn event(&self, kind: &str) -> Value {
        let found = async || self.events().await.into_iter().find(|event| event["type"] == kind);
        eventually(&format!("{kind} is stored"), found).await
    }
}

/// The names of frames, in order.
pub fn names(events: &[SseEvent]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The texts of the chunks among frames.
pub fn chunks(events: &[SseEvent]) -> Vec<&str> {
    let chunks = events.iter().filter(|event| event.name == "reply.chunk");
    chunks.map(|event| event.data["data"]["text"].as_str().expect("a text")).collect()
}
