//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long any condition may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until `condition` gives something; fails naming what it waited for.
pub async fn eventually<T, F>(what: &str, condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    eventually_in(PATIENCE, what, condition).await
}

/// The same for what is known to take long.
pub async fn eventually_in<T, F>(
    patience: Duration,
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(began.elapsed() < patience, "gave up waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Awaits something that must come; fails naming it when it does not.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    within_time(PATIENCE, what, work).await
}

/// The same for what is known to take long.
pub async fn within_time<T>(patience: Duration, what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience, work).await {
        Ok(value) => value,
        Err(_) => panic!("gave up waiting for {what}"),
    }
}
