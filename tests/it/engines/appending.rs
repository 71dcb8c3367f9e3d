//! `append`: a result for each event, durable and visible, whatever becomes of the caller.

use futures_util::FutureExt;
use parlor::domain::conversation::{Effect, Why};
use parlor::domain::seq::Seq;
use parlor::engine::Topic;

use super::place::{Bench, Place};
use super::samples::{Thread, events};
use crate::harness::wait::eventually;

pub async fn an_append_has_a_result_for_each_event_in_order<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::new();
    let (message, inbound) = thread.inbound("hello");
    let mut all = thread.begin();
    all.extend([inbound, thread.reply(message, "hi"), thread.reply(message, "hi again")]);
    let results = bench.engine.append(all.clone()).await.expect("appended");
    let effects: Vec<_> = results.iter().map(|result| result.effect).collect();
    let twice = Effect::Discarded(Why::TurnIsClosed);
    assert_eq!(effects, [&[Effect::Applied; 4][..], &[twice]].concat());
    let log = bench.log(&thread).await;
    assert_eq!(events(&log), all, "all are recorded in this order, the discarded one too");
    let seqs: Vec<_> = log.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, results.iter().map(|result| result.seq).collect::<Vec<_>>());
    assert!(seqs.is_sorted_by(|a, b| a < b), "positions grow");
}

pub async fn what_was_appended_is_read_at_once<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    for count in 1..=200 {
        let (_, inbound) = thread.inbound("hello");
        let result = engine.append(vec![inbound.clone()]).await.expect("appended")[0];
        let state = engine.conversation(thread.account, thread.id).await.expect("readable");
        let state = state.expect("it is there");
        assert_eq!((state.message_count, state.last_seq), (count, result.seq));
        let before = Seq::new(result.seq.get() - 1);
        let page = engine.timeline(thread.account, thread.id, before, 5).await.expect("readable");
        assert_eq!(events(&page), std::slice::from_ref(&inbound));
        let last = engine.messages(thread.account, thread.id, count - 1, 5).await;
        assert_eq!(events(&last.expect("readable")), [inbound]);
        let contact = engine.contact(thread.account, thread.contact).await.expect("readable");
        assert_eq!(contact.expect("it is there").last_seq, result.seq);
        assert_eq!(bench.end(&thread).await, result.seq);
    }
}

pub async fn a_reply_after_a_takeover_is_recorded_and_shown_to_nobody<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    let (message, inbound) = thread.inbound("hello");
    engine.append(vec![inbound]).await.expect("appended");
    engine.append(vec![thread.assigned()]).await.expect("appended");
    let late = thread.reply(message, "too late");
    let result = engine.append(vec![late.clone()]).await.expect("appended")[0];
    assert_eq!(result.effect, Effect::Discarded(Why::PeopleTookOver));
    let all = engine.timeline(thread.account, thread.id, Seq::START, 100).await.expect("readable");
    assert!(!events(&all).contains(&late), "the timeline hides it");
    let messages = engine.messages(thread.account, thread.id, 0, 100).await.expect("readable");
    assert_eq!(messages.len(), 1);
    assert!(bench.seen.told().iter().all(|entry| *entry.event != late), "nobody is told");
    assert!(events(&bench.log(&thread).await).contains(&late), "the log hides nothing");
    let totals = engine.totals(thread.account).await.expect("readable");
    assert_eq!((totals.inbound, totals.outbound), (1, 0));
}

pub async fn an_append_that_is_no_longer_awaited_is_written_all_the_same<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::begun(&**engine).await;
    let (_, inbound) = thread.inbound("hello");
    // Polled once, then dropped.
    drop(engine.append(vec![inbound.clone()]).now_or_never());
    eventually("the message is written", || async {
        let page = engine.messages(thread.account, thread.id, 0, 5).await.expect("readable");
        (events(&page) == [inbound.clone()]).then_some(())
    })
    .await;
}

pub async fn an_append_of_nothing_is_nothing<P: Place>() {
    let bench = Bench::<P>::make().await;
    assert_eq!(bench.engine.append(Vec::new()).await.expect("accepted"), []);
    for partition in 0..bench.engine.partitions(Topic::Events) {
        let end = bench.engine.end(Topic::Events, partition).await;
        assert_eq!(end.expect("readable"), Seq::START);
    }
}

pub async fn administration_is_a_log_of_its_own<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let thread = Thread::new();
    let administration = thread.administration();
    let results = engine.append(administration.clone()).await.expect("appended");
    assert!(results.iter().all(|result| result.effect == Effect::Applied));
    thread.watch(&**engine);
    let begin = thread.begin();
    engine.append(begin.clone()).await.expect("appended");
    let accounts = engine.read(Topic::Accounts, 0, Seq::START, 100).await.expect("readable");
    assert_eq!(events(&accounts), administration);
    assert_eq!(events(&bench.log(&thread).await), begin);
    assert_eq!(engine.partitions(Topic::Accounts), 1, "administration has one order");
    let both = bench.count_told(administration.iter().chain(&begin));
    assert_eq!(bench.seen.told().len(), both, "observers are told of both");
}
