//! One turn as it is streamed to whoever asked: its own reply, and how it ended.
//!
//! The conversation's feed without other turns' replies and messages; turns are answered one after
//! another, so another's reply may come first.

use std::sync::Arc;

use super::outcome::{TurnEnd, ending_of};
use crate::app::conversations::live_feed;
use crate::app::messages::send::Sent;
use crate::app::{App, clock};
use crate::domain::Result;
use crate::domain::ids::AccountId;
use crate::live::cursor::Cursor;
use crate::live::follow::Follower;
use crate::live::frame::{Frame, Kind};

/// What happens next in a turn.
#[derive(Debug)]
pub enum FeedItem {
    /// `reply.started`, `reply.chunk` or `reply.restarted` of this turn's reply.
    Reply(Frame),
    /// Somebody types.
    Typing(Frame),
    /// The reader was too slow, the server goes away, or the views cannot be asked how the turn ended:
    /// nothing more comes by itself.
    Resume(Frame),
    /// The turn is over; no frame where people had the conversation already.
    Ended { frame: Option<Frame>, ending: TurnEnd },
}

/// A turn that is followed from its message on.
pub struct TurnFeed {
    app: Arc<App>,
    account: AccountId,
    sent: Sent,
    /// None once nothing more comes.
    follower: Option<Box<Follower>>,
    /// How the turn ended, where no frame will tell.
    over: Option<TurnEnd>,
}

impl TurnFeed {
    /// Follows the turn of a message.
    ///
    /// # Errors
    /// As the engine's views.
    pub async fn open(app: &Arc<App>, account: AccountId, sent: Sent) -> Result<Self> {
        let (id, cursor) = (sent.conversation, Some(sent.cursor));
        let follower = live_feed::follow(app, account, id, cursor).await?;
        let mut feed = Self {
            app: app.clone(),
            account,
            sent,
            follower: Some(Box::new(follower)),
            over: None,
        };
        let message = feed.sent.message;
        let ending = ending_of(app, account, id, message, feed.sent.seq).await?;
        if let Some(ending) = ending.filter(|ending| ending.event.is_none()) {
            feed.over = Some(ending);
            feed.follower = None;
        }
        Ok(feed)
    }

    /// The message whose turn it is.
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// What happens next; none after [`FeedItem::Resume`] and [`FeedItem::Ended`].
    pub async fn next(&mut self) -> Option<FeedItem> {
        if let Some(ending) = self.over.take() {
            return Some(FeedItem::Ended { frame: None, ending });
        }
        loop {
            let frame = self.follower.as_mut()?.next().await?;
            match frame.content.kind {
                Kind::ReplyStarted | Kind::ReplyChunk | Kind::ReplyRestarted => {
                    if frame.content.reply == Some(self.sent.message.reply()) {
                        return Some(FeedItem::Reply(frame));
                    }
                }
                Kind::Typing => return Some(FeedItem::Typing(frame)),
                Kind::Resume => {
                    self.follower = None;
                    return Some(FeedItem::Resume(frame));
                }
                Kind::MessageInbound
                | Kind::ConversationStarted
                | Kind::ConversationReopened
                | Kind::ConversationUpdated
                | Kind::ConversationRead => {}
                Kind::MessageOutbound
                | Kind::ConversationEscalated
                | Kind::ConversationAssigned
                | Kind::ConversationResolved
                | Kind::ConversationDeleted
                | Kind::ReplyStopped
                | Kind::ReplyDiscarded
                | Kind::ReplyFailed => match self.ending().await {
                    Ok(Some(ending)) => {
                        self.follower = None;
                        return Some(FeedItem::Ended { frame: Some(frame), ending });
                    }
                    Ok(None) => {}
                    // What has ended the turn comes once: whoever waits on would wait for ever.
                    Err(error) => {
                        let id = self.sent.conversation;
                        tracing::warn!(%error, conversation.id = %id, "a turn's end cannot be read");
                        self.follower = None;
                        // Who follows on from before the frame gets it again.
                        return Some(FeedItem::Resume(Frame::resume(frame.prev, clock::now())));
                    }
                },
            }
        }
    }

    /// After [`FeedItem::Resume`]: follows on from its place, unless the server goes away.
    pub async fn go_on(&mut self, after: Cursor) -> bool {
        if !self.app.hub.is_closed() {
            let id = self.sent.conversation;
            let again = live_feed::follow(&self.app, self.account, id, Some(after)).await;
            self.follower = again.ok().map(Box::new);
        }
        self.follower.is_some()
    }

    async fn ending(&self) -> Result<Option<TurnEnd>> {
        let sent = &self.sent;
        ending_of(&self.app, self.account, sent.conversation, sent.message, sent.seq).await
    }
}
