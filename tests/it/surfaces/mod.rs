//! One conversation, five surfaces: whatever begins it, each of the others goes on with it and
//! reads the same of it.

pub(crate) mod revoking;
mod texts;

use serde_json::{Value, json};

use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::wait::eventually;

const BEGIN: &str = "what are your opening hours?";
const GO_ON: &str = "How can I pay?";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Aerochat,
    Live,
    Widget,
    Chataibot,
    Aloochat,
}

const ALL: [Surface; 5] =
    [Surface::Aerochat, Surface::Live, Surface::Widget, Surface::Chataibot, Surface::Aloochat];

/// Callers with the credentials of one account.
struct Callers<'a> {
    site: &'a Site,
    aerochat: Client,
    chataibot: Client,
    widget: Client,
    aloochat: Client,
}

impl<'a> Callers<'a> {
    fn of(site: &'a Site) -> Self {
        let bearer = format!("Bearer {}", site.credential("chataibot_token"));
        Self {
            site,
            aerochat: site.client(),
            chataibot: site.stranger().with("Authorization", &bearer),
            widget: site.stranger().with("X-Site-Key", site.credential("widget_site_key")),
            aloochat: site.stranger().with("x-api-token", site.credential("aloochat_api_token")),
        }
    }

    /// Begins a conversation with its first message; gives its id.
    async fn begin(&self, surface: Surface) -> String {
        match surface {
            Surface::Aerochat => id(&self.aerochat.say(None, BEGIN).await, "conversation_id"),
            Surface::Live => {
                let (id, caller) = self.site.conversation().await;
                let path = format!("/live/v1/conversations/{id}/messages");
                caller.post(&path, &json!({ "text": BEGIN })).await.expect(201);
                id
            }
            Surface::Widget => {
                let body = json!({
                    "name": "Jane Doe", "email": "jane@example.com", "message": BEGIN,
                    "visitor_token": "the-visitor",
                });
                let created =
                    self.widget.post("/api/v1/chat/conversations", &body).await.expect(201);
                let bearer = format!("Bearer {}", id(&created, "conversation_token"));
                let reader = self.site.stranger().with("Authorization", &bearer);
                let state = reader.get("/live/v1/conversations/current").await.expect(200);
                id(&state, "conversation_id")
            }
            Surface::Chataibot => {
                let body = json!({
                    "channel": "API",
                    "message": { "data": { "body": BEGIN }, "type": "text" },
                    // The bot that all others talk to.
                    "bot_key": self.site.default_bot(),
                    "from": { "user_external_id": "visitor-7", "type": "VISITOR" },
                });
                let started = self.chataibot.post("/api/v1/conversations", &body).await.expect(200);
                id(&started["conversation"], "id")
            }
            Surface::Aloochat => id(&self.ask(None, BEGIN).await, "conversation_id"),
        }
        .replacen("conv_", "cv_", 1)
    }

    async fn ask(&self, conversation: Option<&str>, query: &str) -> Value {
        let form = reqwest::multipart::Form::new()
            .text("agent_key", self.site.credential("aloochat_agent_key").to_owned())
            .text("query", query.to_owned());
        let form = match conversation {
            Some(id) => form.text("conversation_id", id.to_owned()),
            None => form,
        };
        let path = "/api/v1/chat/agent/chat";
        let request = self.aloochat.request(reqwest::Method::POST, path).multipart(form);
        self.aloochat.try_send(request).await.expect("an answer").expect(200)
    }

    /// A live token of a conversation, which is its visitor's token in the widget too.
    async fn token(&self, conversation: &str) -> String {
        let body = json!({ "conversation_id": conversation });
        id(&self.aerochat.post("/live/v1/tokens", &body).await.expect(201), "token")
    }

    async fn go_on(&self, surface: Surface, conversation: &str) {
        match surface {
            Surface::Aerochat => {
                self.aerochat.say(Some(conversation), GO_ON).await;
            }
            Surface::Live => {
                let path = format!("/live/v1/conversations/{conversation}/messages");
                self.aloochat.post(&path, &json!({ "text": GO_ON })).await.expect(201);
            }
            Surface::Widget => {
                let token = self.token(conversation).await;
                let path = format!("/api/v1/chat/conversations/{token}/messages");
                self.widget.post(&path, &json!({ "message": GO_ON })).await.expect(201);
            }
            Surface::Chataibot => {
                let body = json!({
                    "message": { "data": { "body": GO_ON }, "type": "text" },
                    "user": { "type": "VISITOR" },
                });
                let path = format!("/api/v1/conversation/{conversation}/messages");
                self.chataibot.post(&path, &body).await.expect(200);
            }
            Surface::Aloochat => {
                self.ask(Some(conversation), GO_ON).await;
            }
        }
    }

