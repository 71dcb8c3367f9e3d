//! Every statement, prepared once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use metrics::SharedString;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement as Unprepared;
use scylla::statement::{Consistency, SerialConsistency};

use super::attempts::CountedRetries;
use super::phrases::{Use, phrases};
use crate::engine::{Error, Result};
use crate::projection::{Schema, Table};

/// A read that takes longer is asked of another node as well.
const SPECULATE_AFTER: Duration = Duration::from_millis(150);
/// How long one try may take, tries on other nodes included.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements prepared at a time.
const AT_ONCE: usize = 8;
/// Rows fetched at a time; a row may be some tens of kilobytes.
pub(super) const PAGE_ROWS: i32 = 200;

/// What may be done with a statement whose outcome is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
    /// A lightweight transaction: the caller looks what became of it.
    Transaction,
}

/// A prepared statement and what metrics call it.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) name: SharedString,
    pub(super) kind: Kind,
    pub(super) prepared: PreparedStatement,
}

macro_rules! statements {
    ($($kind:ident $name:ident = $text:literal;)+) => {
        /// Every statement by its name.
        pub(super) struct Statements {
            $(pub(super) $name: Statement,)+
            /// Those of the tables, by their numbers.
            pub(super) tables: HashMap<(u8, Use), Statement>,
        }

        impl Statements {
            /// Prepares all of them, `ks.` standing for the keyspace.
            pub(super) async fn prepare(
                session: &Session,
                keyspace: &str,
                schema: &Schema,
            ) -> Result<Self> {
                let special = [$((stringify!($name), Kind::$kind, $text)),+];
                let special = special.map(|(name, kind, text)| Phrase {
                    name: SharedString::const_str(name),
                    kind,
                    text: text.to_owned(),
                });
                let (uses, phrases) = of_tables(schema);
                let all = special.into_iter().chain(phrases);
                let mut prepared = prepare(session, keyspace, all).await?.into_iter();
                let missing = || Error::Storage("a statement is not prepared".into());
                Ok(Self {
                    $($name: prepared.next().ok_or_else(missing)?,)+
                    tables: uses.into_iter().zip(prepared).collect(),
                })
            }
        }
    };
}

statements! {
    Read conversation =
        "SELECT state FROM ks.timeline WHERE account = ? AND conversation = ? LIMIT 1";
    Read timeline =
        "SELECT seq, event FROM ks.timeline WHERE account = ? AND conversation = ? AND seq > ? LIMIT ?";
    Read timeline_before =
        "SELECT seq, event FROM ks.timeline WHERE account = ? AND conversation = ? AND seq < ? ORDER BY seq DESC LIMIT ?";
    Read messages =
        "SELECT seq, type, event FROM ks.timeline WHERE account = ? AND conversation = ? AND seq >= ?";
    Read stands =
        "SELECT seq FROM ks.timeline WHERE account = ? AND conversation = ? AND seq = ?";
    Read claim = "SELECT claim, kept FROM ks.claims WHERE account = ? AND key_sha256 = ?";
    Read totals = "SELECT inbound, outbound FROM ks.totals WHERE account = ?";
    Read total_of =
        "SELECT inbound, outbound, seq FROM ks.totals WHERE account = ? AND log_partition = ?";
    Read checkpoint = "SELECT seq, due_after FROM ks.checkpoints WHERE log_partition = ?";
    Read landmark = "SELECT seq, event_id FROM ks.landmarks WHERE log_partition = ?";
    Read quota = "SELECT until FROM ks.quotas WHERE bucket = ?";

    Read scan_conversations = "SELECT DISTINCT account, conversation, state FROM ks.timeline";
    Read scan_timeline = "SELECT account, conversation, seq, type, event FROM ks.timeline";
    Read scan_totals = "SELECT account, log_partition, inbound, outbound, seq FROM ks.totals";

    Write store_event =
        "INSERT INTO ks.timeline (account, conversation, seq, type, event) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
    Write store_state =
        "UPDATE ks.timeline USING TIMESTAMP ? SET state = ? WHERE account = ? AND conversation = ?";
    Write store_kept =
        "UPDATE ks.claims USING TIMESTAMP ? SET claim = ?, kept = ? WHERE account = ? AND key_sha256 = ?";
    Write store_total =
        "INSERT INTO ks.totals (account, log_partition, inbound, outbound, seq) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
    Write store_checkpoint =
        "INSERT INTO ks.checkpoints (log_partition, seq, due_after) VALUES (?, ?, ?) USING TIMESTAMP ?";
    Write store_landmark =
        "INSERT INTO ks.landmarks (log_partition, seq, event_id) VALUES (?, ?, ?) USING TIMESTAMP ?";

    Transaction take_quota = "UPDATE ks.quotas SET until = ? WHERE bucket = ? IF until = ?";
}

/// How statements are executed, by their kind.
struct Profiles {
    read: ExecutionProfile,
    write: ExecutionProfile,
}

impl Profiles {
    fn new() -> Self {
        let profile = || {
            ExecutionProfile::builder()
                .consistency(Consistency::LocalQuorum)
                .serial_consistency(Some(SerialConsistency::LocalSerial))
                .request_timeout(Some(TRY_TIMEOUT))
                .retry_policy(Arc::new(CountedRetries))
        };
        let speculation = SimpleSpeculativeExecutionPolicy {
            max_retry_count: 1,
            retry_interval: SPECULATE_AFTER,
        };
        let read = profile().speculative_execution_policy(Some(Arc::new(speculation)));
        Self { read: read.build(), write: profile().build() }
    }
}

/// A statement before it is prepared, `ks.` standing for the keyspace.
struct Phrase {
    name: SharedString,
    kind: Kind,
    text: String,
}

/// The statements of all tables, and what each is for.
fn of_tables(schema: &Schema) -> (Vec<(u8, Use)>, Vec<Phrase>) {
    let of = |table: &'static Table| {
        phrases(table).into_iter().map(move |(what, kind, text)| {
            let name = format!("{}.{}", table.name, what.name());
            let name = SharedString::from_shared(name.into());
            ((table.number, what), Phrase { name, kind, text })
        })
    };
    schema.all_tables().flat_map(of).unzip()
}

async fn prepare(
    session: &Session,
    keyspace: &str,
    all: impl Iterator<Item = Phrase>,
) -> Result<Vec<Statement>> {
    let profiles = &Profiles::new();
    let each = all.map(|Phrase { name, kind, text }| async move {
        let text = text.replace(" ks.", &format!(" {keyspace}."));
        let unprepared = Unprepared::new(text).with_page_size(PAGE_ROWS);
        let prepared = session.prepare(unprepared).await;
        let mut prepared = prepared.map_err(|error| {
            let what = format!("the tables of keyspace {keyspace} are not this version's");
            Error::Storage(format!("{what}: {error}"))
        })?;
        // A transaction is repeated by who looks what became of it, and by nobody else.
        prepared.set_is_idempotent(kind != Kind::Transaction);
        let profile = if kind == Kind::Read { &profiles.read } else { &profiles.write };
        prepared.set_execution_profile_handle(Some(profile.clone().into_handle()));
        Ok(Statement { name, kind, prepared })
    });
    stream::iter(each.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
}
