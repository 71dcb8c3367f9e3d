//! What can go wrong in a use case, free of HTTP.
//!
//! Every surface spells these in its own shape by an exhaustive match without `_`, so that a new
//! variant stops the build there. The texts say what was wrong and what to do; what is only for
//! the operator is logged where the failure happens and never carried here.

/// One faulty field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A JSON path such as `contact.email`.
    pub field: &'static str,
    /// A sentence without its subject, such as `must be a valid email address`.
    pub problem: String,
}

/// Why a use case was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One or more fields break their rules; all are named.
    #[error("{}", faults_sentence(.0))]
    Invalid(Vec<Fault>),
    /// A text is longer than allowed; `max` and `actual` count Unicode characters.
    #[error("{field} is too long: {actual} characters, at most {max} are allowed")]
    TooLong { field: &'static str, max: usize, actual: usize },
    /// The request body is larger than `max` bytes.
    #[error("the request body is larger than {max} bytes")]
    BodyTooLarge { max: usize },
    /// The request body did not arrive in time.
    #[error("the request body did not arrive in time")]
    BodyTooSlow,
    /// No credential, or one that opens nothing.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The credential is good but does not allow this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Not there, or not this account's: the two are never told apart.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A place in a feed that the conversation's log never reached: it was restored from a backup,
    /// say. Who gave it can only begin again.
    #[error("the log has no such cursor; begin again at the start of the conversation")]
    UnknownCursor,
    /// Its name is taken.
    #[error("a {0} already exists")]
    AlreadyExists(&'static str),
    /// Not possible as things stand; the text says what to do first.
    #[error("{0}")]
    Conflict(&'static str),
    /// The path exists, but not with this method; `allow` lists what does.
    #[error("this method is not allowed here; allowed: {allow}")]
    MethodNotAllowed { allow: &'static str },
    /// The idempotency key was used before with another request.
    #[error("this Idempotency-Key was already used with a different request; use a new key")]
    IdempotencyMismatch,
    /// The first request with this idempotency key is still under way, or its node has died; then
    /// the key is free again after a while.
    #[error("a request with this Idempotency-Key is still under way; try again shortly")]
    IdempotencyInFlight,
    /// A limit per time is used up.
    #[error("too many requests; try again in {retry_after_s} s")]
    RateLimited { retry_after_s: u64 },
    /// So many streams of one credential, address or conversation are open already.
    #[error("too many streams of this {of} are open; close one, or try again in {retry_after_s} s")]
    TooManyReaders { of: &'static str, retry_after_s: u64 },
    /// The account has no credits left.
    #[error("the account is out of credits")]
    OutOfCredits,
    /// The server cannot do this now, and may later.
    #[error("{0}")]
    Unavailable(&'static str),
    /// Our own failure; the request id leads to its log line.
    #[error("internal error")]
    Internal,
}

fn faults_sentence(faults: &[Fault]) -> String {
    let sentences: Vec<_> =
        faults.iter().map(|fault| format!("{} {}", fault.field, fault.problem)).collect();
    sentences.join("; ")
}

impl Error {
    /// One faulty field.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault { field, problem: problem.into() }])
    }
}

/// The outcome of a use case.
pub type Result<T> = std::result::Result<T, Error>;
