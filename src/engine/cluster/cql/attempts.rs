//! Executing a statement: time-outs, tries, what an error means to the caller, and figures.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use metrics::SharedString;
use scylla::deserialize::row::{ColumnIterator, DeserializeRow};
use scylla::deserialize::value::DeserializeValue;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::retry::{
    DefaultRetryPolicy, RequestInfo, RetryDecision, RetryPolicy, RetrySession,
};
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::Batch;
use scylla::statement::bound::BoundStatement;

use super::Cql;
use super::statements::{Kind, Statement};
use super::writes::Line;
use crate::engine::{Error, Result};

/// How long a call may take, all its tries together.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Sent by Cassandra when a transaction's outcome is not known; the driver has no name for it.
const CAS_WRITE_UNKNOWN: i32 = 0x1700;

impl Cql {
    /// Every row that a read finds.
    pub(super) async fn fetch<R>(
        &self,
        statement: &Statement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let bound = bind(statement, &values)?;
        let (mut rows, mut next) = (Vec::new(), Some(PagingState::start()));
        while let Some(from) = next {
            let (page, rest) = self.page(statement, &bound, from).await?;
            rows.extend(page);
            next = rest;
        }
        Ok(rows)
    }

    /// The row that a read finds.
    pub(super) async fn fetch_one<R>(
        &self,
        statement: &Statement,
        values: impl SerializeRow,
    ) -> Result<Option<R>>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        Ok(self.fetch(statement, values).await?.into_iter().next())
    }

    /// One page of rows, which may be short or empty, and where the next one begins.
    pub(super) async fn page<R>(
        &self,
        statement: &Statement,
        bound: &BoundStatement,
        from: PagingState,
    ) -> Result<(Vec<R>, Option<PagingState>)>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let (found, rest) = self.execute(statement, bound, from).await?;
        Ok((rows(found)?, rest.into_paging_control_flow().continue_value()))
    }

    /// Writes.
    pub(super) async fn run(&self, statement: &Statement, values: impl SerializeRow) -> Result<()> {
        let bound = bind(statement, &values)?;
        self.execute(statement, &bound, PagingState::start()).await.map(drop)
    }

    /// Executes a lightweight transaction once; the result says whether it was applied.
    pub(super) async fn transact(
        &self,
        statement: &Statement,
        values: impl SerializeRow,
    ) -> Result<QueryResult> {
        let bound = bind(statement, &values)?;
        Ok(self.execute(statement, &bound, PagingState::start()).await?.0)
    }

    /// Writes a batch of one partition, which is atomic.
    pub(super) async fn run_batch(
        &self,
        name: &'static str,
        batch: &Batch,
        lines: &[Line],
    ) -> Result<()> {
        let name = SharedString::const_str(name);
        self.within(&name, Kind::Write, &Call::Batch(batch, lines)).await.map(drop)
    }

    async fn execute(
        &self,
        statement: &Statement,
        bound: &BoundStatement,
        from: PagingState,
    ) -> Result<Answer> {
        self.within(&statement.name, statement.kind, &Call::Page(bound, from)).await
    }

    /// Tries until it works, the tries are used up, or the time is.
    async fn within(&self, name: &SharedString, kind: Kind, call: &Call<'_>) -> Result<Answer> {
        let (most, mut pauses) = match kind {
            Kind::Transaction => return self.once(name, kind, call).await,
            Kind::Read => (READ_TIMEOUT, pauses(4, 400)),
            Kind::Write => (WRITE_TIMEOUT, pauses(6, 1_000)),
        };
        let tries = async {
            loop {
                let outcome = self.once(name, kind, call).await;
                let again = matches!(&outcome, Err(error) if !matches!(error, Error::Storage(_)));
                let pause = if again { pauses.next() } else { None };
                let Some(pause) = pause else { return outcome };
                count_retry();
                tokio::time::sleep(pause).await;
            }
        };
        let late = || match kind {
            Kind::Read => away("no answer in time"),
            Kind::Write | Kind::Transaction => Error::Unknown,
        };
        tokio::time::timeout(most, tries).await.unwrap_or_else(|_| Err(late()))
    }

    async fn once(&self, name: &SharedString, kind: Kind, call: &Call<'_>) -> Result<Answer> {
        let started = Instant::now();
        let session = self.link.session();
        let outcome = match call {
            Call::Page(bound, from) => session.execute_bound_single_page(bound, from.clone()).await,
            Call::Batch(batch, lines) => {
                let done = session.batch(batch, lines).await;
                done.map(|found| (found, PagingStateResponse::NoMorePages))
            }
        };
        metrics::histogram!("parlor_cql_seconds", "statement" => name.clone())
            .record(started.elapsed());
        outcome.map_err(|error| {
            self.link.mend();
            meaning(kind, &error)
        })
    }
}

