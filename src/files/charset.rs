//! How the characters of a text are written: what a browser has to be told to show it.
//!
//! Found by the bytes of the whole file, since a text may begin with nothing but ASCII. What its sender
//! says of it is not asked: programs say UTF-8 of anything.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

/// What is seen of a file while it is written.
pub(super) struct Charset {
    detector: EncodingDetector,
    /// Nothing but ASCII so far.
    plain: bool,
    /// No text that a detector knows: it has a NUL in it.
    binary: bool,
}

impl Charset {
    pub(super) fn new() -> Self {
        let detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        Self { detector, plain: true, binary: false }
    }

    /// Looks at the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.binary = self.binary || bytes.contains(&0);
        if !self.binary {
            self.plain &= !self.detector.feed(bytes, false);
        }
    }

    /// The name of what is not UTF-8, of a file that begins so.
    pub(super) fn found(mut self, head: &[u8]) -> Option<String> {
        let encoding = match Encoding::for_bom(head) {
            Some((encoding, _)) => encoding,
            None if self.binary || self.plain => return None,
            None => {
                self.detector.feed(b"", true);
                self.detector.guess(None, Utf8Detection::Allow)
            }
        };
        (encoding != UTF_8).then(|| encoding.name().to_ascii_lowercase())
    }
}

/// The beginning of a text that is not UTF-8, as characters; none where it is no text.
pub(super) fn decoded(head: &[u8]) -> Option<String> {
    let mut seen = Charset::new();
    seen.feed(head);
    let name = seen.found(head)?;
    let (text, _, _) = Encoding::for_label(name.as_bytes())?.decode(head);
    // The last character may be cut where the head ends.
    let text = text.trim_end_matches('\u{fffd}');
    (!text.contains('\u{fffd}')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(chunks: &[&[u8]]) -> Option<String> {
        let mut charset = Charset::new();
        chunks.iter().for_each(|chunk| charset.feed(chunk));
        charset.found(chunks.first().copied().unwrap_or_default())
    }

    #[test]
    fn a_text_has_the_charset_of_all_of_its_bytes() {
        let (russian, _, _) = encoding_rs::WINDOWS_1251.encode("Здравствуйте, где мой заказ?");
        let (french, _, _) = encoding_rs::WINDOWS_1252.encode("déjà vu, garçon; très cher café");
        assert_eq!(found(&[b"name;", &french]).as_deref(), Some("windows-1252"));
        assert_eq!(found(&[&russian]).as_deref(), Some("windows-1251"));
        assert_eq!(found(&[b"\xff\xfeh\0i\0"]).as_deref(), Some("utf-16le"));
        for utf_8 in ["", "plain", "жёлтый 😀", "\u{feff}x"] {
            assert_eq!(found(&[utf_8.as_bytes()]), None, "{utf_8}");
        }
        // A character between two chunks.
        assert_eq!(found(&[&"é".as_bytes()[..1], &"é".as_bytes()[1..]]), None);
        assert_eq!(found(&[b"\x89PNG\0\0\xe9"]), None);
    }
}
