//! Stop, typing, read.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Answer;
use super::caller::Credential;
use super::wire::{ReadIn, StoppedOut, TypingIn, named};
use crate::app::App;
use crate::app::conversations::live_feed;
use crate::app::turn::stop::stop_reply;
use crate::domain::Error;

pub(super) struct Signals;

#[derive(ApiResponse)]
enum StopResponse {
    /// Whether there was a reply to stop.
    #[oai(status = 200)]
    Stopped(Json<StoppedOut>),
}

#[derive(ApiResponse)]
enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "super::Tag::Signals")]
impl Signals {
    /// Stop the reply under way
    ///
    /// From anywhere. What was shown is kept as a partial message. Disconnecting stops nothing.
    #[oai(path = "/conversations/:id/stop", method = "post", operation_id = "stop_reply")]
    async fn stop(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
    ) -> Answer<StopResponse> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let reply = stop_reply(&app, caller.tenant.account.id, id).await?;
        let reply_id = reply.map(|reply| reply.to_string());
        Ok(StopResponse::Stopped(Json(StoppedOut { stopped: reply_id.is_some(), reply_id })))
    }

    /// Signal typing
    ///
    /// Shown to the conversation's readers, with who it is; nothing of it is kept. A token speaks for the
    /// customer, an account's key for an agent or the bot.
    #[oai(path = "/conversations/:id/typing", method = "post", operation_id = "signal_typing")]
    async fn typing(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
        body: Json<TypingIn>,
    ) -> Answer<Done> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let mut faults = Vec::new();
        let typing = body.0.typing.required("typing", "true or false", &mut faults);
        let (side, name) = named(body.0.side, body.0.name, &mut faults);
        let typing = typing.filter(|_| faults.is_empty()).ok_or(Error::Invalid(faults))?;
        let who = caller.speaks(side, name)?;
        live_feed::typing(&app, &caller.tenant, id, who, typing).await?;
        Ok(Done::Done)
    }

    /// Mark as read
    ///
    /// Somebody has read up to and including a message: the customer with a token, an agent or the bot
    /// with an account's key.
    #[oai(path = "/conversations/:id/read", method = "post", operation_id = "mark_read")]
    async fn read(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
        body: Json<ReadIn>,
    ) -> Answer<Done> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let mut faults = Vec::new();
        let message =
            body.0.message_id.required("message_id", "a string", &mut faults).map(|id| id.0);
        let message = crate::surface::fields::parsed(message, "message_id", &mut faults);
        let (side, name) = named(body.0.side, body.0.name, &mut faults);
        let message = message.filter(|_| faults.is_empty()).ok_or(Error::Invalid(faults))?;
        let who = caller.speaks(side, name)?;
        live_feed::read(&app, &caller.tenant, id, who, message).await?;
        Ok(Done::Done)
    }
}
