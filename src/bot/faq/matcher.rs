//! Answers a message: finds the intent it is about, or admits not to know.
//!
//! A message is judged as a whole and clause by clause, since people greet, explain and ask in one
//! breath. Asking for a person comes before everything, small talk gives way to everything, and
//! between a wrong answer and none the bot gives none: a person or the fallback takes over.

use std::{collections::BTreeMap, ops::Range};

use super::super::faults::{Faults, Found};
use super::{
    Definition, Unknown, bounds,
    handover::Phrases,
    index::{Example, Hit, Index, IntentId, Question},
    learned::Learned,
    words::Words,
};
use crate::domain::language::{self, Language};

/// Answers below this score would be guesses.
const SURE: f32 = 0.52;
/// Below this score no telling word of a text is known: what is left, such as "do you", tells nothing.
const KNOWN: f32 = 0.1;
/// From this score and lead on, the letters do not overrule the words.
const GAINSAID: (f32, f32) = (0.3, 0.1);
/// How far an intent must lead the next one; closer together, either could be meant.
const LEAD: f32 = 0.035;
/// Handing over ends the bot's part, so it takes more.
const SURE_OF_HANDOVER: f32 = 0.74;
/// Small talk is short and said in set phrases, so that half a likeness is none.
const SURE_OF_SMALL_TALK: f32 = 0.6;
/// The score of a text that is an example.
const EXACT: f32 = 1.0;
/// From this score on, an example tells the language of a text better than its letters do.
const SURE_OF_LANGUAGE: f32 = 0.75;
/// Greetings and thanks have at most this many words.
const SMALL_TALK_WORDS: usize = 4;
/// With this many telling words beside it, small talk is not what the message is about.
const SUBJECT: usize = 2;
/// How many clauses of a message are judged.
const CLAUSES: usize = 12;

/// An FAQ bot ready to answer.
#[derive(Debug)]
pub struct Faq {
    name: String,
    pace_ms: u64,
    default_language: Language,
    languages: Vec<Language>,
    intents: Vec<Topic>,
    fallback: BTreeMap<Language, String>,
    unknown: Unknown,
    choices: BTreeMap<Language, Vec<String>>,
    files: BTreeMap<Language, String>,
    unavailable: BTreeMap<Language, String>,
    handover: Phrases,
    index: Index,
    learned: Learned,
}

#[derive(Debug)]
struct Topic {
    name: String,
    small_talk: bool,
    choices: bool,
    answers: BTreeMap<Language, String>,
}

/// What the bot makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The language the message is in, to be passed as `previous` with the next one.
    pub language: Language,
    /// What to do.
    pub outcome: Decision<'a>,
}

/// What the bot does about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// It knows the answer.
    Reply {
        /// The name of the intent the message is about.
        intent: &'a str,
        /// The answer, in the message's language if the intent has it, else in the default one.
        text: &'a str,
        /// What it offers to ask next.
        choices: &'a [String],
    },
    /// Someone asks for a person.
    HandOver,
    /// It does not know.
    Unknown,
}

impl Faq {
    /// Checks a definition and builds the bot.
    ///
    /// # Errors
    /// All places that break a bound.
    pub fn compile(definition: &Definition) -> Result<Faq, Faults> {
        bounds::check(definition)?;
        let mut phrases: Vec<(Example, Words)> = Vec::new();
        for (intent, data) in (0..).zip(&definition.intents) {
            for (language, examples) in &data.examples {
                let example = Example { intent, language: *language };
                phrases.extend(examples.iter().map(|phrase| (example, Words::read(phrase))));
            }
        }
        let intent = definition.intents.len() as IntentId;
        let mut handover = Phrases::default();
        for (language, wishes) in &definition.handover.phrases {
            for wish in wishes {
                let words = Words::read(wish);
                handover.add(&words, *language);
                phrases.push((Example { intent, language: *language }, words));
            }
        }
        let mut languages: Vec<Language> = phrases.iter().map(|(e, _)| e.language).collect();
        languages.sort_unstable();
        languages.dedup();
        let topic = |intent: &super::Intent| Topic {
            name: intent.name.clone(),
            small_talk: intent.small_talk,
            choices: intent.choices,
            answers: intent.answers.clone(),
        };
        let faq = Faq {
            name: definition.name.clone(),
            pace_ms: definition.pace_ms,
            default_language: definition.default_language,
            languages,
            intents: definition.intents.iter().map(topic).collect(),
            fallback: definition.fallback.clone(),
            unknown: definition.unknown,
            choices: definition.choices.clone(),
            files: definition.files.clone(),
            unavailable: definition.handover.unavailable.clone(),
            handover,
            index: Index::build(definition.intents.len() + 1, &phrases),
            learned: Learned::build(definition.intents.len() + 1, &phrases),
        };
        faq.answers_its_choices()?;
        Ok(faq)
    }

