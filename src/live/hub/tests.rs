//! Two hubs and a wire between them that delays and loses: a reader on one node sees the reply that
//! another makes, every character once and in order.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::*;
use crate::domain::conversation::tests::story::{Story, message};
use crate::domain::ids::StreamKey;
use crate::live::cursor::Cursor;
use crate::live::reader::Reader;

/// When replies begin.
const BEGAN: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// What one node has said and the other has not heard.
#[derive(Default)]
struct Wire {
    said: Mutex<VecDeque<Signal>>,
}

#[async_trait::async_trait]
impl Relay for Wire {
    fn watch(&self, _: Whereabouts, _: Seq) {}

    fn unwatch(&self, _: ConversationId) {}

    fn signal(&self, _: Whereabouts, signal: Signal) {
        self.said.lock().unwrap().push_back(signal);
    }

    async fn shown(&self, _: Whereabouts, _: Seq) {}

    fn heard_within(&self, _: ConversationId, _: Duration) -> bool {
        true
    }
}

struct Node {
    hub: Arc<Hub>,
    wire: Arc<Wire>,
}

impl Node {
    fn new() -> Self {
        let (hub, wire) = (Arc::new(Hub::default()), Arc::new(Wire::default()));
        hub.connect(wire.clone());
        Self { hub, wire }
    }

    /// Takes what this node said; `lost` on the way or told to the other.
    fn carry(&self, to: &Self, place: Whereabouts, lost: bool) -> bool {
        let said = self.wire.said.lock().unwrap().pop_front();
        if let Some(signal) = said {
            if !lost {
                to.hub.signalled(place.conversation, signal);
            }
            return true;
        }
        false
    }
}

#[derive(Debug, Clone)]
enum Action {
    /// Soon after the reply began, or late.
    Chunk(String, bool),
    /// From the maker to the reader's node, or back.
    Carry {
        back: bool,
        lost: bool,
    },
    Join,
    Alive,
    /// The maker gives up, and begins again with the same text so far.
    Again,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => ("[aé漢🙂]{1,5}", any::<bool>()).prop_map(|(text, late)| Action::Chunk(text, late)),
        8 => (any::<bool>(), prop::bool::weighted(0.15))
            .prop_map(|(back, lost)| Action::Carry { back, lost }),
        1 => Just(Action::Join),
        1 => Just(Action::Alive),
        1 => Just(Action::Again),
    ]
}

struct Stage {
    place: Whereabouts,
    maker: Node,
    near: Node,
    text: String,
    writer: Option<Writer>,
    readers: Vec<(Subscription, Reader, String)>,
}

impl Stage {
    fn begin(&mut self) {
        self.writer = None;
        let asked = message(1);
        let reply = Beginning {
            id: asked.reply(),
            in_reply_to: asked,
            asked: Seq::new(2),
            after: Seq::new(2),
            author: Author::Bot { name: "Acme".into() },
            at: BEGAN,
            stop: Arc::default(),
        };
        let writer = self.maker.hub.begin(self.place, reply).now_or_never();
        let writer = writer.expect("nothing to wait for");
        writer.chunk(&self.text, BEGAN);
        self.writer = Some(writer);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Chunk(text, late) => {
                self.text.push_str(&text);
                let after = Duration::from_secs(if late { 60 } else { 0 });
                if let Some(writer) = &self.writer {
                    writer.chunk(&text, BEGAN.plus(after));
                }
            }
            Action::Carry { back: false, lost } => {
                self.maker.carry(&self.near, self.place, lost);
            }
            Action::Carry { back: true, lost } => {
                self.near.carry(&self.maker, self.place, lost);
            }
            Action::Join => {
                let (subscription, snapshot) = self.near.hub.subscribe(self.place, Seq::new(2));
                let mut reader = Reader::new(Cursor::at(Seq::new(2)));
                let mut seen = String::new();
                if let Some((reply, text)) = snapshot {
                    let mut out = Vec::new();
                    reader.join(&reply, &text, true, Timestamp::default(), &mut out);
                    take(out, &mut seen);
                }
                self.readers.push((subscription, reader, seen));
            }
            Action::Alive => self.writer.as_ref().expect("a reply under way").alive(),
            Action::Again => self.begin(),
        }
        self.look();
    }

    /// What every reader has seen is the beginning of the text.
    fn look(&mut self) {
        self.near.hub.tell_all();
        for (subscription, reader, seen) in &mut self.readers {
            while let Ok(item) = subscription.items.try_recv() {
                let mut out = Vec::new();
                reader.live(&item, &mut out);
                assert!(!reader.is_lost(), "the hub serves no holes");
                take(out, seen);
            }
            assert!(self.text.starts_with(seen.as_str()), "{seen:?} of {:?}", self.text);
        }
    }

    fn carry_all(&mut self) {
        while self.maker.carry(&self.near, self.place, false)
            || self.near.carry(&self.maker, self.place, false)
        {}
        self.look();
    }
}

fn take(frames: Vec<frame::Frame>, seen: &mut String) {
    for content in frames.into_iter().map(|frame| frame.content) {
        assert_ne!(content.kind.name(), "reply.restarted", "the text begins as it did");
        seen.extend(content.chunk.as_deref());
    }
}

fn stage() -> Stage {
    let Story { account, contact, id, .. } = Story::numbered(1);
    let place = Whereabouts { account, conversation: id, key: StreamKey::Contact(contact) };
    let mut stage = Stage {
        place,
        maker: Node::new(),
        near: Node::new(),
        text: String::new(),
        writer: None,
        readers: Vec::new(),
    };
    stage.begin();
    stage
}

