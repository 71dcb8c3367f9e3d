//! Reading a whole log: whether it is what was written, and what can be saved of one that is not.

use std::io;
use std::sync::Arc;

use super::append::AppendError;
use super::disk::{Disk, read_whole};
use super::frame::{self, HEADER_BYTES, Header, Position, Record};
use super::open::{
    Files, OpenError, Refusal, Segment, Survey, open, read_header, read_seal, survey,
};
use super::scan::{Tail, resume, scan, scan_from};
use super::{Sizes, seal_name, segment_name};

/// What was found in a log that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    pub segments: u64,
    pub events: u64,
    pub bytes: u64,
    /// Bytes of a batch that a crash cut short.
    pub torn_bytes: u64,
}

/// Reads every byte of a log and writes nothing.
///
/// # Errors
/// The first thing that is not as it was written.
pub fn verify(disk: &dyn Disk) -> Result<Checked, OpenError> {
    check_all(disk, &survey(disk)?)
}

/// How often a log that others write is looked at, where each look finds something else.
const LOOKS: usize = 16;

/// The same of a log that a process writes at the same time: as far as it was written when it was looked
/// at. Only what is found twice in a row at the same place is damage: a batch that is being written, and
/// a segment that another process ended earlier, are whole when they are looked at again.
///
/// # Errors
/// As [`verify`].
pub fn verify_beside(disk: &dyn Disk) -> Result<Checked, OpenError> {
    let look = || check_all(disk, &survey_of_one_moment(disk)?);
    let mut found = look();
    for _ in 1..LOOKS {
        let Err(before) = &found else { break };
        let again = look();
        let is_there = again.as_ref().is_err_and(|again| is_same(before, again));
        found = again;
        if is_there {
            break;
        }
    }
    found
}

/// Looks at a folder until no segment has begun or was sealed meanwhile: then the last segment is as it was
/// read, and not cut because another has what it ended with.
fn survey_of_one_moment(disk: &dyn Disk) -> Result<Survey, OpenError> {
    let mut before = Files::of(disk)?;
    for _ in 1..LOOKS {
        let found = survey(disk);
        let after = Files::of(disk)?;
        if after == before {
            return found;
        }
        before = after;
    }
    survey(disk)
}

fn check_all(disk: &dyn Disk, survey: &Survey) -> Result<Checked, OpenError> {
    let mut checked = Checked { torn_bytes: survey.torn.into(), ..Checked::default() };
    for segment in &survey.segments {
        check(disk, segment, &mut checked)?;
    }
    Ok(checked)
}

fn is_same(one: &OpenError, other: &OpenError) -> bool {
    match (one, other) {
        (OpenError::Refused(one), OpenError::Refused(other)) => {
            (&one.file, one.at, &one.why) == (&other.file, other.at, &other.why)
        }
        (OpenError::Io(one), OpenError::Io(other)) => one.kind() == other.kind(),
        (OpenError::Refused(_), OpenError::Io(_)) | (OpenError::Io(_), OpenError::Refused(_)) => {
            false
        }
    }
}

/// Segments that were full when a log was opened, and whose batches were not read then.
pub struct Unread {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) segments: Vec<Segment>,
}

impl Unread {
    /// Reads every byte of them while the log is in use. `goes_on` is asked between two segments.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(&self, mut goes_on: impl FnMut() -> bool) -> Result<Checked, OpenError> {
        let mut checked = Checked::default();
        for segment in &self.segments {
            if !goes_on() {
                break;
            }
            check(&*self.disk, segment, &mut checked)?;
        }
        Ok(checked)
    }
}

