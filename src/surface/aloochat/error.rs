//! Aloo's failures: `{"error", "message", "statusCode"}` (seed 004, *Error Handling*).

use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object};

use crate::domain::Error;

/// What kind of failure it is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "ErrorName")]
pub(super) enum Name {
    ValidationError,
    /// The log never reached this place in the stream: read the conversation's history instead.
    UnknownCursor,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    PayloadTooLarge,
    RateLimitExceeded,
    InternalServerError,
    ServiceUnavailable,
}

/// Every failure's body.
#[derive(Debug, Object)]
#[oai(rename = "Error")]
pub(super) struct ErrorOut {
    error: Name,
    /// For people; says what to do.
    message: String,
    /// The HTTP status again.
    #[oai(rename = "statusCode")]
    status_code: u16,
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
    /// No such agent, deployment or conversation.
    #[oai(status = 404)]
    NotFound(Json<ErrorOut>),
    /// The path exists, but not with this method; `Allow` lists what does.
    #[oai(status = 405)]
    MethodNotAllowed(Json<ErrorOut>),
    /// The body did not arrive in time.
    #[oai(status = 408)]
    TooSlow(Json<ErrorOut>),
    /// The `Idempotency-Key` was used before with another request, or the conversation is in no state
    /// for this.
    #[oai(status = 409)]
    Conflict(Json<ErrorOut>),
    /// The text, the audio or the body is too large.
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
    /// The agent failed, or we did; `X-Request-Id` leads to it in our log.
    #[oai(status = 500)]
    Internal(Json<ErrorOut>),
    /// Cannot be done now; try again later.
    #[oai(status = 503)]
    Unavailable(Json<ErrorOut>, #[oai(header = "Retry-After")] u64),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = sentence(&error);
        let body = |error, status_code| Json(ErrorOut { error, message, status_code });
        match error {
            Error::Invalid(_) | Error::AlreadyExists(_) | Error::Forbidden(_) => {
                Self::Invalid(body(Name::ValidationError, 400))
            }
            Error::UnknownCursor => Self::Invalid(body(Name::UnknownCursor, 400)),
            Error::Unauthorized(_) => Self::Unauthorized(body(Name::Unauthorized, 401)),
            Error::NotFound(_) => Self::NotFound(body(Name::NotFound, 404)),
            Error::MethodNotAllowed { .. } => {
                Self::MethodNotAllowed(body(Name::MethodNotAllowed, 405))
            }
            Error::BodyTooSlow => Self::TooSlow(body(Name::RequestTimeout, 408)),
            Error::Conflict(_) | Error::IdempotencyMismatch => {
                Self::Conflict(body(Name::Conflict, 409))
            }
            Error::TooLong { .. } | Error::BodyTooLarge { .. } => {
                Self::TooLarge(body(Name::PayloadTooLarge, 413))
            }
            Error::RateLimited { retry_after_s } | Error::TooManyReaders { retry_after_s, .. } => {
                Self::TooMany(body(Name::RateLimitExceeded, 429), Some(retry_after_s))
            }
            Error::OutOfCredits => Self::TooMany(body(Name::RateLimitExceeded, 429), None),
            Error::Internal => Self::Internal(body(Name::InternalServerError, 500)),
            Error::Unavailable(_) | Error::IdempotencyInFlight => {
                Self::Unavailable(body(Name::ServiceUnavailable, 503), 1)
            }
        }
    }
}

impl Failure {
    /// The agent has no answer and nobody can take over.
    pub(super) fn no_answer() -> Self {
        Self::Internal(Json(ErrorOut {
            error: Name::InternalServerError,
            message: NO_ANSWER.to_owned(),
            status_code: 500,
        }))
    }
}

/// Told where the agent has no answer; the message is kept.
pub(super) const NO_ANSWER: &str = "The agent could not answer this message";

/// Told where the reply broke off after a part of it was shown.
pub(super) const BROKE_OFF: &str =
    "The reply broke off and what was shown of it is not kept: a person will answer";

/// As the seed writes it: a field that has a form of its own is named in the words of that form.
fn sentence(error: &Error) -> String {
    match error {
        Error::Invalid(faults) if faults.iter().any(|fault| fault.field == "agent_key") => {
            "Invalid agent_key format".to_owned()
        }
        Error::UnknownCursor => {
            "This stream never had the event of Last-Event-ID: read the history".to_owned()
        }
        other => other.to_string(),
    }
}

/// Renders what no handler has seen.
pub(super) fn costume(error: Error) -> Response {
    Failure::from(error).into_response()
}
