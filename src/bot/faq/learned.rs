//! What tells the intents of one bot apart, learnt from its own phrases.
//!
//! A linear classifier over [`grams`](super::grams): a multi-class support vector machine after
//! Crammer and Singer, trained by dual coordinate descent, so that only phrases near a border leave
//! weights. How sure it has to be is learnt too: each phrase is judged by a model that has not seen
//! it, and the threshold lies where those judgements would be wrong too often. The examples come
//! in the order of the definition and nothing is random, so every node learns the same.
//!
//! A nearest neighbour over the same sequences was tried and finds far less at the same rate of
//! wrong answers: it gives every shared sequence the same say, whatever it tells.

use std::ops::Range;

use fnv::FnvHashMap;

use super::{
    grams::{Gram, grams},
    index::{Example, IntentId},
    words::Words,
};
use crate::domain::language::Language;

/// What a phrase on the wrong side of a border may cost.
const COST: f32 = 1.0;
/// How often all phrases are gone through, and again without those to be judged.
const ROUNDS: usize = 8;
const REFITS: usize = 3;
/// Phrases are judged in so many parts, each by a model of the others.
const PARTS: usize = 4;
/// A smaller violation is none.
const TOLERANCE: f32 = 0.05;
/// What a sequence that no phrase has counts, beside the rarest that one has.
const UNSEEN: f32 = 0.7;
/// The share of its own phrases that may be judged wrongly, at the threshold; of many phrases beyond
/// [`FEW`], a smaller one. What is off topic is not among a bot's phrases, and the more it knows, the
/// more of that is like something.
const WRONG: f32 = 0.0205;
const FEW: f32 = 2.0;
const WRONG_OF_MANY: f32 = 0.007;
/// Fewer phrases than this say too little about a language's threshold.
const ENOUGH: usize = 100;
/// The least threshold, and that of a bot too small to learn one.
const LEAST: f32 = 0.12;
const UNLEARNT: f32 = 0.3;
/// The share of the score in the confidence; the rest is its lead over the next.
const SCORE: f32 = 0.35;
/// Weights are kept as whole numbers of so many parts, and smaller ones than this are left out:
/// there are many of them.
const FINE: f32 = 8192.0;
const NEGLIGIBLE: f32 = 0.01;

#[derive(Debug, Default)]
pub(super) struct Learned {
    rows: FnvHashMap<Gram, Row>,
    weights: Vec<(IntentId, i16)>,
    unseen: f32,
    intents: usize,
    thresholds: Vec<(Language, f32)>,
    threshold: f32,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// How rare the sequence is.
    weight: f32,
    start: u32,
    end: u32,
}

/// What it takes a text to be about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) intent: IntentId,
    /// Whether its confidence reaches the threshold.
    pub(super) sure: bool,
}

impl Learned {
    /// Learns from phrases of `intents` intents.
    pub(super) fn build(intents: usize, phrases: &[(Example, Words)]) -> Learned {
        let mut ids: FnvHashMap<Gram, u32> = FnvHashMap::default();
        let texts: Vec<Vec<u32>> = phrases
            .iter()
            .map(|(_, words)| {
                let number = |gram: &Gram| {
                    let next = ids.len() as u32;
                    *ids.entry(*gram).or_insert(next)
                };
                grams(words, 0..words.len()).iter().map(number).collect()
            })
            .collect();
        let mut seen = vec![0_u32; ids.len()];
        texts.iter().flatten().for_each(|id| seen[*id as usize] += 1);
        let rarity = |seen: u32| ((1.0 + phrases.len() as f32) / (1.0 + seen as f32)).ln() + 1.0;
        let rarities: Vec<f32> = seen.iter().map(|seen| rarity(*seen)).collect();
        let unseen = UNSEEN * rarity(0);
        let samples: Vec<Sample> = texts
            .into_iter()
            .zip(phrases)
            .map(|(grams, (example, _))| {
                let square = |id: &u32| rarities[*id as usize].powi(2);
                let scale = grams.iter().map(square).sum::<f32>().sqrt().recip();
                Sample { grams, scale, intent: usize::from(example.intent) }
            })
            .collect();
        let mut trainer = Trainer {
            samples: &samples,
            rarities: &rarities,
            weights: vec![Vec::new(); ids.len()],
            shares: vec![0.0; samples.len() * intents],
            scores: vec![0.0; intents],
            order: Vec::with_capacity(intents),
        };
        trainer.train(ROUNDS, |_| true);
        let judged = trainer.judge_unseen(&seen, unseen);
        let mut learned = Learned { unseen, intents, ..Learned::default() };
        learned.calibrate(phrases, &judged);
        learned.keep(&ids, &rarities, &trainer.weights);
        learned
    }

