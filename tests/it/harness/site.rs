//! Where the tests of the surfaces play: accounts of their own, and whoever serves them.
//!
//! Two types with the same methods. The tests name neither: they use the `Site` of the module they
//! are in, and stand in the crate once for each (`main.rs`, `clustered.rs`).

#[cfg(feature = "cluster")]
mod clustered;
mod embedded;

#[cfg(feature = "cluster")]
pub use clustered::Site as Clustered;
pub use embedded::Site as Embedded;

use parlor::domain::ids::{BotId, Id};
use serde_json::Value;

/// An account's credentials, as they are printed when it is made.
#[derive(Clone)]
struct Account {
    id: String,
    key: String,
    credentials: Value,
}

impl Account {
    fn read(credentials: Value) -> Self {
        let read = |name: &str| credentials[name].as_str().expect("a credential").to_owned();
        Self { id: read("account_id"), key: read("aerochat_api_key"), credentials }
    }

    /// A credential by its name in `credentials.json`.
    fn credential(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap_or_else(|| panic!("no credential {name}"))
    }

    /// The bot that Aloo's agent is, and all answer with.
    fn default_bot(&self) -> String {
        let uuid = self.credential("aloochat_agent_key").split(':').nth(1).expect("a UUID");
        BotId::from_uuid(uuid.parse().expect("a UUID")).to_string()
    }
}
