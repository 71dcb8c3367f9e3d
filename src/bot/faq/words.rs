//! Reads a message into normalised words, so that spelling habits do not matter.
//!
//! Case, accents, apostrophes and punctuation are dropped, but only the accents of Latin, Greek and
//! Cyrillic: the vowel signs of Devanagari are letters, not decoration. Links, mail addresses and
//! bare numbers are left out, since an order number says nothing about the question. Scripts that
//! write no spaces are read in overlapping pairs of characters. The work is bounded: of a long
//! message, only the beginning is read.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use crate::domain::characters::unified;

/// How much of a message is read, in bytes and in words.
const READ_BYTES: usize = 4_000;
const READ_WORDS: usize = 64;
/// Longer words are cut: nothing that long is a word.
const WORD_BYTES: usize = 80;
/// An apostrophe after at most this many letters ends a word ("l'heure"), else it joins ("what's").
const ELISION: usize = 2;

/// The normalised words of a message, and where its clauses begin.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The words, separated by one space.
    text: String,
    spans: Vec<Span>,
    word: usize,
    letters: usize,
    clause: u16,
    unspaced: Option<char>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    clause: u16,
}

impl Words {
    /// Reads a message.
    pub(super) fn read(message: &str) -> Words {
        let message = unified(&message[..message.floor_char_boundary(READ_BYTES)]);
        let mut words = Words {
            text: String::with_capacity(message.len() + 8),
            spans: Vec::with_capacity(16),
            ..Words::default()
        };
        for line in message.lines() {
            for chunk in line.split_whitespace() {
                if words.spans.len() >= READ_WORDS {
                    words.spans.truncate(READ_WORDS);
                    return words;
                }
                if !is_address(chunk) {
                    words.read_chunk(chunk);
                }
            }
            words.clause += 1;
        }
        words.spans.truncate(READ_WORDS);
        words
    }

    /// Whether there is no word at all.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns one word.
    pub(super) fn word(&self, index: usize) -> &str {
        let span = self.spans[index];
        &self.text[span.start as usize..span.end as usize]
    }

    /// Returns the words of a range, separated by one space.
    pub(super) fn phrase(&self, range: std::ops::Range<usize>) -> &str {
        match (self.spans.get(range.start), range.end.checked_sub(1)) {
            (Some(first), Some(last)) if range.start <= last => {
                &self.text[first.start as usize..self.spans[last].end as usize]
            }
            _ => "",
        }
    }

    /// Returns the ranges of words between which the message pauses.
    pub(super) fn clauses(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut end = 0;
        self.spans.chunk_by(|a, b| a.clause == b.clause).map(move |clause| {
            let start = end;
            end += clause.len();
            start..end
        })
    }

    fn read_chunk(&mut self, chunk: &str) {
        self.word = self.text.len();
        self.letters = 0;
        for c in chunk.chars() {
            if c.is_ascii_alphanumeric() {
                self.end_unspaced();
                self.text.push(c.to_ascii_lowercase());
                self.letters += 1;
            } else {
                self.read_other(c);
            }
        }
        self.end_unspaced();
        self.end_word();
    }

    fn read_other(&mut self, c: char) {
        match c {
            '\'' | '’' | '‘' | '`' | '´' if self.letters > ELISION => {}
            '.' | ',' | ';' | ':' | '?' | '!' | '(' | ')' | '…' | '।' | '،' | '؟' | '。' | '、'
            | '，' | '！' | '？' => {
                self.end_unspaced();
                self.end_word();
                self.clause += 1;
            }
            'ß' | 'ẞ' => self.push_all("ss"),
            'æ' | 'Æ' => self.push_all("ae"),
            'œ' | 'Œ' => self.push_all("oe"),
            'ø' | 'Ø' => self.push_all("o"),
            'ı' => self.push_all("i"),
            'ł' | 'Ł' => self.push_all("l"),
            // Composed, these are what a reader takes for one character.
            '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30ff}' | '\u{ac00}'..='\u{d7a3}' => {
                self.read_part(c);
            }
            _ => decompose_compatible(c, |part| self.read_part(part)),
        }
    }

    fn push_all(&mut self, letters: &str) {
        self.end_unspaced();
        self.text.push_str(letters);
        self.letters += letters.len();
    }

    fn read_part(&mut self, part: char) {
        match part {
            // Accents, the dot that Hindi writers often leave out, the vowels and the stretching
            // that few Arabic writers set, and marks of mere layout.
            '\u{300}'..='\u{36f}'
            | '\u{640}'
            | '\u{64b}'..='\u{655}'
            | '\u{670}'
            | '\u{93c}'
            | '\u{200b}'..='\u{200d}'
            | '\u{fe00}'..='\u{fe0f}' => {}
            // The two ways to write a nasal vowel are used alike.
            '\u{901}' => self.push_mark('\u{902}'),
            // Letters that Arabic writers use one for the other.
            'ى' => self.read_part('ي'),
            'ة' => self.read_part('ه'),
            _ if is_unspaced(part) => self.push_unspaced(part),
            _ if part.is_alphanumeric() => {
                self.end_unspaced();
                self.text.extend(part.to_lowercase());
                self.letters += 1;
            }
            _ if is_combining_mark(part) => self.push_mark(part),
            _ => {
                self.end_unspaced();
                self.end_word();
            }
        }
    }

