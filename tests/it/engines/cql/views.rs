//! What is written is read; what is written again, or late, changes nothing.

use futures_util::TryStreamExt;
use parlor::domain::contact::Contact;
use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::domain::time::Timestamp;
use parlor::engine::Recorded;
use parlor::engine::cluster::cql::{Checkpoint, Commit, Cql, Kept, Stored};
use parlor::projection::{Folded, Key, SCHEMA, conversations, followers, is_message, turns_due};

use super::stage::{self, Partition, open, open_own, write};
use crate::engines::samples::{Thread, events};

/// Every row of these accounts and this partition, as the store has it.
async fn stored(cql: &Cql, accounts: &[&Thread], partition: u32) -> Vec<(Kept, Stored)> {
    let mut found = Vec::new();
    for kept in cql.kept() {
        let rows: Vec<Stored> = cql.scan(kept).try_collect().await.expect("scanned");
        let mine = |row: &Stored| {
            row.key.starts_with(&format!("{partition}/"))
                || accounts.iter().any(|s| row.key.starts_with(&s.account.to_string()))
        };
        found.extend(rows.into_iter().filter(mine).map(|row| (kept, row)));
    }
    found.sort();
    found
}

async fn timeline(cql: &Cql, s: &Thread) -> Vec<Recorded> {
    cql.timeline(s.account, s.id, Seq::START, 100_000).await.expect("readable")
}

