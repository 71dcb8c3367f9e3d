//! A table and an aggregate that exist in tests only: an engine keeps them as it keeps any other, from
//! what they say of themselves.
//!
//! Every engine under test has it beside the views, so it is rebuilt, compared and tampered with wherever
//! they are.

use std::sync::LazyLock;
use std::time::Duration;

use parlor::app::clock;
use parlor::domain::conversation::{Effect, Why};
use parlor::domain::event::{Body, Event};
use parlor::domain::ids::{AccountId, Id as _};
use parlor::domain::seq::Seq;
use parlor::domain::time::Timestamp;
use parlor::engine::SCHEMA;
use parlor::projection::table::{Kind, column};
use parlor::projection::{
    Aggregate, Cells, Change, Changes, Folded, Found, Key, Met, Of, Range, Schema, State, Table,
    View, Way, cells, is_message,
};
use serde::{Deserialize, Serialize};

use super::place::{Bench, Place};
use super::samples::Thread;
use crate::harness::wait::eventually;

/// What contacts have asked and nobody has answered, by the number of the message.
pub static UNANSWERED: Table = Table {
    name: "unanswered",
    number: 200,
    question: "what is asked in a conversation, and not answered?",
    read_by: &["tests"],
    fed_by: &["message.inbound", "message.outbound"],
    partition: &[column("account", Kind::Account), column("conversation", Kind::Conversation)],
    order: &[column("number", Kind::Small), column("text", Kind::Text)],
    row: &[column("seq", Kind::Number), column("language", Kind::Text)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: None,
    outside: false,
};

/// What was asked lately, by the number of the message: forgotten after an hour.
pub static LATELY: Table = Table {
    name: "lately",
    number: 202,
    question: "what was asked in a conversation in the last hour?",
    read_by: &["tests"],
    fed_by: &["message.inbound"],
    partition: &[column("account", Kind::Account), column("conversation", Kind::Conversation)],
    order: &[column("number", Kind::Small)],
    row: &[column("at", Kind::Number), column("seq", Kind::Number)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: Some(HOUR),
    outside: false,
};

/// The same of what follows from the world outside.
pub static SEEN: Table = Table {
    name: "seen_lately",
    number: 203,
    question: "what was seen in the last hour?",
    read_by: &["tests"],
    fed_by: &[],
    partition: &[column("account", Kind::Account)],
    order: &[],
    row: &[column("at", Kind::Number), column("seq", Kind::Number)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: Some(HOUR),
    outside: true,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// What a conversation has heard: whether it began, and how many events came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Heard {
    events: u32,
    messages: u32,
    last_seq: Seq,
}

impl State for Heard {
    fn begun(seq: Seq, event: &Event) -> Option<Self> {
        let is_begin = matches!(event.body, Body::ConversationStarted(_));
        is_begin.then_some(Self { events: 1, messages: 0, last_seq: seq })
    }

    fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        if seq <= self.last_seq {
            return Effect::Discarded(Why::AlreadyApplied);
        }
        self.last_seq = seq;
        self.events += 1;
        self.messages += u32::from(is_message(event));
        Effect::Applied
    }

    fn last_seq(&self) -> Seq {
        self.last_seq
    }
}

/// Where what was heard stands.
static HEARD: Table = Table {
    name: "heard",
    number: 201,
    question: "how many events came of a conversation, applied or not?",
    read_by: &["tests"],
    fed_by: &["all that name a conversation"],
    partition: &[column("account", Kind::Account), column("conversation", Kind::Conversation)],
    order: &[],
    row: &[column("state", Kind::Text)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: None,
    outside: false,
};

static TOY: Aggregate = Aggregate {
    number: HEARD.number,
    name: HEARD.name,
    table: Some(&HEARD),
    of: |body| body.conversation().map(|id| id.uuid()),
    begin: Folded::begin::<Heard>,
    read: Folded::read::<Heard>,
};

/// The views, and the toys.
pub fn schema() -> &'static Schema {
    static WITH_TOY: LazyLock<Schema> = LazyLock::new(|| {
        let toys = [
            View { table: &UNANSWERED, of: Of::Applied, project },
            View { table: &LATELY, of: Of::Applied, project: project_lately },
        ];
        let views: Vec<_> = SCHEMA.views.iter().copied().chain(toys).collect();
        let outside: Vec<_> = SCHEMA.outside.iter().copied().chain([&SEEN]).collect();
        let aggregates: Vec<_> = SCHEMA.aggregates.iter().copied().chain([TOY]).collect();
        Schema { views: views.leak(), aggregates: aggregates.leak(), outside: outside.leak() }
    });
    &WITH_TOY
}

/// A question stands until what follows it is a reply; its text is its number again.
fn project(met: &Met<'_>, changes: &mut Changes) {
    let Some(state) = met.conversation else { return };
    let partition = cells::id(state.account).and(state.id.uuid());
    let number = i32::try_from(state.message_count).expect("few");
    let place = |number: i32| partition.clone().and(number).and(text(number));
    match &met.event.body {
        Body::MessageInbound(data) => {
            let row = Cells::default().and(met.seq).and(data.language.to_string());
            changes.put(&UNANSWERED, place(number), row, met.seq);
        }
        Body::MessageOutbound(_) => changes.take(&UNANSWERED, place(number - 1), met.seq),
        _ => {}
    }
}

fn project_lately(met: &Met<'_>, changes: &mut Changes) {
    let Some(state) = met.conversation else { return };
    if let Body::MessageInbound(_) = &met.event.body {
        let number = i32::try_from(state.message_count).expect("few");
        let key = cells::id(state.account).and(state.id.uuid()).and(number);
        let row = Cells::default().and(met.event.at.millis()).and(met.seq);
        changes.put(&LATELY, key, row, met.seq);
    }
}

/// With what could be taken for an end.
fn text(number: i32) -> String {
    format!("\u{1}é '{number}'")
}

fn order(number: i32) -> Cells {
    Cells::default().and(number).and(text(number))
}

fn partition(thread: &Thread) -> Cells {
    cells::id(thread.account).and(thread.id.uuid())
}

async fn range<P: Place>(
    bench: &Bench<P>,
    thread: &Thread,
    after: Option<Cells>,
    way: Way,
    limit: usize,
) -> Vec<Found> {
    let range = Range { partition: partition(thread), after, way, limit };
    bench.engine.range(&UNANSWERED, range).await.expect("readable")
}

/// Asks so many times, and answers every third question at once; gives the numbers of the others.
async fn asked<P: Place>(bench: &Bench<P>, thread: &Thread, times: i32) -> Vec<i32> {
    let (mut count, mut open) = (0, Vec::new());
    for time in 0..times {
        let (message, inbound) = thread.inbound("hello");
        count += 1;
        if time % 3 == 0 {
            // In one commit, and in two.
            let reply = thread.reply(message, "hi");
            if time % 2 == 0 {
                bench.engine.append(vec![inbound, reply]).await.expect("appended");
            } else {
                bench.engine.append(vec![inbound]).await.expect("appended");
                bench.engine.append(vec![reply]).await.expect("appended");
            }
            count += 1;
        } else {
            bench.engine.append(vec![inbound, thread.resolved()]).await.expect("appended");
            open.push(count);
        }
    }
    open
}

pub async fn a_row_stands_until_it_is_taken_away<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::begun(&*bench.engine).await;
    let key = |number: i32| partition(&thread).and(number).and(text(number));
    let get = |number| bench.engine.get(&UNANSWERED, key(number));
    assert_eq!(get(1).await.expect("readable"), None);
    let (message, inbound) = thread.inbound("hello");
    let appended = bench.engine.append(vec![inbound]).await.expect("appended")[0];
    let row = get(1).await.expect("readable").expect("it stands");
    assert_eq!(row.seq(0), Some(appended.seq));
    assert!(row.text(1).is_some_and(|language| !language.is_empty()));
    assert_eq!(get(2).await.expect("readable"), None, "of another key");
    let late = Thread { account: Thread::new().account, ..Thread::begun(&*bench.engine).await };
    let other = cells::id(late.account).and(thread.id.uuid()).and(1).and(text(1));
    let other = bench.engine.get(&UNANSWERED, other).await.expect("readable");
    assert_eq!(other, None, "of another account");
    bench.engine.append(vec![thread.reply(message, "hi")]).await.expect("appended");
    assert_eq!(get(1).await.expect("readable"), None, "it was taken away");
    assert_eq!(range(&bench, &thread, None, Way::Up, 10).await, []);
}

pub async fn rows_are_paged_both_ways_from_anywhere<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::begun(&*bench.engine).await;
    let other = Thread { account: thread.account, ..Thread::new() };
    bench.engine.append(other.begin()).await.expect("appended");
    asked(&bench, &other, 3).await;
    let numbers = asked(&bench, &thread, 20).await;
    let mut expected: Vec<_> = numbers.iter().map(|number| order(*number)).collect();
    for way in [Way::Up, Way::Down] {
        let all = range(&bench, &thread, None, way, 1_000).await;
        let orders: Vec<_> = all.iter().map(|found| found.order.clone()).collect();
        assert_eq!(orders, expected, "{way:?}");
        assert_eq!(range(&bench, &thread, None, way, 0).await, []);
        for limit in [1, 3, 7] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = range(&bench, &thread, after, way, limit).await;
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.order.clone());
                found.extend(page);
                assert!(found.len() <= all.len(), "{way:?}: a row comes twice");
            }
            assert_eq!(found, all, "{way:?}, {limit} at a time");
        }
        // After a place where nothing stands: a question that was answered.
        let after = Some(order(7));
        let rest = range(&bench, &thread, after.clone(), way, 1_000).await;
        let behind = |found: &&Found| match way {
            Way::Up => Some(&found.order) > after.as_ref(),
            Way::Down => Some(&found.order) < after.as_ref(),
        };
        assert_eq!(rest.iter().collect::<Vec<_>>(), all.iter().filter(behind).collect::<Vec<_>>());
        expected.reverse();
    }
}

