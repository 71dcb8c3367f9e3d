//! What kind of sound a file holds, by its first bytes.

/// The kinds that speech is transcribed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioKind {
    Wav,
    Mp3,
    Ogg,
    Webm,
    M4a,
}

impl AudioKind {
    /// As in `Content-Type`.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Webm => "audio/webm",
            Self::M4a => "audio/mp4",
        }
    }

    /// What file names end in, by which some servers go.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Webm => "webm",
            Self::M4a => "m4a",
        }
    }
}

/// The kind of a file, whatever it is called; none when it is no sound that we know.
///
/// Browsers record speech into containers for films (WebM, MP4): those count as sound.
pub fn audio_kind(bytes: &[u8]) -> Option<AudioKind> {
    // A short recording too: infer wants 256 bytes of WebM.
    let head = &bytes[..bytes.len().min(64)];
    if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) && head.windows(4).any(|four| four == b"webm") {
        return Some(AudioKind::Webm);
    }
    if is_mp3(bytes) {
        return Some(AudioKind::Mp3);
    }
    match infer::get(bytes)?.mime_type() {
        "audio/x-wav" => Some(AudioKind::Wav),
        "audio/mpeg" => Some(AudioKind::Mp3),
        "audio/ogg" | "audio/opus" => Some(AudioKind::Ogg),
        "video/webm" => Some(AudioKind::Webm),
        "audio/m4a" | "video/mp4" => Some(AudioKind::M4a),
        _ => None,
    }
}

/// Whether bytes begin with a frame of MPEG layer III: of MPEG 1, 2 and 2.5, with a checksum or without
/// (`infer` knows those of the first two without).
pub fn is_mp3(bytes: &[u8]) -> bool {
    let [0xff, kind, rates, ..] = bytes else { return false };
    let synchronised = kind & 0xe0 == 0xe0;
    let (version, layer) = (kind >> 3 & 3, kind >> 1 & 3);
    let (bits, samples) = (rates >> 4, rates >> 2 & 3);
    synchronised && version != 1 && layer == 1 && (1..15).contains(&bits) && samples != 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_told_by_their_bytes() {
        let opus = [b"OggS".as_slice(), &[0; 24], b"OpusHead"].concat();
        let webm = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm".as_slice();
        for (bytes, kind) in [
            (b"RIFF\x24\x00\x00\x00WAVEfmt ".as_slice(), AudioKind::Wav),
            (b"ID3\x04\x00\x00\x00\x00", AudioKind::Mp3),
            (b"\xff\xfb\x90\x00\x00", AudioKind::Mp3),
            (b"\xff\xfa\x90\x00\x00", AudioKind::Mp3),
            (b"\xff\xf3\x40\x00\x00", AudioKind::Mp3),
            (b"\xff\xf2\x40\x00\x00", AudioKind::Mp3),
            (b"\xff\xe3\x18\x00\x00", AudioKind::Mp3),
            (b"\xff\xe2\x18\x00\x00", AudioKind::Mp3),
            (b"OggS\x00\x02\x00\x00", AudioKind::Ogg),
            (&opus, AudioKind::Ogg),
            (webm, AudioKind::Webm),
            (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", AudioKind::M4a),
            (b"\x00\x00\x00\x20ftypiso5\x00\x00\x00\x00", AudioKind::M4a),
        ] {
            assert_eq!(audio_kind(bytes), Some(kind), "{bytes:?}");
        }
    }

    #[test]
    fn anything_else_is_no_sound() {
        for bytes in [
            b"".as_slice(),
            b"RIFF",
            b"%PDF-1.7",
            b"<html>",
            b"\x89PNG\r\n\x1a\n",
            b"hello there",
            // UTF-16, AAC, and layer II.
            b"\xff\xfeh\0i\0",
            b"\xff\xf1\x50\x80",
            b"\xff\xfd\x90\x00",
        ] {
            assert_eq!(audio_kind(bytes), None, "{bytes:?}");
        }
    }
}
