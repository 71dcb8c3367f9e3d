//! Tells the language of a short chat text.
//!
//! Three witnesses, cheapest first: the script (Devanagari is Hindi, kana is Japanese), the words
//! that give a language away ([`super::cues`]), and whichlang's letter statistics, which are
//! excellent on a paragraph and guess on "danke". Their votes are added up, the conversation's
//! language so far speaks for itself, and a text that says nothing (digits, emoji, a link, an
//! unknown word) leaves the language as it was. Only the beginning of a long text is read.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use whichlang::Lang;

use super::{
    Language,
    cues::{LANGUAGES, LISTED, languages_of, languages_of_letter},
};

/// How much of a text is read, in bytes; more would not change the answer.
const READ: usize = 480;
/// What the conversation's language so far counts, in words of its own.
const PREVIOUS: f32 = 0.45;
/// What a word of romanised Hindi counts more: such texts are full of English nouns.
const ROMANISED: f32 = 1.5;
/// What a letter such as "ñ" counts, once a text.
const LETTER: f32 = 0.4;
/// What the letter statistics count for one word; they grow with the root of the words.
const STATISTICS: f32 = 0.3;
/// So many words a text needs to be of a language none of whose words and letters it shows.
const UNCUED: usize = 3;
/// Below this a text is no evidence of its language.
const EVIDENCE: f32 = 0.32;

const HINDI: Language = Language::of("hi");

/// Detects the language of a short chat text.
///
/// `previous` is the conversation's language so far, which an inconclusive text keeps; `default`
/// is the answer when nothing can be told. Never fails, on any text.
pub fn detect(text: &str, previous: Option<Language>, default: Language) -> Language {
    evident(text, previous).or(previous).unwrap_or(default)
}

/// Returns the language the text itself gives evidence of, or nothing if it gives none.
///
/// `previous` only tips the scale between languages that the text allows.
pub fn evident(text: &str, previous: Option<Language>) -> Option<Language> {
    let text = &text[..text.floor_char_boundary(READ)];
    let chunks = || text.split_whitespace().filter(|chunk| !is_address(chunk));
    let mut scripts = Scripts::default();
    chunks().for_each(|chunk| scripts.read(chunk));
    if let Some(language) = scripts.language() {
        return Some(language);
    }
    let mut votes = Votes::default();
    chunks().for_each(|chunk| votes.read(chunk));
    votes.language(text, previous, scripts.latin)
}

/// Tells links and mail addresses, whose letters belong to no language.
fn is_address(chunk: &str) -> bool {
    chunk.contains("://") || chunk.contains('@') || chunk.starts_with("www.")
}

/// The scripts that stand for one language, and where they begin and end.
///
/// Han comes first, because kana beside it make it Japanese.
const SCRIPTS: [(char, char, Language); 17] = [
    ('\u{4e00}', '\u{9fff}', Language::of("zh")),
    ('\u{3040}', '\u{30ff}', Language::of("ja")),
    ('\u{ac00}', '\u{d7a3}', Language::of("ko")),
    ('\u{0370}', '\u{03ff}', Language::of("el")),
    ('\u{0400}', '\u{052f}', Language::of("ru")),
    ('\u{0530}', '\u{058f}', Language::of("hy")),
    ('\u{0590}', '\u{05ff}', Language::of("he")),
    ('\u{0600}', '\u{06ff}', Language::of("ar")),
    ('\u{0900}', '\u{097f}', Language::of("hi")),
    ('\u{0980}', '\u{09ff}', Language::of("bn")),
    ('\u{0a00}', '\u{0a7f}', Language::of("pa")),
    ('\u{0a80}', '\u{0aff}', Language::of("gu")),
    ('\u{0b80}', '\u{0bff}', Language::of("ta")),
    ('\u{0c00}', '\u{0c7f}', Language::of("te")),
    ('\u{0c80}', '\u{0cff}', Language::of("kn")),
    ('\u{0e00}', '\u{0e7f}', Language::of("th")),
    ('\u{10a0}', '\u{10ff}', Language::of("ka")),
];

#[derive(Default)]
struct Scripts {
    latin: usize,
    others: [usize; SCRIPTS.len()],
}

impl Scripts {
    fn read(&mut self, chunk: &str) {
        for c in chunk.chars().filter(|c| c.is_alphabetic()) {
            if c < '\u{0250}' {
                self.latin += 1;
            } else if let Some(script) = SCRIPTS.iter().position(|s| (s.0..=s.1).contains(&c)) {
                self.others[script] += 1;
            }
        }
    }

