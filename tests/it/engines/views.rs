//! Claims, turns that are due, totals, lists and states.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use parlor::app::clock;
use parlor::domain::conversation::{Conversation, Effect, Why};
use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::domain::time::Timestamp;
use parlor::engine::{Appended, Topic};
use parlor::projection::claims::KEPT;
use parlor::projection::{conversations, turns_due};

use super::place::{Bench, Place};
use super::samples::Thread;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn at(event: Event, days: u32) -> Event {
    Event { at: day(days), ..event }
}

/// From now on: what is older than a day is not kept at all.
fn day(days: u32) -> Timestamp {
    static BEGIN: LazyLock<Timestamp> = LazyLock::new(clock::now);
    BEGIN.plus(DAY * days)
}

pub async fn a_used_key_is_found_until_it_expires<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    assert_eq!(engine.claim(thread.account, "old").await.expect("readable"), None);
    for (days, key) in [(1, "old"), (3, "new")] {
        let (message, event) = thread.inbound_with_key(key);
        engine.append(vec![at(event, days)]).await.expect("appended");
        let row = engine.claim(thread.account, key).await.expect("readable").expect("claimed");
        assert_eq!((row.message_id, row.conversation), (message, thread.id));
        assert_eq!((row.contact, row.account), (thread.contact, thread.account));
        assert_eq!((row.request.as_str(), row.at), ("asked", day(days)));
    }
    if !P::FORGETS_WHEN_TOLD {
        assert_eq!(engine.expire(day(2).plus(KEPT)).await.expect("done"), 0);
        assert!(engine.claim(thread.account, "new").await.expect("readable").is_some());
        return;
    }
    // The toy of what was asked lately, and no claim.
    assert_eq!(engine.expire(day(1).plus(KEPT)).await.expect("done"), 1, "before, and not at");
    let old = engine.claim(thread.account, "old").await.expect("readable");
    assert!(old.is_some(), "before, and not at");
    assert_eq!(engine.expire(day(2).plus(KEPT)).await.expect("done"), 1);
    assert_eq!(engine.expire(day(2).plus(KEPT)).await.expect("done"), 0, "once");
    assert_eq!(engine.claim(thread.account, "old").await.expect("readable"), None);
    assert!(engine.claim(thread.account, "new").await.expect("readable").is_some());
}

pub async fn a_key_that_is_used_again_is_kept_as_long_as_its_last_use<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    // Used again after a day, just before the first use was forgotten.
    let (_, first) = thread.inbound_with_key("key");
    let (again, second) = thread.inbound_with_key("key");
    engine.append(vec![at(first, 1)]).await.expect("appended");
    engine.append(vec![at(second, 3)]).await.expect("appended");
    engine.expire(day(2).plus(KEPT)).await.expect("done");
    let row = engine.claim(thread.account, "key").await.expect("readable");
    let found = row.map(|row| row.message_id);
    assert_eq!(found, Some(again), "forgetting the first use must not forget the second");
    engine.expire(day(4).plus(KEPT)).await.expect("done");
    let forgotten = engine.claim(thread.account, "key").await.expect("readable").is_none();
    assert_eq!(forgotten, P::FORGETS_WHEN_TOLD);
}

pub async fn of_messages_under_one_key_the_log_s_first_stands<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    let seen = async || {
        let state = engine.conversation(thread.account, thread.id).await.expect("readable");
        state.expect("it began").last_seq
    };
    // Three who looked at the same moment, and one who looked later.
    let before = seen().await;
    let (first, event) = thread.inbound_having_seen("key", before);
    assert_eq!(effect(engine.append(vec![event]).await), Effect::Applied);
    for _ in 0..2 {
        let (message, event) = thread.inbound_having_seen("key", before);
        let result = engine.append(vec![event, thread.reply(message, "hi")]).await;
        assert_eq!(effect(result), Effect::Discarded(Why::KeyIsUsed));
    }
    let (_, other) = thread.inbound_having_seen("another key", before);
    assert_eq!(effect(engine.append(vec![other]).await), Effect::Applied);
    let row = engine.claim(thread.account, "key").await.expect("readable");
    assert_eq!(row.map(|row| row.message_id), Some(first));
    let after = seen().await;
    let (again, event) = thread.inbound_having_seen("key", after);
    assert_eq!(effect(engine.append(vec![event]).await), Effect::Applied, "it was free again");
    let row = engine.claim(thread.account, "key").await.expect("readable");
    assert_eq!(row.map(|row| row.message_id), Some(again));
    let state = engine.conversation(thread.account, thread.id).await.expect("readable");
    assert_eq!(state.map(|state| state.message_count), Some(3), "and nothing of the others");
}