    fn push_mark(&mut self, mark: char) {
        if self.letters > 0 {
            self.text.push(mark);
        }
    }

    fn push_unspaced(&mut self, c: char) {
        match self.unspaced.replace(c) {
            Some(before) => {
                self.text.truncate(self.word);
                self.text.push(before);
                self.text.push(c);
                self.end_word();
            }
            None => {
                self.end_word();
                self.text.push(c);
                self.letters += 1;
            }
        }
    }

    /// Ends a run without spaces; a single character is a word, a pair has been one already.
    fn end_unspaced(&mut self) {
        if self.unspaced.take().is_some() {
            self.end_word();
        }
    }

    fn end_word(&mut self) {
        let start = self.word;
        let joined = joined(&self.text[start..]);
        self.text.replace_range(start..start + joined, "");
        let cut = self.text.floor_char_boundary(start + WORD_BYTES);
        self.text.truncate(cut);
        let word = &self.text[start..];
        if word.is_empty() || word.chars().all(char::is_numeric) {
            self.text.truncate(start);
        } else {
            let span = Span { start: start as u32, end: cut as u32, clause: self.clause };
            self.spans.push(span);
            self.text.push(' ');
        }
        self.word = self.text.len();
        self.letters = 0;
    }
}

fn is_address(chunk: &str) -> bool {
    chunk.contains("://") || chunk.contains('@') || chunk.starts_with("www.")
}

/// Returns how many bytes at the beginning of an Arabic word are words of their own: "the", with
/// "and", "with", "for" or "so" before it. What is left must be a word.
fn joined(word: &str) -> usize {
    const LEAST: usize = 3;
    let prefix = ["وال", "بال", "فال", "كال", "لل", "ال"]
        .into_iter()
        .find(|prefix| word.strip_prefix(prefix).is_some_and(|rest| rest.chars().count() >= LEAST));
    prefix.map_or(0, str::len)
}

/// Tells the characters of Chinese, Japanese and Thai.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> String {
        let words = Words::read(message);
        words.clauses().map(|c| words.phrase(c).to_owned()).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn case_accents_and_apostrophes_do_not_matter() {
        assert_eq!(read("What's  YOUR Öffnungszeit"), "whats your offnungszeit");
        assert_eq!(read("what’s your straße"), read("whats your strasse"));
        assert_eq!(
            read("wha\u{200e}t`s your\u{202f}Ｏｆｆｎung\u{ad}szeit\u{feff}"),
            "whats your offnungszeit"
        );
        assert_eq!(read("À quelle heure d'ouverture"), "a quelle heure d ouverture");
    }

    #[test]
    fn devanagari_keeps_its_vowel_signs() {
        assert_eq!(read("मेरा ऑर्डर कहाँ है?"), "मेरा ऑर्डर कहां है");
        assert_eq!(read("क़ीमत"), read("कीमत"));
    }

    #[test]
    fn arabic_is_read_without_vowels_articles_and_varieties_of_letters() {
        assert_eq!(read("أُرِيدُ السَّفَرَ"), "اريد سفر");
        assert_eq!(read("والتذكرة للرحلة"), "تذكره رحله");
        assert_eq!(read("الي"), "الي");
    }

    #[test]
    fn a_syllable_of_hangul_is_one_character() {
        assert_eq!(read("주문").chars().count(), 2);
        assert_eq!(read("ガソリン"), "ガソ ソリ リン");
    }

    #[test]
    fn clauses_end_where_the_writer_pauses() {
        assert_eq!(read("Hi, where is it? thanks\nbye"), "hi | where is it | thanks | bye");
    }

    #[test]
    fn numbers_links_and_emoji_are_no_words() {
        assert_eq!(read("order 12345 😀 https://x.example/a me@x.example 24/7"), "order");
        assert!(Words::read("👍🏽 ❤️ 42 ?!").is_empty());
    }

    #[test]
    fn scripts_without_spaces_are_read_in_pairs() {
        assert_eq!(read("营业时间ok 好"), "营业 业时 时间 ok 好");
    }

    #[test]
    fn a_long_message_is_read_in_part() {
        assert_eq!(Words::read(&"wörd ".repeat(10_000)).len(), READ_WORDS);
        assert!(Words::read(&"ж".repeat(10_000)).word(0).len() <= WORD_BYTES);
    }
}