    /// What a surface shows: the texts in their order, and the ids where it has them.
    async fn read(&self, surface: Surface, conversation: &str) -> Vec<(Option<String>, String)> {
        let (client, path, list, id, text) = match surface {
            Surface::Aerochat => {
                let path = format!("/bot/v1/conversations/{conversation}/messages");
                (&self.aerochat, path, "/messages", Some("message_id"), "text")
            }
            Surface::Live => {
                let path = format!("/live/v1/conversations/{conversation}");
                (&self.aloochat, path, "/messages", Some("message_id"), "text")
            }
            // ChatAIBot reads on the live feed.
            Surface::Chataibot => {
                let path = format!("/live/v1/conversations/{conversation}");
                (&self.chataibot, path, "/messages", Some("message_id"), "text")
            }
            Surface::Widget => {
                let token = self.token(conversation).await;
                let path = format!("/api/v1/chat/conversations/{token}/messages");
                (&self.widget, path, "", None, "body")
            }
            Surface::Aloochat => {
                let path = format!("/api/v1/chat/conversations/{conversation}/messages");
                (&self.aloochat, path, "/messages", Some("id"), "content")
            }
        };
        let found = client.get(&path).await.expect(200);
        let messages = found.pointer(list).and_then(Value::as_array).expect("a list");
        let field =
            |message: &Value, name: &str| message[name].as_str().expect("a text").to_owned();
        messages.iter().map(|one| (id.map(|id| field(one, id)), field(one, text))).collect()
    }
}

fn id(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

async fn begun_on(engine: Engine, surface: Surface) {
    for other in ALL {
        let site = Site::start(engine).await;
        let callers = Callers::of(&site);
        let conversation = callers.begin(surface).await;
        let answered = async |count: usize| {
            eventually("both sides have spoken", async || {
                let read = callers.read(Surface::Aerochat, &conversation).await;
                (read.len() == count).then_some(read)
            })
            .await
        };
        answered(2).await;
        callers.go_on(other, &conversation).await;
        let expected = answered(4).await;
        assert_eq!(expected[0].1, BEGIN);
        assert_eq!(expected[2].1, GO_ON);
        for reader in ALL {
            let shown = callers.read(reader, &conversation).await;
            let as_shown = |(id, text): &(Option<String>, String)| {
                (shown[0].0.as_ref().and(id.clone()), text.clone())
            };
            let expected: Vec<_> = expected.iter().map(as_shown).collect();
            assert_eq!(
                shown, expected,
                "begun on {surface:?}, gone on with on {other:?}, read on {reader:?}"
            );
        }
    }
}

#[apply(both_engines)]
async fn what_begins_on_aerochat_goes_on_everywhere(engine: Engine) {
    begun_on(engine, Surface::Aerochat).await;
}

#[apply(both_engines)]
async fn what_begins_on_the_live_surface_goes_on_everywhere(engine: Engine) {
    begun_on(engine, Surface::Live).await;
}

#[apply(both_engines)]
async fn what_begins_in_the_widget_goes_on_everywhere(engine: Engine) {
    begun_on(engine, Surface::Widget).await;
}

#[apply(both_engines)]
async fn what_begins_on_chataibot_goes_on_everywhere(engine: Engine) {
    begun_on(engine, Surface::Chataibot).await;
}

#[apply(both_engines)]
async fn what_begins_on_aloo_goes_on_everywhere(engine: Engine) {
    begun_on(engine, Surface::Aloochat).await;
}

#[apply(both_engines)]
async fn a_path_that_is_no_text_is_not_found_in_every_surfaces_words(engine: Engine) {
    let site = Site::start(engine).await;
    let callers = Callers::of(&site);
    for (caller, path, word) in [
        (&callers.aerochat, "/bot/v1/conversations/%ff/messages", "detail"),
        (&callers.widget, "/api/v1/chat/conversations/%ff/messages", "error"),
        (&callers.aloochat, "/api/v1/chat/conversations/%ff", "statusCode"),
        (&callers.chataibot, "/api/v1/conversation/%ff/messages", "ok"),
        (&callers.aerochat, "/live/v1/conversations/%ff", "error"),
    ] {
        let answer = caller.get(path).await.expect(404);
        assert!(answer.get(word).is_some(), "{path}: {answer}");
    }
}

#[apply(both_engines)]
async fn no_cache_keeps_what_people_wrote(engine: Engine) {
    let site = Site::start(engine).await;
    let callers = Callers::of(&site);
    let conversation = callers.begin(Surface::Aerochat).await;
    let path = format!("/live/v1/conversations/{conversation}/events");
    for (client, path, status) in [
        (&callers.aerochat, path.as_str(), 200),
        (&callers.aerochat, "/bot/v1/contacts/none", 404),
        (&callers.widget, "/api/v1/chat/none", 404),
        (&callers.aloochat, "/api/v1/chat/conversations", 200),
        (&callers.chataibot, "/api/v1/conversations/none", 404),
        (&site.stranger(), "/bot/v1/contacts/none", 401),
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (status, "no-store"), "{path}");
    }
}