fn effect(result: parlor::engine::Result<Vec<Appended>>) -> Effect {
    result.expect("appended")[0].effect
}

pub async fn a_turn_is_due_until_it_is_answered<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let ends: [fn(&Thread, parlor::domain::ids::MessageId) -> Event; 4] = [
        |thread, message| thread.reply(message, "hi"),
        |thread, message| thread.escalated(message),
        |thread, _| thread.assigned(),
        |thread, _| thread.resolved(),
    ];
    for end in ends {
        let thread = Thread::begun(&**engine).await;
        let (message, inbound) = thread.inbound("hello");
        let result = engine.append(vec![inbound.clone()]).await.expect("appended")[0];
        let rows = bench.due().await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].seq, rows[0].at), (result.seq, inbound.at));
        assert_eq!((rows[0].account, rows[0].conversation), (thread.account, thread.id));
        assert_eq!(rows[0].message_id, message);
        engine.append(vec![end(&thread, message)]).await.expect("appended");
        assert_eq!(bench.due().await, []);
    }
    let thread = Thread::begun(&**engine).await;
    let (message, inbound) = thread.inbound("hello");
    let answered = vec![inbound, thread.reply(message, "hi")];
    engine.append(answered).await.expect("appended");
    assert_eq!(bench.due().await, [], "what was answered at once was never due");
}

pub async fn turns_that_are_due_are_paged_in_order<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let mut all: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for number in 0..30 {
        let thread = Thread::begun(&**engine).await;
        let (message, inbound) = thread.inbound("hello");
        let result = engine.append(vec![inbound]).await.expect("appended")[0];
        if number % 3 == 0 {
            engine.append(vec![thread.reply(message, "hi")]).await.expect("appended");
        } else {
            all.entry(bench.partition(&thread)).or_default().push((result.seq, message));
        }
    }
    assert_eq!(all.values().map(Vec::len).sum::<usize>(), 20);
    for partition in 0..engine.partitions(Topic::Events) {
        let expected = all.remove(&partition).unwrap_or_default();
        for limit in [1, 7, 100] {
            let (mut found, mut after) = (Vec::new(), Seq::START);
            loop {
                let page =
                    turns_due::owed(&**engine, partition, after, limit).await.expect("readable");
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = last.seq;
                found.extend(page.iter().map(|row| (row.seq, row.message_id)));
            }
            assert_eq!(found, expected, "{limit} at a time");
        }
    }
}

pub async fn totals_count_what_was_applied<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::new();
    let totals = engine.totals(thread.account).await.expect("readable");
    assert_eq!((totals.inbound, totals.outbound), (0, 0));
    engine.append(thread.begin()).await.expect("appended");
    for _ in 0..10 {
        let (message, inbound) = thread.inbound("hello");
        let twice = [thread.reply(message, "hi"), thread.reply(message, "hi")];
        engine.append([vec![inbound], twice.to_vec()].concat()).await.expect("appended");
    }
    let unknown = Thread { account: thread.account, ..Thread::new() };
    engine.append(vec![unknown.inbound("to nobody").1]).await.expect("appended");
    let totals = engine.totals(thread.account).await.expect("readable");
    assert_eq!((totals.inbound, totals.outbound), (10, 10));
}

