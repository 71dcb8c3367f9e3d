//! The live feed over a WebSocket: JSON frames, many conversations on one connection.
//!
//! One task per connection. It waits for the client and for its subscriptions at once; commands
//! are carried out one after another, so a client that floods waits for itself alone.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use futures_util::stream::{self, BoxStream, StreamExt};
use poem::http::HeaderValue;
use poem::web::Data;
use poem::{Request, Response, handler};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::StreamMap;

use super::caller::Caller;
use super::error::as_json;
use super::limits;
use super::messages;
use super::wire::{SentOut, SideIn, message_text};
use crate::app::App;
use crate::app::accounts::credentials::Ended;
use crate::app::conversations::live_feed::{self, Who};
use crate::app::conversations::readers::Seat;
use crate::app::turn::stop::stop_reply;
use crate::domain::ids::ConversationId;
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;
use crate::live::follow::Follower;
use crate::live::frame::{Dress, Frame};
use crate::server::json_text::{made_one_line, mended};
use crate::server::seldom::Seldom;
use crate::server::socket::{CloseCode, Message, Socket, Unsent, Utf8Bytes};
use crate::server::websocket::{Config, upgrade};
use crate::surface::fields::parsed;
use crate::surface::visitor_limits::Class;
use crate::surface::{client, idempotency_key};

/// Conversations one connection may follow.
const MAX_SUBSCRIPTIONS: usize = 256;

/// What a client asks; its `ref` comes back with the answer.
#[derive(Debug, Deserialize)]
struct Command {
    #[serde(rename = "type")]
    kind: String,
    conversation_id: Option<String>,
    after: Option<String>,
    text: Option<String>,
    idempotency_key: Option<String>,
    typing: Option<bool>,
    message_id: Option<String>,
    /// Who types, or has read.
    #[serde(rename = "as")]
    side: Option<SideIn>,
    name: Option<String>,
}

/// Answers the handshake at `/ws`. The credential is the same as elsewhere on this surface.
#[handler]
pub(super) async fn open(request: &Request, app: Data<&Arc<App>>) -> poem::Result<Response> {
    let caller = request.data::<Caller>().cloned();
    let caller = caller.ok_or_else(|| super::error::Failure::from(UNAUTHORIZED))?;
    let tenant = caller.tenant.clone();
    let welcome = |origin: &HeaderValue| client::is_welcome(request, &tenant, origin);
    let app = (*app).clone();
    let talk = |socket| async move { Connection::new(app, caller).run(socket).await };
    Ok(upgrade(request, Config::default(), welcome, talk)?)
}

const UNAUTHORIZED: Error = Error::Unauthorized("the credential is missing or not valid");

struct Connection {
    app: Arc<App>,
    caller: Caller,
    followers: StreamMap<ConversationId, BoxStream<'static, Frame>>,
    /// Theirs; a stream that has ended has given up its own.
    seats: HashMap<ConversationId, Weak<Seat>>,
}

/// What happened first.
enum Next {
    Asked(Option<Message>),
    Frame(ConversationId, Frame),
    Ended(Ended),
}

impl Connection {
    fn new(app: Arc<App>, caller: Caller) -> Box<Self> {
        Box::new(Self { app, caller, followers: StreamMap::new(), seats: HashMap::new() })
    }

    async fn run(mut self: Box<Self>, mut socket: Socket) {
        let mut ended = Box::pin(Seldom::new(self.caller.credential.ended(&self.app.accounts)));
        loop {
            let (text, is_answer): (Utf8Bytes, bool) =
                match self.next(&mut socket, ended.as_mut()).await {
                    Next::Asked(None) => return,
                    Next::Asked(Some(message)) => {
                        let answer = Box::pin(self.answer(message)).await.to_string();
                        (made_one_line(answer).into(), true)
                    }
                    Next::Frame(conversation, frame) => (message(conversation, &frame), false),
                    Next::Ended(why) => {
                        let reason = match why {
                            Ended::Expired => "the token has expired",
                            Ended::Revoked => "the credential was revoked",
                        };
                        socket.close(CloseCode::Policy, reason).await;
                        return;
                    }
                };
            let mut sent = socket.send(text).await;
            if sent == Err(Unsent::TooLong) && is_answer {
                sent = socket.send(too_long_an_answer()).await;
            }
            match sent {
                Ok(()) => {}
                Err(Unsent::Closed) => return,
                // A frame that is left out would be a hole in the feed.
                Err(Unsent::TooLong) => {
                    socket.close(CloseCode::Size, "a frame is too long for a message").await;
                    return;
                }
            }
        }
    }

    async fn next(&mut self, socket: &mut Socket, ended: impl Future<Output = Ended>) -> Next {
        let followers = &mut self.followers;
        tokio::select! {
            message = socket.receive() => Next::Asked(message),
            Some((conversation, frame)) = followers.next(), if !followers.is_empty() => {
                Next::Frame(conversation, frame)
            }
            why = ended => Next::Ended(why),
        }
    }

