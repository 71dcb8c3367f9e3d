//! What followers follow, and what runs them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use parlor::app::clock;
use parlor::domain::conversation::Effect;
use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::engine::feed::{Applied, Checkpoints, Feed, Follower, Source};
use parlor::engine::{Engine, Error, Recorded, Result};
use parlor::process::followers;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::place::{Bench, Place};
use super::samples::Thread;
use crate::harness::wait::eventually;

/// Appends one after another; gives the places of those that were applied.
async fn append(engine: &dyn Engine, events: impl IntoIterator<Item = Vec<Event>>) -> Vec<Seq> {
    let mut applied = Vec::new();
    for events in events {
        let results = engine.append(events).await.expect("appended");
        let of_it = results.iter().filter(|result| result.effect == Effect::Applied);
        applied.extend(of_it.map(|result| result.seq));
    }
    applied
}

/// A conversation's life with all that can be discarded: beginnings that come twice, a reply after people took
/// over, a turn that is answered twice.
fn life(thread: &Thread) -> Vec<Vec<Event>> {
    let (first, hello) = thread.inbound("hello");
    let (second, again) = thread.inbound("and again");
    vec![
        thread.begin(),
        thread.begin(),
        vec![hello, thread.reply(first, "hi")],
        vec![thread.reply(first, "hi once more")],
        vec![again],
        vec![thread.assigned()],
        vec![thread.reply(second, "too late")],
        vec![thread.agent_says("a person speaks")],
        vec![thread.resolved()],
        vec![thread.resolved()],
    ]
}

/// All that a partition hands out, in pages.
pub async fn handed_out(engine: &dyn Engine, partition: u32, page: usize) -> Vec<Seq> {
    let (mut all, mut after) = (Vec::new(), Seq::START);
    loop {
        let Applied { events, upto } =
            engine.applied(partition, after, page).await.expect("readable");
        assert!(events.len() <= page && upto >= after);
        assert!(events.iter().all(|event| event.seq > after && event.seq <= upto));
        all.extend(events.iter().map(|event| event.seq));
        if upto == after {
            return all;
        }
        after = upto;
    }
}

pub async fn what_was_applied_is_handed_out_in_order_and_nothing_else<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::new();
    let mut expected = append(&*bench.engine, life(&thread)).await;
    let partition = bench.partition(&thread);
    let log = bench.log(&thread).await;
    assert_eq!(expected.len() + 5, log.len(), "some of it is discarded");
    for page in [1, 3, 100] {
        assert_eq!(
            handed_out(&*bench.engine, partition, page).await,
            expected,
            "in pages of {page}"
        );
    }
    // Whoever keeps up may be given it from memory.
    let mut news = bench.engine.news();
    let other = loop {
        let other = Thread { account: thread.account, ..Thread::new() };
        if bench.partition(&other) == partition {
            break other;
        }
    };
    expected.extend(append(&*bench.engine, life(&other)).await);
    news.changed().await.expect("there are news");
    for page in [1, 3, 100] {
        assert_eq!(
            handed_out(&*bench.engine, partition, page).await,
            expected,
            "in pages of {page}"
        );
    }
    let end = bench.end(&thread).await;
    let beyond = bench.engine.applied(partition, end, 10).await.expect("readable");
    assert_eq!(beyond, Applied::nothing(end));
    let bench = bench.drop_and_reopen().await;
    let reopened =
        || async { (handed_out(&*bench.engine, partition, 7).await == expected).then_some(()) };
    eventually("it is the same after a restart", reopened).await;
}

pub async fn a_place_is_kept_and_never_goes_back<P: Place>() {
    let bench = Bench::<P>::make().await;
    let stored = async |engine: &dyn Engine, name: &str, partition| {
        engine.load(name, partition).await.expect("readable").get()
    };
    assert_eq!(stored(&*bench.engine, "one", 3).await, 0);
    for seq in [5, 9, 7] {
        bench.engine.store("one", 3, Seq::new(seq)).await.expect("stored");
    }
    bench.engine.store("other", 3, Seq::new(2)).await.expect("stored");
    let bench = bench.drop_and_reopen().await;
    let engine = &*bench.engine;
    assert_eq!(stored(engine, "one", 3).await, 9);
    assert_eq!(stored(engine, "other", 3).await, 2);
    assert_eq!(stored(engine, "one", 4).await, 0);
}

/// A follower that exists in tests only: it notes what it is given.
struct Toy {
    name: &'static str,
    /// Of so many takings one fails.
    fails: Option<usize>,
    /// The first taking is the end of its task.
    panics: bool,
    given: Mutex<Vec<(u32, Vec<Seq>)>>,
}

impl Toy {
    fn named(name: &'static str) -> Self {
        Self { name, fails: None, panics: false, given: Mutex::default() }
    }

    /// What it has taken of a partition; what came again is left out.
    fn taken(&self, partition: u32) -> Vec<Seq> {
        let given = self.given.lock().expect("sound");
        let of_it = given.iter().filter(|(of, _)| *of == partition).flat_map(|(_, seqs)| seqs);
        of_it.fold(Vec::new(), |mut taken, seq| {
            match taken.last() {
                Some(last) if seq <= last => {
                    assert!(taken.contains(seq), "what comes again came before");
                }
                _ => taken.push(*seq),
            }
            taken
        })
    }
}

