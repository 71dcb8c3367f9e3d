//! The embedded engine's own: one process at a time, and views that are a function of the log.

use std::path::Path;
use std::sync::Arc;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use parlor::domain::seq::Seq;
use parlor::engine::embedded::{self, Difference, Embedded, Options};
use parlor::engine::{Engine, Error, Result, Topic};

use super::following;
use super::place::{Bench, Directory, Place, Seen};
use super::reopening::{everything, populate};
use super::samples::Thread;
use super::toy;

/// The views that a planted row is looked for in, with their first bytes: what is special, and tables.
fn views() -> impl Iterator<Item = (&'static str, u8)> {
    let special = [("timeline", 3), ("claims", 6), ("expiry", 7), ("totals", 8)];
    let states = toy::schema().aggregates.iter().map(|one| (one.name, one.number));
    let special = special.into_iter().chain(states);
    special.chain(toy::schema().tables().map(|table| (table.name, table.number)))
}

/// Every row of every view is compared with the log.
pub fn verify(dir: &Path) -> Result<(u64, Option<Difference>)> {
    embedded::verify(dir, toy::schema())
}

fn rebuild(dir: &Path) -> Result<u64> {
    embedded::rebuild(dir, toy::schema())
}

/// A directory with conversations of every kind, which nobody has open, and how many events.
pub async fn closed() -> (Directory, Vec<Thread>, String) {
    let bench = Bench::<Directory>::make().await;
    let threads = populate(&*bench.engine).await;
    let all = everything(&*bench.engine, &threads).await;
    bench.engine.close().await;
    (bench.place, threads, all)
}

async fn open(place: &Directory) -> Arc<dyn Engine> {
    place.open(Arc::new(Seen::default())).await.expect("it opens")
}

/// A view, under its first byte among the rows of the store.
pub struct Rows {
    all: fjall::Keyspace,
    first: u8,
}

impl Rows {
    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&[self.first], key].concat()
    }

    pub fn insert(&self, key: &[u8], value: &[u8]) {
        self.all.insert(self.key(key), value).expect("inserted");
    }

    fn remove(&self, key: &[u8]) {
        self.all.remove(self.key(key)).expect("removed");
    }

    fn first(&self) -> (Vec<u8>, Vec<u8>) {
        let first = self.all.prefix([self.first]).next().expect("a row");
        let (key, value) = first.into_inner().expect("readable");
        (key[1..].to_vec(), value.to_vec())
    }
}

/// Changes a view behind the engine's back.
pub fn tamper(dir: &Path, view: &str, change: impl FnOnce(&Rows)) {
    let (_, first) = views().find(|(each, _)| *each == view).expect("a view");
    tamper_below(dir, first, change);
}

fn tamper_below(dir: &Path, first: u8, change: impl FnOnce(&Rows)) {
    let db = Database::builder(dir.join("views")).open().expect("nobody has it open");
    let all = db.keyspace("views", KeyspaceCreateOptions::default).expect("the views");
    change(&Rows { all, first });
    db.persist(PersistMode::SyncAll).expect("synced");
}

#[tokio::test]
async fn a_directory_is_open_once() {
    let bench = Bench::<Directory>::make().await;
    let dir = bench.place.0.path();
    let again = bench.place.open(Arc::new(Seen::default())).await;
    assert!(matches!(again, Err(Error::Locked(_))), "{:?}", again.err());
    assert!(matches!(verify(dir), Err(Error::Locked(_))), "views are not compared under a server");
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
    let engine = open(&place).await;
    let handed_out = following::handed_out(&*engine, 0, 50).await;
    engine.store("one", 0, Seq::new(7)).await.expect("stored");
    engine.close().await;
    drop(engine);
    let applied = rebuild(place.0.path()).expect("rebuilt");
    assert_eq!(verify(place.0.path()).expect("verified"), (applied, None));
    let engine = open(&place).await;
    assert!(everything(&*engine, &threads).await == before, "a rebuild has changed something");
    assert!(following::handed_out(&*engine, 0, 50).await == handed_out, "nothing else was applied");
    let kept = engine.load("one", 0).await.expect("readable");
    assert_eq!(kept, Seq::new(7), "how far followers are is not the log's");
}

#[tokio::test]
async fn views_of_another_releases_layout_are_made_anew() {
    let (place, threads, before) = closed().await;
    let dir = place.0.path();
    for change in [|meta: &Rows| meta.remove(b"layout"), |meta: &Rows| meta.insert(b"layout", &[9])]
    {
        tamper(dir, "timeline", |rows| rows.remove(&rows.first().0));
        tamper_below(dir, 0, change);
        let refused = verify(dir).expect_err("they cannot be compared").to_string();
        assert!(refused.contains("another release's layout"), "{refused}");
        let engine = open(&place).await;
        assert!(everything(&*engine, &threads).await == before, "they are not made anew");
        engine.close().await;
        drop(engine);
        assert_eq!(verify(dir).expect("verified").1, None);
    }
}

#[tokio::test]
async fn a_rebuild_mends_every_view() {
    let (place, threads, before) = closed().await;
    for (view, _) in views() {
        tamper(place.0.path(), view, |rows| {
            let (key, _) = rows.first();
            rows.remove(&key);
            rows.insert(b"zz planted", b"{}");
        });
    }
    rebuild(place.0.path()).expect("rebuilt");
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
    let engine = open(&place).await;
    assert!(everything(&*engine, &threads).await == before, "a rebuild has not mended all");
}

