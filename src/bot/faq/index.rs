//! The index a question is looked up in, and the score of an intent for it.
//!
//! A score is made of two views. *Likeness*: the cosine between the question and the most similar
//! example, as word vectors, in which inflections and typos count nearly as the word itself.
//! *Coverage*: how much of what the question says is said in the intent's examples at all, and
//! seldom elsewhere. The first is right for questions like an example, the second for new
//! combinations of known words; words that no example has count against both, which is what keeps
//! "what is the capital of France" from being answered with the price list.

use std::ops::Range;

use fnv::FnvHashMap;

use super::{
    stop_words::is_stop_word,
    vocabulary::{Relative, Vocabulary, WordId},
    words::Words,
};
use crate::domain::language::Language;

/// The share of likeness in a score; the rest is coverage.
const LIKENESS: f32 = 0.45;
/// The weight of a stop word; a word that tells one intent from all others weighs 1.
const STOP_WORD: f32 = 0.06;
/// The weight of a word no example has.
const UNKNOWN: f32 = 0.9;
/// What an example in another language than the question's counts.
const FOREIGN: f32 = 0.85;
/// How many uses a word needs before it is trusted to tell an intent by half.
const RARE: f32 = 0.3;

/// The number of an intent, in the order of the definition.
pub(super) type IntentId = u16;

/// A phrase of an intent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example {
    /// The intent it is a phrase of.
    pub(super) intent: IntentId,
    /// The language it is written in.
    pub(super) language: Language,
}

/// An intent that a question may be about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// The intent.
    pub(super) intent: IntentId,
    /// How sure this is, from 0 to 1.
    pub(super) score: f32,
    /// The language of the most similar example.
    pub(super) language: Language,
}

#[derive(Debug)]
pub(super) struct Index {
    vocabulary: Vocabulary,
    examples: Vec<Example>,
    intents: usize,
    /// For each word: the examples it is in, and its part in each one's unit vector.
    postings: Vec<Vec<(u32, f32)>>,
    /// For each word: the intents it is used for, and how clearly it tells each.
    support: Vec<Box<[(IntentId, f32)]>>,
    weights: Vec<f32>,
    exact: FnvHashMap<Box<str>, Vec<u32>>,
}

/// A question prepared for scoring: for each of its words, the words of the examples like it.
pub(super) struct Question {
    terms: Vec<Term>,
    strangers: Vec<Relative>,
}

struct Term {
    weight: f32,
    stop_word: bool,
    relatives: Related,
}

enum Related {
    Known(WordId),
    Strangers(Range<usize>),
}

impl Index {
    /// Builds the index of the phrases of `intents` intents.
    pub(super) fn build(intents: usize, phrases: &[(Example, Words)]) -> Index {
        let mut index = Index {
            vocabulary: Vocabulary::default(),
            examples: phrases.iter().map(|(example, _)| *example).collect(),
            intents,
            postings: Vec::new(),
            support: Vec::new(),
            weights: Vec::new(),
            exact: FnvHashMap::default(),
        };
        let read = || phrases.iter().map(|(_, words)| words);
        // For each word, how often each intent uses it as more than a stop word.
        let mut uses: Vec<FnvHashMap<IntentId, f32>> = Vec::new();
        let mut sizes = vec![0.0_f32; intents];
        for ((id, example), words) in (0..).zip(&index.examples).zip(read()) {
            sizes[usize::from(example.intent)] += 1.0;
            let text = words.phrase(0..words.len());
            index.exact.entry(text.into()).or_default().push(id);
            for word in (0..words.len()).map(|i| words.word(i)) {
                let word_id = index.vocabulary.add(word);
                uses.resize_with(index.vocabulary.len(), FnvHashMap::default);
                if !is_stop_word(word, example.language) {
                    *uses[word_id as usize].entry(example.intent).or_default() += 1.0;
                }
            }
        }
        for uses in &uses {
            let (weight, support) = tell(uses, &sizes);
            index.weights.push(weight);
            index.support.push(support);
        }
        index.vocabulary.relate(|word| !uses[word as usize].is_empty());
        index.postings.resize_with(index.vocabulary.len(), Vec::new);
        for (id, words) in (0..).zip(read()) {
            index.post(id, words);
        }
        index
    }

    fn post(&mut self, example: u32, words: &Words) {
        let language = self.examples[example as usize].language;
        let mut vector: FnvHashMap<WordId, f32> = FnvHashMap::default();
        for word in (0..words.len()).map(|i| words.word(i)) {
            if let Some(id) = self.vocabulary.id(word) {
                let stop_word = is_stop_word(word, language);
                let weight = if stop_word { STOP_WORD } else { self.weights[id as usize] };
                vector.insert(id, weight);
            }
        }
        let norm = vector.values().map(|weight| weight * weight).sum::<f32>().sqrt();
        for (word, weight) in vector {
            self.postings[word as usize].push((example, weight / norm));
        }
    }

    /// Returns the examples that are exactly this text, after normalisation.
    pub(super) fn exactly(&self, text: &str) -> impl Iterator<Item = Example> {
        self.exact.get(text).into_iter().flatten().map(|id| self.examples[*id as usize])
    }