    /// A button that the bot itself does not understand leads nowhere.
    fn answers_its_choices(&self) -> Result<(), Faults> {
        let mut found = Found::default();
        for (language, choices) in &self.choices {
            for (i, choice) in choices.iter().enumerate() {
                if self.answer(choice, Some(*language)).outcome == Decision::Unknown {
                    found.add(format!("choices.{language}[{i}]"), "has no answer");
                }
            }
        }
        found.none()
    }

    /// Answers a message. `previous` is the language of the conversation so far.
    pub fn answer(&self, text: &str, previous: Option<Language>) -> Answer<'_> {
        let evident = language::evident(text, previous);
        let language = evident.or(previous).unwrap_or(self.default_language);
        let words = Words::read(text);
        if words.is_empty() {
            return Answer { language, outcome: Decision::Unknown };
        }
        // "Are you a real person?" holds the wish for one, and is a question of its own.
        let taught = self.exactly(&words, 0..words.len(), language);
        let is_taught = taught.is_some_and(|hit| usize::from(hit.intent) < self.intents.len());
        if !is_taught && self.asks_for_person(&words, language) {
            return Answer { language, outcome: Decision::HandOver };
        }
        let question = self.index.prepare(&words, language);
        let Some(hit) = self.choose(&words, &question, language) else {
            return Answer { language, outcome: Decision::Unknown };
        };
        let language = self.settle(evident, hit).unwrap_or(language);
        let outcome = match self.intents.get(usize::from(hit.intent)) {
            Some(topic) => Decision::Reply {
                intent: &topic.name,
                text: self.say(&topic.answers, language),
                choices: if topic.choices { self.choices(language) } else { &[] },
            },
            None => Decision::HandOver,
        };
        Answer { language, outcome }
    }

    /// The intent that a message is about, where it is about one.
    pub fn intent_of(&self, text: &str, previous: Language) -> Option<&str> {
        match self.answer(text, Some(previous)).outcome {
            Decision::Reply { intent, .. } => Some(intent),
            Decision::HandOver | Decision::Unknown => None,
        }
    }

    /// The name shown as the author of its messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The language it answers in when it cannot tell the asker's.
    pub fn default_language(&self) -> Language {
        self.default_language
    }

    /// The pause between the pieces of a streamed reply, in milliseconds.
    pub fn pace_ms(&self) -> u64 {
        self.pace_ms
    }

    /// What it says when it does not know, in this language or else the default one.
    pub fn fallback(&self, language: Language) -> &str {
        self.say(&self.fallback, language)
    }

    /// What it says when a person is asked for and none is available.
    pub fn unavailable(&self, language: Language) -> &str {
        if self.unavailable.is_empty() {
            return self.fallback(language);
        }
        self.say(&self.unavailable, language)
    }

    /// What it offers to ask, in this language or else the default one; may be nothing.
    pub fn choices(&self, language: Language) -> &[String] {
        let choices =
            self.choices.get(&language).or_else(|| self.choices.get(&self.default_language));
        choices.map(Vec::as_slice).unwrap_or_default()
    }

    /// What it says to a message that is files alone, where it says something of its own to them.
    pub fn files(&self, language: Language) -> Option<&str> {
        (!self.files.is_empty()).then(|| self.say(&self.files, language))
    }

    /// Whether a person should take over what it does not know.
    pub fn hands_over_unknown(&self) -> bool {
        self.unknown == Unknown::HandOver
    }

    /// Returns the language of the example that was hit, where it is better evidence than the text:
    /// the text gives none, is the example itself, or seems to be in a language not taught.
    fn settle(&self, evident: Option<Language>, hit: Hit) -> Option<Language> {
        let sure = match evident {
            None => true,
            Some(evident) if self.languages.contains(&evident) => hit.score >= EXACT,
            Some(_) => hit.score >= SURE_OF_LANGUAGE,
        };
        sure.then_some(hit.language)
    }

    fn say<'a>(&self, texts: &'a BTreeMap<Language, String>, language: Language) -> &'a str {
        let text = texts.get(&language).or_else(|| texts.get(&self.default_language));
        text.map(String::as_str).unwrap_or_default()
    }

    fn asks_for_person(&self, words: &Words, language: Language) -> bool {
        let whole = |clause| self.handover.are_all_of(words, clause, language);
        self.handover.are_in(words) || words.clauses().take(CLAUSES).any(whole)
    }

    fn choose(&self, words: &Words, question: &Question, language: Language) -> Option<Hit> {
        let whole = 0..words.len();
        if let Some(hit) = self.exactly(words, whole.clone(), language) {
            return Some(hit);
        }
        let mut best: Option<Hit> = None;
        let mut small_talk = None;
        let (mut subjects, mut judged) = (0, false);
        for clause in words.clauses().take(CLAUSES) {
            let clause = self.peel(words, clause, language, &mut small_talk);
            if clause.is_empty() {
                continue;
            }
            judged |= clause == whole;
            let hit = match self.exactly(words, clause.clone(), language) {
                Some(hit) => Some(hit),
                None => self.similar(words, question, clause.clone(), language),
            };
            match hit {
                Some(hit) if self.is_small_talk(hit) => small_talk = Some(hit),
                Some(hit) => best = Some(better(best, hit)),
                None => subjects += question.telling(clause),
            }
        }
        if !judged && best.is_none_or(|hit| hit.score < EXACT) {
            let hit = self.similar(words, question, whole, language);
            if let Some(hit) = hit.filter(|hit| !self.is_small_talk(*hit)) {
                best = Some(better(best, hit));
            }
        }
        best.or(small_talk.filter(|_| subjects < SUBJECT))
    }

    /// Takes a greeting off the beginning of a clause and thanks off its end.
    fn peel(
        &self,
        words: &Words,
        mut clause: Range<usize>,
        language: Language,
        small_talk: &mut Option<Hit>,
    ) -> Range<usize> {
        let longest = clause.len().min(SMALL_TALK_WORDS);
        for length in (1..=longest).rev() {
            let opening = clause.start..clause.start + length;
            if let Some(hit) = self.exactly(words, opening, language)
                && self.is_small_talk(hit)
            {
                *small_talk = Some(hit);
                clause.start += length;
                break;
            }
        }
        for length in (1..=clause.len().min(SMALL_TALK_WORDS)).rev() {
            let closing = clause.end - length..clause.end;
            if let Some(hit) = self.exactly(words, closing, language)
                && self.is_small_talk(hit)
            {
                *small_talk = Some(hit);
                clause.end -= length;
                break;
            }
        }
        clause
    }

    fn exactly(&self, words: &Words, range: Range<usize>, language: Language) -> Option<Hit> {
        let examples = self.index.exactly(words.phrase(range));
        let example = examples.max_by_key(|example| {
            (example.language == language, example.language == self.default_language)
        })?;
        Some(Hit { intent: example.intent, score: EXACT, language: example.language })
    }

    /// Finds what some words are about by two witnesses: the words, against the examples, and the
    /// letters, by what was learnt. Either is believed where it is sure and the other does not
    /// gainsay it.
    fn similar(
        &self,
        words: &Words,
        question: &Question,
        range: Range<usize>,
        language: Language,
    ) -> Option<Hit> {
        let telling = question.telling(range.clone());
        if telling == 0 {
            return None;
        }
        let (hit, second) = self.index.score(question, range.clone(), language)?;
        let sure = if usize::from(hit.intent) == self.intents.len() {
            // A single word near "agent" or "person" is no wish to talk to one.
            if telling > 1 { SURE_OF_HANDOVER } else { EXACT }
        } else if self.is_small_talk(hit) {
            SURE_OF_SMALL_TALK
        } else {
            SURE
        };
        let is_sure = hit.score >= sure && hit.score - second >= LEAD;
        let learned = self.learned.judge(words, range, language).filter(|_| hit.score >= KNOWN);
        let Some(learned) = learned else {
            return is_sure.then_some(hit);
        };
        if learned.intent == hit.intent || (is_sure && !self.is_topic(hit)) {
            return (is_sure || (learned.sure && self.is_topic(hit))).then_some(hit);
        }
        // The words tell of something else, if not surely.
        if hit.score >= GAINSAID.0 && hit.score - second >= GAINSAID.1 {
            return None;
        }
        let other = Hit { intent: learned.intent, score: SURE.min(hit.score), ..hit };
        (learned.sure && !is_sure && self.is_topic(other)).then_some(other)
    }

    /// Whether a hit is an intent that is neither small talk nor the wish for a person: those are
    /// said in set phrases.
    fn is_topic(&self, hit: Hit) -> bool {
        self.intents.get(usize::from(hit.intent)).is_some_and(|topic| !topic.small_talk)
    }

    fn is_small_talk(&self, hit: Hit) -> bool {
        self.intents.get(usize::from(hit.intent)).is_some_and(|topic| topic.small_talk)
    }
}

fn better(best: Option<Hit>, hit: Hit) -> Hit {
    best.filter(|best| best.score >= hit.score).unwrap_or(hit)
}

#[cfg(test)]
mod tests;
