//! What a file is, by its first bytes. What it is said to be counts only among plain texts.
//!
//! Nothing that a browser would run has a type of its own here: markup is so many bytes.

use super::charset;
use crate::domain::sound::is_mp3;

/// Bytes that are looked at.
pub(super) const HEAD: usize = 8 << 10;

const TEXT: &str = "text/plain";
const BYTES: &str = "application/octet-stream";
const MP3: &str = "audio/mpeg";
/// Texts that no browser runs, and that look like any text. The last is always UTF-8.
const TEXTS: [&str; 4] = ["text/plain", "text/csv", "text/markdown", "application/json"];
/// Documents whose first bytes may be text.
const WRITTEN: [&str; 2] = ["application/pdf", "application/rtf"];
/// What may be in an archive, by its container; told apart by what it is said to be.
const ARCHIVE: &str = "application/zip";
const DOCUMENTS: [&str; 3] = [
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];

/// The type of a file that begins so.
pub(super) fn of(head: &[u8], declared: Option<&str>) -> &'static str {
    let declared = declared.unwrap_or_default();
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let said = |among: &[&'static str]| among.iter().find(|known| **known == declared).copied();
    let found =
        if is_mp3(head) { Some(MP3) } else { infer::get(head).map(|found| found.mime_type()) };
    if is_text(head) {
        return match found {
            _ if is_markup(head) => BYTES,
            Some(found) if WRITTEN.contains(&found) => found,
            // A text may begin like anything: "BM" is a picture's beginning too.
            _ => said(&TEXTS).unwrap_or(TEXT),
        };
    }
    if found.is_none()
        && let Some(text) = said(&TEXTS[..3])
    {
        // In the characters of another time, or in UTF-16.
        let decoded = charset::decoded(head).filter(|text| is_text(text.as_bytes()));
        return if decoded.is_some_and(|decoded| !is_markup(decoded.as_bytes())) {
            text
        } else {
            BYTES
        };
    }
    match found {
        Some(ARCHIVE) => said(&DOCUMENTS).unwrap_or(ARCHIVE),
        Some(found) if is_inert(found) => found,
        _ => BYTES,
    }
}

fn is_inert(found: &str) -> bool {
    !found.starts_with("text/") && !["application/wasm", "application/java"].contains(&found)
}

/// Whether it reads as UTF-8 without control characters. The last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b'))
}

/// Whether a browser that looks at the bytes would take them for HTML, SVG or XML.
fn is_markup(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let head = head.trim_ascii_start();
    match head.strip_prefix(b"<") {
        Some([next, ..]) => next.is_ascii_alphabetic() || b"!?/".contains(next),
        Some([]) | None => {
            let begin =
                String::from_utf8_lossy(&head[..head.len().min(1_024)]).to_ascii_lowercase();
            ["<!doctype", "<html", "<script", "<svg", "<iframe", "<?xml"]
                .iter()
                .any(|tag| begin.contains(tag))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";

    #[test]
    fn a_file_is_what_its_bytes_say() {
        for (head, declared, expected) in [
            (PNG, Some("text/html"), "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0".as_slice(), None, "image/jpeg"),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", None, "application/pdf"),
            (b"%PDF-1.7\nall of it text", Some("text/plain"), "application/pdf"),
            (b"PK\x03\x04\x14\0\0\0", None, "application/zip"),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0", None, "audio/ogg"),
            (b"RIFF\x24\0\0\0WAVEfmt \x10", Some("audio/wav"), "audio/x-wav"),
            (b"hello", None, "text/plain"),
            (b"BMW is a brand", Some("image/bmp"), "text/plain"),
            (b"a,b\n1,2\n", Some("Text/CSV; charset=utf-8"), "text/csv"),
            (b"{\"a\": 1}", Some("application/json"), "application/json"),
            (b"\0\x01\x02\x03", Some("image/png"), "application/octet-stream"),
            (b"", Some("text/html"), "text/plain"),
            ("жёлтый".as_bytes(), None, "text/plain"),
            (b"d\xe9j\xe0 vu, tr\xe8s cher", Some("text/plain"), "text/plain"),
            (b"a;d\xe9j\xe0 vu;tr\xe8s cher", Some("text/csv; charset=x"), "text/csv"),
            (b"d\xe9j\xe0 vu, tr\xe8s cher", Some("application/json"), "application/octet-stream"),
            (b"\xff\xfeh\0i\0", Some("text/plain"), "text/plain"),
            (b"\xff\xe3\x18\xc4\0\0", None, "audio/mpeg"),
            // The last character is cut where the head ends.
            (&"жёлтый".as_bytes()[..11], None, "text/plain"),
        ] {
            let name = String::from_utf8_lossy(head);
            assert_eq!(of(head, declared), expected, "{name:?} {declared:?}");
        }
    }

    #[test]
    fn what_a_browser_would_run_is_so_many_bytes() {
        for head in [
            "<html><script>alert(1)</script>",
            "<!DOCTYPE html>",
            "  \n\t<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            "\u{feff}<svg/>",
            "<?xml version='1.0'?><svg/>",
            "<!-- a comment --><HTML>",
            "<a href=''>",
            "some text, and then <ScRiPt>alert(1)</script>",
            "GIF89a/*<svg onload=alert(1)>*/=1;",
            "%PDF-1.4 <script>alert(1)</script>",
        ] {
            for declared in [None, Some("image/svg+xml"), Some("text/html"), Some("text/plain")] {
                assert_eq!(of(head.as_bytes(), declared), "application/octet-stream", "{head:?}");
            }
        }
        let utf_16: Vec<u8> = "\u{feff}<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for declared in ["text/html", "text/plain"] {
            assert_eq!(of(&utf_16, Some(declared)), "application/octet-stream");
            let latin = b"<html>d\xe9j\xe0 vu, tr\xe8s cher";
            assert_eq!(of(latin, Some(declared)), "application/octet-stream");
        }
        assert_eq!(of(b"\0asm\x01\0\0\0", None), "application/octet-stream");
        assert_eq!(of(b"1 < 2, and so on", None), "text/plain");
    }

    #[test]
    fn a_picture_that_is_a_page_as_well_is_a_picture() {
        let head = [PNG, b"<html><script>alert(1)</script>"].concat();
        assert_eq!(of(&head, Some("text/html")), "image/png");
    }
}