    /// Judges some words; nothing where no sequence is known.
    pub(super) fn judge(
        &self,
        words: &Words,
        range: Range<usize>,
        language: Language,
    ) -> Option<Verdict> {
        let mut scores = vec![0.0_f32; self.intents];
        let mut squares = 0.0_f32;
        for gram in grams(words, range) {
            let Some(row) = self.rows.get(&gram) else {
                squares += self.unseen * self.unseen;
                continue;
            };
            squares += row.weight * row.weight;
            for (intent, weight) in &self.weights[row.start as usize..row.end as usize] {
                scores[usize::from(*intent)] += row.weight * f32::from(*weight);
            }
        }
        let (intent, confidence) = confidence(&scores, (squares.sqrt() * FINE).recip())?;
        let own = self.thresholds.iter().find(|(of, _)| *of == language);
        let threshold = own.map_or(self.threshold, |(_, threshold)| *threshold);
        Some(Verdict { intent: intent as IntentId, sure: confidence >= threshold })
    }

    fn calibrate(&mut self, phrases: &[(Example, Words)], judged: &[(f32, bool)]) {
        self.threshold = threshold(judged.iter().copied());
        let mut languages: Vec<Language> = phrases.iter().map(|(e, _)| e.language).collect();
        languages.sort_unstable();
        for part in languages.chunk_by(|a, b| a == b).filter(|part| part.len() >= ENOUGH) {
            let of = part[0];
            let own = judged.iter().zip(phrases).filter(|(_, (e, _))| e.language == of);
            self.thresholds.push((of, threshold(own.map(|(judged, _)| *judged))));
        }
    }

    fn keep(
        &mut self,
        ids: &FnvHashMap<Gram, u32>,
        rarities: &[f32],
        weights: &[Vec<(IntentId, f32)>],
    ) {
        self.rows.reserve(ids.len());
        for (gram, id) in ids {
            let id = *id as usize;
            let start = self.weights.len() as u32;
            let telling = weights[id].iter().filter(|(_, weight)| weight.abs() >= NEGLIGIBLE);
            // A weight beyond the range is cut to it by the cast.
            self.weights.extend(telling.map(|(intent, w)| (*intent, (w * FINE).round() as i16)));
            let row = Row { weight: rarities[id], start, end: self.weights.len() as u32 };
            self.rows.insert(*gram, row);
        }
        self.weights.shrink_to_fit();
    }
}

/// Returns the likeliest intent and how sure that is.
fn confidence(scores: &[f32], scale: f32) -> Option<(usize, f32)> {
    let mut best = None::<(usize, f32)>;
    let mut second = f32::NEG_INFINITY;
    for (intent, score) in scores.iter().enumerate() {
        match best {
            Some((_, most)) if *score <= most => second = second.max(*score),
            _ => {
                second = best.map_or(second, |(_, most)| most);
                best = Some((intent, *score));
            }
        }
    }
    let (intent, most) = best.filter(|(_, most)| *most > 0.0)?;
    let lead = most - second.max(0.0);
    Some((intent, scale * (SCORE * most + (1.0 - SCORE) * lead)))
}

