//! The live surface's failures: `{"error": {"type", "message", "fields"?}}`.

use std::collections::BTreeMap;

use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object};

use crate::domain::Error;

/// What kind of failure it is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum ErrorType {
    InvalidRequest,
    /// The log never reached this cursor: begin again at the start of the conversation.
    UnknownCursor,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    IdempotencyConflict,
    TooLarge,
    RateLimited,
    OutOfCredits,
    Unavailable,
    Internal,
}

/// What went wrong.
#[derive(Debug, Object)]
#[oai(rename = "ErrorDetail", skip_serializing_if_is_none)]
pub(super) struct Detail {
    #[oai(rename = "type")]
    kind: ErrorType,
    /// For people; says what to do.
    message: String,
    /// Every faulty field and what is wrong with it.
    fields: Option<BTreeMap<String, String>>,
}

/// Every failure's body.
#[derive(Debug, Object)]
#[oai(rename = "Error")]
pub(super) struct ErrorOut {
    error: Detail,
}

/// How a request can fail.
#[derive(Debug, ApiResponse)]
pub(super) enum Failure {
    /// Invalid request; `fields` names what is wrong. Or a cursor that the log never reached.
    #[oai(status = 400)]
    Invalid(Json<ErrorOut>),
    /// No credential, or one that is not valid.
    #[oai(status = 401)]
    Unauthorized(Json<ErrorOut>),
    /// The credential does not allow this.
    #[oai(status = 403)]
    Forbidden(Json<ErrorOut>),
    /// Unknown conversation, or not yours.
    #[oai(status = 404)]
    NotFound(Json<ErrorOut>),
    /// The path exists, but not with this method; `Allow` lists what does.
    #[oai(status = 405)]
    MethodNotAllowed(Json<ErrorOut>),
    /// The body did not arrive in time.
    #[oai(status = 408)]
    TooSlow(Json<ErrorOut>),
    /// The `Idempotency-Key` was used before with another request.
    #[oai(status = 409)]
    Conflict(Json<ErrorOut>),
    /// Body or text too long.
    #[oai(status = 413)]
    TooLarge(Json<ErrorOut>),
    /// Too many requests or open streams, or out of credits.
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

fn detail(kind: ErrorType, error: &Error) -> Detail {
    let fields = match error {
        Error::Invalid(faults) => Some(
            faults.iter().map(|fault| (fault.field.to_owned(), fault.problem.clone())).collect(),
        ),
        _ => None,
    };
    Detail { kind, message: error.to_string(), fields }
}

/// The type of an error, on HTTP and on the WebSocket.
fn kind(error: &Error) -> ErrorType {
    match error {
        Error::Invalid(_) | Error::BodyTooSlow | Error::AlreadyExists(_) | Error::Conflict(_) => {
            ErrorType::InvalidRequest
        }
        Error::UnknownCursor => ErrorType::UnknownCursor,
        Error::TooLong { .. } | Error::BodyTooLarge { .. } => ErrorType::TooLarge,
        Error::Unauthorized(_) => ErrorType::Unauthorized,
        Error::Forbidden(_) => ErrorType::Forbidden,
        Error::NotFound(_) => ErrorType::NotFound,
        Error::MethodNotAllowed { .. } => ErrorType::MethodNotAllowed,
        Error::IdempotencyMismatch => ErrorType::IdempotencyConflict,
        Error::RateLimited { .. } | Error::TooManyReaders { .. } => ErrorType::RateLimited,
        Error::OutOfCredits => ErrorType::OutOfCredits,
        Error::Unavailable(_) | Error::IdempotencyInFlight => ErrorType::Unavailable,
        Error::Internal => ErrorType::Internal,
    }
}

/// The error as it stands in a WebSocket frame.
pub(super) fn as_json(error: &Error) -> serde_json::Value {
    use poem_openapi::types::ToJSON;
    detail(kind(error), error).to_json().unwrap_or_default()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let body = Json(ErrorOut { error: detail(kind(&error), &error) });
        match error {
            Error::Invalid(_)
            | Error::UnknownCursor
            | Error::AlreadyExists(_)
            | Error::Conflict(_) => Self::Invalid(body),
            Error::TooLong { .. } | Error::BodyTooLarge { .. } => Self::TooLarge(body),
            Error::BodyTooSlow => Self::TooSlow(body),
            Error::Unauthorized(_) => Self::Unauthorized(body),
            Error::Forbidden(_) => Self::Forbidden(body),
            Error::NotFound(_) => Self::NotFound(body),
            Error::MethodNotAllowed { .. } => Self::MethodNotAllowed(body),
            Error::IdempotencyMismatch => Self::Conflict(body),
            Error::RateLimited { retry_after_s } | Error::TooManyReaders { retry_after_s, .. } => {
                Self::TooMany(body, Some(retry_after_s))
            }
            Error::OutOfCredits => Self::TooMany(body, None),
            Error::Unavailable(_) | Error::IdempotencyInFlight => Self::Unavailable(body, 1),
            Error::Internal => Self::Internal(body),
        }
    }
}

/// Renders what no handler has seen.
pub(super) fn costume(error: Error) -> Response {
    Failure::from(error).into_response()
}
