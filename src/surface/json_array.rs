//! A JSON array that is written while it is read: a long list takes no memory of its length.

use std::io;
use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::http::{HeaderValue, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

use super::json_answer::JSON;

/// An array of `T`.
pub(super) struct JsonArray<T> {
    body: Body,
    of: PhantomData<T>,
}

impl<T: Serialize + Send + 'static> JsonArray<T> {
    /// Writes what `pages` give. After a page that fails the transfer is broken off, so that
    /// nobody takes a part for the whole.
    pub(super) fn new<E>(pages: impl Stream<Item = Result<Vec<T>, E>> + Send + 'static) -> Self
    where
        E: std::fmt::Display + Send + 'static,
    {
        let mut first = true;
        let middle = pages.map(move |page| {
            let mut out = Vec::new();
            for item in page.map_err(|error| io::Error::other(error.to_string()))? {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                serde_json::to_writer(&mut out, &item)?;
            }
            Ok(Bytes::from(out))
        });
        let end = |text: &'static str| {
            stream::iter([Ok::<_, io::Error>(Bytes::from_static(text.as_bytes()))])
        };
        let body = Body::from_bytes_stream(end("[").chain(middle).chain(end("]")));
        Self { body, of: PhantomData }
    }
}

impl<T: Type> Payload for JsonArray<T> {
    const CONTENT_TYPE: &'static str = JSON;

    fn check_content_type(content_type: &str) -> bool {
        content_type.starts_with("application/json")
    }

    fn schema_ref() -> MetaSchemaRef {
        Vec::<T>::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for JsonArray<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        response
    }
}
