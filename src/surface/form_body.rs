//! A form as an operation takes it: described in the documents, and read when the handler says so.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use poem::http::header;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::client::Address;
use super::upload::{Filled, Form, Sender};
use crate::app::App;
use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};

/// What a form is made of, for the documents.
pub(super) trait Fields {
    fn schema() -> MetaSchema;
}

/// A form as it comes, not read yet.
pub(super) struct FormBody<F> {
    content_type: Option<String>,
    body: Body,
    app: Option<Arc<App>>,
    address: Option<IpAddr>,
    fields: PhantomData<F>,
}

impl<F> FormBody<F> {
    /// Reads it for an account, within the limits of `form`.
    ///
    /// # Errors
    /// As [`Form::read`].
    pub(super) async fn read(self, account: AccountId, form: Form) -> Result<Filled> {
        let uploads = self.app.ok_or(Error::Internal)?.uploads.clone();
        let sender = Sender { uploads, account, address: self.address };
        form.read(&sender, self.content_type.as_deref(), self.body).await
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
        let (app, address) = (request.data::<Arc<App>>().cloned(), Address::of(request));
        Ok(Self { content_type, body: body.take()?, app, address, fields: PhantomData })
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
