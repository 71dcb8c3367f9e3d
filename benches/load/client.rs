//! A small HTTP/1.1 client that costs the machine as little as it can.
//!
//! It shares the cores with the server it measures, so it does nothing twice: requests are bytes
//! made beforehand, one connection is one socket with one buffer, and of an answer only the status
//! and the length are understood (`Content-Length` and chunked). A full client was refused: at
//! 70,000 requests a second it would take more of the machine than the server.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// One keep-alive connection. One request at a time; no answer may be left half read.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes from the socket; those before `taken` are done with.
    inbox: Vec<u8>,
    taken: usize,
    /// Decoded bytes of a chunked answer; those before `told` were handed out as events.
    body: Vec<u8>,
    told: usize,
}

/// The status and the kind of body of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// The body's length; `None` if it comes in chunks.
    length: Option<usize>,
}

/// A server-sent event.
pub(crate) struct Event<'a> {
    pub(crate) kind: &'a [u8],
    pub(crate) data: &'a [u8],
    /// Its size on the wire, without HTTP's chunk marks.
    pub(crate) size: usize,
}

impl Connection {
    /// Connects to a server.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::new(), taken: 0, body: Vec::new(), told: 0 })
    }

    /// Connects to a server from this address of the machine's own.
    pub(crate) async fn open_from(from: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::new(), taken: 0, body: Vec::new(), told: 0 })
    }

    /// Sends a request and reads the whole answer: its status and its body.
    pub(crate) async fn call(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        let head = self.start(request).await?;
        let Some(length) = head.length else {
            while self.piece().await? {}
            return Ok((head.status, &self.body));
        };
        while self.inbox.len() - self.taken < length {
            self.fill(length).await?;
        }
        let start = self.taken;
        self.taken += length;
        Ok((head.status, &self.inbox[start..self.taken]))
    }

    /// Sends a request and reads only the head of the answer; the events follow.
    pub(crate) async fn start(&mut self, request: &[u8]) -> io::Result<Head> {
        self.stream.write_all(request).await?;
        self.body.clear();
        self.told = 0;
        loop {
            if let Some(length) = find(&self.inbox[self.taken..], b"\r\n\r\n") {
                let head = parse_head(&self.inbox[self.taken..self.taken + length]);
                self.taken += length + 4;
                return head;
            }
            self.fill(0).await?;
        }
    }

    /// The next event with data, `None` at the end of the stream.
    pub(crate) async fn event(&mut self) -> io::Result<Option<Event<'_>>> {
        loop {
            if let Some(length) = find(&self.body[self.told..], b"\n\n") {
                let start = self.told;
                self.told += length + 2;
                if field(&self.body[start..start + length], b"data:").is_some() {
                    let block = &self.body[start..start + length];
                    let data = field(block, b"data:").unwrap_or_default();
                    let kind = field(block, b"event:").unwrap_or_default();
                    return Ok(Some(Event { kind, data, size: length + 2 }));
                }
                continue;
            }
            self.body.drain(..self.told);
            self.told = 0;
            if !self.piece().await? {
                return Ok(None);
            }
        }
    }

    /// Sends bytes that are not HTTP: a WebSocket frame.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits until bytes that contain `text` have come in, and drops them.
    pub(crate) async fn expect(&mut self, text: &[u8]) -> io::Result<()> {
        while find(&self.inbox[self.taken..], text).is_none() {
            self.fill(0).await?;
        }
        self.taken = self.inbox.len();
        Ok(())
    }

    /// Waits until bytes that contain `mark` have come in, and takes them.
    pub(crate) async fn bytes_with(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        while find(&self.inbox[self.taken..], mark).is_none() {
            self.fill(0).await?;
        }
        Ok(self.inbox.split_off(self.taken))
    }

    /// Waits for bytes that contain `mark`; how often they do. They are dropped, but for what may be the
    /// beginning of one more.
    pub(crate) async fn count(&mut self, mark: &[u8]) -> io::Result<usize> {
        let mut count = 0;
        while count == 0 {
            self.fill(0).await?;
            while let Some(at) = find(&self.inbox[self.taken..], mark) {
                self.taken += at + mark.len();
                count += 1;
            }
            let rest = self.inbox.len() - self.taken;
            self.taken = self.inbox.len() - rest.min(mark.len() - 1);
            self.inbox.drain(..self.taken);
            self.taken = 0;
        }
        Ok(count)
    }

    /// Whether the other side has ended the connection; drops what it sent meanwhile.
    pub(crate) fn has_ended(&self) -> bool {
        let mut waste = [0; 4096];
        loop {
            match self.stream.try_read(&mut waste) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Gives back the memory of the buffers, for a connection that is about to idle.
    pub(crate) fn shrink(&mut self) {
        self.inbox = Vec::new();
        self.taken = 0;
        self.body = Vec::new();
        self.told = 0;
    }

    /// Reads one HTTP chunk into `body`; false after the last one.
    async fn piece(&mut self) -> io::Result<bool> {
        loop {
            let rest = &self.inbox[self.taken..];
            let Some(line) = find(rest, b"\r\n") else {
                self.fill(0).await?;
                continue;
            };
            let size = parse_hex(&rest[..line])?;
            let start = line + 2;
            if rest.len() < start + size + 2 {
                self.fill(start + size + 2).await?;
                continue;
            }
            self.body.extend_from_slice(&rest[start..start + size]);
            self.taken += start + size + 2;
            return Ok(size > 0);
        }
    }

    /// Reads once from the socket; `wanted` is how much the caller knows to be missing.
    async fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.taken == self.inbox.len() {
            self.inbox.clear();
            self.taken = 0;
        } else if self.taken > 32_768 {
            self.inbox.drain(..self.taken);
            self.taken = 0;
        }
        self.inbox.reserve(wanted.max(2_048));
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The header of a request that is sent under another key each time: [`Repeated`] writes the key.
pub(crate) const KEYED: &str = "idempotency-key: 00000000000000000000000000000000\r\n";
const KEY_BEGIN: &[u8] = b"idempotency-key: ";
const KEY_LENGTH: usize = 32;

/// A request that a client sends again and again. Where it has [`KEYED`], each time is a request of its own.
pub(crate) struct Repeated {
    bytes: Arc<[u8]>,
    /// With a key: the request to write into, where the key's number stands, and what it was last.
    keyed: Option<(Vec<u8>, usize, u64)>,
}

impl Repeated {
    pub(crate) fn new(bytes: Arc<[u8]>) -> Self {
        let keyed = find(&bytes, KEY_BEGIN).map(|at| {
            let (mut own, key) = (bytes.to_vec(), at + KEY_BEGIN.len());
            // Half of the key is the client's, half counts its requests.
            let client = format!("{:016x}", rand::random::<u64>());
            own[key..key + KEY_LENGTH / 2].copy_from_slice(client.as_bytes());
            (own, key + KEY_LENGTH / 2, 0)
        });
        Self { bytes, keyed }
    }

    /// The bytes to send now.
    pub(crate) fn next(&mut self) -> &[u8] {
        let Some((own, at, count)) = &mut self.keyed else { return &self.bytes };
        *count += 1;
        for digit in 0..KEY_LENGTH / 2 {
            let value = (*count >> (4 * digit)) & 0xf;
            own[*at + KEY_LENGTH / 2 - 1 - digit] = b"0123456789abcdef"[value as usize];
        }
        own
    }
}

/// The bytes of a request. `headers` are whole lines, each with its CRLF.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = match method {
        "POST" => {
            format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
        }
        _ => String::new(),
    };
    format!("{method} {path} HTTP/1.1\r\nhost: load\r\n{headers}{length}\r\n{body}").into_bytes()
}