/// Returns the confidence from which few judgements are wrong.
fn threshold(judged: impl Iterator<Item = (f32, bool)>) -> f32 {
    let (mut count, mut wrong) = (0, Vec::new());
    for (confidence, right) in judged {
        count += 1;
        if !right {
            wrong.push(confidence);
        }
    }
    if count < ENOUGH {
        return UNLEARNT;
    }
    wrong.sort_unstable_by(|a, b| b.total_cmp(a));
    wrong.get(borne(count)).map_or(LEAST, |least| (least + 0.001).max(LEAST))
}

/// How many of some judgements may be wrong.
fn borne(count: usize) -> usize {
    let count = count as f32;
    (count * WRONG).min(FEW + count * WRONG_OF_MANY) as usize
}

/// A phrase to learn from.
struct Sample {
    grams: Vec<u32>,
    /// One over its length as a vector.
    scale: f32,
    intent: usize,
}

struct Trainer<'a> {
    samples: &'a [Sample],
    rarities: &'a [f32],
    /// For each sequence: what it says for and against intents.
    weights: Vec<Vec<(IntentId, f32)>>,
    /// For each sample and intent: the sample's share in the intent's weights.
    shares: Vec<f32>,
    scores: Vec<f32>,
    order: Vec<f32>,
}

impl Trainer<'_> {
    /// Goes through the samples that are taught until none violates its border, or often enough.
    fn train(&mut self, rounds: usize, taught: impl Fn(usize) -> bool) {
        for _ in 0..rounds {
            let mut settled = true;
            for sample in (0..self.samples.len()).filter(|sample| taught(*sample)) {
                settled &= self.settle(sample);
            }
            if settled {
                return;
            }
        }
    }

    /// Gives one sample the shares that are best while all others stay; whether they were so.
    fn settle(&mut self, place: usize) -> bool {
        let sample = &self.samples[place];
        score(&self.weights, self.rarities, sample, &mut self.scores);
        let intents = self.scores.len();
        let own = place * intents..(place + 1) * intents;
        let most = |intent: usize| if intent == sample.intent { COST } else { 0.0 };
        let (mut worst, mut least) = (f32::NEG_INFINITY, f32::INFINITY);
        for (intent, gradient) in self.scores.iter_mut().enumerate() {
            *gradient += if intent == sample.intent { 0.0 } else { 1.0 };
            worst = worst.max(*gradient);
            if self.shares[own.start + intent] < most(intent) {
                least = least.min(*gradient);
            }
        }
        if worst - least < TOLERANCE {
            return true;
        }
        for (gradient, share) in self.scores.iter_mut().zip(&self.shares[own.clone()]) {
            *gradient -= share;
        }
        self.order.clone_from(&self.scores);
        self.order[sample.intent] += COST;
        self.order.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut level = self.order[0] - COST;
        let mut count = 1;
        while count < intents && level < count as f32 * self.order[count] {
            level += self.order[count];
            count += 1;
        }
        level /= count as f32;
        for intent in 0..intents {
            let share = (level - self.scores[intent]).min(most(intent));
            let change = share - self.shares[own.start + intent];
            if change.abs() > 1e-6 {
                self.shares[own.start + intent] = share;
                add(&mut self.weights, self.rarities, sample, intent, change);
            }
        }
        false
    }

    /// Judges each phrase by a model without it and its part.
    fn judge_unseen(&self, seen: &[u32], unseen: f32) -> Vec<(f32, bool)> {
        let mut judged = vec![(0.0, true); self.samples.len()];
        for part in 0..PARTS {
            let mut model = Trainer {
                weights: self.weights.clone(),
                shares: self.shares.clone(),
                scores: self.scores.clone(),
                order: Vec::with_capacity(self.scores.len()),
                ..*self
            };
            let taught = |sample: usize| sample % PARTS != part;
            let mut seen = seen.to_vec();
            for place in (0..self.samples.len()).filter(|sample| !taught(*sample)) {
                model.forget(place);
                self.samples[place].grams.iter().for_each(|id| seen[*id as usize] -= 1);
            }
            model.train(REFITS, taught);
            for place in (0..self.samples.len()).filter(|sample| !taught(*sample)) {
                let sample = &self.samples[place];
                score(&model.weights, self.rarities, sample, &mut model.scores);
                let square = |id: &u32| match seen[*id as usize] {
                    0 => unseen * unseen,
                    _ => self.rarities[*id as usize].powi(2),
                };
                let norm = sample.grams.iter().map(square).sum::<f32>().sqrt();
                let scale = (norm * sample.scale).recip();
                judged[place] = match confidence(&model.scores, scale) {
                    Some((intent, confidence)) => (confidence, intent == sample.intent),
                    None => (0.0, false),
                };
            }
        }
        judged
    }

    /// Takes a sample's part in the weights back.
    fn forget(&mut self, place: usize) {
        let intents = self.scores.len();
        for intent in 0..intents {
            let share = std::mem::take(&mut self.shares[place * intents + intent]);
            if share != 0.0 {
                add(&mut self.weights, self.rarities, &self.samples[place], intent, -share);
            }
        }
    }
}

