//! Rate limits that several nodes share.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::join_all;
use parlor::app::clock;

use super::stage::open;

fn limit(per_minute: u32) -> NonZeroU32 {
    NonZeroU32::new(per_minute).expect("not zero")
}

fn bucket() -> String {
    format!("bucket {:08x}", rand::random::<u32>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_gives_a_minutes_worth_and_fills_again() {
    let (cql, bucket, now) = (open().await, bucket(), clock::now().millis());
    let take =
        async |cells, now| cql.take_quota(&bucket, cells, limit(60), now).await.expect("decided");
    let quota = take(40, now).await;
    assert_eq!((quota.granted, quota.remaining, quota.retry_after), (40, 20, Duration::ZERO));
    let quota = take(40, now).await;
    assert_eq!((quota.granted, quota.remaining), (20, 0));
    assert_eq!(quota.retry_after, Duration::from_secs(1));
    assert_eq!(take(1, now + 999).await.granted, 0);
    assert_eq!(take(5, now + 3_000).await.granted, 3);
    assert_eq!(take(100, now + 63_000).await.granted, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_take_at_once_never_get_more_than_the_limit() {
    let (bucket, now) = (bucket(), clock::now().millis());
    let nodes = [open().await, open().await, open().await];
    let takes = (0..24usize).map(|number| {
        let (cql, bucket) = (nodes[number % 3].clone(), bucket.clone());
        tokio::spawn(async move { cql.take_quota(&bucket, 7, limit(100), now).await })
    });
    let mut granted = 0;
    for take in join_all(takes).await {
        // One that meets too many others gives up, and was granted nothing.
        granted += take.expect("no panic").map_or(0, |quota| quota.granted);
    }
    assert!(granted <= 100, "{granted}");
    let rest = nodes[0].take_quota(&bucket, 200, limit(100), now).await.expect("decided");
    assert!(granted + rest.granted <= 100, "{granted} and {rest:?}");
    let none = nodes[1].take_quota(&bucket, 1, limit(100), now).await.expect("decided");
    assert_eq!((none.granted, none.remaining), (0, 0));
}