/// Reads every byte of one segment.
fn check(disk: &dyn Disk, segment: &Segment, checked: &mut Checked) -> Result<(), OpenError> {
    let number = segment.header.number;
    let name = segment_name(number);
    // Without a seal it was read whole when it was looked at; what follows its header may since have moved on.
    let until = if segment.offsets.is_some() { HEADER_BYTES } else { segment.end };
    let bytes = read_whole(&*disk.open(&name)?, until.into())?;
    let refuse = |at: u64, why: String| Refusal { file: name.clone(), at, why, at_stake: None };
    let header = frame::header_bytes(&segment.header);
    if let Some(at) = header.iter().zip(&bytes).position(|(wanted, found)| wanted != found) {
        return Err(refuse(at as u64, "the header is damaged".into()).into());
    }
    let events = match &segment.offsets {
        Some(offsets) => offsets.len(),
        None => {
            let found = scan(&bytes, &segment.header, Some(segment.end), |_| {});
            if let Tail::Damaged(damage) = found.tail {
                return Err(refuse(damage.at.into(), damage.fault.to_string()).into());
            }
            let is_true = read_seal(disk, number)?.is_some_and(|seal| {
                seal.offsets == found.offsets
                    && seal.checksum == crc32c::crc32c(&bytes)
                    && seal.position == found.position
            });
            if !is_true {
                let why = "the seal is not the segment's".to_owned();
                return Err(Refusal { file: seal_name(number), at: 0, why, at_stake: None }.into());
            }
            found.offsets.len()
        }
    };
    checked.segments += 1;
    checked.events += events as u64;
    checked.bytes += u64::from(segment.end);
    Ok(())
}

/// What was saved of a damaged log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Salvaged {
    pub kept: u64,
    /// Events whose positions are missing now, as far as is known.
    pub lost: u64,
}

/// Why a log could not be saved into another folder.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Writes every whole batch of a log that can be read into an empty folder. Events keep their
/// positions; those that are lost leave a gap, and no other gets one up to `seen`, which readers may
/// hold.
///
/// # Errors
/// [`SalvageError`]; what is damaged is none.
pub fn salvage(
    from: &dyn Disk,
    into: Arc<dyn Disk>,
    sizes: Sizes,
    seen: u64,
) -> Result<Salvaged, SalvageError> {
    let mut appender = open(into, sizes)?.appender;
    let mut saved = Salvaged::default();
    let numbers: Vec<u32> = Files::of(from)?.segments.into_iter().collect();
    let mut furthest = seen;
    for (at, number) in numbers.iter().enumerate() {
        let next = match numbers.get(at + 1) {
            Some(next) if *next == number + 1 => read_header(from, *next)?.ok(),
            _ => None,
        };
        let until = next.map(|header: Header| header.previous_end);
        furthest = furthest.max(next.map_or(0, |header| header.start.seq));
        let bytes = read_whole(&*from.open(&segment_name(*number))?, u64::from(u32::MAX))?;
        let bytes = &bytes[..until.map_or(bytes.len(), |end| bytes.len().min(end as usize))];
        let mut begin = match read_header(from, *number)? {
            Ok(header) => Some((HEADER_BYTES, header.start)),
            Err(_) => resume(bytes, 0),
        };
        while let Some(place) = begin.take() {
            let mut failed = None;
            let found = scan_from(bytes, place, Some(length(bytes)), |records| {
                if failed.is_none() {
                    failed = keep(&mut appender, records, &mut saved).err();
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if let Tail::Damaged(damage) = found.tail {
                furthest = furthest.max(damage.behind.unwrap_or(0));
                begin = resume(bytes, damage.at);
            }
        }
    }
    let end = appender.position().seq;
    if furthest > end {
        saved.lost += furthest - end;
        appender.skip_to(furthest)?;
    }
    appender.close();
    Ok(saved)
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn keep(
    appender: &mut super::Appender,
    records: &[(u32, Record<'_>)],
    saved: &mut Salvaged,
) -> Result<(), SalvageError> {
    let Position { seq: end, .. } = appender.position();
    // A batch that was written again stands in two segments.
    let Some((_, first)) = records.first().filter(|(_, record)| record.seq > end) else {
        return Ok(());
    };
    if first.seq > end + 1 {
        saved.lost += first.seq - end - 1;
        appender.skip_to(first.seq - 1)?;
    }
    let records: Vec<Record<'_>> = records.iter().map(|(_, record)| *record).collect();
    appender.append(&records)?;
    saved.kept += records.len() as u64;
    Ok(())
}
