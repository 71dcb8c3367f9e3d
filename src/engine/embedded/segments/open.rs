//! Opening a log: what may be used as it is, what is cut, what is refused.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::append::Appender;
use super::check::Unread;
use super::disk::{Disk, read_whole};
use super::frame::{self, Fault, Frame, HEADER_BYTES, Header, Position};
use super::read::{Piece, SegmentReader, Starts};
use super::scan::{Batch, Damage, Scan, Tail, scan};
use super::seal::Seal;
use super::{Sizes, seal_name, segment_name};

/// Why a log is not opened: events that were acknowledged are at stake, and nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, byte {at}: {why}{}", stake(*.at_stake))]
pub struct Refusal {
    /// The file in the log's folder.
    pub file: String,
    pub at: u64,
    pub why: String,
    /// How many events could be lost with it, as far as is known.
    pub at_stake: Option<u64>,
}

fn stake(events: Option<u64>) -> String {
    match events {
        None => String::new(),
        Some(1) => "; one event is at stake".to_owned(),
        Some(events) => format!("; {events} events are at stake"),
    }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A log that is open.
pub struct Opened {
    pub appender: Appender,
    pub reader: SegmentReader,
    /// Bytes of a batch that a crash cut short and that were left behind.
    pub cut_bytes: u64,
    /// What opening did not read.
    pub unread: Unread,
}

/// What is known of a segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) end: u32,
    /// Where it ends.
    pub(super) position: Position,
    /// Where its records begin; none where a seal says it.
    pub(super) offsets: Option<Vec<u32>>,
}

/// What is in a log's folder.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) segments: Vec<Segment>,
    /// The last segment's last batch, and its bytes.
    pub(super) last: Option<(Batch, Vec<u8>)>,
    /// Segments after these that never came to count, the newest first.
    pub(super) begun: Vec<u32>,
    /// Bytes of batches that were cut short.
    pub(super) torn: u32,
}

/// Opens the log in a folder for writing; makes one in an empty folder.
///
/// # Errors
/// A [`Refusal`] where acknowledged events are missing or damaged; what the disk says.
pub fn open(disk: Arc<dyn Disk>, sizes: Sizes) -> Result<Opened, OpenError> {
    look(disk)?.open(sizes)
}

/// Looks at the log in a folder and writes nothing.
///
/// # Errors
/// As [`open`].
pub fn look(disk: Arc<dyn Disk>) -> Result<Looked, OpenError> {
    let survey = survey(&*disk)?;
    let reader = SegmentReader::new(disk.clone(), survey.segments.iter().map(piece).collect());
    Ok(Looked { disk, survey, reader })
}

/// A log that was looked at.
pub struct Looked {
    disk: Arc<dyn Disk>,
    survey: Survey,
    /// Reads what is there.
    pub reader: SegmentReader,
}

impl Looked {
    /// Opens it for writing; makes one where there is none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(self, sizes: Sizes) -> Result<Opened, OpenError> {
        let Self { disk, survey, reader } = self;
        let cut_bytes = u64::from(survey.torn);
        for number in &survey.begun {
            disk.remove(&segment_name(*number))?;
        }
        let segments = survey.segments.iter().filter(|segment| segment.offsets.is_none());
        let unread = Unread { disk: disk.clone(), segments: segments.cloned().collect() };
        let appender = Appender::open(disk, sizes, reader.clone(), survey)?;
        Ok(Opened { appender, reader, cut_bytes, unread })
    }
}

fn piece(segment: &Segment) -> Piece {
    Piece {
        number: segment.header.number,
        after: segment.header.start.seq,
        last: segment.position.seq,
        end: segment.end,
        places: segment.offsets.clone().map_or(Starts::Sealed, Starts::Known),
    }
}

