//! The story the bot tells and its readers check, word by word.
//!
//! Each word ends in a comma, where a bot pauses, so that a word is a piece. All are plain ASCII,
//! of one length and different: a text's length in JSON is its length in characters, and a lost,
//! doubled or swapped piece cannot go unseen.

/// A text of numbered words, separated by single spaces.
pub(crate) struct Story {
    pub(crate) text: String,
}

/// The length of a word with its comma and the space after it.
const STRIDE: usize = 8;

impl Story {
    /// A story of this many words.
    pub(crate) fn new(words: usize) -> Self {
        let words: Vec<String> = (0..words).map(|word| format!("w{word:05},")).collect();
        Self { text: words.join(" ") }
    }

    /// `count` words from the one numbered `first`, each with the space after it.
    pub(crate) fn words(&self, first: usize, count: usize) -> &str {
        let end = ((first + count) * STRIDE).min(self.text.len());
        &self.text[(first * STRIDE).min(end)..end]
    }
}