pub async fn rows_are_there_after_closing<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::begun(&*bench.engine).await;
    asked(&bench, &thread, 10).await;
    let before = range(&bench, &thread, None, Way::Up, 1_000).await;
    assert!(!before.is_empty());
    let bench = bench.close_and_reopen().await;
    assert_eq!(range(&bench, &thread, None, Way::Up, 1_000).await, before);
}

/// Rows go when their time is over, whether the store sees to that or is told to; a row that was put again goes
/// with its last time.
pub async fn a_row_is_kept_for_its_time<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    let now = clock::now();
    let ago = |ago: Duration| {
        let ago = i64::try_from(ago.as_millis()).expect("short");
        Timestamp::from_millis(now.millis() - ago)
    };
    let soon = Duration::from_secs(3);
    let times = [ago(HOUR + soon), ago(HOUR - soon), now];
    for at in times {
        let event = Event { at, ..thread.inbound("hello").1 };
        engine.append(vec![event]).await.expect("appended");
    }
    let other = Thread::new().account;
    let see = async |account: AccountId, at: Timestamp, place: u64| {
        let row = Cells::default().and(at.millis()).and(Seq::new(place));
        let (key, at) = (cells::id(account), Seq::new(place));
        engine.keep(Change { table: &SEEN, key, row: Some(row), at }).await.expect("kept");
    };
    see(thread.account, times[1], 1).await;
    see(other, times[1], 1).await;
    see(other, now, 2).await;
    let lately = async || {
        let (partition, way) = (partition(&thread), Way::Up);
        let range = Range { partition, after: None, way, limit: 10 };
        let found = engine.range(&LATELY, range).await.expect("readable");
        found.iter().filter_map(|found| found.order.small(0)).collect::<Vec<_>>()
    };
    let seen =
        async |account| engine.get(&SEEN, cells::id(account)).await.expect("readable").is_some();
    let later = now.plus(2 * soon);
    eventually("what has expired is gone", async || {
        // Asked of those that do not see to it themselves.
        engine.expire(later).await.expect("done");
        (lately().await == [3] && !seen(thread.account).await).then_some(())
    })
    .await;
    assert!(seen(other).await, "it was seen again");
    let before = lately().await;
    let bench = bench.close_and_reopen().await;
    let (partition, way) = (partition(&thread), Way::Up);
    let range = Range { partition, after: None, way, limit: 10 };
    assert_eq!(bench.engine.range(&LATELY, range).await.expect("readable").len(), before.len());
}

