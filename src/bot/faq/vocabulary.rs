//! The words of all examples, and for any word those like it.
//!
//! For a word of the examples its relatives are worked out when compiling; for any other they are
//! searched among the words of the same first letter, most of which are ruled out by a comparison
//! of two bit sets. Words that are mere stop words are found exactly or not at all.

use fnv::FnvHashMap;

use super::likeness::{COMPARED, letters, likeness};

/// Relatives less alike than this are strangers.
const ALIKE: f32 = 0.62;
/// At most this many words of one first letter are searched, which bounds the work whatever the
/// definition; later ones are still found exactly. Ordinary definitions stay far below.
const SEARCHED: usize = 1_000;

/// The number of a word.
pub(super) type WordId = u32;

/// A word of the examples, and how alike it is to the one looked up; 1 for itself.
pub(super) type Relative = (WordId, f32);

#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    ids: FnvHashMap<Box<str>, WordId>,
    words: Vec<Word>,
    by_first: FnvHashMap<char, Vec<WordId>>,
    relatives: Vec<Box<[Relative]>>,
}

#[derive(Debug)]
struct Word {
    chars: Box<[char]>,
    letters: u64,
}

impl Vocabulary {
    /// Returns the number of a word, a new one if it has none.
    pub(super) fn add(&mut self, word: &str) -> WordId {
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let id = self.words.len() as WordId;
        let chars: Box<[char]> = word.chars().take(COMPARED).collect();
        self.words.push(Word { letters: letters(&chars), chars });
        self.ids.insert(word.into(), id);
        id
    }

    /// Works out who is related to whom, among the words for which `tells` holds.
    pub(super) fn relate(&mut self, tells: impl Fn(WordId) -> bool) {
        for (id, word) in (0..).zip(&self.words) {
            if let (true, Some(first)) = (tells(id), word.chars.first()) {
                let searched = self.by_first.entry(*first).or_default();
                if searched.len() < SEARCHED {
                    searched.push(id);
                }
            }
        }
        let relatives = (0..).zip(&self.words).map(|(id, word)| {
            let mut relatives = vec![(id, 1.0)];
            if tells(id) {
                self.search(word, &mut relatives);
            }
            relatives.into()
        });
        self.relatives = relatives.collect();
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Returns the number of exactly this word.
    pub(super) fn id(&self, word: &str) -> Option<WordId> {
        self.ids.get(word).copied()
    }

    /// Returns the words like a known one, itself first.
    pub(super) fn relatives(&self, id: WordId) -> &[Relative] {
        &self.relatives[id as usize]
    }

    /// Adds the words like one that the examples do not have.
    pub(super) fn strangers_relatives(&self, word: &str, relatives: &mut Vec<Relative>) {
        let mut chars = ['\0'; COMPARED];
        let mut length = 0;
        for (place, c) in chars.iter_mut().zip(word.chars()) {
            *place = c;
            length += 1;
        }
        let chars = &chars[..length];
        self.search_among(chars, letters(chars), relatives);
    }

    fn search(&self, word: &Word, relatives: &mut Vec<Relative>) {
        self.search_among(&word.chars, word.letters, relatives);
    }

    fn search_among(&self, chars: &[char], letters: u64, relatives: &mut Vec<Relative>) {
        let Some(candidates) = chars.first().and_then(|first| self.by_first.get(first)) else {
            return;
        };
        for id in candidates {
            let other = &self.words[*id as usize];
            let alike = likeness((chars, letters), (&other.chars, other.letters));
            if alike >= ALIKE && *other.chars != *chars {
                relatives.push((*id, alike));
            }
        }
    }
}