/// Looks at what is in a folder and writes nothing.
pub(super) fn survey(disk: &dyn Disk) -> Result<Survey, OpenError> {
    let files = Files::of(disk)?;
    let mut survey = Survey::default();
    let Some(&newest) = files.segments.last() else {
        return match files.seals.last() {
            Some(sealed) => Err(gone(*sealed, "the segment is gone and its seal is there").into()),
            None => Ok(survey),
        };
    };
    let mut headers = Vec::new();
    for number in 1..=newest {
        if !files.segments.contains(&number) {
            return Err(gone(number, "the segment is gone").into());
        }
        match read_header(disk, number)? {
            Ok(header) => headers.push(header),
            Err(_)
                if number == newest && is_begun(disk, number)? && !files.is_sealed(number - 1) =>
            {
                survey.begun.push(number);
            }
            Err(fault) => {
                let why = format!("the segment's header cannot be read: {fault}");
                return Err(refusal(segment_name(number), 0, why, None).into());
            }
        }
    }
    // Its header may never have been synced, as long as nothing was built on it; and what was written to
    // it and is not whole may stand whole in the one before, which is sealed only after that. Opening may
    // have been cut short several times.
    let mut newest_read = None;
    while let Some(header) = headers.last()
        && !files.is_sealed(header.number - 1)
    {
        let read = Read::of(disk, header)?;
        let Some(torn) = read.torn_alone() else {
            newest_read = Some(read);
            break;
        };
        survey.begun.push(header.number);
        survey.torn += torn;
        headers.pop();
    }
    let mut before: Option<(Position, u32)> = None;
    for (at, header) in headers.iter().enumerate() {
        check_joint(header, headers[0].log, before)?;
        let segment = match headers.get(at + 1) {
            Some(next) => full(disk, header, next, files.is_sealed(header.number))?,
            None if files.is_sealed(header.number) => {
                let why = "the segment is gone: the one before it is sealed";
                return Err(gone(header.number + 1, why).into());
            }
            None => {
                let read = newest_read.take().map_or_else(|| Read::of(disk, header), Ok)?;
                last(header, read, &mut survey)?
            }
        };
        before = Some((segment.position, segment.end));
        survey.segments.push(segment);
    }
    Ok(survey)
}

/// The numbers of the files in a log's folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) segments: BTreeSet<u32>,
    seals: BTreeSet<u32>,
}

impl Files {
    pub(super) fn of(disk: &dyn Disk) -> io::Result<Self> {
        let mut files = Self::default();
        for name in disk.list()? {
            let number =
                |suffix| name.strip_suffix(suffix).and_then(|number| number.parse::<u32>().ok());
            files.segments.extend(number(".seg"));
            files.seals.extend(number(".seal"));
        }
        Ok(files)
    }

    fn is_sealed(&self, number: u32) -> bool {
        self.seals.contains(&number)
    }
}

fn refusal(file: String, at: u32, why: impl Into<String>, at_stake: Option<u64>) -> Refusal {
    Refusal { file, at: at.into(), why: why.into(), at_stake }
}

fn gone(number: u32, why: &str) -> Refusal {
    refusal(segment_name(number), 0, why, None)
}

pub(super) fn read_header(disk: &dyn Disk, number: u32) -> io::Result<Result<Header, Fault>> {
    let mut bytes = [0; HEADER_BYTES as usize];
    let read = disk.open(&segment_name(number))?.read_at(&mut bytes, 0)?;
    Ok(match frame::read(&bytes[..read]) {
        Ok((Frame::Header(header), _)) if header.number == number => Ok(header),
        Ok(_) => Err(Fault::Unknown),
        Err(fault) => Err(fault),
    })
}

/// Whether nothing but a part of a header was written: the segment never came to be.
fn is_begun(disk: &dyn Disk, number: u32) -> io::Result<bool> {
    let file = disk.open(&segment_name(number))?;
    let bytes = read_whole(&*file, u64::from(u32::MAX))?;
    let (header, rest) = bytes.split_at(bytes.len().min(HEADER_BYTES as usize));
    // A whole header ends in bytes that are not zero.
    let is_cut = header.last().is_none_or(|byte| *byte == 0);
    Ok(is_cut && rest.iter().all(|byte| *byte == 0))
}

/// A segment that is read to its end, wherever that is.
struct Read {
    bytes: Vec<u8>,
    found: Scan,
}