proptest! {
    #[test]
    fn a_reader_elsewhere_sees_every_character_once(
        actions in proptest::collection::vec(action(), 1..60),
    ) {
        let mut stage = stage();
        actions.into_iter().for_each(|action| stage.act(action));
        // Once nothing is lost any more, the next sign of life brings what is missing.
        stage.carry_all();
        stage.act(Action::Alive);
        stage.carry_all();
        stage.act(Action::Chunk("!".into(), true));
        stage.carry_all();
        for (_, _, seen) in &stage.readers {
            prop_assert_eq!(seen, &stage.text);
        }
    }

    #[test]
    fn the_message_brings_the_rest_whatever_was_lost(
        actions in proptest::collection::vec(action(), 1..40),
        late in any::<bool>(),
        killed in any::<bool>(),
    ) {
        let mut stage = stage();
        stage.act(Action::Chunk("?".into(), false));
        actions.into_iter().for_each(|action| stage.act(action));
        let event = Story::numbered(1).reply(1, &stage.text, false);
        let ended = [Recorded { seq: Seq::new(9), event: event.into() }];
        if !late {
            stage.carry_all();
        }
        stage.near.hub.committed(&ended);
        if killed {
            // Nobody says that it has ended.
            std::mem::forget(stage.writer.take());
        }
        stage.writer = None;
        stage.carry_all();
        for (_, reader, seen) in &stage.readers {
            let inside = seen.is_empty() || *seen == stage.text;
            prop_assert!(inside, "{:?} of {:?}", seen, stage.text);
            prop_assert_eq!(reader.cursor(), Cursor::at(Seq::new(9)));
        }
        let left = stage.near.hub.under_way(stage.place.conversation);
        prop_assert!(left.is_none(), "nothing of an ended reply stays");
    }
}

#[test]
fn a_stop_reaches_the_node_that_makes_the_reply() {
    let stage = stage();
    let topic = stage.maker.hub.topic(stage.place.conversation).unwrap();
    stage.near.hub.stop_elsewhere(stage.place, message(1));
    let other = stage.near.hub.stop_elsewhere(stage.place, message(2));
    assert!(other, "there is somebody to ask");
    while stage.near.carry(&stage.maker, stage.place, false) {}
    assert!(topic.lock().is_stopped(), "once, for the turn that was meant");
}

#[test]
fn only_a_reply_that_is_read_elsewhere_is_sent_there_piece_by_piece() {
    let mut stage = stage();
    let chunks = |stage: &Stage| {
        let said = stage.maker.wire.said.lock().unwrap();
        said.iter().filter(|signal| matches!(signal, Signal::Chunk { .. })).count()
    };
    let chunk = |text: &str, late| Action::Chunk(text.into(), late);
    stage.act(chunk("one ", false));
    assert_eq!(chunks(&stage), 1, "the beginning is told unasked");
    stage.carry_all();
    stage.act(chunk("more ", true));
    assert_eq!(chunks(&stage), 0, "nobody has asked");
    stage.act(Action::Join);
    stage.carry_all();
    stage.act(chunk("two ", true));
    assert_eq!(chunks(&stage), 1);
    stage.carry_all();
    assert_eq!(stage.readers[0].2, "one more two ");
    stage.act(Action::Again);
    stage.carry_all();
    stage.act(chunk("three", true));
    assert_eq!(chunks(&stage), 1, "who reads has asked for the new attempt too");
    stage.carry_all();
    assert_eq!(stage.readers[0].2, "one more two three");
}

#[test]
fn many_readers_are_told_a_slice_at_a_time_and_no_topic_waits_for_another() {
    let hub = Arc::new(Hub::default());
    let place = |number| {
        let Story { account, contact, id, .. } = Story::numbered(number);
        Whereabouts { account, conversation: id, key: StreamKey::Contact(contact) }
    };
    let (crowded, quiet) = (place(1), place(2));
    let mut crowd: Vec<_> = (0..1_000).map(|_| hub.subscribe(crowded, Seq::START).0).collect();
    let (mut alone, _) = hub.subscribe(quiet, Seq::START);
    let type_in = |place| hub.typing(place, Author::Customer, true, BEGAN);
    type_in(crowded);
    type_in(quiet);
    let told = |crowd: &mut Vec<Subscription>| {
        crowd.iter_mut().map(|reader| usize::from(reader.items.try_recv().is_ok())).sum::<usize>()
    };
    assert_eq!(told(&mut crowd), 0, "who appends tells nobody");
    assert!(hub.fan_out.slice());
    let mut seen = told(&mut crowd);
    assert_eq!(seen, 64, "a slice");
    assert!(hub.fan_out.slice());
    assert!(alone.items.try_recv().is_ok(), "its turn comes after one slice of the other's");
    // Who joins now was not there, and who left is not looked for.
    let (mut late, _) = hub.subscribe(crowded, Seq::START);
    crowd.truncate(900);
    hub.tell_all();
    assert!(late.items.try_recv().is_err());
    seen += told(&mut crowd);
    assert_eq!(seen, 900, "each once");
}

#[test]
fn what_nobody_could_be_told_of_in_time_ends_the_streams() {
    let hub = Arc::new(Hub::default());
    let Story { account, contact, id, .. } = Story::numbered(1);
    let place = Whereabouts { account, conversation: id, key: StreamKey::Contact(contact) };
    let (mut reader, _) = hub.subscribe(place, Seq::START);
    for _ in 0..1_000 {
        hub.typing(place, Author::Customer, true, BEGAN);
    }
    hub.tell_all();
    let ended = reader.next_item().now_or_never().expect("an end");
    assert!(ended.is_none(), "the reader is told to resume");
}
