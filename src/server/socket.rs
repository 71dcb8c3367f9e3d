//! A WebSocket after its handshake: messages, pings, and a Close with a reason in every case.
//!
//! tungstenite answers pings and closes by itself while it is read; what it leaves out is here. It
//! drops the connection on bad input, so the codes of RFC 6455 section 7.4 are sent from here: 1009
//! too long, 1007 not UTF-8, 1002 against the protocol. It never pings, so silence is not noticed:
//! [`Socket::receive`] pings and gives up on a client that is silent for two intervals. And it
//! knows no shutdown: a drain sends 1012 (service restart), whereupon clients connect again.
//!
//! All of this happens within [`Socket::receive`]: a handler is a loop around it.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream};
use poem::Upgraded;
use tokio::{
    io::AsyncWrite,
    time::{Instant, Sleep, sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, error::ProtocolError, protocol::CloseFrame},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

pub use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, protocol::frame::coding::CloseCode};

use super::{seldom::Seldom, websocket::Config};

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The socket is closed, or does not take it in time.
    Closed,
    /// The message is longer than it may be; the socket is as before.
    TooLong,
}

impl std::fmt::Display for Unsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "the WebSocket is closed",
            Self::TooLong => "the message is too long",
        })
    }
}

impl std::error::Error for Unsent {}

/// The server's end of a WebSocket; one pointer, so that the futures of handlers stay small.
pub struct Socket(Box<Conversation>);

struct Conversation {
    stream: WebSocketStream<Upgraded>,
    drained: Pin<Box<Seldom<WaitForCancellationFutureOwned>>>,
    state: State,
    /// The next ping while open, the last moment to wait while closing.
    clock: Pin<Box<Sleep>>,
    ping_every: Duration,
    close_wait: Duration,
    /// Whole intervals in which nothing was heard.
    silent: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A Close was sent or answered: it is flushed, the client's is awaited, TCP is shut.
    Flushing,
    Waiting,
    Shutting,
    Over,
}

impl Socket {
    pub(crate) fn new(
        stream: WebSocketStream<Upgraded>,
        drain: CancellationToken,
        config: &Config,
    ) -> Self {
        Self(Box::new(Conversation {
            stream,
            drained: Box::pin(Seldom::new(drain.cancelled_owned())),
            state: State::Open,
            clock: Box::pin(sleep(config.ping_every)),
            ping_every: config.ping_every,
            close_wait: config.close_wait,
            silent: 0,
        }))
    }

    /// The next text or binary message; `None` when the conversation is over and closed.
    ///
    /// Pings, idleness, bad input, the client's Close and the server's drain are dealt with here,
    /// so it must be called again and again; a handler that stops without [`Socket::close`] drops
    /// the connection without a Close. Nothing is lost on cancel.
    pub async fn receive(&mut self) -> Option<Message> {
        let talk = &mut *self.0;
        poll_fn(|cx| {
            if talk.state == State::Open
                && let Poll::Ready(message) = talk.poll_open(cx)
            {
                return Poll::Ready(Some(message));
            }
            if talk.state == State::Open {
                return Poll::Pending;
            }
            talk.poll_closing(cx).map(|()| None)
        })
        .await
    }

    /// Sends a text and waits until the network has taken it.
    ///
    /// Fails when the socket is closed, does not take it in time, or it is longer than allowed.
    pub async fn send(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Unsent> {
        if self.0.state != State::Open {
            return Err(Unsent::Closed);
        }
        self.0.stream.send(Message::Text(text.into())).await.map_err(|error| match error {
            Error::WriteBufferFull(_) => Unsent::TooLong,
            _ => Unsent::Closed,
        })
    }

    /// Closes with a code and a reason, and waits for the client's answer as long as configured.
    pub async fn close(mut self, code: CloseCode, reason: &str) {
        self.0.begin_close(code, reason);
        poll_fn(|cx| self.0.poll_closing(cx)).await;
    }
}

impl Conversation {
    /// Polls an open socket; leaves it pending, or not open any more, or with a message.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Message> {
        loop {
            match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    self.silent = 0;
                    match message {
                        Message::Text(_) | Message::Binary(_) => return Poll::Ready(message),
                        Message::Close(_) => {
                            self.await_end();
                            return Poll::Pending;
                        }
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    match verdict(&error) {
                        Some((code, reason)) => self.begin_close(code, reason),
                        None => self.state = State::Over,
                    }
                    return Poll::Pending;
                }
                Poll::Ready(None) => {
                    self.state = State::Over;
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        if self.drained.as_mut().poll(cx).is_ready() {
            self.begin_close(CloseCode::Restart, "the server restarts");
            return Poll::Pending;
        }
        while self.clock.as_mut().poll(cx).is_ready() {
            self.silent += 1;
            if self.silent >= 2 {
                self.begin_close(CloseCode::Away, "nothing was heard from you");
                return Poll::Pending;
            }
            self.clock.as_mut().reset(Instant::now() + self.ping_every);
            let ping = Message::Ping(bytes::Bytes::new());
            if Pin::new(&mut self.stream).start_send(ping).is_err() {
                self.state = State::Over;
                return Poll::Pending;
            }
        }
        // Pushes out a ping; without one this finds nothing to do.
        if let Poll::Ready(Err(_)) = Pin::new(&mut self.stream).poll_flush(cx) {
            self.state = State::Over;
        }
        Poll::Pending
    }

    fn begin_close(&mut self, code: CloseCode, reason: &str) {
        if self.state != State::Open {
            return;
        }
        let frame = CloseFrame { code, reason: reason.into() };
        let close = Message::Close(Some(frame));
        // A full buffer or a dead peer: then the waiting below is all that is left.
        let _ = Pin::new(&mut self.stream).start_send(close);
        self.await_end();
    }

    fn await_end(&mut self) {
        self.state = State::Flushing;
        self.clock.as_mut().reset(Instant::now() + self.close_wait);
    }

    /// Drives the end of the conversation, until it is over or has taken too long.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_end(cx).is_pending() && self.state != State::Over {
            ready!(self.clock.as_mut().poll(cx));
        }
        self.state = State::Over;
        Poll::Ready(())
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state == State::Flushing {
            // Errors show again in the next step.
            let _ = ready!(Pin::new(&mut self.stream).poll_flush(cx));
            self.state = State::Waiting;
        }
        if self.state == State::Waiting {
            while let Some(Ok(_)) = ready!(Pin::new(&mut self.stream).poll_next(cx)) {}
            self.state = State::Shutting;
        }
        if self.state == State::Shutting {
            let _ = ready!(Pin::new(self.stream.get_mut()).poll_shutdown(cx));
        }
        Poll::Ready(())
    }
}

/// What a client is told about its error; `None` when it is not there to be told.
fn verdict(error: &Error) -> Option<(CloseCode, &'static str)> {
    match error {
        Error::Capacity(_) => Some((CloseCode::Size, "the message is too long")),
        Error::Utf8(_) => Some((CloseCode::Invalid, "the text is not UTF-8")),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some((CloseCode::Protocol, "this is not the WebSocket protocol")),
        _ => None,
    }
}
