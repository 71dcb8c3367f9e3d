//! The records and rows of one message with its reply, as nodes have written them: what the bare
//! loop writes again under other ids.

use std::io;

use rdkafka::message::{Headers, Message};
use scylla::client::session::Session;

use super::topics::Topics;
use crate::client::find;

/// A message, its reply, and the rows that both have made.
#[derive(Clone)]
pub(crate) struct Mould {
    /// Inbound and outbound.
    pub(crate) records: [Record; 2],
    /// Their types and their rows in the timeline.
    pub(crate) events: [(String, String); 2],
    pub(crate) conversation: String,
    pub(crate) contact: String,
}

/// A record without its place.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Mould {
    /// Takes the last message that nodes with one conversation have written.
    ///
    /// # Errors
    /// If a record or a row is not there.
    pub(crate) async fn take(
        topics: &Topics,
        session: &Session,
        keyspace: &str,
    ) -> io::Result<Self> {
        let missing = || io::Error::other("no message with its rows to copy");
        let mut records = Vec::new();
        topics.consume("events", None, |message| {
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            let headers = headers.map(|one| (one.key.to_owned(), bytes(one.value))).collect();
            let (key, value) = (bytes(message.key()), bytes(message.payload()));
            records.push(Record { key, value, headers });
        })?;
        let at = records.len().checked_sub(2).ok_or_else(missing)?;
        let records = records.split_off(at).try_into().map_err(|_| missing())?;

        let read = async |text: String| {
            let rows = session.query_unpaged(text, ()).await.map_err(io::Error::other)?;
            let rows = rows.into_rows_result().map_err(io::Error::other)?;
            let rows: Result<Vec<(String, String)>, _> =
                rows.rows().map_err(io::Error::other)?.collect();
            rows.map_err(io::Error::other)
        };
        let mut events = read(format!("SELECT type, event FROM {keyspace}.timeline")).await?;
        let states = format!("SELECT state, state FROM {keyspace}.timeline LIMIT 1");
        let contacts = format!("SELECT state, state FROM {keyspace}.contacts LIMIT 1");
        let at = events.len().checked_sub(2).ok_or_else(missing)?;
        let events = events.split_off(at).try_into().map_err(|_| missing())?;
        let conversation = read(states).await?.pop().ok_or_else(missing)?.0;
        let contact = read(contacts).await?.pop().ok_or_else(missing)?.0;
        Ok(Self { records, events, conversation, contact })
    }
}

/// Writes another message's id over the one that stands in a piece of JSON, so that no two are the
/// same: else they would compress as ours never do.
pub(crate) fn rename(json: &mut [u8], id: &[u8; 32]) {
    const FIELD: &[u8] = b"\"message_id\":\"";
    if let Some(at) = find(json, FIELD).map(|at| at + FIELD.len())
        && let Some(place) = json.get_mut(at..at + id.len())
    {
        place.copy_from_slice(id);
    }
}

fn bytes(value: Option<&[u8]>) -> Vec<u8> {
    value.unwrap_or_default().to_vec()
}
