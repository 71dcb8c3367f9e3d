//! Files of messages.

use std::sync::Arc;

use poem::Request;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};

use super::Answer;
use super::caller::Credential;
use crate::app::{App, attachments};
use crate::domain::Error;
use crate::domain::seq::Seq;
use crate::surface::download::{Disposition, FileBody, download};

pub(super) struct Files;

#[derive(ApiResponse)]
enum Got {
    /// The file, with its own content type; nothing in it runs.
    #[oai(status = 200)]
    Whole(FileBody),
    /// What a `Range` has of it.
    #[oai(status = 206)]
    Part(FileBody),
    /// The file that the caller has already.
    #[oai(status = 304)]
    NotModified(FileBody),
    /// A `Range` beyond the file.
    #[oai(status = 416)]
    Beyond(FileBody),
}

#[OpenApi]
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
    ) -> Answer<Got> {
        let caller = credential.caller();
        let (account, id) = (caller.tenant.account.id, caller.conversation(&id.0)?);
        let read = |text: &str| text.parse::<u64>().map_err(|_| Error::NotFound("file"));
        let seq = Seq::new(read(&activity_id.0)?);
        let file = attachments::find(&app, account, id, seq, read(&number.0)?).await?;
        let response = download(&app, &file, request.headers(), Disposition::Attachment).await?;
        Ok(match response.status() {
            StatusCode::PARTIAL_CONTENT => Got::Part(FileBody(response)),
            StatusCode::NOT_MODIFIED => Got::NotModified(FileBody(response)),
            StatusCode::RANGE_NOT_SATISFIABLE => Got::Beyond(FileBody(response)),
            _ => Got::Whole(FileBody(response)),
        })
    }
}
