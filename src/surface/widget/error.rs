//! The widget's failures: `{"error": "<text>"}` for everything (seed 003, *Error Responses*).

use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use crate::domain::Error;
use crate::domain::error::Fault;

/// What went wrong, for people.
#[derive(Debug, Object)]
#[oai(rename = "Error")]
pub(super) struct ErrorOut {
    error: String,
}

/// How a request can fail.
#[derive(Debug, ApiResponse)]
pub(super) enum Failure {
    /// The body is not JSON, or not a form.
    #[oai(status = 400)]
    Malformed(Json<ErrorOut>),
    /// Missing or invalid site key.
    #[oai(status = 401)]
    Unauthorized(Json<ErrorOut>),
    /// The account does not list the page's origin.
    #[oai(status = 403)]
    Forbidden(Json<ErrorOut>),
    /// The visitor has no conversation, or the message no such file.
    #[oai(status = 404)]
    NotFound(Json<ErrorOut>),
    /// The path exists, but not with this method; `Allow` lists what does.
    #[oai(status = 405)]
    MethodNotAllowed(Json<ErrorOut>),
    /// The body did not arrive in time.
    #[oai(status = 408)]
    TooSlow(Json<ErrorOut>),
    /// The visitor token, or the `Idempotency-Key`, was used before.
    #[oai(status = 409)]
    Conflict(Json<ErrorOut>),
    /// The body or the file is too large.
    #[oai(status = 413)]
    TooLarge(Json<ErrorOut>),
    /// A field is missing or breaks its rules.
    #[oai(status = 422)]
    Unprocessable(Json<ErrorOut>),
    /// Too many requests, or too many messages of this conversation that wait for their answer.
    #[oai(status = 429)]
    TooMany(
        Json<ErrorOut>,
        /// Seconds to wait; absent when waiting does not help.
        #[oai(header = "Retry-After")]
        Option<u64>,
    ),
    /// Our own failure; `X-Request-Id` leads to it in our log.
    #[oai(status = 500)]
    Internal(Json<ErrorOut>),
    /// Cannot be done now; try again later.
    #[oai(status = 503)]
    Unavailable(Json<ErrorOut>, #[oai(header = "Retry-After")] u64),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let body = Json(ErrorOut { error: text(&error) });
        match error {
            Error::Invalid(faults) if is_malformed(&faults) => Self::Malformed(body),
            Error::Invalid(_) | Error::TooLong { .. } => Self::Unprocessable(body),
            Error::BodyTooLarge { .. } => Self::TooLarge(body),
            Error::BodyTooSlow => Self::TooSlow(body),
            Error::Unauthorized(_) => Self::Unauthorized(body),
            Error::Forbidden(_) => Self::Forbidden(body),
            Error::NotFound(_) => Self::NotFound(body),
            Error::UnknownCursor => Self::Malformed(body),
            Error::AlreadyExists(_) | Error::Conflict(_) | Error::IdempotencyMismatch => {
                Self::Conflict(body)
            }
            Error::MethodNotAllowed { .. } => Self::MethodNotAllowed(body),
            Error::RateLimited { retry_after_s } | Error::TooManyReaders { retry_after_s, .. } => {
                Self::TooMany(body, Some(retry_after_s))
            }
            Error::OutOfCredits => Self::TooMany(body, None),
            Error::Unavailable(_) | Error::IdempotencyInFlight => Self::Unavailable(body, 1),
            Error::Internal => Self::Internal(body),
        }
    }
}

/// The field of a fault whose problem is a whole sentence.
pub(super) const WHOLE: &str = "field";

fn is_malformed(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| matches!(fault.field, "body" | "Content-Type" | "request"))
}

/// The documented texts, and sentences like them for what the seed does not name.
fn text(error: &Error) -> String {
    match error {
        Error::TooLong { field, max, .. } => {
            format!("{} is too long (maximum {max} characters)", capital(field))
        }
        Error::Unauthorized(_) => "Invalid site key".to_owned(),
        Error::NotFound(what) => format!("{} not found", capital(what)),
        Error::AlreadyExists(_) => {
            "A conversation with this visitor token already exists".to_owned()
        }
        Error::RateLimited { .. } => "Too many requests".to_owned(),
        Error::OutOfCredits => "This chat takes no more messages".to_owned(),
        Error::Invalid(faults) if !is_malformed(faults) => {
            faults.first().map_or_else(String::new, sentence_of)
        }
        other => capital(&other.to_string()),
    }
}

fn sentence_of(fault: &Fault) -> String {
    let Fault { field, problem } = fault;
    if *field == WHOLE { problem.clone() } else { format!("{} {problem}", capital(field)) }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}

/// Renders what no handler has seen.
pub(super) fn costume(error: Error) -> Response {
    Failure::from(error).into_response()
}
