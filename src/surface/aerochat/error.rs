//! AeroChat's failures: `{"detail": {"type", "message"}}` (seed 000, *Errors*).

use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object};

use crate::domain::Error;

/// What kind of failure it is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum ErrorType {
    InvalidRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    MessageTooLong,
    RateLimited,
    OutOfCredits,
    Internal,
}

/// What went wrong.
#[derive(Debug, Object)]
#[oai(rename = "ErrorDetail")]
pub(super) struct Detail {
    #[oai(rename = "type")]
    kind: ErrorType,
    /// For people; says what to do.
    message: String,
}

/// Every failure's body.
#[derive(Debug, Object)]
#[oai(rename = "Error")]
pub(super) struct ErrorOut {
    detail: Detail,
}

/// How a request can fail.
#[derive(Debug, ApiResponse)]
pub(super) enum Failure {
    /// Invalid request, such as an empty message.
    #[oai(status = 400)]
    Invalid(Json<ErrorOut>),
    /// Missing or invalid API key.
    #[oai(status = 401)]
    Unauthorized(Json<ErrorOut>),
    /// Unknown contact or conversation, or not yours.
    #[oai(status = 404)]
    NotFound(Json<ErrorOut>),
    /// The path exists, but not with this method; `Allow` lists what does.
    #[oai(status = 405)]
    MethodNotAllowed(Json<ErrorOut>),
    /// The body did not arrive in time.
    #[oai(status = 408)]
    TooSlow(Json<ErrorOut>),
    /// Message too long: over 10,000 characters.
    #[oai(status = 413)]
    TooLong(Json<ErrorOut>),
    /// Message limit reached, too many open streams, or out of credits.
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
        let message = error.to_string();
        let body = |kind| Json(ErrorOut { detail: Detail { kind, message } });
        match error {
            Error::Invalid(_)
            | Error::IdempotencyMismatch
            | Error::AlreadyExists(_)
            | Error::Conflict(_)
            | Error::UnknownCursor
            | Error::Forbidden(_) => Self::Invalid(body(ErrorType::InvalidRequest)),
            Error::TooLong { .. } | Error::BodyTooLarge { .. } => {
                Self::TooLong(body(ErrorType::MessageTooLong))
            }
            Error::BodyTooSlow => Self::TooSlow(body(ErrorType::InvalidRequest)),
            Error::Unauthorized(_) => Self::Unauthorized(body(ErrorType::Unauthorized)),
            Error::NotFound(_) => Self::NotFound(body(ErrorType::NotFound)),
            Error::MethodNotAllowed { .. } => {
                Self::MethodNotAllowed(body(ErrorType::MethodNotAllowed))
            }
            Error::RateLimited { retry_after_s } | Error::TooManyReaders { retry_after_s, .. } => {
                Self::TooMany(body(ErrorType::RateLimited), Some(retry_after_s))
            }
            Error::OutOfCredits => Self::TooMany(body(ErrorType::OutOfCredits), None),
            Error::Unavailable(_) | Error::IdempotencyInFlight => {
                Self::Unavailable(body(ErrorType::Internal), 1)
            }
            Error::Internal => Self::Internal(body(ErrorType::Internal)),
        }
    }
}

/// Renders what no handler has seen.
pub(super) fn costume(error: Error) -> Response {
    Failure::from(error).into_response()
}
