//! The memory of connections that only wait: event streams and WebSockets.
//!
//! What is measured is the growth of the server's resident memory, divided by the connections; what
//! the kernel keeps for a socket is not in it, on either side. It is read twice: once all are open,
//! and after the server has sent its first comments and pings.

use std::{io, time::Duration};

use tokio::{task::JoinSet, time};

use crate::{
    client::{Connection, request},
    conversations,
    drive::refused,
    figures::{Table, goal},
    server::{Process, Server, Setting, raise_open_files},
};

/// How many connections.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Connections of each kind.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) connections: usize,
    /// Conversations they spread over.
    #[arg(long, default_value_t = 100)]
    pub(crate) conversations: usize,
    /// Seconds to wait before the first reading.
    #[arg(long, default_value_t = 5)]
    pub(crate) settle: u64,
    /// Seconds to wait before the second; 0 leaves it out.
    #[arg(long, default_value_t = 22)]
    pub(crate) keep: u64,
}

/// Connections opened at a time: less than a listener's queue holds.
const AT_ONCE: usize = 128;

/// Measures, prints the table and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let files = raise_open_files();
    if files < options.connections as u64 + 100 {
        let files = format!("only {files} files may be open; raise the hard limit (ulimit -Hn)");
        return Err(io::Error::other(files));
    }
    let mut table = Table::new(["idle, KiB each", "open", "after a keep-alive", "ended by it"]);
    let mut readings = Vec::new();
    for kind in [Kind::Events, Kind::Socket] {
        // A process of its own for each: memory once taken is not given back.
        let home = setting.fresh()?;
        let server = Server::start(setting, &home.path().join("data"))?;
        let started = conversations::start(&server, options.conversations.max(1)).await?;
        let openings = started.iter().map(|one| kind.opening(&server, &one.id)).collect();
        let ours = measure(&server, openings, options).await?;
        drop(server);
        let empty = Process::empty()?;
        let limit = measure(&empty, vec![kind.bare()], options).await?;
        for (name, reading) in [("parlor", &ours), ("poem, bare", &limit)] {
            let first = format!("{:.1}", reading.open);
            let kept = reading.kept.map(|kept| format!("{kept:.1}")).unwrap_or_default();
            let name = format!("{name}, {}", kind.name());
            table.row(vec![name, first, kept, reading.ended.to_string()]);
        }
        readings.push((kind, ours, limit));
    }
    table.print();
    for (kind, ours, limit) in readings {
        let (name, most) = (kind.name(), kind.most());
        let each = ours.worst();
        let figure = format!("{each:.1} KiB (bare poem {:.1} KiB)", limit.worst());
        goal(&format!("idle {name} at most {most} KiB"), &figure, each <= most);
        if ours.ended > 0 {
            let figure = format!("{} of {} ended", ours.ended, options.connections);
            goal(&format!("idle {name} stay open"), &figure, false);
        }
    }
    Ok(())
}

/// A kind of connection.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Events,
    Socket,
}

/// What is sent on a new connection, and what shows that it is set up.
#[derive(Clone)]
pub(crate) struct Opening {
    request: Vec<u8>,
    /// A frame to send after the answer's head, and the text that confirms it.
    then: Option<(Vec<u8>, &'static [u8])>,
}

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Events => "event streams",
            Self::Socket => "WebSockets",
        }
    }

    pub(crate) fn opening(self, server: &Server, id: &str) -> Opening {
        let credential = server.credential();
        match self {
            Self::Events => {
                let path = format!("/live/v1/conversations/{id}/stream");
                let headers = format!("{credential}accept: text/event-stream\r\n");
                Opening { request: request("GET", &path, &headers, ""), then: None }
            }
            Self::Socket => {
                let headers = format!("{credential}{UPGRADE}");
                let subscribe =
                    format!(r#"{{"type":"subscribe","conversation_id":"{id}","ref":"1"}}"#);
                Opening {
                    request: request("GET", "/live/v1/ws", &headers, ""),
                    then: Some((frame(subscribe.as_bytes()), b"\"ok\"")),
                }
            }
        }
    }

    /// KiB that one may take.
    fn most(self) -> f64 {
        match self {
            Self::Events => 10.0,
            Self::Socket => 8.0,
        }
    }

    fn bare(self) -> Opening {
        self.bare_at("/idle/sse", "/idle/ws")
    }

    /// On the empty server, at the one path or the other.
    pub(crate) fn bare_at(self, events: &str, socket: &str) -> Opening {
        match self {
            Self::Events => Opening { request: request("GET", events, "", ""), then: None },
            Self::Socket => Opening {
                request: request("GET", socket, UPGRADE, ""),
                then: Some((frame(br#"{"type":"subscribe"}"#), b"\"ok\"")),
            },
        }
    }
}

/// KiB for each connection.
struct Reading {
    open: f64,
    kept: Option<f64>,
    /// Connections that the server ended while they were idle.
    ended: usize,
}

impl Reading {
    fn worst(&self) -> f64 {
        self.kept.map_or(self.open, |kept| kept.max(self.open))
    }
}

async fn measure(
    server: &Process,
    openings: Vec<Opening>,
    options: &Options,
) -> io::Result<Reading> {
    // The first of each kind sets up what all share.
    drop(connect(server.address, &openings[0]).await?);
    time::sleep(Duration::from_millis(300)).await;
    let before = server.resident();
    let each = |now: u64| {
        now.saturating_sub(before) as f64 / 1024.0 / (options.connections as f64).max(1.0)
    };
    let mut connections = Vec::with_capacity(options.connections);
    while connections.len() < options.connections {
        let mut some = JoinSet::new();
        for index in connections.len()..options.connections.min(connections.len() + AT_ONCE) {
            let address = server.address;
            let opening = openings[index % openings.len()].clone();
            some.spawn(async move { connect(address, &opening).await });
        }
        for connection in some.join_all().await {
            connections.push(connection?);
        }
    }
    time::sleep(Duration::from_secs(options.settle)).await;
    let open = each(server.resident());
    let mut kept = None;
    if options.keep > 0 {
        time::sleep(Duration::from_secs(options.keep)).await;
        kept = Some(each(server.resident()));
    }
    let ended = connections.iter().filter(|connection| connection.has_ended()).count();
    Ok(Reading { open, kept, ended })
}

/// Opens a connection and waits until it is set up.
pub(crate) async fn connect(
    address: std::net::SocketAddr,
    opening: &Opening,
) -> io::Result<Connection> {
    let mut connection = Connection::open(address).await?;
    let head = connection.start(&opening.request).await?;
    let expected = if opening.then.is_some() { 101 } else { 200 };
    if head.status != expected {
        return Err(refused(head.status, b"instead of an idle connection"));
    }
    if let Some((frame, confirmed)) = &opening.then {
        connection.send(frame).await?;
        connection.expect(confirmed).await?;
    }
    connection.shrink();
    Ok(connection)
}

/// A client's text frame; the mask is zero, so the text stays as it is.
fn frame(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a subscription is short");
    let mut frame = vec![0x81];
    if length < 126 {
        frame.push(0x80 | length);
    } else {
        frame.extend([0x80 | 126, 0, length]);
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(text);
    frame
}