#[async_trait]
impl Follower for Toy {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn take(&self, partition: u32, events: &[Recorded]) -> Result<()> {
        let mut given = self.given.lock().expect("sound");
        given.push((partition, events.iter().map(|event| event.seq).collect()));
        let is_first = given.len() == 1;
        let fails = self.fails.is_some_and(|nth| given.len().is_multiple_of(nth));
        drop(given);
        assert!(!(self.panics && is_first), "this follower panics once");
        if fails { Err(Error::Overloaded) } else { Ok(()) }
    }
}

/// One that never has done.
struct Stuck;

#[async_trait]
impl Follower for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    async fn take(&self, _: u32, _: &[Recorded]) -> Result<()> {
        std::future::pending().await
    }
}

/// An engine that ends before any place is stored.
struct CutOff(Arc<dyn Engine>);

#[async_trait]
impl Feed for CutOff {
    fn owned(&self) -> Vec<u32> {
        self.0.owned()
    }

    async fn applied(&self, partition: u32, after: Seq, limit: usize) -> Result<Applied> {
        self.0.applied(partition, after, limit).await
    }

    fn news(&self) -> watch::Receiver<()> {
        self.0.news()
    }
}

#[async_trait]
impl Checkpoints for CutOff {
    async fn load(&self, follower: &str, partition: u32) -> Result<Seq> {
        self.0.load(follower, partition).await
    }

    async fn store(&self, _: &str, _: u32, _: Seq) -> Result<()> {
        Err(Error::ReadOnly("cut off".into()))
    }
}

fn run(
    source: Arc<dyn Source>,
    followers: Vec<Arc<dyn Follower>>,
) -> (CancellationToken, JoinHandle<()>) {
    let drain = CancellationToken::new();
    let run = followers::run(source, followers, clock::now, drain.clone());
    (drain, tokio::spawn(run))
}

/// Waits until it has taken all of these.
async fn has_taken(toy: &Toy, partition: u32, expected: &[Seq]) {
    let all = || async { (toy.taken(partition) == expected).then_some(()) };
    eventually(&format!("{} has taken all, in order", toy.name), all).await;
}

pub async fn a_follower_is_given_everything_in_order_whatever_fails<P: Place>() {
    let bench = Bench::<P>::make().await;
    let faithful = Arc::new(Toy::named("faithful"));
    let failing = Arc::new(Toy { fails: Some(3), ..Toy::named("failing") });
    let panicking = Arc::new(Toy { panics: true, ..Toy::named("panicking") });
    let all: Vec<Arc<dyn Follower>> =
        vec![Arc::new(Stuck), faithful.clone(), failing.clone(), panicking.clone()];
    let (drain, task) = run(bench.engine.clone(), all);
    let mut expected: BTreeMap<u32, Vec<Seq>> = BTreeMap::new();
    for _ in 0..20 {
        let thread = Thread::new();
        let of_it = expected.entry(bench.partition(&thread)).or_default();
        of_it.extend(append(&*bench.engine, life(&thread)).await);
    }
    for (partition, expected) in &expected {
        has_taken(&faithful, *partition, expected).await;
        has_taken(&failing, *partition, expected).await;
        has_taken(&panicking, *partition, expected).await;
    }
    drain.cancel();
    task.await.expect("it ends");
}

pub async fn a_follower_goes_on_from_its_stored_place<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::new();
    let partition = bench.partition(&thread);
    let toy = Arc::new(Toy::named("toy"));
    let (drain, task) = run(bench.engine.clone(), vec![toy.clone()]);
    let first = append(&*bench.engine, life(&thread)).await;
    has_taken(&toy, partition, &first).await;
    drain.cancel();
    task.await.expect("it ends");
    let place = bench.engine.load("toy", partition).await.expect("readable");
    assert!(place >= *first.last().expect("some"), "its end stores the place");

    // Cut off between what it did and its place: it is given that again, and nothing from before the place.
    let toy = Arc::new(Toy::named("toy"));
    let cut_off = Arc::new(CutOff(bench.engine.clone()));
    let (drain, task) = run(cut_off, vec![toy.clone()]);
    let mut expected = append(&*bench.engine, [vec![thread.inbound("one more").1]]).await;
    has_taken(&toy, partition, &expected).await;
    drain.cancel();
    task.await.expect("it ends");
    let bench = bench.drop_and_reopen().await;
    assert_eq!(bench.engine.load("toy", partition).await.expect("readable"), place);
    let toy = Arc::new(Toy::named("toy"));
    let (drain, task) = run(bench.engine.clone(), vec![toy.clone()]);
    expected.extend(append(&*bench.engine, [vec![thread.inbound("the last").1]]).await);
    has_taken(&toy, partition, &expected).await;
    drain.cancel();
    task.await.expect("it ends");
    let end = bench.end(&thread).await;
    assert_eq!(bench.engine.load("toy", partition).await.expect("readable"), end);
}