pub async fn an_aggregate_is_folded_and_kept<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::begun(&*bench.engine).await;
    asked(&bench, &thread, 6).await;
    // What the fold of the conversation discards is heard all the same.
    let (message, _) = thread.inbound("hello");
    bench.engine.append(vec![thread.reply(message, "to nothing")]).await.expect("appended");
    let mut expected: Option<Heard> = None;
    for entry in bench.log(&thread).await {
        if entry.event.body.conversation() != Some(thread.id) {
            continue;
        }
        match &mut expected {
            Some(heard) => drop(heard.apply(entry.seq, &entry.event)),
            none => *none = Heard::begun(entry.seq, &entry.event),
        }
    }
    let key = Key { aggregate: TOY.number, account: thread.account, id: thread.id.uuid() };
    let state = async |bench: &Bench<P>| {
        let state = bench.engine.state(key).await.expect("readable");
        state.and_then(|state| state.get::<Heard>().cloned())
    };
    assert!(expected.as_ref().is_some_and(|heard| heard.messages > 6), "{expected:?}");
    assert_eq!(state(&bench).await, expected);
    let other = Key { account: Thread::new().account, ..key };
    assert_eq!(bench.engine.state(other).await.expect("readable"), None, "of another account");
    let bench = bench.close_and_reopen().await;
    assert_eq!(state(&bench).await, expected);
}