/// What is asked of the driver.
enum Call<'a> {
    Page(&'a BoundStatement, PagingState),
    Batch(&'a Batch, &'a [Line]),
}

type Answer = (QueryResult, PagingStateResponse);

/// Between tries: longer and longer, a little by chance.
pub(super) fn pauses(times: usize, most_ms: u64) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(10))
        .with_max_delay(Duration::from_millis(most_ms))
        .with_max_times(times)
        .with_jitter()
        .build()
}

pub(super) fn count_retry() {
    metrics::counter!("parlor_cql_retries_total").increment(1);
}

/// The store cannot be reached, and nothing was written.
pub(super) fn away(why: impl std::fmt::Display) -> Error {
    Error::ReadOnly(format!("the CQL store is unreachable: {why}"))
}

/// What a failed try means to the caller.
fn meaning(kind: Kind, error: &ExecutionError) -> Error {
    let unknown = || if kind == Kind::Read { away(error) } else { Error::Unknown };
    match error {
        ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => away(error),
        ExecutionError::RequestTimeout(_) => unknown(),
        ExecutionError::LastAttemptError(RequestAttemptError::BrokenConnectionError(_)) => {
            unknown()
        }
        ExecutionError::LastAttemptError(RequestAttemptError::UnableToAllocStreamId) => {
            Error::Overloaded
        }
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, text)) => {
            match error {
                DbError::Unavailable { .. } | DbError::IsBootstrapping => away(text),
                DbError::Overloaded | DbError::RateLimitReached { .. } => Error::Overloaded,
                DbError::ReadTimeout { .. } | DbError::ReadFailure { .. } => unknown(),
                DbError::WriteTimeout { .. } | DbError::WriteFailure { .. } => unknown(),
                DbError::ServerError | DbError::Other(CAS_WRITE_UNKNOWN) => unknown(),
                _ => Error::Storage(format!("CQL: {text}")),
            }
        }
        other => Error::Storage(format!("CQL: {other}")),
    }
}

pub(super) fn bind(statement: &Statement, values: &impl SerializeRow) -> Result<BoundStatement> {
    let bound = statement.prepared.clone().bind(values);
    bound.map_err(|error| Error::Storage(format!("{}: {error}", statement.name)))
}

/// The rows of an answer.
pub(super) fn rows<R>(found: QueryResult) -> Result<Vec<R>>
where
    R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
{
    let found = found.into_rows_result().map_err(unreadable)?;
    let rows = found.rows().map_err(unreadable)?;
    rows.map(|row| row.map_err(unreadable)).collect()
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Storage(format!("CQL: an answer cannot be read: {error}"))
}

/// What a transaction that was not applied found in its one column; none when it was applied.
///
/// Read by name: Cassandra answers an applied one with `[applied]` alone, ScyllaDB always with the
/// former values as well.
pub(super) fn found_instead<T>(found: QueryResult, column: &str) -> Result<Option<Option<T>>>
where
    T: for<'frame, 'metadata> DeserializeValue<'frame, 'metadata>,
{
    let found = found.into_rows_result().map_err(unreadable)?;
    let mut rows = found.rows::<ColumnIterator<'_, '_>>().map_err(unreadable)?;
    let row = rows.next().ok_or_else(|| unreadable("no row"))?.map_err(unreadable)?;
    let (mut applied, mut value) = (None, None);
    for cell in row {
        let cell = cell.map_err(unreadable)?;
        let (name, typ) = (cell.spec.name(), cell.spec.typ());
        if name == "[applied]" {
            applied = Some(bool::deserialize(typ, cell.slice).map_err(unreadable)?);
        } else if name == column {
            value = Option::<T>::deserialize(typ, cell.slice).map_err(unreadable)?;
        }
    }
    match applied {
        Some(true) => Ok(None),
        Some(false) => Ok(Some(value)),
        None => Err(unreadable("it does not say whether it was applied")),
    }
}

/// The driver's own tries on other nodes, counted.
#[derive(Debug)]
pub(super) struct CountedRetries;

impl RetryPolicy for CountedRetries {
    fn new_session(&self) -> Box<dyn RetrySession> {
        Box::new(CountedSession(DefaultRetryPolicy::new().new_session()))
    }
}

struct CountedSession(Box<dyn RetrySession>);

impl RetrySession for CountedSession {
    fn decide_should_retry(&mut self, request: RequestInfo<'_>) -> RetryDecision {
        let decision = self.0.decide_should_retry(request);
        if decision != RetryDecision::DontRetry {
            count_retry();
        }
        decision
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}