/// The value of the first `"text":"…"` in a piece of JSON, as it is written there.
pub(crate) fn text_in(json: &[u8]) -> &[u8] {
    let Some(start) = find(json, b"\"text\":\"").map(|at| at + 8) else { return &[] };
    let rest = &json[start..];
    let mut escaped = false;
    let end = rest.iter().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => *byte == b'"',
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Where `needle` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn parse_head(head: &[u8]) -> io::Result<Head> {
    let digits = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let status = digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| broken("status"))?;
    let mut length = Some(0);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        if line[..colon].eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).ok();
            let number = digits.and_then(|digits| digits.parse().ok());
            length = Some(number.ok_or_else(|| broken("content-length"))?);
        } else if line[..colon].eq_ignore_ascii_case(b"transfer-encoding") {
            length = None;
        }
    }
    Ok(Head { status, length })
}

fn parse_hex(line: &[u8]) -> io::Result<usize> {
    let digits = std::str::from_utf8(line).ok().map(|line| line.trim());
    digits.and_then(|digits| usize::from_str_radix(digits, 16).ok()).ok_or_else(|| broken("chunk"))
}

fn field<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    block
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(name))
        .map(<[u8]>::trim_ascii_start)
}

fn broken(part: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer's {part} cannot be read"))
}
