//! The embedded engine's views are made anew while they are served.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parlor::domain::seq::Seq;
use parlor::engine::{Engine, Error, Topic};

use super::place::{Bench, Directory, Place, Seen};
use super::rebuilding::{closed, tamper, verify};
use super::reopening::{everything, populate};
use super::samples::Thread;

/// The names of the folders of views in a directory.
fn folders(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let names = names.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.starts_with("views"));
    names.sort();
    names
}

fn rebuild(engine: &dyn Engine) -> &dyn parlor::engine::Rebuild {
    engine.rebuild().expect("the embedded engine can")
}

#[tokio::test]
async fn what_is_wrong_is_told_and_mended_and_nothing_else_changes() {
    let (place, threads, before) = closed().await;
    let dir = place.0.path();
    tamper(dir, "turns_due", |rows| rows.insert(b"zz planted", b"{}"));
    let engine = place.open(Arc::new(Seen::default())).await.expect("it opens");
    let rebuilt = rebuild(&*engine).rebuild().await.expect("rebuilt");
    let end = engine.end(Topic::Events, 0).await.expect("readable");
    assert_eq!(Seq::new(rebuilt.events), end, "every event was folded");
    let told = rebuilt.difference.expect("a row too many is told");
    assert!(told.contains("turns_due") && told.contains("7a7a20706c616e746564"), "{told}");
    assert!(everything(&*engine, &threads).await == before, "it is not what it was");
    assert_eq!(folders(dir), ["views.2"], "the views before are gone");
    let again = rebuild(&*engine).rebuild().await.expect("rebuilt");
    assert_eq!((again.events, again.difference), (rebuilt.events, None));
    assert_eq!(folders(dir), ["views.3"]);

    // Whoever comes next finds them, with what came since.
    let more = threads[0].inbound("since then").1;
    engine.append(vec![more]).await.expect("appended");
    engine.append(threads[0].administration()).await.expect("appended");
    let before = everything(&*engine, &threads).await;
    engine.close().await;
    drop(engine);
    std::fs::create_dir_all(dir.join("views.4/half")).expect("made");
    assert_eq!(verify(dir).expect("verified").1, None);
    let engine = place.open(Arc::new(Seen::default())).await.expect("it opens again");
    assert!(everything(&*engine, &threads).await == before, "a restart has changed something");
    assert_eq!(folders(dir), ["views.3"], "what a run that was cut short left is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_it_and_nothing_is_missed() {
    let bench = Bench::<Directory>::make().await;
    let engine = bench.engine.clone();
    populate(&*engine).await;
    let done = Arc::new(AtomicBool::new(false));
    let writers = (0..4).map(|_| {
        let (engine, done) = (engine.clone(), done.clone());
        tokio::spawn(async move {
            let thread = Thread::begun(&*engine).await;
            let mut said = 0;
            while !done.load(Ordering::Relaxed) {
                let (message, inbound) = thread.inbound("hello");
                let both = vec![inbound, thread.reply(message, "hi")];
                engine.append(both).await.expect("it is written all the while");
                said += 2;
                let state = engine.conversation(thread.account, thread.id).await.expect("read");
                assert_eq!(state.expect("there").message_count, said, "what was written is read");
            }
            thread
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..3 {
        let rebuilt = rebuild(&*engine).rebuild().await.expect("rebuilt");
        assert_eq!(rebuilt.difference, None);
    }
    done.store(true, Ordering::Relaxed);
    let mut threads = Vec::new();
    for writer in writers {
        threads.push(writer.await.expect("a writer is content"));
    }
    let before = everything(&*engine, &threads).await;
    drop(engine);
    let bench = bench.close_and_reopen().await;
    assert!(
        everything(&*bench.engine, &threads).await == before,
        "a restart has changed something"
    );
    bench.engine.close().await;
    assert_eq!(verify(bench.place.0.path()).expect("verified").1, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_at_a_time_and_who_leaves_leaves_everything_as_it_was() {
    let bench = Bench::<Directory>::make().await;
    let threads = populate(&*bench.engine).await;
    let before = everything(&*bench.engine, &threads).await;
    let (one, other) =
        tokio::join!(rebuild(&*bench.engine).rebuild(), rebuild(&*bench.engine).rebuild());
    let refused = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(matches!(refused[..], [Error::Overloaded]), "{refused:?}");
    let folder = folders(bench.place.0.path());
    // It is begun, and nobody waits for it.
    let waker = futures_util::task::noop_waker();
    let mut left = rebuild(&*bench.engine).rebuild();
    assert!(left.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    drop(left);
    crate::harness::wait::eventually("it is given up", || async {
        match rebuild(&*bench.engine).rebuild().await {
            Err(Error::Overloaded) => None,
            ended => Some(ended.expect("rebuilt")),
        }
    })
    .await;
    assert!(everything(&*bench.engine, &threads).await == before, "something has changed");
    assert!(folders(bench.place.0.path()) != folder, "the last one counts");
    assert_eq!(folders(bench.place.0.path()).len(), 1);
}
