//! What kinds of frames there are, and their names on the wire.

macro_rules! kinds {
    ($($kind:ident $name:literal,)*) => {
        /// The kind of a frame: its `type` on the wire, and the name of its server-sent event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`")] $kind,)*
        }

        impl Kind {
            /// Every kind, in the order of the documents.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    ConversationStarted "conversation.started",
    ConversationEscalated "conversation.escalated",
    ConversationAssigned "conversation.assigned",
    ConversationResolved "conversation.resolved",
    ConversationReopened "conversation.reopened",
    ConversationUpdated "conversation.updated",
    ConversationDeleted "conversation.deleted",
    ConversationRead "conversation.read",
    MessageInbound "message.inbound",
    MessageOutbound "message.outbound",
    ReplyStarted "reply.started",
    ReplyChunk "reply.chunk",
    ReplyRestarted "reply.restarted",
    ReplyStopped "reply.stopped",
    ReplyDiscarded "reply.discarded",
    ReplyFailed "reply.failed",
    Typing "typing",
    Resume "resume",
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Body;
    use crate::domain::seq::Seq;
    use crate::live::frame;

    #[test]
    fn an_events_frame_is_named_as_the_event_is() {
        let mut shown = Vec::new();
        for line in include_str!("../../../tests/it/events.v1.jsonl").lines() {
            let event: crate::domain::event::Event = serde_json::from_str(line).expect("an event");
            if let Some(content) = frame::of_event(Seq::new(1), &event) {
                assert_eq!(content.kind.name(), event.body.name());
                shown.push(content.kind);
            }
        }
        let of_events = Kind::ALL.iter().filter(|kind| Body::NAMES.contains(&kind.name()));
        for kind in of_events {
            assert!(shown.contains(kind), "no event in the file is a {kind:?}");
        }
    }
}