/// A conversation of every kind of row: an answered turn, one that is owed, a claim.
fn story(s: &Thread) -> Vec<Vec<Event>> {
    let (first, asked) = s.inbound("one");
    let (_, claimed) = s.inbound_with_key(&format!("key of {}", s.id));
    vec![
        [s.begin(), vec![asked]].concat(),
        vec![s.reply(first, "answer"), s.read(first)],
        vec![claimed],
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_commit_writes_is_read() {
    let (cql, s, mut partition) = (open().await, Thread::new(), Partition::new());
    let mut commits = Vec::new();
    for events in story(&s) {
        commits.push(partition.write(&cql, events).await);
    }
    let last = commits.last().expect("some");

    let conversation = cql.conversation(s.account, s.id).await.expect("readable");
    assert_eq!(conversation, last.conversations.first().map(|rows| rows.state.clone()));
    let contact = cql.contact(s.account, s.contact).await.expect("readable");
    let key = Key::contact(s.account, s.contact);
    let state = SCHEMA.written(&key, &Folded::of(contact.expect("there")));
    assert_eq!(state.as_ref(), last.states.first());
    let shown: Vec<Recorded> = commits
        .iter()
        .flat_map(|commit| &commit.conversations)
        .flat_map(|rows| rows.events.clone())
        .collect();
    assert_eq!(timeline(&cql, &s).await, shown);
    assert_eq!(shown.len(), 5, "started, inbound, reply, read, inbound");
    let after = cql.timeline(s.account, s.id, shown[1].seq, 2).await.expect("readable");
    assert_eq!(after, shown[2..4]);
    assert!(cql.stands(s.account, s.id, shown[0].seq).await.expect("readable"));
    assert!(!cql.stands(s.account, s.id, Seq::new(1 << 40)).await.expect("readable"));

    let listed = conversations::list(&cql, s.account, None, 10).await.expect("readable");
    assert_eq!(listed, [conversations::Row::of(&last.conversations[0].state)]);

    let due = turns_due::owed(&cql, partition.number, Seq::START, 10).await.expect("readable");
    assert_eq!(due, stage::due(last));
    let (account, totals, seq) = last.totals[0];
    assert_eq!((account, totals.inbound, totals.outbound), (s.account, 2, 1));
    assert_eq!(cql.totals(s.account).await.expect("readable"), totals);
    let of = cql.total_of(s.account, partition.number).await.expect("readable");
    assert_eq!(of, Some((totals, seq)));
    let claim = &last.kept[0];
    let found = cql.claim(s.account, &claim.key).await.expect("readable").expect("kept");
    assert_eq!(found, *claim);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let (cql, s) = (open().await, Thread::new());
    assert_eq!(cql.conversation(s.account, s.id).await.expect("readable"), None);
    assert_eq!(cql.contact(s.account, s.contact).await.expect("readable"), None);
    assert_eq!(timeline(&cql, &s).await, []);
    assert_eq!(cql.messages(s.account, s.id, 0, 10).await.expect("readable"), []);
    assert_eq!(cql.claim(s.account, "key").await.expect("readable"), None);
    assert_eq!(cql.totals(s.account).await.expect("readable"), Default::default());
    assert_eq!(conversations::list(&cql, s.account, None, 10).await.expect("readable"), []);
    let nowhere = Partition::new().number;
    assert_eq!(cql.total_of(s.account, nowhere).await.expect("readable"), None);
    assert_eq!(cql.checkpoint(nowhere).await.expect("readable"), None);
    assert_eq!(turns_due::owed(&cql, nowhere, Seq::START, 10).await.expect("readable"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_account_is_found_by_another() {
    let (cql, mine, mut partition) = (open().await, Thread::new(), Partition::new());
    let commits: Vec<Commit> =
        story(&mine).into_iter().map(|events| partition.commit(events)).collect();
    for commit in &commits {
        write(&cql, commit).await;
    }
    let key = &commits[2].kept[0].key;
    let other = Thread { account: Thread::new().account, ..mine };
    assert_eq!(cql.conversation(other.account, other.id).await.expect("readable"), None);
    assert_eq!(cql.contact(other.account, other.contact).await.expect("readable"), None);
    assert_eq!(timeline(&cql, &other).await, []);
    assert_eq!(cql.messages(other.account, other.id, 0, 10).await.expect("readable"), []);
    assert_eq!(cql.claim(other.account, key).await.expect("readable"), None);
    assert_eq!(cql.totals(other.account).await.expect("readable"), Default::default());
}

/// A zombie that has lost its partition writes exactly so: what it folded, late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_again_or_late_changes_nothing() {
    let (cql, s, mut partition) = (open().await, Thread::new(), Partition::new());
    let mut commits = Vec::new();
    for events in story(&s) {
        commits.push(partition.write(&cql, events).await);
    }
    let all = partition.commit(vec![s.assigned()]);
    write(&cql, &all).await;
    let stands = async || cql.conversation(s.account, s.id).await.expect("readable");
    assert_eq!(stands().await.as_ref(), Some(&all.conversations[0].state));
    let before = stored(&cql, &[&s], partition.number).await;

    let zombie = open().await;
    for commit in commits.iter().rev().chain(&commits) {
        write(&zombie, commit).await;
    }
    assert_eq!(stored(&cql, &[&s], partition.number).await, before);
    assert_eq!(stands().await.as_ref(), Some(&all.conversations[0].state));
    let due = turns_due::owed(&cql, partition.number, Seq::START, 10).await.expect("readable");
    assert_eq!(due, [], "a turn that is done stays done");
    let claim = &commits[2].kept[0];
    let found = cql.claim(s.account, &claim.key).await.expect("readable").expect("kept");
    assert_eq!(found, *claim);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_contact_loses_against_a_newer_one() {
    let (cql, s) = (open().await, Thread::new());
    let begun = Partition::new().commit(s.begin()).states[0].clone();
    let state = begun.row.as_ref().and_then(|row| row.text(0)).expect("a state");
    let begun: Contact = serde_json::from_str(state).expect("JSON");
    // Of two values of one time the greater one stands: it shall not be the right one by chance.
    let named = |name: &str, later| {
        let (name, last_seq) =
            (name.parse().expect("a name"), Seq::new(begun.last_seq.get() + later));
        Contact { name, last_seq, ..begun.clone() }
    };
    let (old, new) = (named("Zoe", 1), named("Ann", 2));
    for contact in [&old, &new, &old] {
        let key = Key::contact(s.account, s.contact);
        let states = SCHEMA.written(&key, &Folded::of(contact.clone())).into_iter().collect();
        write(&cql, &Commit { states, ..Commit::default() }).await;
    }
    assert_eq!(cql.contact(s.account, s.contact).await.expect("readable"), Some(new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_in_the_wrong_order_end_as_in_the_right_one() {
    let (cql, s, mut partition) = (open().await, Thread::new(), Partition::new());
    let commits: Vec<Commit> =
        story(&s).into_iter().map(|events| partition.commit(events)).collect();
    for commit in commits.iter().rev() {
        write(&cql, commit).await;
    }
    let state = cql.conversation(s.account, s.id).await.expect("readable");
    assert_eq!(state.as_ref(), Some(&commits[2].conversations[0].state));
    let due = turns_due::owed(&cql, partition.number, Seq::START, 10).await.expect("readable");
    assert_eq!(due, stage::due(&commits[2]));
    assert_eq!(cql.totals(s.account).await.expect("readable"), commits[2].totals[0].1);
}

/// A node that has lost its partition writes that a conversation began after it was deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_conversation_is_not_listed_again_by_who_comes_late() {
    let (cql, s, mut partition) = (open().await, Thread::new(), Partition::new());
    let commits = [s.begin(), vec![s.deleted()]].map(|events| partition.commit(events));
    for commit in commits.iter().chain(&commits) {
        write(&cql, commit).await;
    }
    cql.write_before(&commits[0]).await.expect("written");
    assert_eq!(conversations::list(&cql, s.account, None, 10).await.expect("readable"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_read_over_days_without_any() {
    let (cql, one, mut partition) = (open().await, Thread::new(), Partition::new());
    let mut expected = Vec::new();
    // More days than are read at once, far apart, and a day with more than a page of rows.
    for (day, count) in (0..40).map(|day| (day * 30, 1)).chain([(1_300, 250)]) {
        for number in 0..count {
            let s = Thread { account: one.account, ..Thread::new() };
            let at = Timestamp::from_millis(1_600_000_000_000 + day * 86_400_000 + number);
            let begin = s.begin().into_iter().map(|event| Event { at, ..event });
            let commit = partition.commit(begin.collect());
            cql.write_before(&commit).await.expect("written");
            expected.push(conversations::Row { account: s.account, conversation: s.id, at });
        }
    }
    expected.reverse();
    let list = |before, limit| conversations::list(&cql, one.account, before, limit);
    assert_eq!(list(None, 1_000).await.expect("readable"), expected);
    for place in [0, 10, 248, 249, 250, 280, 289] {
        let row = &expected[place];
        let page = list(Some((row.at, row.conversation)), 30).await.expect("readable");
        let rest = &expected[place + 1..];
        assert_eq!(page, rest[..rest.len().min(30)], "after {place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_finds_what_commits_say_they_store() {
    let (cql, mut partition) = (open().await, Partition::new());
    let threads = [Thread::new(), Thread::new()];
    let mut expected = std::collections::BTreeMap::new();
    for s in &threads {
        for events in story(s) {
            let commit = partition.write(&cql, events).await;
            for (table, row) in commit.stored().expect("ours") {
                expected.insert((table, row.key.clone()), row);
            }
            for gone in commit.removed() {
                expected.remove(&gone);
            }
        }
    }
    let mut expected: Vec<_> = expected.into_iter().map(|((table, _), row)| (table, row)).collect();
    expected.sort();
    let threads = [&threads[0], &threads[1]];
    assert_eq!(stored(&cql, &threads, partition.number).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_page_of_messages_is_the_slice_of_all() {
    let (cql, s, mut partition) = (open().await, Thread::new(), Partition::new());
    let mut written = s.begin();
    for number in 0..170 {
        let (message, asked) = s.inbound(&format!("message {number}"));
        written.extend([asked, s.read(message), s.reply(message, "answer")]);
    }
    // More rows than a batch holds, and more than a page.
    partition.write(&cql, written).await;
    let all: Vec<Event> =
        events(&timeline(&cql, &s).await).into_iter().filter(is_message).collect();
    assert_eq!(all.len(), 340);
    let pages = [(0, 50), (0, 1), (3, 10), (49, 2), (50, 50), (120, 500), (300, 50), (339, 5)];
    for (skip, limit) in pages {
        let page = cql.messages(s.account, s.id, skip, limit).await.expect("readable");
        let skip = usize::try_from(skip).expect("small");
        let expected = &all[skip..all.len().min(skip + limit)];
        assert_eq!(events(&page), expected, "{limit} from {skip}");
    }
    for (skip, limit) in [(340, 10), (1_000, 10), (u64::MAX, 10), (0, 0)] {
        assert_eq!(cql.messages(s.account, s.id, skip, limit).await.expect("readable"), []);
    }
    let state = cql.conversation(s.account, s.id).await.expect("readable").expect("there");
    assert_eq!((state.message_count, state.last_seq), (340, partition.end));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_goes_only_forward() {
    let (cql, number) = (open().await, Partition::new().number);
    let at = |seq, due| Checkpoint { seq: Seq::new(seq), due_after: Seq::new(due) };
    for (stored, expected) in
        [(at(10, 3), at(10, 3)), (at(20, 15), at(20, 15)), (at(12, 4), at(20, 15))]
    {
        cql.store_checkpoint(number, stored).await.expect("stored");
        assert_eq!(cql.checkpoint(number).await.expect("readable"), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_the_logs_is_carried_into_another_keyspace_and_nothing_goes_back() {
    let (cql, other) = (open_own().await, open_own().await);
    let places =
        |number| (format!("follower {}", number % 3), number, Seq::new(1_000 + u64::from(number)));
    for (name, partition, seq) in (0..20).map(places) {
        followers::reached(&cql, &name, partition, seq).await.expect("stored");
    }
    let ahead = Seq::new(5_000);
    followers::reached(&other, "follower 1", 1, ahead).await.expect("stored");
    for _ in 0..2 {
        assert_eq!(cql.carry_into(&other).await.expect("carried"), 20);
    }
    for (name, partition, seq) in (0..20).map(places) {
        let expected = if partition == 1 { ahead } else { seq };
        let found = followers::place(&other, &name, partition).await.expect("readable");
        assert_eq!(found, expected, "{name} {partition}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_that_are_due_are_found_in_order_wherever_the_checkpoint_stands() {
    let (cql, s, mut partition) = (open().await, Thread::new(), Partition::new());
    let asked = (0..7).map(|number| s.inbound(&format!("{number}")).1);
    let commit = partition.commit(s.begin().into_iter().chain(asked).collect());
    write(&cql, &commit).await;
    let due = stage::due(&commit);
    assert_eq!(due.len(), 7);
    let far = Seq::new(partition.end.get() + 130_000);
    for end in [None, Some(due[2].seq), Some(partition.end), Some(far)] {
        if let Some(seq) = end {
            let checkpoint = Checkpoint { seq, due_after: Seq::START };
            cql.store_checkpoint(partition.number, checkpoint).await.expect("stored");
        }
        let all = turns_due::owed(&cql, partition.number, Seq::START, 100).await.expect("readable");
        assert_eq!(all, due, "checkpoint {end:?}");
        let some = turns_due::owed(&cql, partition.number, due[1].seq, 3).await.expect("readable");
        assert_eq!(some, due[2..5], "checkpoint {end:?}");
    }
    let newer = Checkpoint { seq: far.next(), due_after: due[3].seq };
    cql.store_checkpoint(partition.number, newer).await.expect("stored");
    let all = turns_due::owed(&cql, partition.number, Seq::START, 100).await.expect("readable");
    assert_eq!(all, due[4..]);
}
