//! One key leads to one message, whoever asks at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use parlor::app::clock;
use parlor::domain::ids::{Id, MessageId};
use parlor::engine::cluster::cql::{ABANDONED, Commit, Cql};
use parlor::projection::claims::{KEPT, Row};

use super::stage::{Partition, open, write};
use crate::engines::samples::Thread;

/// A claim of a message of its own under a key.
fn row(s: &Thread, key: &str) -> Row {
    Row {
        account: s.account,
        key: key.to_owned(),
        request: "asked".to_owned(),
        conversation: s.id,
        contact: s.contact,
        message_id: clock::mint(),
        at: clock::now(),
    }
}

/// Nothing of an abandoned claim can come any more.
async fn gone(_: Row) -> parlor::engine::Result<bool> {
    Ok(true)
}

/// The same later: what is asked for again.
fn later(first: &Row, by: Duration) -> Row {
    Row { message_id: clock::mint(), at: first.at.plus(by), ..first.clone() }
}

async fn keep(cql: &Cql, row: &Row) {
    let kept = vec![row.clone()];
    write(cql, &Commit { partition: Partition::new().number, kept, ..Commit::default() }).await;
}

/// Tries all at the same time on two nodes; one gets the key, and all others are told which.
async fn race(wanted: &[Row]) -> Row {
    let nodes = [open().await, open().await];
    let tasks = wanted.iter().cloned().enumerate().map(|(number, row)| {
        let cql = nodes[number % 2].clone();
        tokio::spawn(async move { cql.try_claim(&row, gone).await.expect("decided") })
    });
    let found: Vec<Option<Row>> =
        join_all(tasks).await.into_iter().map(|task| task.expect("no panic")).collect();
    let winners = wanted.iter().zip(&found).filter(|(_, found)| found.is_none());
    let winners: Vec<&Row> = winners.map(|(row, _)| row).collect();
    assert_eq!(winners.len(), 1, "{found:?}");
    for other in found.iter().flatten() {
        assert_eq!(other, winners[0]);
    }
    winners[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_key_one_gets_it() {
    let s = Thread::new();
    let wanted: Vec<Row> = (0..16).map(|_| row(&s, "key")).collect();
    let winner = race(&wanted).await;
    let held = open().await.claim(s.account, "key").await.expect("readable").expect("held");
    assert!(held.row == winner && !held.kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_key_has_it_when_asking_again() {
    let (cql, s) = (open().await, Thread::new());
    let mine = row(&s, "key");
    for _ in 0..2 {
        assert_eq!(cql.try_claim(&mine, gone).await.expect("decided"), None);
    }
    keep(&cql, &mine).await;
    assert_eq!(cql.try_claim(&mine, gone).await.expect("decided"), None);
    let other = Thread { account: Thread::new().account, ..s.clone() };
    assert_eq!(cql.try_claim(&row(&other, "key"), gone).await.expect("decided"), None);
    assert_eq!(cql.try_claim(&row(&s, "another key"), gone).await.expect("decided"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_led_to_nothing_is_replaced_after_a_while() {
    let (cql, s) = (open().await, Thread::new());
    let first = row(&s, "key");
    assert_eq!(cql.try_claim(&first, gone).await.expect("decided"), None);
    let soon = later(&first, ABANDONED - Duration::from_secs(1));
    assert_eq!(cql.try_claim(&soon, gone).await.expect("decided"), Some(first.clone()));
    let early = later(&first, ABANDONED);
    let coming = cql.try_claim(&early, async |_| Ok(false)).await.expect("decided");
    assert_eq!(coming, Some(first.clone()), "its message may be on its way");
    let late: Vec<Row> = (0..16).map(|_| later(&first, ABANDONED)).collect();
    let winner = race(&late).await;
    let held = cql.claim(s.account, "key").await.expect("readable").expect("held");
    assert!(held.row == winner && !held.kept);
    keep(&cql, &winner).await;
    let held = cql.claim(s.account, "key").await.expect("readable").expect("held");
    assert!(held.row == winner && held.kept, "{held:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_message_is_in_the_log_holds_for_a_day() {
    let (cql, s) = (open().await, Thread::new());
    // Of two values of one time the greater one stands: it shall not be the right one by chance.
    let first = Row { message_id: MessageId::from_uuid(uuid::Uuid::max()), ..row(&s, "key") };
    assert_eq!(cql.try_claim(&first, gone).await.expect("decided"), None);
    keep(&cql, &first).await;
    let late = later(&first, KEPT - Duration::from_secs(1));
    assert_eq!(cql.try_claim(&late, gone).await.expect("decided"), Some(first.clone()));
    let next = later(&first, KEPT);
    assert_eq!(cql.try_claim(&next, gone).await.expect("decided"), None);
    // The former one was kept; that says nothing of this one.
    let held = cql.claim(s.account, "key").await.expect("readable").expect("held");
    assert!(held.row == next && !held.kept, "{held:?}");
    keep(&cql, &next).await;
    keep(&cql, &first).await;
    let held = cql.claim(s.account, "key").await.expect("readable").expect("held");
    assert!(held.row == next && held.kept, "a late confirmation of the former: {held:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_given_back_is_free_and_another_s_is_not_given_back() {
    let (cql, s) = (open().await, Thread::new());
    let (mine, other) = (row(&s, "key"), row(&s, "key"));
    assert_eq!(cql.try_claim(&mine, gone).await.expect("decided"), None);
    cql.release_claim(&other).await.expect("nothing happens");
    assert_eq!(cql.try_claim(&other, gone).await.expect("decided"), Some(mine.clone()));
    cql.release_claim(&mine).await.expect("given back");
    assert_eq!(cql.claim(s.account, "key").await.expect("readable"), None);
    assert_eq!(cql.try_claim(&other, gone).await.expect("decided"), None);
    keep(&cql, &other).await;
    let held = cql.claim(s.account, "key").await.expect("readable").expect("held");
    assert!(held.row == other && held.kept, "{held:?}");
}

/// As after a rebuild: nobody asks for the claims again, their messages do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_in_the_log_holds_its_key_though_nobody_claimed_it() {
    let (cql, s) = (open().await, Thread::new());
    let first = row(&s, "key");
    keep(&cql, &first).await;
    let late = later(&first, ABANDONED * 2);
    assert_eq!(cql.try_claim(&late, gone).await.expect("decided"), Some(first));
}