/// Writes the log of a directory as format 2 has it, and nothing else.
async fn older(engine: &dyn Engine, dir: &Path, format: u64) {
    let db = Database::builder(dir).open().expect("it opens");
    for (topic, name) in [(Topic::Events, "events"), (Topic::Accounts, "accounts")] {
        let rows = db.keyspace(name, KeyspaceCreateOptions::default).expect("a keyspace");
        for entry in engine.read(topic, 0, Seq::START, usize::MAX).await.expect("read") {
            let json = serde_json::to_vec(&*entry.event).expect("it serializes");
            rows.insert(entry.seq.get().to_be_bytes(), json).expect("inserted");
        }
    }
    let meta = db.keyspace("meta", KeyspaceCreateOptions::default).expect("a keyspace");
    meta.insert("format", format.to_be_bytes()).expect("inserted");
    db.persist(PersistMode::SyncAll).expect("synced");
}

#[tokio::test]
async fn a_directory_of_an_older_format_is_brought_up_when_it_is_opened() {
    for format in [1, 2] {
        let bench = Bench::<Directory>::make().await;
        let threads = populate(&*bench.engine).await;
        bench.engine.append(vec![threads[0].deleted()]).await.expect("appended");
        let before = everything(&*bench.engine, &threads).await;
        let place = Directory::make().await;
        let dir = place.0.path();
        older(&*bench.engine, dir, format).await;
        // A run that was cut short has left this.
        std::fs::create_dir_all(dir.join("log/events")).expect("made");
        std::fs::write(dir.join("log/events/00000001.seg"), [9; 900]).expect("written");
        let engine = open(&place).await;
        assert!(everything(&*engine, &threads).await == before, "it is not what it was");
        engine.close().await;
        drop(engine);
        assert_eq!(verify(dir).expect("verified").1, None);
        let names = std::fs::read_dir(dir).expect("it").map(|entry| entry.expect("it").file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(names, ["format", "log", "views"], "the older files are gone");
    }
}

#[tokio::test]
async fn a_folder_in_a_data_directory_is_not_taken_for_an_older_one() {
    let (place, ..) = closed().await;
    let options = Options {
        dir: place.0.path().join("views"),
        cache_bytes: 8 << 20,
        reserve_bytes: 0,
        schema: toy::schema(),
    };
    let refused = Embedded::open(&options, Arc::new(Seen::default())).err().expect("refused");
    assert!(refused.to_string().contains("holds no log"), "{refused}");
    assert_eq!(verify(place.0.path()).expect("verified").1, None, "it was left as it was");
}

#[tokio::test]
async fn a_directory_of_a_newer_format_is_refused_and_left_as_it_is() {
    let (place, ..) = closed().await;
    std::fs::write(place.0.path().join("format"), "4\n").expect("written");
    let refused = place.open(Arc::new(Seen::default())).await.err().expect("refused").to_string();
    assert!(refused.contains("is of format 4; this parlor reads formats up to 3"), "{refused}");
    std::fs::write(place.0.path().join("format"), "3\n").expect("written");
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
}

#[tokio::test]
async fn verifying_names_what_was_planted() {
    let (place, ..) = closed().await;
    let dir = place.0.path();
    let found = || verify(dir).expect("verified").1;
    for (view, _) in views() {
        tamper(dir, view, |rows| rows.insert(b"zz planted", b"{}"));
        let planted = found().expect("a row too many is found");
        assert_eq!((planted.view.as_str(), planted.expected), (view, None));
        assert_eq!(planted.key, "7a7a20706c616e746564", "the key in hex");
        assert_eq!(planted.found.as_deref(), Some("{}"));
        tamper(dir, view, |rows| rows.remove(b"zz planted"));

        let mut row = (Vec::new(), Vec::new());
        tamper(dir, view, |rows| {
            row = rows.first();
            rows.insert(&row.0, b"tampered");
        });
        let changed = found().expect("a row that differs is found");
        assert_eq!((changed.view.as_str(), changed.found.as_deref()), (view, Some("tampered")));
        assert_eq!(
            changed.expected.map(String::into_bytes),
            Some(String::from_utf8_lossy(&row.1).into_owned().into_bytes())
        );

        tamper(dir, view, |rows| rows.remove(&row.0));
        match found() {
            // What has expired is forgotten: such a row may be missing.
            None => {
                assert!(
                    ["claims", "expiry", "lately"].contains(&view),
                    "a row of {view} is not missed"
                );
            }
            Some(missing) => {
                assert_eq!((missing.view.as_str(), missing.found), (view, None));
            }
        }
        tamper(dir, view, |rows| rows.insert(&row.0, &row.1));
        assert_eq!(found(), None, "{view} is as it was");
    }
}

#[tokio::test]
async fn verifying_misses_no_claim_that_has_expired() {
    let (place, threads, _) = closed().await;
    let engine = open(&place).await;
    let mut asked = 0;
    for thread in &threads {
        asked += engine.totals(thread.account).await.expect("readable").inbound;
    }
    let later = parlor::app::clock::now()
        .plus(parlor::projection::claims::KEPT + std::time::Duration::from_secs(60));
    // A claim each, and the toys of what was asked lately.
    assert_eq!(engine.expire(later).await.expect("done"), 8 + asked);
    engine.close().await;
    drop(engine);
    assert_eq!(verify(place.0.path()).expect("verified").1, None);
}
