//! A form as an operation takes it: described in the documents, and read when the handler says so.

use std::marker::PhantomData;

use poem::http::header;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::upload::{Filled, Form};
use crate::domain::Result;

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
    /// Reads it, within the limits of `form`.
    ///
    /// # Errors
    /// As [`Form::read`].
    pub(super) async fn read(self, form: Form) -> Result<Filled> {
        form.read(self.content_type.as_deref(), self.body).await
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

/// The same, of what `pattern` describes.
pub(super) fn patterned(description: &'static str, pattern: &str) -> MetaSchemaRef {
    let pattern = Some(pattern.to_owned());
    described(description).merge(MetaSchema { pattern, ..MetaSchema::ANY })
}

/// The file of a form, which is not empty, as the documents say it.
pub(super) fn described_file(description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema::new_with_format("string", "binary");
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        description: Some(description),
        min_length: Some(1),
        ..schema
    }))
}
