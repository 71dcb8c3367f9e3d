//! Forms that may bring a file (`multipart/form-data`, RFC 7578), read as a stream.
//!
//! Texts are kept in memory, within bounds; the one file goes to a temporary file without a name, so
//! that what a request holds does not depend on what it brings. poem's own form spools whatever
//! comes, however much.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::Stream;
use multer::{Constraints, Multipart, SizeLimit};
use poem::http::header;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use crate::domain::{Error, Result};

/// The longest text of a form, in bytes.
const TEXT_MAX: u64 = 256 * 1024;
/// Texts of a form.
const TEXTS_MAX: usize = 32;
/// How long a form may take to arrive.
const DEADLINE: Duration = Duration::from_secs(120);

/// What a form is made of, for the documents.
pub(super) trait Fields {
    fn schema() -> MetaSchema;
}

/// A form as it comes, not read yet.
pub(super) struct FormBody<F> {
    content_type: Option<String>,
    body: Body,
    fields: PhantomData<F>,
}

impl<F> FormBody<F> {
    /// Reads it. The file is the field of the name `file`; it has at most `max` bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no form, [`Error::BodyTooLarge`], [`Error::BodyTooSlow`].
    pub(super) async fn read(self, file: &'static str, max: u64) -> Result<Form> {
        read(self.content_type.as_deref(), self.body, file, max).await
    }
}

impl<'a, F: Fields> ApiExtractor<'a> for FormBody<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(F::schema()));
        let content = vec![MetaMediaType { content_type: "multipart/form-data", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let content_type = request.header(header::CONTENT_TYPE).map(str::to_owned);
        Ok(Self { content_type, body: body.take()?, fields: PhantomData })
    }
}

/// A text of a form, as the documents say it.
pub(super) fn described(description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema { description: Some(description), ..MetaSchema::new("string") };
    MetaSchemaRef::Inline(Box::new(schema))
}

/// The file of a form, as the documents say it.
pub(super) fn described_file(description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema::new_with_format("string", "binary");
    MetaSchemaRef::Inline(Box::new(MetaSchema { description: Some(description), ..schema }))
}

/// What a form brought.
#[derive(Debug, Default)]
pub(super) struct Form {
    texts: BTreeMap<String, String>,
    pub(super) file: Option<FormFile>,
}

/// The file of a form, on disk until this is dropped.
#[derive(Debug)]
pub(super) struct FormFile {
    /// As its sender calls it.
    pub(super) filename: String,
    /// What its sender says it is.
    pub(super) content_type: Option<String>,
    /// Bytes.
    pub(super) size: u64,
    file: File,
}

impl Form {
    /// Takes a text out; none where there is none, or an empty one.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.texts.remove(name).filter(|text| !text.is_empty())
    }
}

impl FormFile {
    /// Its bytes, as they are read.
    pub(super) fn stream(
        self,
    ) -> impl Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static {
        ReaderStream::with_capacity(self.file, 64 * 1024)
    }

    /// All its bytes at once.
    ///
    /// # Errors
    /// [`Error::Internal`] when they cannot be read.
    pub(super) async fn bytes(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        self.file.read_to_end(&mut bytes).await.map_err(broken)?;
        Ok(bytes)
    }
}

async fn read(
    content_type: Option<&str>,
    body: Body,
    file: &'static str,
    max: u64,
) -> Result<Form> {
    let boundary = multer::parse_boundary(content_type.unwrap_or_default())
        .map_err(|_| Error::invalid("Content-Type", "must be multipart/form-data"))?;
    let limit =
        SizeLimit::new().whole_stream(max + TEXT_MAX * 2).per_field(TEXT_MAX).for_field(file, max);
    let constraints = Constraints::new().size_limit(limit);
    let stream = body.into_bytes_stream();
    let multipart = Multipart::with_constraints(stream, boundary, constraints);
    let reading = fields(multipart, file, max);
    tokio::time::timeout(DEADLINE, reading).await.unwrap_or(Err(Error::BodyTooSlow))
}

async fn fields(mut multipart: Multipart<'_>, file: &'static str, max: u64) -> Result<Form> {
    let mut form = Form::default();
    let refused = |error: multer::Error| refusal(&error, max);
    while let Some(field) = multipart.next_field().await.map_err(refused)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == file {
            if form.file.is_some() {
                return Err(Error::invalid(file, "must be given once"));
            }
            form.file = Some(spooled(field, max).await?);
        } else if form.texts.len() < TEXTS_MAX {
            form.texts.insert(name, field.text().await.map_err(refused)?);
        } else {
            return Err(Error::invalid("body", "has too many fields"));
        }
    }
    Ok(form)
}

async fn spooled(mut field: multer::Field<'_>, max: u64) -> Result<FormFile> {
    let filename = field.file_name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(ToString::to_string);
    let unnamed = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let mut file = File::from_std(unnamed.map_err(|_| Error::Internal)?.map_err(broken)?);
    let mut size = 0;
    while let Some(chunk) = field.chunk().await.map_err(|error| refusal(&error, max))? {
        size += chunk.len() as u64;
        file.write_all(&chunk).await.map_err(broken)?;
    }
    file.flush().await.map_err(broken)?;
    file.seek(SeekFrom::Start(0)).await.map_err(broken)?;
    Ok(FormFile { filename, content_type, size, file })
}

fn refusal(error: &multer::Error, max: u64) -> Error {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Error::BodyTooLarge { max: usize::try_from(max).unwrap_or(usize::MAX) }
        }
        _ => Error::invalid("body", "must be a whole form (multipart/form-data)"),
    }
}

fn broken(error: std::io::Error) -> Error {
    tracing::error!(%error, "a temporary file failed");
    Error::Unavailable("files cannot be taken at the moment; try again later")
}
