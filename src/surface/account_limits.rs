//! The limits on calls that an account may set, by their names among its settings (`limits`).

use crate::domain::account::Limits;

/// One limit.
pub(super) struct Limit {
    pub(super) name: &'static str,
    /// Requests per minute where the account has set nothing; none is no limit.
    pub(super) default: Option<u32>,
}

impl Limit {
    pub(super) const fn new(name: &'static str, per_minute: u32) -> Self {
        Self { name, default: Some(per_minute) }
    }

    /// Requests per minute; none is no limit.
    pub(super) fn of(&self, limits: &Limits) -> Option<u32> {
        limits.get(self.name).or(self.default)
    }
}
