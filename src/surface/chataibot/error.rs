//! ChatAIBot's failures: `{"ok": false, "error": {"code", "message"}}`.

use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object};

use crate::domain::Error;

/// What kind of failure it is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "ErrorCode")]
pub(super) enum Code {
    InvalidRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    RateLimited,
    OutOfCredits,
    Internal,
    Unavailable,
}

/// What went wrong.
#[derive(Debug, Object)]
#[oai(rename = "ErrorDetail")]
pub(super) struct Detail {
    code: Code,
    /// For people; says what to do.
    message: String,
}

/// Every failure's body.
#[derive(Debug, Object)]
#[oai(rename = "Error")]
pub(super) struct ErrorOut {
    /// Always false.
    ok: bool,
    error: Detail,
}

/// How a request can fail.
#[derive(Debug, ApiResponse)]
pub(super) enum Failure {
    /// A field is missing or breaks its rules.
    #[oai(status = 400)]
    Invalid(Json<ErrorOut>),
    /// Missing or invalid token.
    #[oai(status = 401)]
    Unauthorized(Json<ErrorOut>),
    /// No such conversation, or no deployed bot with this `bot_key`.
    #[oai(status = 404)]
    NotFound(Json<ErrorOut>),
    /// The path exists, but not with this method; `Allow` lists what does.
    #[oai(status = 405)]
    MethodNotAllowed(Json<ErrorOut>),
    /// The body did not arrive in time.
    #[oai(status = 408)]
    TooSlow(Json<ErrorOut>),
    /// The message has over 10,000 characters, or the body is too large.
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

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let body = |code| Json(ErrorOut { ok: false, error: Detail { code, message } });
        match error {
            // Nothing here is forbidden to who has the token.
            Error::Invalid(_)
            | Error::IdempotencyMismatch
            | Error::AlreadyExists(_)
            | Error::Conflict(_)
            | Error::UnknownCursor
            | Error::Forbidden(_) => Self::Invalid(body(Code::InvalidRequest)),
            Error::TooLong { .. } | Error::BodyTooLarge { .. } => {
                Self::TooLarge(body(Code::PayloadTooLarge))
            }
            Error::BodyTooSlow => Self::TooSlow(body(Code::InvalidRequest)),
            Error::Unauthorized(_) => Self::Unauthorized(body(Code::Unauthorized)),
            Error::NotFound(_) => Self::NotFound(body(Code::NotFound)),
            Error::MethodNotAllowed { .. } => Self::MethodNotAllowed(body(Code::MethodNotAllowed)),
            Error::RateLimited { retry_after_s } | Error::TooManyReaders { retry_after_s, .. } => {
                Self::TooMany(body(Code::RateLimited), Some(retry_after_s))
            }
            Error::OutOfCredits => Self::TooMany(body(Code::OutOfCredits), None),
            Error::Unavailable(_) | Error::IdempotencyInFlight => {
                Self::Unavailable(body(Code::Unavailable), 1)
            }
            Error::Internal => Self::Internal(body(Code::Internal)),
        }
    }
}

/// Renders what no handler has seen.
pub(super) fn costume(error: Error) -> Response {
    Failure::from(error).into_response()
}
