//! The bytes of a segment: a header, then batches of records, each closed by a mark.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the payload, little-endian |
//! | 4 | CRC-32C (RFC 3720, B.4) of kind and payload, little-endian |
//! | 1 | kind |
//! | length | payload |
//!
//! The header is a frame at byte 0 and has [`HEADER_BYTES`] to itself. Numbers in payloads are
//! little-endian. What was never written reads as zeros, and no frame begins with a zero length.

use super::chain::{Chain, HASH_BYTES, Hash};

/// What stands before a frame's payload.
pub(super) const HEAD_BYTES: usize = 9;
/// Where the first batch begins. A power of two that no disk writes in parts.
pub(super) const HEADER_BYTES: u32 = 512;
/// The largest payload of a record: more than any event can have.
pub const MAX_BODY_BYTES: usize = 32 << 20;

const MAGIC: [u8; 8] = *b"parlor\x03\n";
const RECORD: u8 = 1;
const MARK: u8 = 2;
const HEADER: u8 = 3;
pub(super) const SEAL: u8 = 4;

const RECORD_FIXED: usize = 8 + 16;
const MARK_PAYLOAD: usize = 8 + 8 + 4 + 4 + HASH_BYTES + 1;
/// The last byte of a mark: one that ends in zero would look like one that was written in part.
const MARK_END: u8 = b'\n';
pub(super) const MARK_BYTES: usize = HEAD_BYTES + MARK_PAYLOAD;

/// What is wrong with the bytes at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Nothing was written there, or the bytes end.
    #[error("nothing is written there")]
    Empty,
    #[error("the frame is longer than what is there")]
    Short,
    #[error("the checksum is wrong")]
    Checksum,
    #[error("the frame is not one of this format")]
    Unknown,
}

/// An event as the log keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub seq: u64,
    /// The event's id.
    pub id: [u8; 16],
    /// The event's JSON.
    pub body: &'a [u8],
}

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The number of the batch; the first of a log is 1.
    pub(super) batch: u64,
    /// The position of the batch's last event.
    pub(super) seq: u64,
    /// Bytes of the batch's records, which stand right before.
    pub(super) bytes: u32,
    pub(super) records: u32,
    /// The chain after this batch.
    pub(super) hash: Hash,
}

/// A place between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The number of the batch before it; 0 at the beginning.
    pub batch: u64,
    /// The position of the last event before it.
    pub seq: u64,
    pub chain: Chain,
}

impl Position {
    /// The bytes from which [`Self::from_bytes`] reads it: 48.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + HASH_BYTES);
        put_position(&mut bytes, self);
        bytes
    }

    /// None where these are not the bytes of a position.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let position = fields.position()?;
        fields.0.is_empty().then_some(position)
    }
}

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the log; all its segments have the same.
    pub(super) log: [u8; 16],
    /// The segment's number; the first is 1.
    pub(super) number: u32,
    /// Where it begins.
    pub(super) start: Position,
    /// Where the segment before it ends, in bytes: what stands behind that was never acknowledged.
    pub(super) previous_end: u32,
    /// What came before was lost, and an operator accepted that.
    pub(super) after_loss: bool,
}

/// A frame that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Record(Record<'a>),
    Mark(Mark),
    Header(Header),
    /// The payload of a seal.
    Seal(&'a [u8]),
}

/// Puts a record behind what `out` holds. Its body is at most [`MAX_BODY_BYTES`] long.
pub(super) fn put_record(out: &mut Vec<u8>, record: &Record<'_>) {
    let at = begin(out, RECORD);
    out.extend_from_slice(&record.seq.to_le_bytes());
    out.extend_from_slice(&record.id);
    out.extend_from_slice(record.body);
    finish(out, at);
}

/// How many bytes a record takes, by the length of its body.
pub(super) fn record_bytes(body: usize) -> u32 {
    u32::try_from(HEAD_BYTES + RECORD_FIXED + body).unwrap_or(u32::MAX)
}

pub(super) fn put_mark(out: &mut Vec<u8>, mark: &Mark) {
    let at = begin(out, MARK);
    out.extend_from_slice(&mark.batch.to_le_bytes());
    out.extend_from_slice(&mark.seq.to_le_bytes());
    out.extend_from_slice(&mark.bytes.to_le_bytes());
    out.extend_from_slice(&mark.records.to_le_bytes());
    out.extend_from_slice(&mark.hash);
    out.push(MARK_END);
    finish(out, at);
}

