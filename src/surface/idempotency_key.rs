//! The `Idempotency-Key` header, as every surface takes it.

use poem::http::HeaderValue;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::domain::{Error, Result};

/// The longest key, in bytes.
const MAX: usize = 255;
/// What a header can carry.
const PATTERN: &str = "^[!-~]([ -~]*[!-~])?$";

/// The header of a request, not judged yet. One that is no text is not taken for none: whoever
/// sends it relies on it.
pub(super) struct IdempotencyKey(Option<HeaderValue>);

impl IdempotencyKey {
    /// The key and the surface it was given to.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that is empty, too long or not in ASCII.
    pub(super) fn given_to(self, surface: &'static str) -> Result<Option<(&'static str, String)>> {
        let Some(value) = self.0 else { return Ok(None) };
        let text = value.to_str().ok().filter(|text| !text.contains('\t'));
        let text = text.ok_or(Error::invalid("Idempotency-Key", "must be in printable ASCII"))?;
        idempotency_key(Some(text.to_owned()), surface)
    }
}

/// The key and the surface it was given to.
///
/// # Errors
/// [`Error::Invalid`] for one that is empty or too long.
pub(super) fn idempotency_key(
    given: Option<String>,
    surface: &'static str,
) -> Result<Option<(&'static str, String)>> {
    match given {
        Some(key) if key.is_empty() || key.len() > MAX => {
            Err(Error::invalid("Idempotency-Key", format!("must have 1 to {MAX} characters")))
        }
        key => Ok(key.map(|key| (surface, key))),
    }
}

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            min_length: Some(1),
            max_length: Some(MAX),
            pattern: Some(PATTERN.to_owned()),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        Ok(Self(request.headers().get(options.name).cloned()))
    }
}
