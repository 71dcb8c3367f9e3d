//! One socket with clocks on it: a head must arrive in time, and writes must make progress.
//!
//! HTTP/1 heads are timed here and not by hyper, whose one timer covers the idle wait and the head
//! alike: ten seconds are right for a head and far too short for an idle connection of a proxy
//! (which then answers 502). Here a head has `header` from its first byte and an idle connection
//! has `idle`. A write that the peer's window holds up fails after `write_stall` without a byte
//! taken. No clock costs anything while it does not run: timers are boxed when a wait begins.
//!
//! Closing lingers when the peer is still sending: a socket that is dropped with unread bytes is
//! reset, and the reset would overtake the last answer (413, Close 1009). So the write side is
//! shut first and what still arrives is thrown away, for `LINGER` at most.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::slots::Slot;

/// How long a closing socket goes on discarding what its peer sends.
const LINGER: Duration = Duration::from_secs(1);
/// How long a refusal is held back at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a connection is doing, shared by its socket and its requests.
///
/// The socket reads it to know which clock runs; requests count themselves in and out.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Requests begun and not yet answered to the end.
    running: AtomicU32,
    /// Requests ever begun; tells one idle wait from the next.
    begun: AtomicU32,
    /// Set once when heads are no longer timed here: HTTP/2, or after an upgrade.
    untimed: AtomicU32,
    /// What of this connection was refused last.
    refused: Mutex<Option<LastRefused>>,
}

/// The refusals of a connection whose callers come again too early: they are answered together, later each
/// time.
#[derive(Clone, Copy, Debug)]
struct LastRefused {
    answered_at: Instant,
    pause: Duration,
}

impl Activity {
    /// Counts a request in; it is counted out when the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Stops timing heads on this connection.
    pub(crate) fn untime(&self) {
        self.untimed.store(1, Ordering::Relaxed);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0
    }

    /// How many requests this connection has begun.
    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }
}

/// A request in progress, from its head to the last byte of its answer.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    /// Stops timing heads: the connection now belongs to the protocol it was upgraded to.
    pub(crate) fn untime(&self) {
        self.0.untime();
    }

    /// Waits with a refusal where the connection's last one said to come again later than this.
    pub(crate) async fn hold_back(&self, retry_after: Duration) {
        let answered_at = {
            let mut refused = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let next = match *refused {
                Some(last) if now < last.answered_at => last,
                Some(last) if now < last.answered_at + retry_after => {
                    let pause = (last.pause + retry_after).min(LONGEST_PAUSE);
                    LastRefused { answered_at: now + pause, pause }
                }
                Some(_) | None => LastRefused { answered_at: now, pause: Duration::ZERO },
            };
            *refused = Some(next);
            (next.answered_at > now).then_some(next.answered_at)
        };
        if let Some(answered_at) = answered_at {
            sleep_until(answered_at).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The deadlines a socket keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) header: Duration,
    pub(crate) idle: Duration,
    pub(crate) write_stall: Duration,
}

/// A TCP stream that gives up on peers which do not send or do not read.
pub(crate) struct Wire {
    tcp: TcpStream,
    deadlines: Deadlines,
    activity: Arc<Activity>,
    /// The request whose head is being received (as counted by `Activity::begun`).
    head_of: Option<u32>,
    /// Runs while a head is awaited; remembers what it was armed for.
    waiting: Option<(Wait, Pin<Box<Sleep>>)>,
    /// Runs while a write makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Closing,
    /// The slot under the connection cap, given back when the socket is closed.
    _slot: Slot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Idle(u32),
    Head(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    Open,
    Shut,
    Lingering,
}

impl Wire {
    pub(crate) fn new(
        tcp: TcpStream,
        deadlines: Deadlines,
        activity: Arc<Activity>,
        slot: Slot,
    ) -> Self {
        metrics::gauge!("parlor_server_connections").increment(1.0);
        Self {
            tcp,
            deadlines,
            activity,
            head_of: None,
            waiting: None,
            stalled: None,
            closing: Closing::Open,
            _slot: slot,
        }
    }

    /// Waits for a head no longer than allowed; costs nothing while a request runs.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.activity.untimed.load(Ordering::Relaxed) == 1 || !self.activity.is_idle() {
            self.waiting = None;
            return Poll::Pending;
        }
        let next = self.activity.begun();
        let (wait, limit) = if self.head_of == Some(next) {
            (Wait::Head(next), self.deadlines.header)
        } else {
            (Wait::Idle(next), self.deadlines.idle)
        };
        if let Some((armed, timer)) = &mut self.waiting {
            if *armed != wait {
                *armed = wait;
                timer.as_mut().reset(Instant::now() + limit);
            }
        } else {
            self.waiting = Some((wait, Box::pin(sleep(limit))));
        }
        let Some((_, timer)) = &mut self.waiting else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(match wait {
            Wait::Head(_) => given_up("header", "the request head did not arrive in time"),
            Wait::Idle(_) => given_up("idle", "the connection was idle for too long"),
        })
    }

    fn settle(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.deadlines.write_stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(given_up("write_stall", "the peer does not read")))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 2048];
        loop {
            let mut unread = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.tcp).poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {
                    if self.closing != Closing::Lingering {
                        self.closing = Closing::Lingering;
                        self.stalled = Some(Box::pin(sleep(LINGER)));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending if self.closing != Closing::Lingering => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let Some(timer) = &mut self.stalled else { return Poll::Ready(Ok(())) };
                    return timer.as_mut().poll(cx).map(Ok);
                }
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        metrics::gauge!("parlor_server_connections").decrement(1.0);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        match Pin::new(&mut this.tcp).poll_read(cx, buf) {
            Poll::Pending => this.poll_patience(cx).map(Err),
            ready => {
                if buf.filled().len() > before && this.activity.is_idle() {
                    this.head_of = Some(this.activity.begun());
                }
                ready
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.settle(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.settle(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes after an answer and may then wait without another read, on the strength of
        // the one that was pending while the request ran; so this is where the idle wait begins.
        match self.poll_patience(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::Open {
            ready!(Pin::new(&mut self.tcp).poll_shutdown(cx))?;
            self.closing = Closing::Shut;
        }
        self.poll_linger(cx)
    }
}

/// Counts and describes a connection that was given up.
pub(crate) fn given_up(reason: &'static str, message: &'static str) -> io::Error {
    metrics::counter!("parlor_server_connections_given_up_total", "reason" => reason).increment(1);
    io::Error::new(io::ErrorKind::TimedOut, message)
}
