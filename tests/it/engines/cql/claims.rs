//! What an idempotency key was used for is told by the message that was sent with it.

use std::time::Duration;

use parlor::app::clock;
use parlor::domain::ids::{Id, MessageId};
use parlor::engine::cluster::cql::{Commit, Cql};
use parlor::projection::claims::{KEPT, Row};
use scylla::client::session_builder::SessionBuilder;

use super::stage::{Partition, open, shared, write};
use crate::engines::samples::Thread;
use crate::harness::services::Services;

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

async fn keep(cql: &Cql, row: &Row) {
    let kept = vec![row.clone()];
    write(cql, &Commit { partition: Partition::new().number, kept, ..Commit::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_uses_of_a_key_the_later_is_told_whichever_is_written_last() {
    let (cql, s) = (open().await, Thread::new());
    let first = Row { message_id: MessageId::from_uuid(uuid::Uuid::max()), ..row(&s, "key") };
    assert_eq!(cql.claim(s.account, "key").await.expect("readable"), None);
    keep(&cql, &first).await;
    assert_eq!(cql.claim(s.account, "key").await.expect("readable").as_ref(), Some(&first));
    let next = Row { message_id: clock::mint(), at: first.at.plus(KEPT), ..first.clone() };
    keep(&cql, &next).await;
    keep(&cql, &first).await;
    assert_eq!(cql.claim(s.account, "key").await.expect("readable"), Some(next));
    let other = Thread::new().account;
    assert_eq!(cql.claim(other, "key").await.expect("readable"), None, "of another account");
    assert_eq!(cql.claim(s.account, "another").await.expect("readable"), None);
}

/// As an older release leaves them behind that was killed before it had appended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_message_never_came_says_nothing() {
    let (cql, s) = (open().await, Thread::new());
    let session = SessionBuilder::new().known_node(&Services::shared().await.cql).build().await;
    let session = session.expect("a session");
    let keyspace = &shared().await.keyspace;
    let claimed = row(&s, "key");
    let text = serde_json::to_string(&claimed).expect("JSON");
    let take = format!(
        "UPDATE {keyspace}.claims SET claim = ? WHERE account = ? AND key_sha256 = ? IF claim = NULL"
    );
    session.query_unpaged(take, (text, s.account.uuid(), "key")).await.expect("taken");
    assert_eq!(cql.claim(s.account, "key").await.expect("readable"), None);
    let later = claimed.at.plus(Duration::from_secs(3_600));
    let next = Row { message_id: clock::mint(), at: later, ..claimed };
    keep(&cql, &next).await;
    assert_eq!(cql.claim(s.account, "key").await.expect("readable"), Some(next));
}
