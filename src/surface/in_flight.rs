//! Requests in flight: so many in all, and of one account no more than its share.
//!
//! A request takes its slot before anything of it is read but its head, and keeps it until the last
//! byte of its answer is taken. On HTTP/2 each stream is a request. What is over is refused at once:
//! waiting would hold memory, and answer late what its caller has given up by then.
//!
//! Of those that have a slot only so many are at work at a time, accounts in turn: one account with many
//! clients would take all of the machine, and another's request would wait behind them at every step that it
//! takes. A request that only waits, such as for a bot, is let out of that number after a moment.
//!
//! Whoever comes again before `Retry-After` is over is refused later each time: see [`Refused`].
//!
//! Event streams and sockets that have begun hold no slot: they have limits of their own. Nor do
//! answers to strangers, once they are made, and the operator's questions.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, Fuse};
use http_body::Body as _;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use pin_project_lite::pin_project;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::gate;
use super::refusals::Costume;
use crate::app::shares::{self, Shares};
use crate::domain::Error;
use crate::domain::ids::AccountId;
use crate::fair;
use crate::fair::slots::{self, Slots};
use crate::server::tasks::{Refused, UntilSent};

/// When a refused caller may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Requests at work at a time: enough for a commit to be well filled.
const AT_WORK: usize = 256;
/// How many of them are one account's while others are there that have less: another's request is in one
/// commit with them, and waits for what they take.
const PART: usize = 6;
/// The same while another has as many: what it waits for is its own.
const RIVAL: usize = 24;
/// A request that has not been answered for so long waits for something.
const WORK: Duration = Duration::from_millis(20);
/// How long a request waits until it may begin to work.
const PATIENCE: Duration = Duration::from_secs(10);
/// A body that is refused is read where it is short and there already: its connection can go on.
const SHORT: usize = 16 * 1024;

/// How many requests there may be at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub all: usize,
    /// Of one account.
    pub share: usize,
}

/// All requests under way.
struct Crowd {
    free: Arc<Semaphore>,
    share: usize,
    accounts: Arc<Shares<AccountId>>,
    at_work: Arc<Slots<AccountId>>,
}

/// One request's slot. It goes with the request, and then with its answer.
#[derive(Clone)]
struct Slot(Arc<Held>);

struct Held {
    crowd: Arc<Crowd>,
    taken: Mutex<Option<Taken>>,
    /// It is at work, and nobody knows yet that it waits.
    works: Mutex<Option<slots::Slot<AccountId>>>,
    began: Notify,
    refused: OnceLock<Refused>,
}

/// What a slot consists of.
struct Taken {
    _one: OwnedSemaphorePermit,
    /// Whose it is, once that is known.
    account: Option<shares::Held<AccountId, 1>>,
}

impl Held {
    fn taken(&self) -> MutexGuard<'_, Option<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_accounts(&self) -> bool {
        self.taken().as_ref().is_some_and(|taken| taken.account.is_some())
    }

    /// Says whose the slot is; false where its account has its share already.
    fn give_to(&self, account: AccountId) -> bool {
        let mut taken = self.taken();
        let Some(taken) = taken.as_mut().filter(|taken| taken.account.is_none()) else {
            return true;
        };
        taken.account = self.crowd.accounts.take([Some((account, self.crowd.share))]).ok();
        taken.account.is_some()
    }

    fn free(&self) {
        self.taken().take();
    }

    fn works(&self) -> MutexGuard<'_, Option<slots::Slot<AccountId>>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self, slot: slots::Slot<AccountId>) {
        *self.works() = Some(slot);
        self.began.notify_one();
    }

    /// Lets others work once this one has for long enough.
    async fn rests(self: Arc<Self>) {
        self.began.notified().await;
        tokio::time::sleep(WORK).await;
        self.works().take();
    }
}

/// Counts a request as this account's, as soon as that is known and before its body is read; waits
/// until it may begin to work.
///
/// # Errors
/// [`Error::RateLimited`] where the account has its share of requests under way, or those at work take
/// too long.
pub(super) async fn admit(request: &mut Request, account: AccountId) -> crate::domain::Result<()> {
    let Some(Slot(held)) = request.data::<Slot>().cloned() else { return Ok(()) };
    if held.give_to(account)
        && let Ok(slot) = held.crowd.at_work.take(account, PATIENCE).await
    {
        held.begins(slot);
        return Ok(());
    }
    count_refused("account");
    let _ = held.refused.set(Refused { unread: !passed_over(request), retry_after: RETRY_AFTER });
    Err(Error::RateLimited { retry_after_s: RETRY_AFTER.as_secs() })
}

