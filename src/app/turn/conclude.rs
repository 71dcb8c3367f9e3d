//! Ends a turn, whether its answer was there at once or took time.

use crate::app::App;
use crate::app::conversations::read::contact_name;
use crate::domain::event::MessageInbound;
use crate::domain::ids::AccountId;
use crate::domain::text::PersonName;
use crate::domain::turn::{Business, Conclusion, End, Said, conclusion, names_contact};
use crate::engine;

/// What ends the turn of a message that was `asked`. The contact's name is looked up only where it is said
/// and not `known`.
///
/// # Errors
/// As the engine's views.
pub(in crate::app) async fn conclude(
    app: &App,
    account: AccountId,
    asked: &MessageInbound,
    business: Business<'_>,
    known: Option<PersonName>,
    said: Said,
    end: End,
) -> engine::Result<Conclusion> {
    let name = match known {
        None if names_contact(end, &business) => {
            Some(contact_name(app, account, asked.contact_id).await?)
        }
        known => known,
    };
    Ok(conclusion(asked, business, name, said, end))
}
