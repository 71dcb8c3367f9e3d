//! The variables of a turn: what the conversation remembers, and what the turn itself tells.

use jiff::tz::TimeZone;

use super::Turn;
use crate::domain::variables::Variables;

/// Variables that a turn gives and nobody sets: the time where the customer is
/// (`system.timezone`), the message, and whether somebody could take over.
pub(super) const GIVEN: [&str; 6] = [
    "system.now",
    "system.today",
    "system.hour",
    "system.weekday",
    "system.message",
    "system.personAvailable",
];

/// The variables of one turn.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    variables: Variables,
    given: [String; GIVEN.len()],
}

impl Scope {
    pub(super) fn of(turn: &Turn<'_>) -> Self {
        let variables = turn.background.variables.clone();
        let at = turn.background.at.unwrap_or_default().millis();
        let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
        let zone = variables.get("system.timezone").and_then(|name| TimeZone::get(name).ok());
        let now = at.to_zoned(zone.unwrap_or(TimeZone::UTC));
        let given = [
            now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            now.date().to_string(),
            now.hour().to_string(),
            now.strftime("%A").to_string().to_lowercase(),
            turn.text.to_owned(),
            turn.person_available.to_string(),
        ];
        Self { variables, given }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        match GIVEN.iter().position(|given| *given == name) {
            Some(place) => self.given.get(place).map(String::as_str),
            None => self.variables.get(name),
        }
    }

    /// Sets a variable; says what it is now, where it stands.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Option<&str> {
        let stands = !GIVEN.contains(&name) && self.variables.set(name, value);
        if stands { self.variables.get(name) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::Background;
    use crate::domain::time::Timestamp;

    fn scope(timezone: &str) -> Scope {
        let mut background =
            Background { at: Timestamp::parse("2026-12-31T23:30:00Z"), ..Background::default() };
        background.variables.set("system.timezone", timezone);
        let turn =
            Turn { text: "hi", previous: None, person_available: true, background: &background };
        Scope::of(&turn)
    }

    #[test]
    fn the_clock_is_that_of_the_customer() {
        let names = ["system.now", "system.today", "system.hour", "system.weekday"];
        let clock = |zone: &str| {
            let scope = scope(zone);
            names.map(|name| scope.get(name).unwrap().to_owned())
        };
        assert_eq!(
            clock("Europe/Berlin"),
            ["2027-01-01T00:30:00+01:00", "2027-01-01", "0", "friday"]
        );
        let utc = ["2026-12-31T23:30:00+00:00", "2026-12-31", "23", "thursday"];
        assert_eq!(clock("UTC"), utc);
        assert_eq!(clock("Middle/Earth"), utc, "an unknown zone is UTC");
    }

    #[test]
    fn what_is_given_cannot_be_set() {
        let mut scope = scope("UTC");
        assert_eq!(scope.get("system.message"), Some("hi"));
        assert_eq!(scope.get("system.personAvailable"), Some("true"));
        assert_eq!(scope.set("system.now", "never"), None);
        assert_eq!(scope.set("conversation.a", "b"), Some("b"));
    }
}