fn score(weights: &[Vec<(IntentId, f32)>], rarities: &[f32], sample: &Sample, scores: &mut [f32]) {
    scores.fill(0.0);
    for id in &sample.grams {
        let part = rarities[*id as usize] * sample.scale;
        for (intent, weight) in &weights[*id as usize] {
            scores[usize::from(*intent)] += part * weight;
        }
    }
}

fn add(
    weights: &mut [Vec<(IntentId, f32)>],
    rarities: &[f32],
    sample: &Sample,
    intent: usize,
    share: f32,
) {
    let intent = intent as IntentId;
    for id in &sample.grams {
        let part = share * rarities[*id as usize] * sample.scale;
        let row = &mut weights[*id as usize];
        match row.iter_mut().find(|(of, _)| *of == intent) {
            Some((_, weight)) => *weight += part,
            None => row.push((intent, part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Learned {
        let phrases = [
            (0, ["where is my order", "order status", "track my order"]),
            (1, ["cancel my order", "cancel it please", "how do I cancel"]),
            (2, ["opening hours", "when are you open", "are you open today"]),
        ];
        let phrases: Vec<_> = phrases
            .iter()
            .flat_map(|(intent, phrases)| {
                let example = Example { intent: *intent, language: Language::ENGLISH };
                phrases.iter().map(move |phrase| (example, Words::read(phrase)))
            })
            .collect();
        Learned::build(3, &phrases)
    }

    fn judged(text: &str) -> Option<IntentId> {
        let words = Words::read(text);
        learned().judge(&words, 0..words.len(), Language::ENGLISH).map(|verdict| verdict.intent)
    }

    #[test]
    fn what_intents_share_tells_none_of_them() {
        assert_eq!(judged("wheres my order"), Some(0));
        assert_eq!(judged("please cancel the order"), Some(1));
        assert_eq!(judged("openning hour"), Some(2));
        assert_eq!(judged("zzz"), None);
    }

    #[test]
    fn the_same_phrases_teach_the_same() {
        assert_eq!(learned().weights.len(), learned().weights.len());
        assert_eq!(learned().threshold, learned().threshold);
    }

    #[test]
    fn the_threshold_lies_above_all_but_the_few_wrong_judgements_that_are_borne() {
        let judged = (0..200).map(|i| (i as f32 / 100.0, i % 40 != 10));
        let wrong_above =
            |limit: f32| (0..200).filter(|i| i % 40 == 10 && *i as f32 / 100.0 >= limit).count();
        assert_eq!(wrong_above(threshold(judged)), borne(200));
        assert_eq!([100, 150, 1_000].map(borne), [2, 3, 9]);
        assert_eq!(threshold(std::iter::empty()), UNLEARNT);
    }
}
