//! The embedded engine's own: one process at a time, and views that are a function of the log.

use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parlor::engine::embedded::{rebuild, verify};
use parlor::engine::{Engine, Error};

use super::place::{Bench, Directory, Place, Seen};
use super::reopening::{everything, populate};
use super::samples::Thread;

/// The views that a planted row is looked for in.
const VIEWS: [&str; 9] = [
    "conversations",
    "contacts",
    "timeline",
    "pages",
    "turns_due",
    "claims",
    "claims_by_time",
    "totals",
    "conversations_by_time",
];

/// A directory with conversations of every kind, which nobody has open, and how many events.
async fn closed() -> (Directory, Vec<Thread>, String) {
    let bench = Bench::<Directory>::make().await;
    let threads = populate(&*bench.engine).await;
    let all = everything(&*bench.engine, &threads).await;
    bench.engine.close().await;
    (bench.place, threads, all)
}

async fn open(place: &Directory) -> Arc<dyn Engine> {
    place.open(Arc::new(Seen::default())).await.expect("it opens")
}

/// Changes a view behind the engine's back.
fn tamper(dir: &Path, view: &str, change: impl FnOnce(&Keyspace)) {
    let db = Database::builder(dir).open().expect("nobody has it open");
    change(&db.keyspace(view, KeyspaceCreateOptions::default).expect("a view"));
    db.persist(PersistMode::SyncAll).expect("synced");
}

fn first_row(keyspace: &Keyspace) -> (Vec<u8>, Vec<u8>) {
    let (key, value) = keyspace.first_key_value().expect("a row").into_inner().expect("readable");
    (key.to_vec(), value.to_vec())
}

#[tokio::test]
async fn a_directory_is_open_once() {
    let bench = Bench::<Directory>::make().await;
    let dir = bench.place.0.path();
    let again = bench.place.open(Arc::new(Seen::default())).await;
    assert!(matches!(again, Err(Error::Locked(_))), "{:?}", again.err());
    assert!(matches!(verify(dir), Err(Error::Locked(_))), "nobody verifies under a server");
    assert!(matches!(rebuild(dir), Err(Error::Locked(_))), "nobody rebuilds under a server");
}

#[tokio::test]
async fn what_was_written_is_what_the_log_says() {
    let (place, ..) = closed().await;
    let (folded, difference) = verify(place.0.path()).expect("verified");
    assert_eq!(difference, None);
    assert!(folded > 500, "all events were folded, not {folded}");
    let (again, difference) = verify(place.0.path()).expect("verified");
    assert_eq!((again, difference), (folded, None), "verifying leaves nothing behind");
}

#[tokio::test]
async fn a_rebuild_gives_the_same_views() {
    let (place, threads, before) = closed().await;
    let applied = rebuild(place.0.path()).expect("rebuilt");
    assert_eq!(verify(place.0.path()).expect("verified"), (applied, None));
    let engine = open(&place).await;
    assert!(everything(&*engine, &threads).await == before, "a rebuild has changed something");
}

#[tokio::test]
async fn a_rebuild_mends_every_view() {
    let (place, threads, before) = closed().await;
    for view in VIEWS {
        tamper(place.0.path(), view, |rows| {
            let (key, _) = first_row(rows);
            rows.remove(key).expect("removed");
            rows.insert("zz planted", "{}").expect("inserted");
        });
    }
    rebuild(place.0.path()).expect("rebuilt");
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
    let engine = open(&place).await;
    assert!(everything(&*engine, &threads).await == before, "a rebuild has not mended all");
}

#[tokio::test]
async fn a_directory_of_the_first_format_is_brought_up_when_it_is_opened() {
    let bench = Bench::<Directory>::make().await;
    let threads = populate(&*bench.engine).await;
    bench.engine.append(vec![threads[0].deleted()]).await.expect("appended");
    let before = everything(&*bench.engine, &threads).await;
    bench.engine.close().await;
    let place = bench.place;
    drop(bench.engine);
    tamper(place.0.path(), "conversations_by_time", |rows| rows.clear().expect("cleared"));
    tamper(place.0.path(), "meta", |meta| {
        meta.insert("format", 1_u64.to_be_bytes()).expect("inserted");
    });
    let engine = open(&place).await;
    assert!(everything(&*engine, &threads).await == before, "the list is not what it was");
    engine.close().await;
    drop(engine);
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
}

#[tokio::test]
async fn a_directory_of_a_newer_format_is_refused_and_left_as_it_is() {
    let (place, ..) = closed().await;
    let format = |format: u64| {
        tamper(place.0.path(), "meta", |meta| {
            meta.insert("format", format.to_be_bytes()).expect("inserted");
        });
    };
    format(3);
    let refused = place.open(Arc::new(Seen::default())).await.err().expect("refused").to_string();
    assert!(refused.contains("is of format 3; this parlor reads formats up to 2"), "{refused}");
    format(2);
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
}

#[tokio::test]
async fn verifying_names_what_was_planted() {
    let (place, ..) = closed().await;
    let dir = place.0.path();
    let found = || verify(dir).expect("verified").1;
    for view in VIEWS {
        tamper(dir, view, |rows| rows.insert("zz planted", "{}").expect("inserted"));
        let planted = found().expect("a row too many is found");
        assert_eq!((planted.view.as_str(), planted.expected), (view, None));
        assert_eq!(planted.key, "7a7a20706c616e746564", "the key in hex");
        assert_eq!(planted.found.as_deref(), Some("{}"));
        tamper(dir, view, |rows| rows.remove("zz planted").expect("removed"));

        let mut row = (Vec::new(), Vec::new());
        tamper(dir, view, |rows| {
            row = first_row(rows);
            rows.insert(row.0.clone(), "tampered").expect("inserted");
        });
        let changed = found().expect("a row that differs is found");
        assert_eq!((changed.view.as_str(), changed.found.as_deref()), (view, Some("tampered")));
        assert_eq!(
            changed.expected.map(String::into_bytes),
            Some(String::from_utf8_lossy(&row.1).into_owned().into_bytes())
        );

        tamper(dir, view, |rows| rows.remove(row.0.clone()).expect("removed"));
        match found() {
            // Keys that have expired are forgotten: a claim may be missing.
            None => assert!(view.starts_with("claims"), "a row of {view} is not missed"),
            Some(missing) => {
                assert_eq!((missing.view.as_str(), missing.found), (view, None));
            }
        }
        tamper(dir, view, |rows| rows.insert(row.0, row.1).expect("inserted"));
        assert_eq!(found(), None, "{view} is as it was");
    }
}

#[tokio::test]
async fn verifying_misses_no_claim_that_has_expired() {
    let (place, ..) = closed().await;
    let engine = open(&place).await;
    let later = parlor::app::clock::now().plus(std::time::Duration::from_secs(60));
    assert_eq!(engine.expire_claims(later).await.expect("done"), 8);
    engine.close().await;
    drop(engine);
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
}
