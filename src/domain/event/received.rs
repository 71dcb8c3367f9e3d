//! An event's `data` as it came.

use serde_json::value::RawValue;

/// The JSON of an event's `data` as it was received, with fields of which this release knows nothing. What
/// writes the event down writes this, so that a newer release finds all of it. It says nothing of its own:
/// two events are equal with and without it.
#[derive(Debug, Clone, Default)]
pub struct Received(Option<Box<RawValue>>);

impl Received {
    /// The `data`, where it was kept.
    pub(super) fn data(&self) -> Option<&RawValue> {
        self.0.as_deref()
    }

    /// The `data` of an event, which must be JSON.
    ///
    /// # Errors
    /// As the parser's.
    pub fn from_json(data: &str) -> serde_json::Result<Self> {
        serde_json::from_str::<&RawValue>(data).map(|data| Self(Some(data.to_owned())))
    }
}

impl PartialEq for Received {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