/// Answers a request once it is admitted as [`admit`] does; only where it has to wait does that take
/// memory.
pub(super) fn admitted<F>(
    mut request: Request,
    account: AccountId,
    costume: Costume,
    answer: impl FnOnce(Request) -> F + Send,
) -> impl Future<Output = Result<Response>> + Send
where
    F: Future<Output = Result<Response>> + Send,
{
    if begins_now(&request, account) {
        return Either::Left(answer(request));
    }
    Either::Right(Box::pin(async move {
        match admit(&mut request, account).await {
            Ok(()) => answer(request).await,
            Err(refused) => Ok(costume(refused)),
        }
    }))
}

fn begins_now(request: &Request, account: AccountId) -> bool {
    let Some(Slot(held)) = request.data::<Slot>() else { return true };
    let slot = held.give_to(account).then(|| held.crowd.at_work.take_now(account).ok()).flatten();
    slot.map(|slot| held.begins(slot)).is_some()
}

/// Takes a body that nobody will read; says whether it is short and all of it was there.
fn passed_over(request: &mut Request) -> bool {
    // Looking at the body would ask for it.
    if request.headers().contains_key(header::EXPECT) {
        return false;
    }
    let mut body = BoxBody::<Bytes, io::Error>::from(request.take_body());
    let mut left = SHORT;
    while !body.is_end_stream() {
        // What has yet to come is not waited for.
        let Some(frame) = body.frame().now_or_never() else { return false };
        let Some(frame) = frame else { return true };
        let length = frame.map_or(usize::MAX, |frame| frame.data_ref().map_or(0, Bytes::len));
        let Some(rest) = left.checked_sub(length) else { return false };
        left = rest;
    }
    true
}

fn count_refused(by: &'static str) {
    metrics::counter!("parlor_http_requests_refused_total", "by" => by).increment(1);
}

/// An endpoint that takes so many requests at a time.
pub(super) struct Counted<E> {
    inner: E,
    crowd: Arc<Crowd>,
}

impl<E> Counted<E> {
    pub(super) fn new(inner: E, limits: Limits) -> Self {
        let free = Arc::new(Semaphore::new(limits.all.min(Semaphore::MAX_PERMITS)));
        let at_work = fair::Limits {
            all: AT_WORK,
            share: PART,
            rival: RIVAL,
            alone: AT_WORK,
            waiting: limits.all,
            line: limits.share,
        };
        let (accounts, at_work) = (Arc::default(), Slots::new(at_work));
        Self { inner, crowd: Arc::new(Crowd { free, share: limits.share, accounts, at_work }) }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Counted<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
            return Either::Left(self.inner.call(request));
        }
        let Ok(one) = self.crowd.free.clone().try_acquire_owned() else {
            return Either::Right(Either::Left(Box::pin(refuse(request))));
        };
        let held = Arc::new(Held {
            crowd: self.crowd.clone(),
            taken: Mutex::new(Some(Taken { _one: one, account: None })),
            works: Mutex::default(),
            began: Notify::new(),
            refused: OnceLock::new(),
        });
        request.set_data(Slot(held.clone()));
        let rests = held.clone().rests().fuse();
        Either::Right(Either::Right(Working { answering: self.inner.call(request), rests, held }))
    }
}

async fn refuse(mut request: Request) -> Result<Response> {
    count_refused("all");
    let unread = !passed_over(&mut request);
    let busy = Error::Unavailable("the server has too many requests under way; try again");
    let mut response = gate::refused(request, busy).await?;
    let wait = HeaderValue::from(RETRY_AFTER.as_secs());
    response.headers_mut().insert(header::RETRY_AFTER, wait);
    response.extensions_mut().insert(Refused { unread, retry_after: RETRY_AFTER });
    Ok(response)
}

pin_project! {
    /// A request that has a slot, until there is an answer.
    struct Working<F, R> {
        #[pin]
        answering: F,
        #[pin]
        rests: Fuse<R>,
        held: Arc<Held>,
    }
}

impl<F, R> Future for Working<F, R>
where
    F: Future<Output = Result<Response>>,
    R: Future<Output = ()>,
{
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answered) = this.answering.poll(cx) {
            this.held.works().take();
            return Poll::Ready(answered.map(|response| with_place(response, this.held)));
        }
        let _ = this.rests.poll(cx);
        Poll::Pending
    }
}

/// An answer, and with it the slot of its request where it keeps one.
fn with_place(mut response: Response, held: &Arc<Held>) -> Response {
    if let Some(refused) = held.refused.get() {
        response.extensions_mut().insert(*refused);
    }
    if goes_on(&response) || !held.is_accounts() {
        held.free();
    } else {
        response.extensions_mut().insert(UntilSent(held.clone()));
    }
    response
}

/// Whether an answer only begins something.
fn goes_on(response: &Response) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        || response.content_type().is_some_and(|kind| kind.starts_with("text/event-stream"))
}
