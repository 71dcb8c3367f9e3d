//! One place per surface where every failure gets its clothes: what handlers refuse, and what the
//! framework refuses before them (bad JSON, unknown paths, wrong methods, bodies too large), and
//! panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseParamError, ParseRequestPayloadError,
};

use super::allowed_methods::Table;
use crate::domain::Error;
use crate::server::body::BodyError;
use crate::server::websocket::Refusal;

/// Spells an error as a surface does.
pub(super) type Costume = fn(Error) -> Response;

/// The largest JSON body; the longest message with every character escaped fits in.
pub(super) const MAX_JSON_BYTES: usize = 256 * 1024;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// How long a body may take to arrive.
pub(super) const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// An endpoint whose failures all look alike.
pub(super) struct Dressed<E> {
    inner: E,
    costume: Costume,
    allow: Table,
}

impl<E> Dressed<E> {
    pub(super) fn new(inner: E, costume: Costume, allow: Table) -> Self {
        Self { inner, costume, allow }
    }

    fn dressed(
        &self,
        outcome: std::thread::Result<Result<impl IntoResponse>>,
        path: &str,
        options: bool,
    ) -> Response {
        let mut response = match outcome {
            Ok(Ok(output)) => output.into_response(),
            Ok(Err(error)) => self.dress(error, path),
            Err(_) => {
                // What comes later in a path may be a visitor's secret.
                let surface: Vec<_> = path.split('/').take(4).collect();
                tracing::error!(path = surface.join("/"), "a handler panicked");
                (self.costume)(Error::Internal)
            }
        };
        if options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let allow = response.headers_mut().remove(header::ALLOW);
            response = StatusCode::NO_CONTENT.into_response();
            allow.map(|allow| response.headers_mut().insert(header::ALLOW, allow));
        }
        // What people wrote stays in no cache on the way; what may be kept says so itself.
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        response
    }

    fn dress(&self, error: poem::Error, path: &str) -> Response {
        // Responses of handlers, and of surfaces within, are dressed already.
        if error.is_from_response() {
            return error.into_response();
        }
        if let Some(refusal) = error.downcast_ref::<Refusal>()
            && *refusal != Refusal::Origin
        {
            return error.into_response();
        }
        let error = classify(&error, || self.allow.methods(path));
        let unread = matches!(error, Error::BodyTooLarge { .. } | Error::BodyTooSlow);
        let allow = match &error {
            Error::MethodNotAllowed { allow } => Some(*allow),
            _ => None,
        };
        let mut response = (self.costume)(error);
        if unread {
            // What is left of the body stands where the next request would.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl<E: Endpoint> Endpoint for Dressed<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let asked = request.original_uri().clone();
        let options = request.method() == Method::OPTIONS;
        let answering = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        answering.map(move |outcome| Ok(self.dressed(outcome, asked.path(), options)))
    }
}

/// Says in our words what the framework refused.
fn classify(error: &poem::Error, allow: impl FnOnce() -> &'static str) -> Error {
    if error.is::<NotFoundError>() {
        Error::NotFound("path")
    } else if error.is::<MethodNotAllowedError>() {
        Error::MethodNotAllowed { allow: allow() }
    } else if error.is::<AuthorizationError>() {
        Error::Unauthorized("the credential is missing or not valid")
    } else if let Some(error) = error.downcast_ref::<ParseRequestPayloadError>() {
        Error::invalid("body", format!("must be a JSON object: {}", first_line(&error.reason)))
    } else if error.is::<ContentTypeError>() {
        Error::invalid("Content-Type", "must be application/json")
    } else if let Some(error) = error.downcast_ref::<ParseParamError>() {
        let problem = match &error.reason {
            // Its words name types of ours.
            reason if reason.contains("enumeration") => {
                "must be one of the documented values".into()
            }
            reason => first_line(reason),
        };
        Error::invalid(error.name, problem)
    } else if let Some(error) = error.downcast_ref::<BodyError>() {
        match error {
            BodyError::TooLarge => Error::BodyTooLarge { max: MAX_JSON_BYTES },
            BodyError::TooSlow => Error::BodyTooSlow,
            BodyError::Broken => Error::invalid("body", "could not be read"),
        }
    } else if let Some(refusal) = error.downcast_ref::<Refusal>() {
        match refusal {
            Refusal::Origin => Error::Forbidden("this origin may not open a WebSocket here"),
            Refusal::NotAsked | Refusal::Version | Refusal::Key => {
                Error::invalid("handshake", refusal.to_string())
            }
        }
    } else if error.status().is_client_error() {
        Error::invalid("request", first_line(&error.to_string()))
    } else {
        tracing::error!(%error, "a handler failed");
        Error::Internal
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// What belongs to no surface answers in plain JSON.
pub(super) fn plain(error: Error) -> Response {
    let status = match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Error::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = serde_json::json!({ "error": error.to_string() });
    poem::web::Json(body).with_status(status).into_response()
}
