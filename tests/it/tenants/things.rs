//! Two accounts and what each of them has.

use parlor::domain::ids::{ContactId, ConversationId, Id, MessageId};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::documents::Operation;
use crate::harness::Client;
use crate::harness::site::{Engine, Site};
use crate::harness::wait::eventually;

/// The number of a file in its message.
pub const FILE_NUMBER: &str = "1";

/// What an account has.
#[derive(Clone)]
pub struct Things {
    pub conversation: String,
    pub contact: String,
    pub message: String,
    /// Opens the conversation in the widget.
    pub visitor: String,
    /// A message with a file, as a number.
    pub activity: String,
    pub bot: String,
    pub agent: String,
    pub deployment: String,
}

/// Ids that are well spelled and nobody's.
pub fn nobodys() -> Things {
    let uuid = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    Things {
        conversation: ConversationId::from_uuid(uuid).to_string(),
        contact: ContactId::from_uuid(uuid).to_string(),
        message: MessageId::from_uuid(uuid).to_string(),
        visitor: "nobody".to_owned(),
        activity: "7".to_owned(),
        bot: parlor::domain::ids::BotId::from_uuid(uuid).to_string(),
        agent: uuid.to_string(),
        deployment: uuid.to_string(),
    }
}

/// Two accounts.
pub struct Two {
    pub site: Site,
    pub a: Client,
    pub b: Client,
    pub key_b: String,
    pub of_a: Things,
    pub of_b: Things,
}

impl Two {
    /// A caller with B's own credential for an operation's surface.
    pub fn b_on(&self, operation: &Operation) -> Client {
        caller(&self.site, 1, operation.surface)
    }
}

fn caller(site: &Site, account: usize, surface: &str) -> Client {
    let credential = |name| site.credential_of(account, name);
    let stranger = site.stranger();
    match surface {
        "widget" => stranger.with("X-Site-Key", credential("widget_site_key")),
        "aloochat" => stranger.with("x-api-token", credential("aloochat_api_token")),
        "chataibot" => {
            let bearer = format!("Bearer {}", credential("chataibot_token"));
            stranger.with("Authorization", &bearer)
        }
        _ => site.client_with(site.key_of(account)),
    }
}

async fn things(site: &Site, account: usize) -> Things {
    let (page, aloo) = (caller(site, account, "widget"), caller(site, account, "aloochat"));
    let visitor = format!("visitor-{account}");
    let body = json!({
        "name": "Jane Doe", "email": "jane@example.com", "visitor_token": visitor,
        "message": "what are your opening hours?",
    });
    let path = "/api/v1/chat/conversations";
    let created = page.post(path, &body).await.expect(201);
    // Said with words that the bot knows: it must not hand the conversation over.
    let form = Form::new()
        .text("message", "How can I pay?")
        .part("file", Part::bytes(b"hello".to_vec()).file_name("a.txt"));
    let upload = page.request(reqwest::Method::POST, &format!("{path}/{visitor}/files"));
    let kept = page.try_send(upload.multipart(form)).await.expect("an answer").expect(201);
    let bearer = format!("Bearer {}", text(&created, "/conversation_token"));
    let reader = site.stranger().with("Authorization", &bearer);
    let state = eventually("both are answered", async || {
        let state = reader.get("/live/v1/conversations/current").await.expect(200);
        (state["message_count"] == 4).then_some(state)
    })
    .await;
    let conversation = text(&state, "/conversation_id");
    let of_aloo = aloo.get(&format!("{path}/{conversation}")).await.expect(200);
    Things {
        contact: text(&state, "/contact_id"),
        message: text(&state, "/messages/0/message_id"),
        visitor,
        activity: kept["attachments"][0]["activity_id"].to_string(),
        bot: site.credential_of(account, "chataibot_bot_key").to_owned(),
        agent: text(&of_aloo, "/agent_id"),
        deployment: text(&of_aloo, "/deployment_id"),
        conversation,
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{pointer} in {value}")).to_owned()
}

pub async fn two(engine: Engine) -> Two {
    let site = Site::with_accounts(engine, &["A", "B"]).await;
    let key_b = site.key_of(1).to_owned();
    let (a, b) = (site.client(), site.client_with(&key_b));
    let (of_a, of_b) = (things(&site, 0).await, things(&site, 1).await);
    Two { site, a, b, key_b, of_a, of_b }
}

/// A live token for a conversation, minted with its account's key.
pub async fn token(owner: &Client, conversation: &str) -> String {
    let body = json!({ "conversation_id": conversation });
    let minted = owner.post("/live/v1/tokens", &body).await.expect(201);
    minted["token"].as_str().expect("a token").to_owned()
}

/// The id that belongs into a place of this name, or none where no id does.
pub fn id_for<'a>(name: &str, path: &str, things: &'a Things) -> Option<&'a str> {
    match name {
        "conversation_id" => Some(&things.conversation),
        "contact_id" => Some(&things.contact),
        "message_id" => Some(&things.message),
        "visitor_token" if path.contains("{visitor_token}") => Some(&things.visitor),
        "activity_id" => Some(&things.activity),
        "bot_key" => Some(&things.bot),
        "agent_id" => Some(&things.agent),
        "deployment_id" => Some(&things.deployment),
        "id" if path.contains("/conversations/{id}") => Some(&things.conversation),
        "id" | "number" if path.contains("/files/{activity_id}/") => Some(FILE_NUMBER),
        _ => None,
    }
}