    /// Looks up the words of a question.
    pub(super) fn prepare(&self, words: &Words, language: Language) -> Question {
        let mut question =
            Question { terms: Vec::with_capacity(words.len()), strangers: Vec::new() };
        for word in (0..words.len()).map(|i| words.word(i)) {
            let stop_word = is_stop_word(word, language);
            let (weight, relatives) = match self.vocabulary.id(word) {
                Some(id) => (self.weights[id as usize], Related::Known(id)),
                None => {
                    let start = question.strangers.len();
                    if !stop_word {
                        self.vocabulary.strangers_relatives(word, &mut question.strangers);
                    }
                    let weight = self.weight_of_stranger(&question.strangers[start..]);
                    (weight, Related::Strangers(start..question.strangers.len()))
                }
            };
            let weight = if stop_word { STOP_WORD } else { weight };
            question.terms.push(Term { weight, stop_word, relatives });
        }
        question
    }

    /// A misspelt word weighs about what it would weigh if spelt well.
    fn weight_of_stranger(&self, relatives: &[Relative]) -> f32 {
        match relatives.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((id, alike)) => alike * self.weights[*id as usize] + (1.0 - alike) * UNKNOWN,
            None => UNKNOWN,
        }
    }

    /// Scores some words of a question and returns the likeliest intent and the runner-up's score.
    pub(super) fn score(
        &self,
        question: &Question,
        range: Range<usize>,
        language: Language,
    ) -> Option<(Hit, f32)> {
        let terms = question.terms.get(range)?;
        let mut likeness = vec![0.0_f32; self.examples.len()];
        let mut coverage = vec![0.0_f32; self.intents];
        let mut supports = vec![0.0_f32; self.intents];
        let (mut squares, mut mass) = (0.0, 0.0);
        for term in terms {
            squares += term.weight * term.weight;
            mass += term.weight;
            supports.fill(0.0);
            for (word, alike) in self.relatives(question, term) {
                for (example, weight) in &self.postings[*word as usize] {
                    likeness[*example as usize] += term.weight * alike * weight;
                }
                if !term.stop_word {
                    for (intent, support) in &self.support[*word as usize] {
                        let best = &mut supports[usize::from(*intent)];
                        *best = best.max(alike * support);
                    }
                }
            }
            for (covered, support) in coverage.iter_mut().zip(&supports) {
                *covered += term.weight * support;
            }
        }
        let norm = f32::sqrt(squares);
        let mut best: Vec<Option<(f32, Language)>> = vec![None; self.intents];
        for (example, dot) in self.examples.iter().zip(likeness).filter(|(_, dot)| *dot > 0.0) {
            let native = if example.language == language { 1.0 } else { FOREIGN };
            let cosine = (dot / norm).min(1.0) * native;
            let best = &mut best[usize::from(example.intent)];
            if best.is_none_or(|(most, _)| cosine > most) {
                *best = Some((cosine, example.language));
            }
        }
        let mut top: Option<Hit> = None;
        let mut second = 0.0;
        for ((intent, best), covered) in (0..).zip(best).zip(coverage) {
            let Some((cosine, language)) = best else { continue };
            let score = LIKENESS * cosine + (1.0 - LIKENESS) * covered / mass;
            let leads = top.is_none_or(|hit| score > hit.score);
            if leads {
                second = top.map_or(0.0, |hit| hit.score);
                top = Some(Hit { intent, score, language });
            } else {
                second = f32::max(second, score);
            }
        }
        top.map(|hit| (hit, second))
    }

    fn relatives<'a>(&'a self, question: &'a Question, term: &Term) -> &'a [Relative] {
        match &term.relatives {
            // Another form of a stop word says no more than the stop word.
            Related::Known(id) if term.stop_word => &self.vocabulary.relatives(*id)[..1],
            Related::Known(id) => self.vocabulary.relatives(*id),
            Related::Strangers(range) => &question.strangers[range.clone()],
        }
    }
}

impl Question {
    /// How many of some words carry a subject, known or not.
    pub(super) fn telling(&self, range: Range<usize>) -> usize {
        self.terms.get(range).into_iter().flatten().filter(|term| !term.stop_word).count()
    }
}

/// Returns the weight of a word, and how clearly it tells each intent that uses it.
fn tell(uses: &FnvHashMap<IntentId, f32>, sizes: &[f32]) -> (f32, Box<[(IntentId, f32)]>) {
    let rate = |(intent, uses): (&IntentId, &f32)| uses / sizes[usize::from(*intent)];
    let rates: f32 = uses.iter().map(rate).sum();
    if rates == 0.0 {
        return (STOP_WORD, Box::default());
    }
    let total: f32 = uses.values().sum();
    let trust = total / (total + RARE);
    let mut support: Vec<_> = uses.iter().map(|u| (*u.0, rate(u) / rates)).collect();
    let spread = 1.0 / support.iter().map(|(_, share)| share * share).sum::<f32>();
    for (_, share) in &mut support {
        *share *= trust;
    }
    support.sort_unstable_by_key(|(intent, _)| *intent);
    (1.0 / spread.sqrt(), support.into())
}
