//! Claims of idempotency keys: who may append under a key, whichever node asks.
//!
//! A claim is taken before its message is appended and confirmed (`kept`) by the projector once the
//! message is in the log. A node that dies between the two leaves a claim of nothing behind; after
//! [`ABANDONED`] the next one may have it.
//!
//! Why the condition is on the column `claim` and never `IF NOT EXISTS`: of a row whose claim has
//! expired, `kept` may still be there. Why nothing ever writes `kept` in a transaction: those are
//! timed by the store's clock, and would hide what the projector writes.

use std::time::Duration;

use scylla::response::query_result::QueryResult;
use uuid::Uuid;

use super::attempts::{count_retry, found_instead, pauses};
use super::{Cql, json, parse};
use crate::domain::ids::{AccountId, Id};
use crate::engine::{Error, Result};
use crate::projection::claims::{KEPT, Row};

/// A claim that is not confirmed by then is of a node that died before its append.
pub const ABANDONED: Duration = Duration::from_secs(45);
/// Tries, and the longest pause between them, for a key that others want at the same moment.
pub(super) const TRIES: usize = 12;
pub(super) const MOST_MS: u64 = 300;

/// What a key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub row: Row,
    /// The message is in the log; else it may be on its way there, or its node has died.
    pub kept: bool,
}

impl Cql {
    /// What a key was used for; rows older than [`KEPT`] may be gone.
    ///
    /// # Errors
    /// As any read.
    pub async fn claim(&self, account: AccountId, key: &str) -> Result<Option<Claim>> {
        let key = (account.uuid(), key);
        let columns =
            self.fetch_one::<(Option<String>, Option<Uuid>)>(&self.statements.claim, key).await?;
        let Some((Some(claim), kept)) = columns else { return Ok(None) };
        let row: Row = parse("claims", &claim)?;
        Ok(Some(Claim { kept: kept == Some(row.message_id.uuid()), row }))
    }

    /// Takes a key for a message; gives the other's claim when another has it.
    ///
    /// A claim of the same message is ours already. One that is older than [`KEPT`] is replaced, and
    /// one that seems abandoned if `is_gone` says that nothing of it can come any more.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many want the key at once; those of `is_gone`. After
    /// [`Error::Unknown`] the key may be taken: asking again with the same row tells.
    pub async fn try_claim<F>(&self, row: &Row, is_gone: impl Fn(Row) -> F) -> Result<Option<Row>>
    where
        F: Future<Output = Result<bool>>,
    {
        let wanted = json(row)?;
        let mut failure = Error::Overloaded;
        let mut pauses = pauses(TRIES, MOST_MS);
        loop {
            match self.try_once(row, &wanted, &is_gone).await {
                Ok(Outcome::Taken) => return Ok(None),
                Ok(Outcome::Held(other)) => return Ok(Some(other)),
                Ok(Outcome::Changed) => {}
                Err(error @ Error::Storage(_)) => return Err(error),
                Err(error) => failure = error,
            }
            let Some(pause) = pauses.next() else { return Err(failure) };
            count_retry();
            tokio::time::sleep(pause).await;
        }
    }

    /// Gives a key back whose message was certainly not appended; does nothing to another's claim.
    ///
    /// # Errors
    /// As any write. The claim is abandoned in any case.
    pub async fn release_claim(&self, row: &Row) -> Result<()> {
        let values = (row.account.uuid(), &row.key, json(row)?);
        self.transact(&self.statements.release_claim, values).await.map(drop)
    }

    async fn try_once<F>(
        &self,
        row: &Row,
        wanted: &str,
        is_gone: impl Fn(Row) -> F,
    ) -> Result<Outcome>
    where
        F: Future<Output = Result<bool>>,
    {
        let key = (row.account.uuid(), &row.key);
        let values = (wanted, key.0, key.1);
        let found = self.transact(&self.statements.take_claim, values).await?;
        let Some(held) = holder(found)? else { return Ok(Outcome::Taken) };
        let Some(held) = held else { return Ok(Outcome::Changed) };
        let other: Row = parse("claims", &held)?;
        if other.message_id == row.message_id {
            return Ok(Outcome::Taken);
        }
        let age = row.at.since(other.at);
        let is_used = async |other: &Row| {
            Ok::<_, Error>(
                age < ABANDONED || self.is_kept(other).await? || !is_gone(other.clone()).await?,
            )
        };
        if age < KEPT && is_used(&other).await? {
            return Ok(Outcome::Held(other));
        }
        let values = (wanted, key.0, key.1, &held);
        let found = self.transact(&self.statements.replace_claim, values).await?;
        Ok(if holder(found)?.is_none() { Outcome::Taken } else { Outcome::Changed })
    }

    async fn is_kept(&self, row: &Row) -> Result<bool> {
        let found = self.claim(row.account, &row.key).await?;
        Ok(found.is_some_and(|found| found.kept && found.row == *row))
    }
}

enum Outcome {
    Taken,
    Held(Row),
    /// Somebody else was there in between.
    Changed,
}

/// Who holds the key when a transaction was not applied; none when it was.
fn holder(found: QueryResult) -> Result<Option<Option<String>>> {
    found_instead(found, "claim")
}
