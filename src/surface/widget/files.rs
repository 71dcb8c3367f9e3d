//! A visitor's files: *Download File* of the page, and uploads.

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem::http::Method;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::registry::MetaSchema;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::error::Failure;
use super::visitor::Key;
use super::wire::{AttachmentOut, message_text, sentence};
use crate::app::App;
use crate::app::accounts::visitors;
use crate::app::conversations::read;
use crate::app::messages::attachments;
use crate::app::messages::send::{SendMessage, To};
use crate::domain::Error;
use crate::domain::characters::is_blank;
use crate::domain::message::Channel;
use crate::domain::seq::Seq;
use crate::surface::download::{Disposition, Downloaded, download};
use crate::surface::fields::Number;
use crate::surface::form_body::{Fields, FormBody, described, described_file};
use crate::surface::idempotency_key::IdempotencyKey;
use crate::surface::upload::Form;

pub(super) struct Files;

/// How long an upload may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Whether a request brings a file, which is read as a stream.
pub(super) fn is_upload(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path().ends_with("/files")
}

/// What the browser shall do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "Disposition")]
enum DispositionIn {
    Inline,
    Attachment,
}

/// The form of an upload.
struct UploadFields;

impl Fields for UploadFields {
    fn schema() -> MetaSchema {
        let mut schema = MetaSchema::new("object");
        schema.required = vec!["file"];
        schema.properties = vec![
            ("file", described_file("The file.")),
            ("message", described("What is said with it; the file's name where nothing is.")),
        ];
        schema
    }
}

/// A message with its files.
#[derive(Debug, Object)]
#[oai(rename = "Uploaded")]
struct UploadedOut {
    status: String,
    attachments: Vec<AttachmentOut>,
}

#[derive(ApiResponse)]
enum Uploaded {
    /// The message is kept, with its file.
    #[oai(status = 201)]
    Kept(Json<UploadedOut>),
}

#[allow(clippy::too_many_arguments, reason = "one for each parameter of the page")]
#[OpenApi(tag = "super::Tag::Files")]
impl Files {
    /// Download file
    ///
    /// Downloads a file attachment from a conversation message.
    #[oai(
        path = "/conversations/:visitor_token/files/:activity_id/:id",
        method = "get",
        operation_id = "download_widget_file"
    )]
    async fn download(
        &self,
        key: Key,
        request: &Request,
        app: Data<&Arc<App>>,
        /// Conversation identifier.
        visitor_token: Path<String>,
        /// Message activity ID.
        activity_id: Path<Number<1, { u64::MAX }>>,
        /// File attachment ID.
        id: Path<Number<1, { u64::MAX }>>,
        /// `inline` or `attachment`, which is the default.
        disposition: Query<Option<DispositionIn>>,
    ) -> std::result::Result<Downloaded, Failure> {
        let account = key.tenant().account.id;
        let conversation = visitors::conversation_of(key.tenant(), &visitor_token.0);
        let number = |text: &str| text.parse::<u64>().map_err(|_| Error::NotFound("file"));
        let seq = Seq::new(number(&activity_id.0.0)?);
        let file = attachments::find(&app, account, conversation, seq, number(&id.0.0)?).await?;
        let wanted = match disposition.0 {
            Some(DispositionIn::Inline) => Disposition::Inline,
            Some(DispositionIn::Attachment) | None => Disposition::Attachment,
        };
        Ok(download(&app, &file, request.headers(), wanted).await?.into())
    }

    /// Upload file
    ///
    /// Sends a file to an existing conversation, as a message of its own.
    #[oai(
        path = "/conversations/:visitor_token/files",
        method = "post",
        operation_id = "upload_widget_file"
    )]
    async fn upload(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// Conversation identifier.
        visitor_token: Path<String>,
        /// The same key within 24 hours sends the file once.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        form: FormBody<UploadFields>,
    ) -> std::result::Result<Uploaded, Failure> {
        let tenant = key.tenant();
        let account = tenant.account.id;
        let idempotency = idempotency.given_to("widget")?;
        let conversation = visitors::conversation_of(tenant, &visitor_token.0);
        // A stranger's file is not waited for.
        read::conversation(&app, account, conversation).await?;
        let limits = Form {
            texts: &["message"],
            text_bytes: 256 << 10,
            files: &["file"],
            file_bytes: attachments::files(&app)?.max_bytes(),
            deadline: DEADLINE,
        };
        let mut form = form.read(account, limits).await?;
        let file = form.file.take().filter(|file| file.size > 0);
        let file = file.ok_or_else(|| sentence("File is required"))?;
        let said = form.text("message").filter(|text| !is_blank(text));
        let said = said.map(message_text).transpose()?;
        let (name, declared) = (file.filename.clone(), file.declared.clone());
        let declared = declared.as_deref();
        let kept = attachments::keep(&app, account, conversation, &name, declared, file.bytes());
        let kept = kept.await?;
        let text = match said {
            Some(text) => text,
            None => message_text(&kept.filename)?,
        };
        let command = SendMessage {
            attachments: vec![kept.clone()],
            idempotency_key: idempotency,
            streaming: true,
            ..SendMessage::new(To::Conversation(conversation), text, Channel::Web)
        };
        let sent = attachments::send_with(&app, tenant.clone(), kept.clone(), command).await?;
        Ok(Uploaded::Kept(Json(UploadedOut {
            status: "ok".to_owned(),
            attachments: AttachmentOut::all(sent.seq, &[kept]),
        })))
    }
}
