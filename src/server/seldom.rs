//! Waiting for what hardly ever comes, beside what comes often.
//!
//! A connection waits for its next event, and besides for a drain, a cut, the end of a credential. Each of
//! those waits in a list that all connections share under a lock, and asking whether it has come takes
//! the lock. So it is asked once, and again only when it has called: not for every event of every reader.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;

pin_project! {
    /// A future that is polled only when it has called.
    pub struct Seldom<F> {
        #[pin]
        future: F,
        bell: Arc<Bell>,
    }
}

/// Remembers that the future has called, and wakes who waits for it.
struct Bell {
    rung: AtomicBool,
    waiting: AtomicWaker,
}

impl<F: Future> Seldom<F> {
    /// Waits for `future`.
    pub fn new(future: F) -> Self {
        let bell = Bell { rung: AtomicBool::new(true), waiting: AtomicWaker::new() };
        Self { future, bell: Arc::new(bell) }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.waiting.wake();
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Before the look: a call right after it is not missed.
        this.bell.waiting.register(cx.waker());
        if !this.bell.rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let bell = Waker::from(this.bell.clone());
        this.future.poll(&mut Context::from_waker(&bell))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::{FutureExt as _, future::join};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_asked_once_and_again_when_it_has_called() {
        let (call, called) = oneshot::channel::<u8>();
        let (mut asked, mut called) = (0, Box::pin(called));
        let counted = poll_fn(|cx| {
            asked += 1;
            called.as_mut().poll(cx)
        });
        let mut seldom = Box::pin(Seldom::new(counted));
        for _ in 0..10 {
            assert!(seldom.as_mut().now_or_never().is_none());
        }
        let (said, _) = join(seldom, async { call.send(7) }).await;
        assert_eq!(said, Ok(7));
        assert_eq!(asked, 2);
    }
}
