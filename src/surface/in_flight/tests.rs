//! Who is at work, and who waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use poem::endpoint::make;
use poem::http::StatusCode;
use tokio::task::JoinSet;

use super::*;
use crate::app::clock;

const LIMITS: Limits = Limits { all: 4_096, share: 1_024 };
/// Shorter than a request may be at work.
const SHORT_WHILE: Duration = Duration::from_millis(10);

/// How many requests of an account have begun to work; each then waits for something.
type Begun = Arc<AtomicUsize>;

fn stage(accounts: [AccountId; 2]) -> (Arc<impl Endpoint<Output = Response>>, [Begun; 2]) {
    let begun: [Begun; 2] = Default::default();
    let counts = begun.clone();
    let inner = make(move |mut request: Request| {
        let counts = counts.clone();
        async move {
            let which = usize::from(request.uri().path() == "/other");
            admit(&mut request, accounts[which]).await.expect("a place");
            counts[which].fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Response>().await
        }
    });
    (Arc::new(Counted::new(inner, LIMITS)), begun)
}

fn ask(
    server: &Arc<impl Endpoint<Output = Response> + 'static>,
    under_way: &mut JoinSet<()>,
    path: &'static str,
    count: usize,
) {
    for _ in 0..count {
        let server = server.clone();
        under_way.spawn(async move {
            let request = Request::builder().uri_str(path).finish();
            server.call(request).await.expect("no end");
        });
    }
}

/// Lets everything run that can, for less time than a request may be at work.
async fn a_moment() {
    tokio::time::sleep(SHORT_WHILE / 10).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_in_company_has_a_part_and_who_only_waits_lets_others_work() {
    let (server, [one, other]) = stage([clock::mint(), clock::mint()]);
    let mut under_way = JoinSet::new();
    ask(&server, &mut under_way, "/one", 800);
    a_moment().await;
    assert_eq!(one.load(Ordering::Relaxed), AT_WORK, "who is alone has all");
    ask(&server, &mut under_way, "/other", 1);
    tokio::time::sleep(WORK + SHORT_WHILE).await;
    assert_eq!(other.load(Ordering::Relaxed), 1, "it does not wait behind the other's line");
    // All that were at work only waited: the places are free again, and one is in company now.
    assert_eq!(one.load(Ordering::Relaxed), AT_WORK + PART);
    ask(&server, &mut under_way, "/other", 1);
    a_moment().await;
    assert_eq!(other.load(Ordering::Relaxed), 2, "and now it finds a place at once");
    tokio::time::sleep(WORK).await;
    assert_eq!(one.load(Ordering::Relaxed), AT_WORK + 2 * PART);
    under_way.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_gives_its_place_back_at_once() {
    let account: AccountId = clock::mint();
    let inner = make(move |mut request: Request| async move {
        admit(&mut request, account).await.expect("a place");
        Response::builder().status(StatusCode::OK).finish()
    });
    let server = Counted::new(inner, LIMITS);
    let began = tokio::time::Instant::now();
    let mut answers = Vec::new();
    for _ in 0..2 * AT_WORK {
        let request = Request::builder().uri_str("/one").finish();
        answers.push(server.call(request).await.expect("an answer"));
    }
    assert!(began.elapsed() < WORK, "nobody waited");
}
