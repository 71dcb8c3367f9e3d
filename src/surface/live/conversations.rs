//! A conversation as it is, or as it was.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Answer;
use super::caller::Credential;
use super::wire::ConversationOut;
use crate::app::App;
use crate::app::conversations::read::{self, Moment};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};

pub(super) struct Conversations;

/// Messages shown with a conversation.
const LAST: u64 = 50;

#[derive(ApiResponse)]
enum Got {
    /// The conversation.
    #[oai(status = 200)]
    Conversation(Json<ConversationOut>),
}

#[OpenApi(tag = "super::Tag::Conversations")]
impl Conversations {
    /// Get a conversation
    ///
    /// As it is, or with `at` as it was.
    #[oai(path = "/conversations/:id", method = "get", operation_id = "get_conversation")]
    async fn get_conversation(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        /// `cv_…` or `conv_…`
        id: Path<String>,
        /// A position in the log (the `seq` that a cursor begins with) or an RFC 3339 time.
        at: Query<Option<String>>,
    ) -> Answer<Got> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let account = caller.tenant.account.id;
        let body = if let Some(at) = at.0 {
            let last = usize::try_from(LAST).unwrap_or_default();
            let then = read::as_of(&app, account, id, moment(&at)?, last).await?;
            ConversationOut::new(&then.state, &then.messages, None)
        } else {
            let reply = app.hub.under_way(id);
            let state = read::conversation(&app, account, id).await?;
            let skip = state.message_count.saturating_sub(LAST);
            let size = usize::try_from(LAST).unwrap_or_default();
            let page = read::messages(&app, account, id, skip, size).await?;
            let reply = reply.filter(|(reply, _)| state.owes(reply.in_reply_to));
            ConversationOut::new(&state, &page.messages, reply)
        };
        Ok(Got::Conversation(Json(body)))
    }
}

fn moment(at: &str) -> Result<Moment> {
    if let Ok(seq) = at.parse() {
        return Ok(Moment::Seq(Seq::new(seq)));
    }
    Timestamp::parse(at)
        .map(Moment::Time)
        .ok_or_else(|| Error::invalid("at", "must be a position or an RFC 3339 time"))
}
