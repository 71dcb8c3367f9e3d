//! Reading: by position, one record or the next ones.

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use lru::LruCache;

use super::chain::Chain;
use super::disk::{Disk, DiskFile};
use super::frame::{self, Frame, Position};
use super::seal::OFFSETS_AT;
use super::{seal_name, segment_name};

/// Files that are kept open for reading.
const OPEN_FILES: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
/// Bytes that are read at once when records are read one after the other.
const READ_AT_ONCE: u32 = 1 << 20;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The bytes are not what was written.
    #[error("{file}, byte {at}: {why}")]
    Damaged { file: String, at: u32, why: &'static str },
}

type Result<T> = std::result::Result<T, ReadError>;

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub seq: u64,
    pub id: [u8; 16],
    /// The event's JSON.
    pub body: Bytes,
}

/// What readers know of a segment.
pub(super) struct Piece {
    pub(super) number: u32,
    /// Its first record follows on this position.
    pub(super) after: u64,
    /// The position of its last record; `after` where it has none.
    pub(super) last: u64,
    pub(super) end: u32,
    pub(super) places: Starts,
}

/// Where a segment's records begin.
pub(super) enum Starts {
    /// The seal says it.
    Sealed,
    Known(Vec<u32>),
}

/// The reading side of a log. Cheap to share.
#[derive(Clone)]
pub struct SegmentReader(Arc<Shared>);

struct Shared {
    disk: Arc<dyn Disk>,
    pieces: RwLock<Vec<Piece>>,
    files: Mutex<LruCache<File, Arc<dyn DiskFile>>>,
}

/// A file of the log, by the number of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum File {
    Segment(u32),
    Seal(u32),
}

impl File {
    fn name(self) -> String {
        match self {
            Self::Segment(number) => segment_name(number),
            Self::Seal(number) => seal_name(number),
        }
    }
}

/// Where a record's bytes are.
struct Extent {
    number: u32,
    at: u32,
    length: u32,
}

impl SegmentReader {
    pub(super) fn new(disk: Arc<dyn Disk>, pieces: Vec<Piece>) -> Self {
        let files = Mutex::new(LruCache::new(OPEN_FILES));
        Self(Arc::new(Shared { disk, pieces: RwLock::new(pieces), files }))
    }

    /// The position of the last record; 0 where there is none.
    pub fn end(&self) -> u64 {
        self.pieces().last().map_or(0, |piece| piece.last)
    }

