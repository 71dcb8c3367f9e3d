//! Writing: one owner, one write and one sync a batch.

use std::io;
use std::sync::Arc;

use super::disk::{Disk, DiskFile, read_whole};
use super::frame::{self, HEADER_BYTES, Header, Mark, Position, Record};
use super::open::{OpenError, Survey};
use super::read::SegmentReader;
use super::seal::Seal;
use super::{Sizes, seal_name, segment_name};

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written.
    #[error("the log takes no writes: {0}")]
    Refused(io::Error),
    /// Whether the disk has it shows when the log is opened anew. It is not in this log, which goes on
    /// without it.
    #[error("a write to the log failed: {0}")]
    Unknown(io::Error),
}

/// A segment that takes no more, and has no seal yet.
struct Full {
    number: u32,
    end: u32,
    position: Position,
    checksum: u32,
}

/// The writing side of a log.
pub struct Appender {
    disk: Arc<dyn Disk>,
    sizes: Sizes,
    reader: SegmentReader,
    log: [u8; 16],
    /// None once a write failed: the next batch begins a new segment.
    file: Option<Arc<dyn DiskFile>>,
    /// Of the newest segment; 0 before the first.
    number: u32,
    /// Where the newest segment ends.
    end: u32,
    allocated: u32,
    position: Position,
    /// The CRC-32C of the newest segment's bytes.
    checksum: u32,
    buffer: Vec<u8>,
    offsets: Vec<u32>,
}

