//! Whether someone asks for a person.
//!
//! A phrase of at least two telling words ("talk to a human") is looked for inside the message,
//! its words in order and close together, because such a wish comes with all sorts of words
//! around it. A phrase of one telling word ("agent please") counts only as a whole clause, with no
//! words beside it but those of other phrases: "get me an agent" is a wish, "are you an agent" and
//! "a travel agent" are not. Looser likeness is left to the index.

use std::ops::Range;

use fnv::{FnvHashMap, FnvHashSet};

use super::{stop_words::is_stop_word, words::Words};
use crate::domain::language::Language;

/// How many other words may stand between the words of a phrase.
const GAPS: usize = 2;

/// The words of a phrase after its first.
type Rest = Box<[Box<str>]>;

#[derive(Debug, Default)]
pub(super) struct Phrases {
    /// Phrases found inside a message, without their first word, by it.
    inside: FnvHashMap<Box<str>, Vec<Rest>>,
    /// The telling words of the phrases that have only one.
    single: FnvHashMap<Language, FnvHashSet<Box<str>>>,
    /// The other words of all phrases.
    around: FnvHashMap<Language, FnvHashSet<Box<str>>>,
}

impl Phrases {
    /// Adds a phrase.
    pub(super) fn add(&mut self, words: &Words, language: Language) {
        let tells = |i: &usize| !is_stop_word(words.word(*i), language);
        let mut telling = (0..words.len()).filter(tells);
        let stop_words = (0..words.len()).filter(|i| !tells(i));
        let around = self.around.entry(language).or_default();
        around.extend(stop_words.map(|i| Box::from(words.word(i))));
        // The words before the first telling one ("I want to") differ from asker to asker.
        let Some(first) = telling.next() else { return };
        if telling.next().is_some() {
            let rest = (first + 1..words.len()).map(|i| words.word(i).into()).collect();
            self.inside.entry(words.word(first).into()).or_default().push(rest);
        } else {
            self.single.entry(language).or_default().insert(words.word(first).into());
        }
    }

    /// Whether a clause is nothing but a telling word and words that go with it.
    pub(super) fn are_all_of(
        &self,
        words: &Words,
        clause: Range<usize>,
        language: Language,
    ) -> bool {
        let (Some(single), Some(around)) = (self.single.get(&language), self.around.get(&language))
        else {
            return false;
        };
        let mut telling = 0;
        for word in clause.map(|i| words.word(i)) {
            if single.contains(word) {
                telling += 1;
            } else if !around.contains(word) {
                return false;
            }
        }
        telling == 1
    }

    /// Whether one of the phrases is inside the message.
    pub(super) fn are_in(&self, words: &Words) -> bool {
        (0..words.len()).any(|start| {
            let phrases = self.inside.get(words.word(start)).into_iter().flatten();
            phrases.into_iter().any(|rest| follows(words, start + 1, rest))
        })
    }
}

fn follows(words: &Words, start: usize, rest: &[Box<str>]) -> bool {
    let mut gaps = 0;
    let mut rest = rest.iter();
    let Some(mut next) = rest.next() else { return true };
    for i in start..words.len() {
        if words.word(i) == &**next {
            match rest.next() {
                Some(word) => next = word,
                None => return true,
            }
        } else {
            gaps += 1;
            if gaps > GAPS {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrases() -> Phrases {
        let mut phrases = Phrases::default();
        for phrase in ["I want to talk to a human", "a human, please", "get me an agent"] {
            phrases.add(&Words::read(phrase), Language::ENGLISH);
        }
        phrases
    }

    #[test]
    fn a_phrase_is_found_inside_a_message() {
        for message in ["talk to a human", "My box broke, let me TALK to a real human now!"] {
            assert!(phrases().are_in(&Words::read(message)), "{message}");
        }
    }

    #[test]
    fn its_words_must_be_in_order_and_close_together() {
        for message in [
            "talk to a",
            "a human to talk to",
            "talk to me about what you would charge a human",
            "human",
        ] {
            assert!(!phrases().are_in(&Words::read(message)), "{message}");
        }
    }

    #[test]
    fn a_single_word_counts_only_with_words_of_other_phrases() {
        let whole = |message: &str| {
            let words = Words::read(message);
            phrases().are_all_of(&words, 0..words.len(), Language::ENGLISH)
        };
        for message in ["human", "Please get me a human", "I want an agent"] {
            assert!(whole(message), "{message}");
        }
        for message in ["are you a human", "travel agent", "please", "my agent"] {
            assert!(!whole(message), "{message}");
        }
    }
}