    /// The place behind the batch that ends with the record at a position; none where no batch ends
    /// there.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn position_of(&self, seq: u64) -> Result<Option<Position>> {
        let Some(place) = self.place(seq)? else { return Ok(None) };
        let bytes = self.bytes(place.number, place.at, place.length)?;
        let (_, length) = frame::read(&bytes).map_err(|_| damaged(place.number, place.at))?;
        Ok(frame::mark_at(&bytes[length..]).map(|mark| Position {
            batch: mark.batch,
            seq: mark.seq,
            chain: Chain::at(mark.hash),
        }))
    }

    /// The file that is written to.
    pub fn newest(&self) -> String {
        segment_name(self.pieces().last().map_or(1, |piece| piece.number))
    }

    /// Up to `limit` records after a position, in order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn range(&self, after: u64, limit: usize) -> Result<Vec<Kept>> {
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < limit && after < self.end() {
            let Some(next) = self.next_after(after) else { break };
            let Some(place) = self.place(next)? else { break };
            let wanted = u64::try_from(limit - found.len()).unwrap_or(u64::MAX);
            let last = self.last_of(place.number).min(next.saturating_add(wanted - 1));
            let end = self.place(last)?.map_or(place.at, |last| last.at + last.length);
            // At least the record itself, whatever its length.
            let length = (end - place.at).min(READ_AT_ONCE.max(place.length));
            let bytes = self.bytes(place.number, place.at, length)?;
            let mut at = 0;
            let before = found.len();
            while found.len() < limit && at < bytes.len() {
                match frame::read(&bytes[at..]) {
                    Ok((Frame::Record(record), length)) => {
                        let begin = at + frame::record_bytes(0) as usize;
                        let body = bytes.slice(begin..begin + record.body.len());
                        found.push(Kept { seq: record.seq, id: record.id, body });
                        at += length;
                    }
                    Ok((_, length)) => at += length,
                    // The rest of it was not asked for.
                    Err(frame::Fault::Short | frame::Fault::Empty) => break,
                    Err(_) => {
                        return Err(damaged(place.number, place.at));
                    }
                }
            }
            match found.last() {
                Some(last) if found.len() > before => after = last.seq,
                _ => return Err(damaged(place.number, place.at)),
            }
        }
        Ok(found)
    }

    /// The first position after one that a record has.
    fn next_after(&self, after: u64) -> Option<u64> {
        let pieces = self.pieces();
        let at = pieces.partition_point(|piece| piece.last <= after);
        pieces.get(at).map(|piece| piece.after.max(after) + 1)
    }

    fn last_of(&self, number: u32) -> u64 {
        let pieces = self.pieces();
        pieces.iter().rev().find(|piece| piece.number == number).map_or(0, |piece| piece.last)
    }

    fn place(&self, seq: u64) -> Result<Option<Extent>> {
        let (number, index, end, is_last) = {
            let pieces = self.pieces();
            let at = pieces.partition_point(|piece| piece.last < seq);
            let Some(piece) = pieces.get(at).filter(|piece| piece.after < seq) else {
                return Ok(None);
            };
            let index = usize::try_from(seq - piece.after - 1).unwrap_or(usize::MAX);
            let is_last = seq == piece.last;
            if let Starts::Known(offsets) = &piece.places {
                let Some(&at) = offsets.get(index) else { return Ok(None) };
                let next = offsets.get(index + 1).copied().unwrap_or(piece.end);
                return Ok(Some(Extent { number: piece.number, at, length: next - at }));
            }
            (piece.number, index as u64, piece.end, is_last)
        };
        let mut offsets = [0; 8];
        let wanted = if is_last { 4 } else { 8 };
        let seal = File::Seal(number);
        let read = self
            .file(seal)?
            .read_at(&mut offsets[..wanted], OFFSETS_AT + index * 4)
            .map_err(|error| ReadError::Io(seal.name(), error))?;
        let [a, b, c, d, e, f, g, h] = offsets;
        let at = u32::from_le_bytes([a, b, c, d]);
        let next = if is_last { end } else { u32::from_le_bytes([e, f, g, h]) };
        if read < wanted || next <= at || next > end {
            return Err(damaged(number, at));
        }
        Ok(Some(Extent { number, at, length: next - at }))
    }

    fn bytes(&self, number: u32, at: u32, length: u32) -> Result<Bytes> {
        let segment = File::Segment(number);
        let mut bytes = vec![0; length as usize];
        let read = self.file(segment)?.read_at(&mut bytes, at.into());
        let read = read.map_err(|error| ReadError::Io(segment.name(), error))?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    fn file(&self, which: File) -> Result<Arc<dyn DiskFile>> {
        let mut files = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&which) {
            return Ok(file.clone());
        }
        let name = which.name();
        let file = self.0.disk.open(&name).map_err(|error| ReadError::Io(name, error))?;
        files.put(which, file.clone());
        Ok(file)
    }

    fn pieces(&self) -> std::sync::RwLockReadGuard<'_, Vec<Piece>> {
        self.0.pieces.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, number: u32, change: impl FnOnce(&mut Piece) -> T) -> Option<T> {
        let mut pieces = self.0.pieces.write().unwrap_or_else(PoisonError::into_inner);
        pieces.iter_mut().rev().find(|piece| piece.number == number).map(change)
    }

    /// A new segment takes what follows on `after`.
    pub(super) fn begin(&self, number: u32, after: u64) {
        // A file of that name may have been read before, which came to nothing.
        let mut files = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.pop(&File::Segment(number));
        files.pop(&File::Seal(number));
        drop(files);
        let places = Starts::Known(Vec::new());
        let piece = Piece { number, after, last: after, end: frame::HEADER_BYTES, places };
        self.0.pieces.write().unwrap_or_else(PoisonError::into_inner).push(piece);
    }

    /// The newest segment has a batch more.
    pub(super) fn extend(&self, offsets: &[u32], end: u32, last: u64) {
        let mut pieces = self.0.pieces.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(piece) = pieces.last_mut() {
            if let Starts::Known(known) = &mut piece.places {
                known.extend_from_slice(offsets);
            }
            (piece.end, piece.last) = (end, last);
        }
    }

    /// A segment ends earlier than it was thought.
    pub(super) fn cut(&self, number: u32, end: u32, last: u64) {
        self.change(number, |piece| {
            if let Starts::Known(offsets) = &mut piece.places {
                offsets.retain(|offset| *offset < end);
            }
            (piece.end, piece.last) = (end, last);
        });
    }

    /// Where a segment's records begin, while no seal says it.
    pub(super) fn offsets(&self, number: u32) -> Option<Vec<u32>> {
        self.change(number, |piece| match &piece.places {
            Starts::Known(offsets) => Some(offsets.clone()),
            Starts::Sealed => None,
        })?
    }

    pub(super) fn sealed(&self, number: u32) {
        self.change(number, |piece| piece.places = Starts::Sealed);
    }
}

fn damaged(number: u32, at: u32) -> ReadError {
    let why = "the event there is not what was written; `parlor verify` says what else is damaged";
    ReadError::Damaged { file: segment_name(number), at, why }
}
