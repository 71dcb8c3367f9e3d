//! The list of an account's conversations: the days on which any began, and each day's.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use super::Cql;
use crate::domain::ids::{AccountId, ConversationId, Id as _};
use crate::domain::time::Timestamp;
use crate::engine::Result;
use crate::projection::conversation_days::day_of;
use crate::projection::conversations::Row;

/// Days read at once, when one after the other has less than what is wanted.
const DAYS: usize = 16;

impl Cql {
    /// Up to `limit` conversations of an account that began before `before`, newest first.
    pub async fn conversations(
        &self,
        account: AccountId,
        before: Option<(Timestamp, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<Row>> {
        let bound = before.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.millis(), id.uuid()));
        let mut newest = Some(before.map_or(i32::MAX, |(at, _)| day_of(at)));
        let (mut found, mut at_once) = (Vec::new(), 1);
        while let Some(day) = newest
            && found.len() < limit
        {
            let range = (account.uuid(), day, i32::try_from(at_once).unwrap_or(i32::MAX));
            let days = self.fetch::<(i32,)>(&self.statements.days, range).await?;
            let wanted = limit - found.len();
            let each = days.iter().map(|(day,)| self.began_on(account, *day, bound, wanted));
            let mut each = stream::iter(each.collect::<Vec<_>>()).buffered(at_once);
            while let Some(rows) = each.try_next().await?
                && found.len() < limit
            {
                found.extend(rows);
            }
            // Most are satisfied by one day; who has few conversations needs many days.
            let full = days.len() == at_once;
            newest = days.last().filter(|_| full).and_then(|(day,)| day.checked_sub(1));
            at_once = DAYS.min(at_once * 2);
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn began_on(
        &self,
        account: AccountId,
        day: i32,
        (began, id): (i64, Uuid),
        limit: usize,
    ) -> Result<Vec<Row>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let range = (account.uuid(), day, began, id, limit);
        let rows = self.fetch::<(i64, Uuid)>(&self.statements.listed, range).await?;
        let row = |(began, id): (i64, Uuid)| Row {
            account,
            conversation: ConversationId::from_uuid(id),
            at: Timestamp::from_millis(began),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
