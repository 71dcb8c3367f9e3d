//! Files of messages.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::Answer;
use super::caller::Credential;
use crate::app::App;
use crate::app::messages::attachments;
use crate::domain::Error;
use crate::domain::seq::Seq;
use crate::surface::download::{Disposition, Downloaded, download};

pub(super) struct Files;

#[OpenApi(tag = "super::Tag::Files")]
impl Files {
    /// Download a file
    ///
    /// A file of a message, to be saved; a message's `attachments` name the two numbers.
    #[oai(
        path = "/conversations/:id/files/:activity_id/:number",
        method = "get",
        operation_id = "download_file"
    )]
    async fn download(
        &self,
        credential: Credential,
        request: &Request,
        app: Data<&Arc<App>>,
        /// `cv_…` or `conv_…`
        id: Path<String>,
        /// The message, as a number.
        activity_id: Path<String>,
        /// The file in its message, from 1.
        number: Path<String>,
    ) -> Answer<Downloaded> {
        let caller = credential.caller();
        let (account, id) = (caller.tenant.account.id, caller.conversation(&id.0)?);
        let read = |text: &str| text.parse::<u64>().map_err(|_| Error::NotFound("file"));
        let seq = Seq::new(read(&activity_id.0)?);
        let file = attachments::find(&app, account, id, seq, read(&number.0)?).await?;
        Ok(download(&app, &file, request.headers(), Disposition::Attachment).await?.into())
    }
}
