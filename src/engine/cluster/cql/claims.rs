//! What idempotency keys were used for.
//!
//! The projector writes a claim once its message is in the log. An older release takes claims before that, by
//! lightweight transactions on the column `claim`; those that are not confirmed (`kept`) say nothing here.

use uuid::Uuid;

use super::{Cql, parse};
use crate::domain::ids::{AccountId, Id};
use crate::engine::Result;
use crate::projection::claims::Row;

impl Cql {
    /// What a key was used for; rows older than [`crate::projection::claims::KEPT`] may be gone.
    ///
    /// # Errors
    /// As any read.
    pub async fn claim(&self, account: AccountId, key: &str) -> Result<Option<Row>> {
        let key = (account.uuid(), key);
        let columns =
            self.fetch_one::<(Option<String>, Option<Uuid>)>(&self.statements.claim, key).await?;
        let Some((Some(claim), kept)) = columns else { return Ok(None) };
        let row: Row = parse("claims", &claim)?;
        Ok(Some(row).filter(|row| kept == Some(row.message_id.uuid())))
    }
}