    /// Returns the language of a script other than Latin that a good part of the text is in.
    ///
    /// A third is enough: brand names and loan words are written in Latin letters everywhere.
    fn language(&self) -> Option<Language> {
        let (script, &letters) = self.others.iter().enumerate().max_by_key(|(_, n)| **n)?;
        let script = if script == 0 && self.others[1] > 0 { 1 } else { script };
        (letters > 0 && letters * 2 >= self.latin).then(|| SCRIPTS[script].2)
    }
}

#[derive(Default)]
struct Votes {
    cues: [f32; LANGUAGES],
    letters: u8,
    words: usize,
    folded: String,
}

impl Votes {
    fn read(&mut self, chunk: &str) {
        for word in chunk.split(|c: char| !c.is_alphabetic() && !is_combining_mark(c)) {
            if word.is_empty() {
                continue;
            }
            self.words += 1;
            self.fold(word);
            let languages = languages_of(&self.folded);
            let share = 1.0 / languages.count_ones().max(1) as f32;
            self.give(languages, share);
        }
        for letter in chunk.chars().filter(|c| !c.is_ascii()).flat_map(char::to_lowercase) {
            self.letters |= languages_of_letter(letter);
        }
    }

    /// Takes the word in lower case and without accents.
    fn fold(&mut self, word: &str) {
        self.folded.clear();
        for c in word.chars() {
            if c.is_ascii() {
                self.folded.push(c.to_ascii_lowercase());
            } else {
                decompose_canonical(c, |part| {
                    if !is_combining_mark(part) {
                        self.folded.extend(part.to_lowercase());
                    }
                });
            }
        }
    }

    fn give(&mut self, languages: u8, share: f32) {
        for (bit, cue) in self.cues.iter_mut().enumerate() {
            if languages & (1 << bit) != 0 {
                *cue += if LISTED[bit] == HINDI { share * ROMANISED } else { share };
            }
        }
    }

    /// What the letter statistics say. They always say something, of mere keys too ("asdf qwer"):
    /// where neither a word nor a letter speaks for a language, all parts of the text must agree.
    fn guess(&self, text: &str) -> Option<Language> {
        let language = name(whichlang::detect_language(text));
        if !text.is_ascii() || self.cues.iter().any(|cue| *cue > 0.0) {
            return Some(language);
        }
        let middle = text.len() / 2;
        let middle = text[middle..].find(char::is_whitespace).map_or(text.len(), |at| middle + at);
        let agrees = |part: &str| name(whichlang::detect_language(part)) == language;
        let (first, second) = text.split_at(middle);
        (self.words >= UNCUED && agrees(first) && agrees(second)).then_some(language)
    }

    fn language(
        mut self,
        text: &str,
        previous: Option<Language>,
        latin: usize,
    ) -> Option<Language> {
        if latin == 0 {
            return None;
        }
        let share = LETTER / self.letters.count_ones().max(1) as f32;
        self.give(self.letters, share);
        let mut guess = None;
        if self.words > 1
            && latin > 5
            && let Some(language) = self.guess(text)
        {
            let weight = STATISTICS * (self.words as f32).sqrt();
            match LISTED.iter().position(|listed| *listed == language) {
                Some(place) => self.cues[place] += weight,
                None => guess = Some((language, weight)),
            }
        }
        let candidates = LISTED.into_iter().zip(self.cues).chain(guess);
        let weigh = |(language, votes): (Language, f32)| {
            let habit = if Some(language) == previous { PREVIOUS } else { 0.0 };
            (language, votes, votes + habit)
        };
        candidates
            .map(weigh)
            .filter(|(_, votes, _)| *votes >= EVIDENCE)
            .reduce(|best, next| if next.2 > best.2 { next } else { best })
            .map(|(language, ..)| language)
    }
}

fn name(language: Lang) -> Language {
    match language {
        Lang::Ara => const { Language::of("ar") },
        Lang::Cmn => const { Language::of("zh") },
        Lang::Deu => const { Language::of("de") },
        Lang::Eng => const { Language::of("en") },
        Lang::Fra => const { Language::of("fr") },
        Lang::Hin => const { Language::of("hi") },
        Lang::Ita => const { Language::of("it") },
        Lang::Jpn => const { Language::of("ja") },
        Lang::Kor => const { Language::of("ko") },
        Lang::Nld => const { Language::of("nl") },
        Lang::Por => const { Language::of("pt") },
        Lang::Rus => const { Language::of("ru") },
        Lang::Spa => const { Language::of("es") },
        Lang::Swe => const { Language::of("sv") },
        Lang::Tur => const { Language::of("tr") },
        Lang::Vie => const { Language::of("vi") },
    }
}

#[cfg(test)]
mod tests;