/// The first [`HEADER_BYTES`] of a segment.
pub(super) fn header_bytes(header: &Header) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES as usize);
    let at = begin(&mut out, HEADER);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&header.log);
    out.extend_from_slice(&header.number.to_le_bytes());
    put_position(&mut out, &header.start);
    out.extend_from_slice(&header.previous_end.to_le_bytes());
    out.push(u8::from(header.after_loss));
    finish(&mut out, at);
    // So that the whole sector is told apart from one that was never written.
    out.resize(HEADER_BYTES as usize, 0xff);
    out
}

pub(super) fn put_position(out: &mut Vec<u8>, position: &Position) {
    out.extend_from_slice(&position.batch.to_le_bytes());
    out.extend_from_slice(&position.seq.to_le_bytes());
    out.extend_from_slice(&position.chain.hash());
}

/// Begins a frame of a kind; [`finish`] completes it.
pub(super) fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    out.push(kind);
    at
}

/// Writes length and checksum of the frame that begins at `at` and ends where `out` does.
pub(super) fn finish(out: &mut [u8], at: usize) {
    let length = u32::try_from(out.len() - at - HEAD_BYTES).unwrap_or(u32::MAX);
    let checksum = crc32c::crc32c(&out[at + 8..]);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    out[at + 4..at + 8].copy_from_slice(&checksum.to_le_bytes());
}

/// How long the frame at the beginning of `bytes` says it is, head included; none where it says
/// nothing that can be.
pub(super) fn claimed_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    let can_be = match *bytes.get(8)? {
        RECORD => (RECORD_FIXED..=MAX_BODY_BYTES + RECORD_FIXED).contains(&length),
        MARK => length == MARK_PAYLOAD,
        HEADER => length < HEADER_BYTES as usize,
        SEAL => true,
        _ => false,
    };
    can_be.then_some(length + HEAD_BYTES)
}

/// Reads the frame at the beginning of `bytes` and says how long it is.
pub(super) fn read(bytes: &[u8]) -> Result<(Frame<'_>, usize), Fault> {
    let Some(head) = bytes.get(..HEAD_BYTES) else { return Err(Fault::Empty) };
    if head == [0; HEAD_BYTES] {
        return Err(Fault::Empty);
    }
    let length = claimed_length(head).ok_or(Fault::Unknown)?;
    let frame = bytes.get(..length).ok_or(Fault::Short)?;
    let stored = frame[4..8].try_into().map(u32::from_le_bytes).unwrap_or_default();
    if crc32c::crc32c(&frame[8..]) != stored {
        return Err(Fault::Checksum);
    }
    let mut payload = Fields(&frame[HEAD_BYTES..]);
    let parsed = match frame[8] {
        RECORD => payload.record(),
        MARK => payload.mark(),
        HEADER => payload.header(),
        SEAL => Some(Frame::Seal(payload.0)),
        _ => None,
    };
    parsed.map(|frame| (frame, length)).ok_or(Fault::Unknown)
}

/// Reads the mark at the beginning of `bytes`, if one is there.
pub(super) fn mark_at(bytes: &[u8]) -> Option<Mark> {
    // Most places are told by their first bytes.
    let head = bytes.get(..HEAD_BYTES)?;
    if head[8] != MARK || claimed_length(head) != Some(MARK_BYTES) {
        return None;
    }
    match read(bytes) {
        Ok((Frame::Mark(mark), _)) => Some(mark),
        _ => None,
    }
}

/// Whether bytes that cannot be read were a mark: they are as long as one, and say so by their length or
/// by their kind.
pub(super) fn was_mark(bytes: &[u8]) -> bool {
    let length = u32::try_from(MARK_PAYLOAD).unwrap_or_default().to_le_bytes();
    bytes.len() == MARK_BYTES && (bytes[8] == MARK || bytes[..4] == length)
}

/// What is left of a payload.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn position(&mut self) -> Option<Position> {
        let (batch, seq) = (self.u64()?, self.u64()?);
        Some(Position { batch, seq, chain: Chain::at(self.take()?) })
    }

    fn record(mut self) -> Option<Frame<'a>> {
        let (seq, id) = (self.u64()?, self.take()?);
        Some(Frame::Record(Record { seq, id, body: self.0 }))
    }

    fn mark(mut self) -> Option<Frame<'a>> {
        let (batch, seq, bytes, records) = (self.u64()?, self.u64()?, self.u32()?, self.u32()?);
        let hash = self.take()?;
        (self.0 == [MARK_END]).then_some(Frame::Mark(Mark { batch, seq, bytes, records, hash }))
    }

    fn header(&mut self) -> Option<Frame<'a>> {
        if self.take()? != MAGIC {
            return None;
        }
        let (log, number, start) = (self.take()?, self.u32()?, self.position()?);
        let (previous_end, [after_loss]) = (self.u32()?, self.take()?);
        let after_loss = after_loss != 0;
        Some(Frame::Header(Header { log, number, start, previous_end, after_loss }))
    }
}
