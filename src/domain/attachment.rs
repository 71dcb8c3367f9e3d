//! A file that came with a message. Its bytes are in the object store, never in the log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::characters::is_blank;

/// Files one message may carry.
pub const PER_MESSAGE: usize = 10;
/// The longest file name, in Unicode characters.
const NAME_MAX_CHARS: usize = 200;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// As its sender calls it, without any path.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// What its bytes are, by looking at them.
    pub mime_type: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// How its characters are written, where it is a text in anything but UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// Where its bytes are in the object store.
    pub key: String,
}

/// Whether a message is its files alone: who sends a file and writes nothing sends its name.
pub fn are_all(text: &str, files: &[Attachment]) -> bool {
    files.iter().any(|file| file.filename == text)
}

/// A file name that can be shown and saved anywhere: without its path, control characters, those that
/// turn the direction of reading (`gpj.exe` would read `exe.jpg`), and what file systems refuse; never
/// empty.
pub fn safe_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let turning = ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let turns = |c: char| turning.iter().any(|range| range.contains(&c));
    let refused = |c: char| c.is_control() || turns(c) || "<>:\"|?*".contains(c);
    let kept: String = last.chars().filter(|c| !refused(*c)).take(NAME_MAX_CHARS).collect();
    let kept = kept.trim().trim_start_matches('.').trim();
    if is_blank(kept) { "file".to_owned() } else { kept.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_path_and_nothing_that_is_refused_elsewhere() {
        for (given, safe) in [
            ("invoice.pdf", "invoice.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a\"b<c>.txt", "abc.txt"),
            (".htaccess", "htaccess"),
            ("..", "file"),
            ("a\r\nb.txt", "ab.txt"),
            ("cat\u{202e}gpj.exe", "catgpj.exe"),
            ("", "file"),
            ("\u{200b}", "file"),
            ("отчёт 😀.pdf", "отчёт 😀.pdf"),
        ] {
            assert_eq!(safe_name(given), safe);
        }
        assert_eq!(safe_name(&"x".repeat(999)).len(), NAME_MAX_CHARS);
    }
}