impl Appender {
    /// Makes ready to write behind what was found.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        sizes: Sizes,
        reader: SegmentReader,
        survey: Survey,
    ) -> Result<Self, OpenError> {
        let log = match survey.segments.first() {
            Some(segment) => segment.header.log,
            None => rand::random(),
        };
        let mut appender = Self {
            disk,
            sizes,
            reader,
            log,
            file: None,
            number: 0,
            end: 0,
            allocated: 0,
            position: Position::default(),
            checksum: 0,
            buffer: Vec::new(),
            offsets: Vec::new(),
        };
        let Some((newest, full)) = survey.segments.split_last() else {
            appender.begin(None)?;
            return Ok(appender);
        };
        appender.number = newest.header.number;
        appender.end = newest.end;
        appender.position = newest.position;
        match survey.last {
            None if survey.torn == 0 => {
                let file = appender.disk.reopen(&segment_name(appender.number))?;
                appender.checksum = checksum(&*file, newest.end)?;
                appender.file = Some(file);
            }
            None => {
                appender.checksum = appender.checksum_of(appender.number, appender.end)?;
                appender.begin(None)?;
            }
            Some((batch, bytes)) => appender.move_last(batch.at, batch.before, &bytes)?,
        }
        // Not before: what follows on them may not have been durable, and stand in one of them too.
        for segment in full.iter().filter(|segment| segment.offsets.is_some()) {
            appender.seal_found(segment.header.number, segment.end, segment.position)?;
        }
        Ok(appender)
    }

    /// Writes the last batch again, to a new segment: the process that wrote it may have ended before
    /// it was synced, or after a sync that failed. Until it is durable there, the segment that it stands in
    /// is not sealed, and keeps it.
    fn move_last(&mut self, at: u32, before: Position, bytes: &[u8]) -> io::Result<()> {
        let after = self.position;
        (self.end, self.position) = (at, before);
        self.checksum = self.checksum_of(self.number, at)?;
        self.reader.cut(self.number, at, before.seq);
        let full = self.start(None)?;
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
        let (base, mut offset) = (self.end, 0);
        self.offsets.clear();
        while let Ok((frame::Frame::Record(_), length)) = frame::read(&bytes[offset..]) {
            self.offsets.push(base + u32::try_from(offset).unwrap_or(u32::MAX));
            offset += length;
        }
        self.make_room()?;
        self.write()?;
        self.publish(after);
        self.finish(&full);
        Ok(())
    }

    /// Where the log ends.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Appends a batch; it is durable when this returns. The records' positions follow on the log's
    /// end, one by one.
    ///
    /// # Errors
    /// [`AppendError`]; the log can be used all the same, and writes again once the disk does.
    pub fn append(&mut self, records: &[Record<'_>]) -> Result<(), AppendError> {
        let after = self.encode(records);
        if self.file.is_none() {
            self.begin(None).map_err(AppendError::Refused)?;
        }
        let length = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        let is_full = u64::from(self.end) + length > u64::from(self.sizes.segment_bytes);
        if is_full && self.end > HEADER_BYTES {
            self.begin(None).map_err(AppendError::Refused)?;
        }
        self.make_room().map_err(AppendError::Refused)?;
        if let Err(error) = self.write() {
            tracing::error!(
                %error, segment = segment_name(self.number), end = self.end,
                "a write to the log failed; the segment ends there, and the batch goes to a new one"
            );
            self.file = None;
            let again = self.begin(None).and_then(|()| {
                self.make_room()?;
                self.write()
            });
            if let Err(error) = again {
                self.file = None;
                return Err(AppendError::Unknown(error));
            }
        }
        self.place(records);
        self.publish(after);
        Ok(())
    }

    /// Goes on behind positions that no event has or that are lost, in a new segment.
    ///
    /// # Errors
    /// What the disk says.
    pub fn skip_to(&mut self, seq: u64) -> io::Result<()> {
        self.begin(Some(seq))
    }

    /// Makes ready to write again after a failure, without anything to write.
    ///
    /// # Errors
    /// What the disk says.
    pub fn revive(&mut self) -> io::Result<()> {
        if self.file.is_some() { Ok(()) } else { self.begin(None) }
    }

    /// Puts the batch's bytes into the buffer; answers the position after it.
    fn encode(&mut self, records: &[Record<'_>]) -> Position {
        self.buffer.clear();
        let batch = self.position.batch + 1;
        let mut link = self.position.chain.batch(batch);
        let mut seq = self.position.seq;
        for record in records {
            debug_assert_eq!(record.seq, seq + 1);
            seq = record.seq;
            link.add(record);
            frame::put_record(&mut self.buffer, record);
        }
        let chain = link.close();
        let mark = Mark {
            batch,
            seq,
            bytes: u32::try_from(self.buffer.len()).unwrap_or(u32::MAX),
            records: u32::try_from(records.len()).unwrap_or(u32::MAX),
            hash: chain.hash(),
        };
        frame::put_mark(&mut self.buffer, &mark);
        Position { batch, seq, chain }
    }

    /// Where the batch's records begin, as it was written.
    fn place(&mut self, records: &[Record<'_>]) {
        self.offsets.clear();
        let mut at = self.end;
        for record in records {
            self.offsets.push(at);
            at += frame::record_bytes(record.body.len());
        }
    }

    fn make_room(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.buffer.len()).map_err(io::Error::other)?;
        let needed = self.end.checked_add(length).ok_or(io::ErrorKind::FileTooLarge)?;
        if needed <= self.allocated {
            return Ok(());
        }
        let steps = needed.div_ceil(self.sizes.allocate_bytes);
        let room = steps.saturating_mul(self.sizes.allocate_bytes).max(needed);
        self.file()?.allocate(room.into())?;
        self.allocated = room;
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        let file = self.file()?;
        file.write_at(&self.buffer, self.end.into())?;
        file.sync_data()
    }

    fn file(&self) -> io::Result<&Arc<dyn DiskFile>> {
        self.file.as_ref().ok_or_else(|| io::Error::other("no segment takes writes"))
    }

    /// Takes the buffer's batch, which is durable, as a part of the log.
    fn publish(&mut self, after: Position) {
        self.end += u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        self.checksum = crc32c::crc32c_append(self.checksum, &self.buffer);
        self.position = after;
        self.reader.extend(&self.offsets, self.end, after.seq);
    }

    /// Begins the next segment where the log ends, or behind positions that are lost, and seals the one
    /// before.
    fn begin(&mut self, after_loss: Option<u64>) -> io::Result<()> {
        let full = self.start(after_loss)?;
        self.finish(&full);
        Ok(())
    }

    /// Begins the next segment; gives the one before, which is to be sealed.
    fn start(&mut self, after_loss: Option<u64>) -> io::Result<Full> {
        let number = self.number + 1;
        let name = segment_name(number);
        // One that was begun before and came to nothing.
        self.remove(&name)?;
        let file = self.disk.create(&name)?;
        let start = Position { seq: after_loss.unwrap_or(self.position.seq), ..self.position };
        let header = Header {
            log: self.log,
            number,
            start,
            previous_end: self.end,
            after_loss: after_loss.is_some(),
        };
        let bytes = frame::header_bytes(&header);
        let room = self.sizes.allocate_bytes.max(HEADER_BYTES);
        let made = file
            .allocate(room.into())
            .and_then(|()| file.write_at(&bytes, 0))
            .and_then(|()| file.sync_data())
            .and_then(|()| self.disk.sync());
        if let Err(error) = made {
            self.disk.remove(&name).ok();
            return Err(error);
        }
        let Self { number: full, end, position, checksum, .. } = *self;
        let full = Full { number: full, end, position, checksum };
        self.file = Some(file);
        (self.number, self.end, self.allocated) = (number, HEADER_BYTES, room);
        (self.position, self.checksum) = (start, crc32c::crc32c(&bytes));
        self.reader.begin(number, start.seq);
        Ok(full)
    }

    /// Seals a segment that takes no more, if there is one; it is read without a seal as well.
    fn finish(&self, full: &Full) {
        if full.number > 0
            && let Err(error) = self.seal(full)
        {
            let segment = segment_name(full.number);
            tracing::warn!(%error, segment, "a segment could not be sealed");
        }
    }

    /// Removes a file, if it is there.
    fn remove(&self, name: &str) -> io::Result<()> {
        match self.disk.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn seal(&self, full: &Full) -> io::Result<()> {
        let Full { number, end, position, checksum } = *full;
        let Some(offsets) = self.reader.offsets(number) else { return Ok(()) };
        let seal = Seal { number, end, position, checksum, offsets };
        let (name, made) = (seal_name(number), format!("{}.new", seal_name(number)));
        self.remove(&made)?;
        let file = self.disk.create(&made)?;
        file.write_at(&seal.bytes(), 0)?;
        file.sync_data()?;
        self.disk.rename(&made, &name)?;
        self.disk.sync()?;
        self.reader.sealed(number);
        self.disk.reopen(&segment_name(number))?.truncate(end.into())
    }

    fn seal_found(&self, number: u32, end: u32, position: Position) -> io::Result<()> {
        let checksum = self.checksum_of(number, end)?;
        self.seal(&Full { number, end, position, checksum })
    }

    fn checksum_of(&self, number: u32, end: u32) -> io::Result<u32> {
        checksum(&*self.disk.open(&segment_name(number))?, end)
    }

    /// Ends the newest segment, so that nothing need be written again when the log is opened. A log that
    /// is not closed loses nothing.
    pub fn close(mut self) {
        if self.file.is_some()
            && self.end > HEADER_BYTES
            && let Err(error) = self.begin(None)
        {
            tracing::warn!(%error, "the log could not be closed; opening it takes a moment longer");
        }
    }
}

fn checksum(file: &dyn DiskFile, end: u32) -> io::Result<u32> {
    Ok(crc32c::crc32c(&read_whole(file, end.into())?))
}
