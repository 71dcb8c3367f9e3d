//! The feed over SSE, and the same as JSON pages.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Answer;
use super::caller::Credential;
use super::wire::EventsOut;
use crate::app::App;
use crate::app::conversations::live_feed;
use crate::app::conversations::readers::Seat;
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;
use crate::live::follow::Follower;
use crate::live::frame::{Dress, Frame};
use crate::server::seldom::Seldom;
use crate::surface::event_stream::{self, EventStream};
use crate::surface::fields::Number;

pub(super) struct Streams;

#[derive(ApiResponse)]
enum Streamed {
    /// Frames; `id` is the frame's cursor, `event` its type, `data` the frame as one line of JSON.
    #[oai(status = 200)]
    Feed(EventStream),
}

#[derive(ApiResponse)]
enum Listed {
    /// One page of the feed.
    #[oai(status = 200)]
    Events(Json<EventsOut>),
}

#[OpenApi(tag = "super::Tag::Feed")]
impl Streams {
    /// Follow a conversation
    ///
    /// Server-sent events from now on, or from after a cursor: exactly, in the middle of a reply
    /// too. A comment comes every 15 seconds of silence.
    #[oai(path = "/conversations/:id/stream", method = "get", operation_id = "stream_conversation")]
    async fn stream_conversation(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
        /// The cursor to go on after; `0` is the beginning.
        after: Query<Option<String>>,
        /// As browsers send it when they reconnect; wins over `after`.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
    ) -> Answer<Streamed> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let last = last_event_id.0.filter(|id| !id.is_empty());
        let after = match (&last, &after.0) {
            (Some(last), _) => Some(cursor("Last-Event-ID", last)?),
            (None, Some(after)) => Some(cursor("after", after)?),
            (None, None) => None,
        };
        let seat = caller.seat(&app, id)?;
        let follower = live_feed::follow(&app, caller.tenant.account.id, id, after).await?;
        let feed = stream::iter([event_stream::opening()]).chain(frames(follower, seat));
        let feed = feed.take_until(Box::pin(Seldom::new(caller.credential.ended(&app.accounts))));
        Ok(Streamed::Feed(EventStream::new(feed)))
    }

    /// Catch up on a conversation
    ///
    /// The same feed as pages of JSON: from the beginning or after a cursor, or backwards with
    /// `before`. Of a page backwards, the `prev` of its first frame is `0` when nothing is before it.
    #[oai(path = "/conversations/:id/events", method = "get", operation_id = "list_events")]
    async fn list_events(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
        /// The cursor to go on after; the beginning where it is not given.
        after: Query<Option<String>>,
        /// The cursor of a frame: the page that ends before it, oldest first. Not with `after`.
        before: Query<Option<String>>,
        /// Frames per page, 1 to 500; 100 where it is not given.
        limit: Query<Option<Number<1, 500>>>,
    ) -> Answer<Listed> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let mut faults = Vec::new();
        let limit = Number::read(limit.0, "limit", 100, &mut faults);
        if !faults.is_empty() {
            return Err(Error::Invalid(faults).into());
        }
        let limit = usize::try_from(limit).unwrap_or(100);
        let account = caller.tenant.account.id;
        if let Some(before) = before.0.filter(|before| !before.is_empty()) {
            if after.0.is_some() {
                return Err(Error::invalid("before", "cannot be given with after").into());
            }
            let before = cursor("before", &before)?;
            let frames = live_feed::page_before(&app, account, id, before, limit).await?;
            let next = frames.last().map_or(before, |frame| frame.id);
            return Ok(Listed::Events(Json(EventsOut::new(&frames, next))));
        }
        let after = after.0.map_or(Ok(Cursor::START), |after| cursor("after", &after))?;
        let (frames, next) = live_feed::page(&app, account, id, after, limit).await?;
        Ok(Listed::Events(Json(EventsOut::new(&frames, next))))
    }
}

/// Reads a cursor from where `name` says it came.
pub(super) fn cursor(name: &'static str, text: &str) -> Result<Cursor> {
    text.parse().map_err(|_| Error::invalid(name, "is not a cursor of this conversation"))
}

/// A follower's frames on the wire, until it ends.
pub(super) fn frames(
    follower: Follower,
    seat: Seat,
) -> impl Stream<Item = Bytes> + Send + 'static + use<> {
    stream::unfold(Box::new((follower, seat)), async |mut state| {
        let frame = state.0.next().await?;
        Some((event(&frame), state))
    })
}

/// A frame on the wire.
pub(super) fn event(frame: &Frame) -> Bytes {
    frame.written(Dress::Events, |frame| {
        event_stream::event(&frame.id.to_string(), frame.content.kind.name(), &frame.to_json())
    })
}
