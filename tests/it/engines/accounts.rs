//! Two accounts in one engine.

use parlor::domain::seq::Seq;
use parlor::projection::conversations;

use super::place::{Bench, Place};
use super::samples::{Thread, events};

pub async fn nothing_of_one_account_is_found_by_another<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let (mine, other) = (Thread::begun(&**engine).await, Thread::begun(&**engine).await);
    engine.append(vec![mine.inbound_with_key("key").1]).await.expect("appended");
    let stranger = other.account;
    assert_eq!(engine.conversation(stranger, mine.id).await.expect("readable"), None);
    assert_eq!(engine.contact(stranger, mine.contact).await.expect("readable"), None);
    let page = engine.timeline(stranger, mine.id, Seq::START, 10).await.expect("readable");
    assert_eq!(page, []);
    assert_eq!(engine.messages(stranger, mine.id, 0, 10).await.expect("readable"), []);
    let list = conversations::list(&**engine, stranger, None, 10).await.expect("readable");
    assert_eq!(list.iter().map(|row| row.conversation).collect::<Vec<_>>(), [other.id]);
    assert_eq!(engine.claim(stranger, "key").await.expect("readable"), None);
    assert_eq!(engine.totals(stranger).await.expect("readable").inbound, 0);
    assert!(engine.claim(mine.account, "key").await.expect("readable").is_some());
}

pub async fn one_id_in_two_accounts_is_two_conversations<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    let mine = Thread::new();
    let theirs = Thread { account: Thread::new().account, ..mine.clone() };
    let mut said = Vec::new();
    for (thread, count) in [(&mine, 3), (&theirs, 60)] {
        engine.append(thread.begin()).await.expect("appended");
        let more = (1..count).map(|_| thread.inbound("hello").1);
        let all: Vec<_> = std::iter::once(thread.inbound_with_key("key").1).chain(more).collect();
        engine.append(all.clone()).await.expect("appended");
        said.push((thread, all));
    }
    for (thread, all) in said {
        let state = engine.conversation(thread.account, thread.id).await.expect("readable");
        let state = state.expect("it is there");
        assert_eq!((state.account, state.message_count), (thread.account, all.len() as u64));
        let page = engine.messages(thread.account, thread.id, 0, 1_000).await.expect("readable");
        assert_eq!(events(&page), all);
        let totals = engine.totals(thread.account).await.expect("readable");
        assert_eq!(totals.inbound, all.len() as u64);
        let row = engine.claim(thread.account, "key").await.expect("readable").expect("claimed");
        assert_eq!(row.account, thread.account);
    }
}