    async fn answer(&mut self, message: Message) -> Value {
        let parsed = match &message {
            Message::Text(text) => {
                serde_json::from_slice::<Value>(&mended(text.as_str().as_bytes()))
            }
            _ => Ok(Value::Null),
        };
        let value = parsed.unwrap_or_default();
        let reference = value["ref"].clone();
        let command = match serde_json::from_value::<Command>(value) {
            Ok(command) => command,
            Err(error) => {
                let problem = format!("must be a JSON object with a type: {error}");
                let error = as_json(&Error::invalid("message", problem));
                return json!({ "type": "error", "ref": reference, "error": error });
            }
        };
        match self.carry_out(command).await {
            Ok(mut answer) => {
                answer["ref"] = reference;
                if answer["type"].is_null() {
                    answer["type"] = "ok".into();
                }
                answer
            }
            Err(error) => json!({ "type": "error", "ref": reference, "error": as_json(&error) }),
        }
    }

    async fn carry_out(&mut self, command: Command) -> Result<Value> {
        if command.kind == "ping" {
            return Ok(json!({ "type": "pong" }));
        }
        let id = command.conversation_id.as_deref();
        let id = id.ok_or_else(|| Error::invalid("conversation_id", "is required"))?;
        let class = match command.kind.as_str() {
            "send" => Class::Send,
            "subscribe" => Class::Read,
            _ => Class::Signal,
        };
        limits::command(&self.app, &self.caller, class).await?;
        let id = self.caller.conversation(id)?;
        let account = self.caller.tenant.account.id;
        match command.kind.as_str() {
            "subscribe" => self.subscribe(id, command.after).await,
            "unsubscribe" => {
                self.followers.remove(&id);
                Ok(json!({ "conversation_id": id }))
            }
            "send" => {
                let text = command.text.ok_or_else(|| Error::invalid("text", "is required"))?;
                let text = message_text(text)?;
                let key = idempotency_key::idempotency_key(command.idempotency_key, "live")?;
                let sent = messages::send(&self.app, &self.caller, id, text, key).await?;
                Ok(to_json(&SentOut::from(&sent)))
            }
            "stop" => {
                let reply = stop_reply(&self.app, account, id).await?;
                Ok(json!({ "stopped": reply.is_some(), "reply_id": reply }))
            }
            "typing" => {
                let typing =
                    command.typing.ok_or_else(|| Error::invalid("typing", "is required"))?;
                let who = self.speaks(command.side, command.name)?;
                live_feed::typing(&self.app, &self.caller.tenant, id, who, typing).await?;
                Ok(json!({}))
            }
            "read" => {
                let message = command.message_id.and_then(|id| id.parse().ok());
                let message = message
                    .ok_or_else(|| Error::invalid("message_id", "must be the id of a message"))?;
                let who = self.speaks(command.side, command.name)?;
                live_feed::read(&self.app, &self.caller.tenant, id, who, message).await?;
                Ok(json!({}))
            }
            _ => Err(Error::invalid(
                "type",
                "must be subscribe, unsubscribe, send, stop, typing, read or ping",
            )),
        }
    }

    fn speaks(&self, side: Option<SideIn>, name: Option<String>) -> Result<Who> {
        let mut faults = Vec::new();
        let name = parsed(name, "name", &mut faults);
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        self.caller.speaks(side, name)
    }

    async fn subscribe(&mut self, id: ConversationId, after: Option<String>) -> Result<Value> {
        let after = after.map(|after| super::streams::cursor("after", &after)).transpose()?;
        let is_new = !self.followers.contains_key(&id);
        if is_new && self.followers.len() == MAX_SUBSCRIPTIONS {
            let problem = format!("at most {MAX_SUBSCRIPTIONS} conversations on one connection");
            return Err(Error::invalid("conversation_id", problem));
        }
        let kept = self.seats.get(&id).and_then(Weak::upgrade);
        let seat = kept.map_or_else(|| self.caller.seat(&self.app, id).map(Arc::new), Ok)?;
        let follower =
            live_feed::follow(&self.app, self.caller.tenant.account.id, id, after).await?;
        let cursor: Cursor = follower.cursor();
        self.seats.retain(|_, seat| seat.strong_count() > 0);
        self.seats.insert(id, Arc::downgrade(&seat));
        // Only now: a subscription that is refused leaves the former one.
        self.followers.insert(id, frames(follower, seat));
        Ok(json!({ "conversation_id": id, "cursor": cursor.to_string() }))
    }
}

/// Told instead of an answer that repeats too much of what was sent; its `ref` is a part of that.
fn too_long_an_answer() -> String {
    let problem = "has an answer that is too long for a message: send a shorter ref";
    let error = as_json(&Error::invalid("message", problem));
    json!({ "type": "error", "ref": null, "error": error }).to_string()
}

/// A frame as a message. A content is of one conversation, so all who are told of it are told the same.
fn message(conversation: ConversationId, frame: &Frame) -> Utf8Bytes {
    let write = |frame: &Frame| made_one_line(frame.to_json_for(conversation)).into();
    Utf8Bytes::try_from(frame.written(Dress::Socket, write)).unwrap_or_default()
}

fn frames(follower: Follower, seat: Arc<Seat>) -> BoxStream<'static, Frame> {
    stream::unfold(Box::new((follower, seat)), |mut state| async move {
        let frame = state.0.next().await?;
        Some((frame, state))
    })
    .boxed()
}

fn to_json<T: poem_openapi::types::ToJSON>(value: &T) -> Value {
    value.to_json().unwrap_or_default()
}