/// Conversations of one account, a few of which began at the same moment, on several days; newest
/// first.
async fn begun_over_days(
    bench: &Bench<impl Place>,
    days: u32,
) -> (Thread, Vec<conversations::Row>) {
    let one = Thread::new();
    let mut all = Vec::new();
    for number in 0..days * 3 {
        let thread = Thread { account: one.account, ..Thread::new() };
        // Every other day, three of which two are at once, and on both sides of midnight.
        let midnight = Timestamp::from_millis(1_750_032_000_000).plus(DAY * 2 * (number / 3));
        let began = [midnight, Timestamp::from_millis(midnight.millis() - 1), midnight];
        let began = began[number as usize % 3];
        let begin = thread.begin().into_iter().map(|event| Event { at: began, ..event });
        bench.engine.append(begin.collect()).await.expect("appended");
        let (account, conversation) = (thread.account, thread.id);
        all.push(conversations::Row { account, conversation, at: began });
    }
    all.sort_by_key(|row| std::cmp::Reverse((row.at, row.conversation)));
    (one, all)
}

pub async fn conversations_are_listed_newest_first_from_anywhere<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let (thread, all) = begun_over_days(&bench, 20).await;
    Thread::begun(&**engine).await;
    let list = |before, limit| conversations::list(&**engine, thread.account, before, limit);
    assert_eq!(list(None, 1_000).await.expect("readable"), all);
    assert_eq!(list(None, 0).await.expect("readable"), []);
    for limit in [1, 2, 7] {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = list(before, limit).await.expect("readable");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some((last.at, last.conversation));
            found.extend(page);
        }
        assert_eq!(found, all, "{limit} at a time");
    }
    let (at, id) = (all[30].at, Thread::new().id);
    let older: Vec<_> = all.iter().filter(|row| row.at <= at).copied().collect();
    let found = list(Some((at, id)), 100).await.expect("readable");
    assert_eq!(found, older, "before one that was never there");
}

pub async fn a_conversation_is_listed_until_it_is_deleted<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    let other = Thread { account: thread.account, ..Thread::new() };
    engine.append(other.begin()).await.expect("appended");
    let listed = || async {
        let found =
            conversations::list(&**engine, thread.account, None, 10).await.expect("readable");
        found.iter().map(|row| row.conversation).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [other.id, thread.id]);
    engine.append(vec![thread.inbound("hello").1, thread.resolved()]).await.expect("appended");
    assert_eq!(listed().await, [other.id, thread.id], "whatever happens in it");
    engine.append(vec![thread.deleted(), thread.inbound("late").1]).await.expect("appended");
    assert_eq!(listed().await, [other.id]);
    engine.append(thread.begin()).await.expect("appended");
    assert_eq!(listed().await, [other.id], "what is deleted does not begin again");
    let state = engine.conversation(thread.account, thread.id).await.expect("readable");
    assert!(state.is_some_and(|state| state.deleted));
    let brief = Thread { account: thread.account, ..Thread::new() };
    let all = [brief.begin(), vec![brief.deleted()]].concat();
    engine.append(all).await.expect("appended");
    assert_eq!(listed().await, [other.id], "begun and deleted at once");
}

pub async fn states_are_the_fold_of_the_log<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    let (message, inbound) = thread.inbound("hello");
    let late = thread.reply(message, "late");
    let story = [inbound, thread.escalated(message), late, thread.assigned(), thread.resolved()];
    let mut folded: Option<Conversation> = None;
    for event in story.into_iter().chain([thread.inbound("again").1]) {
        engine.append(vec![event]).await.expect("appended");
        folded = None;
        for entry in bench.log(&thread).await {
            match &mut folded {
                Some(state) => drop(state.apply(entry.seq, &entry.event)),
                none => *none = Conversation::started(entry.seq, &entry.event),
            }
        }
        let state = engine.conversation(thread.account, thread.id).await.expect("readable");
        assert_eq!(state, folded);
    }
    assert!(folded.is_some_and(|state| state.is_with_bot()), "it was reopened at last");
}
