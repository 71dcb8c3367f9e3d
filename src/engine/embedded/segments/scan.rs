//! Reading a segment from its first batch on: what is whole, and what the rest is.
//!
//! A crash leaves a batch without its mark, or with whole sectors as they were before, and these were
//! zero. Only such a batch, with nothing valid behind it, is torn and may be cut. A mark that is there
//! and cannot be read is damage: it was a whole batch. So is everything else.

use super::chain::Chain;
use super::frame::{self, Fault, Frame, HEADER_BYTES, Header, Mark, Position, Record};

/// The least that a disk writes as one.
const SECTOR: usize = 512;

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    /// Where each record begins, in order.
    pub(super) offsets: Vec<u32>,
    /// Where the last whole batch ends.
    pub(super) end: u32,
    /// After the last whole batch.
    pub(super) position: Position,
    /// The last whole batch.
    pub(super) last: Option<Batch>,
    pub(super) tail: Tail,
}

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) at: u32,
    /// Before it.
    pub(super) before: Position,
}

/// What stands behind the last whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing.
    Clean,
    /// A batch that a crash cut short: so many bytes, which nobody was told are kept.
    Torn { bytes: u32 },
    /// Something else.
    Damaged(Damage),
}

/// Bytes that are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) at: u32,
    pub(super) fault: Problem,
    /// The last position that a valid batch behind it has.
    pub(super) behind: Option<u64>,
}

/// Why a batch is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Frame(#[from] Fault),
    #[error("an event is missing or stands twice")]
    Gap,
    #[error("the hash of the batch is not the one in its mark")]
    Chain,
    #[error("a frame of another kind stands among the events")]
    Kind,
}

/// Reads all batches of a segment's bytes and shows each whole batch's records to `visit`. Where it is
/// known where the segment ends, `until` says so: then nothing is torn.
pub(super) fn scan<'a>(
    bytes: &'a [u8],
    header: &Header,
    until: Option<u32>,
    visit: impl FnMut(&[(u32, Record<'a>)]),
) -> Scan {
    scan_from(bytes, (HEADER_BYTES, header.start), until, visit)
}

/// As [`scan`], from a batch on: where it begins, and what comes before it.
pub(super) fn scan_from<'a>(
    bytes: &'a [u8],
    (end, position): (u32, Position),
    until: Option<u32>,
    mut visit: impl FnMut(&[(u32, Record<'a>)]),
) -> Scan {
    let whole = until.map_or(bytes, |end| bytes.get(..end as usize).unwrap_or(bytes));
    let mut found = Scan { offsets: Vec::new(), end, position, last: None, tail: Tail::Clean };
    let mut records = Vec::new();
    loop {
        if until.is_some_and(|end| end <= found.end) {
            return found;
        }
        match batch(whole, found.end as usize, &found.position, &mut records) {
            Ok((position, end)) => {
                visit(&records);
                found.offsets.extend(records.iter().map(|(at, _)| *at));
                found.last = Some(Batch { at: found.end, before: found.position });
                (found.position, found.end) = (position, end);
            }
            Err((at, problem)) => {
                let behind = || last_mark(whole, at).map(|(_, mark)| mark.seq);
                let damage =
                    || Tail::Damaged(Damage { at: place(at), fault: problem, behind: behind() });
                found.tail = match until {
                    Some(_) => damage(),
                    None => tail(whole, &found, at).unwrap_or_else(damage),
                };
                return found;
            }
        }
    }
}

/// Reads the batch that begins at `at`; answers where the next one would. On an error, where it is.
fn batch<'a>(
    bytes: &'a [u8],
    begin: usize,
    before: &Position,
    records: &mut Vec<(u32, Record<'a>)>,
) -> Result<(Position, u32), (usize, Problem)> {
    records.clear();
    let number = before.batch + 1;
    let mut link = before.chain.batch(number);
    let (mut at, mut seq) = (begin, before.seq);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let (frame, length) = frame::read(rest).map_err(|fault| (at, fault.into()))?;
        match frame {
            Frame::Record(record) => {
                if record.seq != seq + 1 {
                    return Err((at, Problem::Gap));
                }
                seq = record.seq;
                link.add(&record);
                records.push((place(at), record));
            }
            Frame::Mark(mark) => {
                let chain = link.close();
                let expected = Mark {
                    batch: number,
                    seq,
                    bytes: place(at - begin),
                    records: u32::try_from(records.len()).unwrap_or(u32::MAX),
                    hash: chain.hash(),
                };
                if mark != expected {
                    return Err((at, Problem::Chain));
                }
                return Ok((Position { batch: number, seq, chain }, place(at + length)));
            }
            Frame::Header(_) | Frame::Seal(_) => return Err((at, Problem::Kind)),
        }
        at += length;
    }
}

/// What stands behind the last whole batch, where reading failed at `at`; none when it is damage.
fn tail(bytes: &[u8], found: &Scan, at: usize) -> Option<Tail> {
    let begin = found.end as usize;
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if written <= begin {
        return Some(Tail::Clean);
    }
    let torn = Tail::Torn { bytes: place(written - begin) };
    // The batch's own mark may be there while a sector before it is not.
    let own = match marks(bytes, at).next() {
        None => None,
        Some((mark_at, mark)) => {
            let is_own =
                mark.batch == found.position.batch + 1 && mark_at - begin == mark.bytes as usize;
            let is_last = mark_at + frame::MARK_BYTES >= written;
            if !is_own || !is_last {
                return None;
            }
            Some(mark_at)
        }
    };
    // All records can be read, and what is left was their mark.
    let is_mark = own.is_none() && at > begin && frame::was_mark(&bytes[at..written]);
    let place = at..own.unwrap_or(written);
    let is_whole = own.is_some() || is_mark;
    (!is_whole || was_not_written(bytes, begin, place)).then_some(torn)
}

/// Whether one of the sectors at a place is as it was before the batch that begins at `begin`.
fn was_not_written(bytes: &[u8], begin: usize, place: std::ops::Range<usize>) -> bool {
    let first = place.start / SECTOR;
    let last = place.end.min(bytes.len()).saturating_sub(1) / SECTOR;
    (first..=last).any(|sector| {
        let from = (sector * SECTOR).max(begin);
        let to = ((sector + 1) * SECTOR).min(bytes.len());
        bytes.get(from..to).is_some_and(|part| part.iter().all(|byte| *byte == 0))
    })
}

/// Where the first batch behind damage at `at` begins, and what comes before it.
pub(super) fn resume(bytes: &[u8], at: u32) -> Option<(u32, Position)> {
    let (at, Mark { batch, seq, hash, .. }) = marks(bytes, at as usize).next()?;
    Some((place(at + frame::MARK_BYTES), Position { batch, seq, chain: Chain::at(hash) }))
}

/// Valid marks from `from` on, at any byte.
fn marks(bytes: &[u8], from: usize) -> impl Iterator<Item = (usize, Mark)> + '_ {
    (from..bytes.len()).filter_map(|at| Some((at, frame::mark_at(&bytes[at..])?)))
}

fn last_mark(bytes: &[u8], from: usize) -> Option<(usize, Mark)> {
    (from..bytes.len()).rev().find_map(|at| Some((at, frame::mark_at(&bytes[at..])?)))
}

/// A place in a segment. They are smaller than 4 GiB.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
