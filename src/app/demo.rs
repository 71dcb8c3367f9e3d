//! The demo account: what a stranger talks to in the first minute.

use super::App;
use super::administration::{Credentials, NewAccount, create_account};
use crate::bot::{faq, flow};
use crate::domain::account::{Agent, Settings};
use crate::domain::bot::Definition;
use crate::domain::{Error, Result};

/// The name of the demo account.
pub const NAME: &str = "Demo";

/// An account like the demo's, under another name.
///
/// # Errors
/// [`Error::Internal`] when the demo's own data is broken, which a test rules out.
pub fn account(name: &str) -> Result<NewAccount> {
    let definition = faq::demo();
    Ok(NewAccount {
        name: name.to_owned(),
        settings: Settings {
            brand: definition.name.clone(),
            greeting: "Hi! Ask me about opening hours, orders, shipping, returns or prices."
                .to_owned(),
            ..Settings::default()
        },
        agent: Some(Agent { name: "Sarah".parse().map_err(|_| Error::Internal)?, available: true }),
        bots: vec![Definition::Faq(definition), Definition::Flow(flow::demo())],
    })
}

/// Makes the demo account when there is no account at all.
///
/// # Errors
/// As [`create_account`].
pub async fn make_if_empty(app: &App) -> Result<Option<Credentials>> {
    if !app.accounts.all().is_empty() {
        return Ok(None);
    }
    let mut demo = account(NAME)?;
    // Its data are a demo's: whoever tries the widget on a page of theirs may.
    demo.settings.allowed_origins = vec!["*".to_owned()];
    create_account(app, demo).await.map(Some)
}
