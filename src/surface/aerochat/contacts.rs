//! *Get a contact*.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Key;
use super::error::Failure;
use super::wire::ContactOut;
use crate::app::App;
use crate::app::conversations::read;
use crate::domain::Error;

pub(super) struct Contacts;

#[derive(ApiResponse)]
enum Got {
    /// The contact.
    #[oai(status = 200)]
    Contact(Json<ContactOut>),
}

#[OpenApi(tag = "super::Tag::Contacts")]
impl Contacts {
    /// Get a contact
    ///
    /// A person who chats with your bot, under the id that messages and webhooks carry.
    #[oai(path = "/contacts/:contact_id", method = "get", operation_id = "get_contact")]
    async fn get_contact(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// `ct_…`
        contact_id: Path<String>,
    ) -> Result<Got, Failure> {
        let id = contact_id.0.parse().map_err(|_| Error::NotFound("contact"))?;
        let contact = read::contact(&app, key.0.tenant().account.id, id).await?;
        Ok(Got::Contact(Json(contact.into())))
    }
}
