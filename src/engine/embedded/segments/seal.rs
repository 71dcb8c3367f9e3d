//! Seals: what a segment that takes no more holds, in a file beside it.

use super::frame::{self, Fields, Frame, Position};

/// What is known of a segment that takes no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) number: u32,
    /// Bytes that count; what stands behind them was never acknowledged.
    pub(super) end: u32,
    /// Where the segment ends.
    pub(super) position: Position,
    /// The CRC-32C of these bytes.
    pub(super) checksum: u32,
    /// Where each record begins.
    pub(super) offsets: Vec<u32>,
}

/// Where the offsets begin in the file of a seal.
pub(super) const OFFSETS_AT: u64 = (frame::HEAD_BYTES + FIXED) as u64;
const FIXED: usize = 4 + 4 + 8 + 8 + 32 + 4 + 4;

impl Seal {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame::HEAD_BYTES + FIXED + self.offsets.len() * 4);
        let at = frame::begin(&mut out, frame::SEAL);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.end.to_le_bytes());
        frame::put_position(&mut out, &self.position);
        out.extend_from_slice(&self.checksum.to_le_bytes());
        let count = u32::try_from(self.offsets.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_le_bytes());
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        frame::finish(&mut out, at);
        out
    }

    /// None where the bytes are not a whole seal.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let Ok((Frame::Seal(payload), _)) = frame::read(bytes) else { return None };
        let mut fields = Fields(payload);
        let (number, end) = (fields.u32()?, fields.u32()?);
        let position = fields.position()?;
        let (checksum, count) = (fields.u32()?, fields.u32()?);
        let rest = fields.0.chunks_exact(4);
        let offsets: Vec<u32> =
            rest.filter_map(|four| four.try_into().ok().map(u32::from_le_bytes)).collect();
        (offsets.len() == count as usize).then_some(Self {
            number,
            end,
            position,
            checksum,
            offsets,
        })
    }
}
