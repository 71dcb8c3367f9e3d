//! What is wrong with a definition: every place at once, so that its author mends it in one go.

use std::collections::BTreeSet;
use std::fmt;

/// Something wrong, and where: `steps.ask_email.next`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: String,
    pub problem: String,
}

/// All that is wrong with a definition, sorted by place; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            let before = if number == 0 { "" } else { "; " };
            write!(f, "{before}{}: {}", fault.place, fault.problem)?;
        }
        Ok(())
    }
}

/// Faults as they are found.
#[derive(Debug, Default)]
pub(super) struct Found(BTreeSet<Fault>);

impl Found {
    pub(super) fn add(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.0.insert(Fault { place: place.into(), problem: problem.into() });
    }

    /// Adds what was found before.
    pub(super) fn extend(&mut self, faults: Faults) {
        self.0.extend(faults.0);
    }

    /// Whether something is wrong at a place.
    pub(super) fn is_at(&self, place: &str) -> bool {
        self.0.iter().any(|fault| fault.place == place)
    }

    /// Says so where a text is blank or has more than `most` characters.
    pub(super) fn text(&mut self, place: &str, text: &str, most: usize) {
        let length = text.chars().count();
        if text.trim().is_empty() {
            self.add(place, "is empty");
        } else if length > most {
            self.add(place, format!("has {length} characters, more than {most}"));
        }
    }

    /// Says so where a number is outside of its bounds.
    pub(super) fn number(&mut self, place: &str, number: u64, least: u64, most: u64) {
        if !(least..=most).contains(&number) {
            self.add(place, format!("is {number}, not from {least} to {most}"));
        }
    }

    /// Says so where headers could not be sent. Values may be templates.
    pub(super) fn headers<'h>(
        &mut self,
        place: &str,
        headers: impl ExactSizeIterator<Item = (&'h String, &'h String)>,
    ) {
        const MOST: usize = 20;
        if headers.len() > MOST {
            self.add(place, format!("are more than {MOST}"));
        }
        for (name, value) in headers {
            let place = format!("{place}.{name}");
            let lower = name.to_ascii_lowercase();
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.add(&place, "is no header's name");
            } else if ["host", "content-length", "transfer-encoding", "connection"]
                .contains(&lower.as_str())
            {
                self.add(&place, "is not yours to set");
            }
            if http::HeaderValue::from_str(value).is_err() || value.len() > 4_000 {
                self.add(&place, "has no header's value");
            }
        }
    }

    /// # Errors
    /// What was found, if anything.
    pub(super) fn none(self) -> Result<(), Faults> {
        if self.0.is_empty() { Ok(()) } else { Err(Faults(self.0.into_iter().collect())) }
    }
}
