//! The embedded engine's writer: whose appends it takes first, and what is known of its death.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use parlor::app::accounts::Accounts;
use parlor::app::{App, Equipment};
use parlor::domain::ids::AccountId;
use parlor::engine::SCHEMA;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::{Engine, Error, EventLog, Observer, Recorded};
use parlor::live::hub::Hub;
use parlor::surface::{self, in_flight};

use super::samples::Thread;
use crate::edge::harness;
use crate::harness::Client;
use crate::harness::wait::{eventually, within};

fn open(dir: &tempfile::TempDir, observer: Arc<dyn Observer>) -> Arc<Embedded> {
    let options = Options {
        dir: dir.path().to_owned(),
        cache_bytes: 8 << 20,
        reserve_bytes: 0,
        schema: &SCHEMA,
    };
    Arc::new(Embedded::open(&options, observer).expect("it opens"))
}

/// Says whose events were committed, and holds the writer until it is let go.
struct Holds {
    committed: Sender<Vec<AccountId>>,
    go: Mutex<Receiver<()>>,
}

impl Observer for Holds {
    fn committed(&self, events: &[Recorded]) {
        self.committed.send(events.iter().map(|entry| entry.event.account).collect()).ok();
        self.go.lock().expect("not poisoned").recv().ok();
    }

    fn interrupted(&self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_does_not_wait_for_all_those_of_another_account_before_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let ((committed, told), (go, held)) = (channel(), channel());
    let engine = open(&dir, Arc::new(Holds { committed, go: Mutex::new(held) }));
    let (many, few) = (Thread::new(), Thread::new());
    let append = |events| {
        let engine = engine.clone();
        let mut append = Box::pin(async move { engine.append(events).await });
        // Polled at once, so that it stands in the line.
        assert!((&mut append).now_or_never().is_none(), "the writer is held");
        append
    };
    let mut waiting = vec![append(many.begin())];
    // From here on the writer is held.
    let first = tokio::task::block_in_place(|| told.recv_timeout(Duration::from_secs(10)));
    assert_eq!(first, Ok(vec![many.account; 2]));
    for _ in 0..500 {
        waiting.push(append(vec![many.inbound("hello").1]));
    }
    waiting.push(append(few.begin()));
    (0..100).for_each(|_| go.send(()).expect("the writer waits"));
    let second = tokio::task::block_in_place(|| told.recv_timeout(Duration::from_secs(10)));
    let second = second.expect("a second batch");
    assert_eq!(second[1..3], [few.account; 2], "it comes in its turn");
    assert!(second.len() < 100, "and waits for a part of the others alone: {}", second.len());
    for append in waiting {
        within("an append", append).await.expect("appended");
    }
    engine.close().await;
}

/// Panics when it is told of one account's events.
struct Trips(AccountId);

impl Observer for Trips {
    fn committed(&self, events: &[Recorded]) {
        assert!(events.iter().all(|entry| entry.event.account != self.0), "as the test wants it");
    }

    fn interrupted(&self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_died_makes_the_server_not_ready_and_nobody_waits_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (good, bad) = (Thread::new(), Thread::new());
    let engine = open(&dir, Arc::new(Trips(bad.account)));
    let (accounts, hub) = (Arc::new(Accounts::default()), Arc::new(Hub::default()));
    let app = App::open(engine.clone(), accounts, hub, Equipment::default());
    let app = app.await.expect("it opens");
    let requests = in_flight::Limits { all: 100, share: 100 };
    let settings = surface::Settings { metrics: None, trusted_proxies: 0, requests };
    let endpoint = surface::router(&app, &settings);
    let server = harness::start(endpoint, harness::long(), harness::PATIENCE);
    let client = Client::new(&server.url(""));
    engine.append(good.begin()).await.expect("appended");
    client.get("/readyz").await.expect(200);

    let cut = within("an append that the writer dies of", engine.append(bad.begin())).await;
    assert!(matches!(cut, Err(Error::Unknown)), "{cut:?}");
    let ready = eventually("the server is not ready", || async {
        Some(client.get("/readyz").await).filter(|answer| answer.status == 503)
    });
    let said = ready.await.json();
    assert_eq!((&said["log"], &said["views"]), (&false.into(), &true.into()), "{said}");
    assert!(said["detail"].as_str().is_some_and(|detail| detail.contains("writer")), "{said}");
    let refused = within("a refusal", engine.append(vec![good.inbound("hello").1])).await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
    let found = parlor::engine::Views::conversation(&*engine, good.account, good.id).await;
    assert!(found.expect("readable").is_some(), "reads go on");
    engine.close().await;
}