impl Read {
    fn of(disk: &dyn Disk, header: &Header) -> io::Result<Self> {
        let bytes = read_whole(&*disk.open(&segment_name(header.number))?, u64::from(u32::MAX))?;
        let found = scan(&bytes, header, None, |_| {});
        Ok(Self { bytes, found })
    }

    /// How many bytes of a batch that was cut short stand in it where there is no other; none where it has a
    /// whole batch, or damage.
    fn torn_alone(&self) -> Option<u32> {
        match (&self.found.last, &self.found.tail) {
            (None, Tail::Clean) => Some(0),
            (None, Tail::Torn { bytes }) => Some(*bytes),
            (Some(_), _) | (None, Tail::Damaged(_)) => None,
        }
    }
}

/// Whether a segment goes on where the one before it ends.
fn check_joint(
    header: &Header,
    log: [u8; 16],
    before: Option<(Position, u32)>,
) -> Result<(), Refusal> {
    let name = || segment_name(header.number);
    if header.log != log {
        return Err(refusal(name(), 0, "the segment is one of another log", None));
    }
    let Some((position, end)) = before else {
        return if header.start == Position::default() {
            Ok(())
        } else {
            Err(refusal(name(), 0, "the segment is not the first of its log", None))
        };
    };
    let mut start = header.start;
    if header.after_loss && start.seq >= position.seq {
        start.seq = position.seq;
    }
    if start == position && header.previous_end == end {
        return Ok(());
    }
    let missing = header.start.seq.abs_diff(position.seq);
    let why = "the segment does not go on where the one before it ends";
    Err(refusal(name(), 0, why, (missing > 0).then_some(missing)))
}

/// A segment that has one behind it. With a seal its batches are not read.
fn full(
    disk: &dyn Disk,
    header: &Header,
    next: &Header,
    is_sealed: bool,
) -> Result<Segment, OpenError> {
    let name = segment_name(header.number);
    let file = disk.open(&name)?;
    let length = file.length()?;
    if length < u64::from(next.previous_end) {
        let why = format!("the segment ends at byte {length}, not {}", next.previous_end);
        let at = u32::try_from(length).unwrap_or(u32::MAX);
        let missing = next.start.seq.saturating_sub(header.start.seq);
        return Err(refusal(name, at, why, Some(missing)).into());
    }
    if is_sealed
        && let Some(seal) = read_seal(disk, header.number)?
        && seal.end == next.previous_end
    {
        let (end, position) = (seal.end, seal.position);
        return Ok(Segment { header: *header, end, position, offsets: None });
    }
    let bytes = read_whole(&*file, next.previous_end.into())?;
    let found = scan(&bytes, header, Some(next.previous_end), |_| {});
    if let Tail::Damaged(damage) = found.tail {
        let missing = next.start.seq.saturating_sub(found.position.seq);
        return Err(damaged(name, &damage, Some(missing)).into());
    }
    Ok(of_scan(header, found))
}

pub(super) fn read_seal(disk: &dyn Disk, number: u32) -> io::Result<Option<Seal>> {
    let bytes = read_whole(&*disk.open(&seal_name(number))?, u64::from(u32::MAX))?;
    Ok(Seal::read(&bytes).filter(|seal| seal.number == number))
}

fn last(
    header: &Header,
    Read { bytes, found }: Read,
    survey: &mut Survey,
) -> Result<Segment, OpenError> {
    match found.tail {
        Tail::Clean => {}
        Tail::Torn { bytes } => survey.torn += bytes,
        Tail::Damaged(damage) => {
            let behind = damage.behind.map(|seq| seq.saturating_sub(found.position.seq));
            return Err(damaged(segment_name(header.number), &damage, behind).into());
        }
    }
    survey.last = found.last.map(|batch| {
        let batch_bytes = bytes[batch.at as usize..found.end as usize].to_vec();
        (batch, batch_bytes)
    });
    Ok(of_scan(header, found))
}

fn of_scan(header: &Header, found: Scan) -> Segment {
    Segment {
        header: *header,
        end: found.end,
        position: found.position,
        offsets: Some(found.offsets),
    }
}

fn damaged(name: String, damage: &Damage, at_stake: Option<u64>) -> Refusal {
    refusal(name, damage.at, damage.fault.to_string(), at_stake)
}
