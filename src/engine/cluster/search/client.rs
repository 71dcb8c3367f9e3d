//! What is asked of OpenSearch: an index, documents in it, conversations out of it.
//!
//! Writes are tried again within limits; searches are not, their caller is waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::{self, Answer, Fate};
use super::document::Document;
use super::format;
use super::http::{Access, Failure, Http, SearchResult, answer};
use crate::domain::ids::{AccountId, ConversationId};
use crate::engine::{Error, Result, Search};

const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// Making an index waits for its shards.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
const BULK_TIMEOUT: Duration = Duration::from_secs(15);
/// Rounds in which documents that were not taken are sent again.
const RETRIES: usize = 4;
/// What is beyond it in a query is left out.
const QUERY_MAX_CHARS: usize = 1_000;
const MAX_CONVERSATIONS: usize = 1_000;

/// Which OpenSearch, and how the index is to be. Not `Debug`: the URL may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `http://host:port` or `https`; `user:password@` may stand before the host.
    pub url: String,
    pub access: Access,
    /// What the index's name begins with, such as `parlor-messages`.
    pub index: String,
    /// Shards of a new index; an account's documents are all in one of them.
    pub shards: u32,
    /// Copies of each shard besides the first.
    pub replicas: u32,
}

/// What became of documents that were handed over; all but `refused` are in the index.
#[derive(Debug, Default, PartialEq)]
pub struct Indexed {
    /// How many were written; others were there, in this version or a newer one.
    pub written: usize,
    /// Those the index takes in no circumstances, and why.
    pub refused: Vec<(Document, String)>,
}

/// OpenSearch as we use it. Cheap to clone.
#[derive(Clone)]
pub struct OpenSearch {
    shared: Arc<Shared>,
}

struct Shared {
    http: Http,
    settings: Settings,
    /// Milliseconds; told by this node's indexer.
    lag: AtomicU64,
}

impl OpenSearch {
    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Storage`] when the URL or the index's name cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        if !is_index_name(&settings.index) {
            let problem = "the search index's name must be lower-case letters, digits, - . and _";
            return Err(Error::Storage(problem.into()));
        }
        let http = Http::new(&settings.url, &settings.access)?;
        Ok(Self { shared: Arc::new(Shared { http, settings, lag: AtomicU64::new(0) }) })
    }

    /// Makes the index as this release wants it, if it is not so; nodes may do so at once.
    ///
    /// Answers the index's identity: another one means that everything is to be indexed anew.
    ///
    /// # Errors
    /// [`Failure::Refused`] when there is an index of that name that cannot be made to fit.
    pub async fn ensure_index(&self) -> SearchResult<String> {
        let settings = &self.shared.settings;
        let (index, alias) = (format::index(settings), format::alias(settings));
        match self.change(&index, &format::creation(settings)).await {
            Err(Failure::Refused(reason)) if reason.starts_with("resource_already_exists") => {}
            other => other?,
        }
        self.change(&format!("{index}/_mapping"), &format::mapping()).await?;
        let changeable = json!({ "index": format::changeable(settings) });
        self.change(&format!("{index}/_settings"), &changeable).await?;
        self.change(&format!("{index}/_alias/{alias}"), &json!({})).await?;
        self.identity().await
    }

    /// What tells this index from one that was made in its place.
    ///
    /// # Errors
    /// [`Failure::NoIndex`] when there is none.
    pub async fn identity(&self) -> SearchResult<String> {
        let alias = format::alias(&self.shared.settings);
        let path = format!("{alias}/_settings/index.uuid?flat_settings=true");
        let request = self.shared.http.request(Method::GET, &path, ADMIN_TIMEOUT)?;
        let found: Value = answer(request).await?;
        let mut indices = found.as_object().into_iter().flatten();
        let (Some((name, settings)), None) = (indices.next(), indices.next()) else {
            return Err(Failure::Refused(format!("{alias} must lead to one index")));
        };
        match settings["settings"]["index.uuid"].as_str() {
            Some(uuid) => Ok(format!("{name}/{uuid}")),
            None => Err(Failure::Refused("the index has no identity".into())),
        }
    }

    /// Puts documents into the index, whatever their order; older versions change nothing.
    ///
    /// When it returns, everything but what was refused survives a crash of OpenSearch and is
    /// found within its refresh interval.
    ///
    /// # Errors
    /// When OpenSearch takes the documents neither now nor after a few more tries; some may be in.
    pub async fn index(&self, documents: Vec<Document>) -> SearchResult<Indexed> {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(RETRIES)
            .with_jitter()
            .build();
        let mut indexed = Indexed::default();
        let mut waiting = documents;
        loop {
            let failure = match self.round(&mut waiting, &mut indexed).await {
                Ok(None) => return Ok(indexed),
                Ok(Some(later)) => later,
                Err(failure @ (Failure::Away(_) | Failure::Busy)) => failure,
                Err(failure @ (Failure::NoIndex | Failure::Refused(_))) => return Err(failure),
            };
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failure),
            }
        }
    }

    /// Sends all that wait once; what was not taken waits on, and why is answered.
    async fn round(
        &self,
        waiting: &mut Vec<Document>,
        indexed: &mut Indexed,
    ) -> SearchResult<Option<Failure>> {
        let (mut later, mut why) = (Vec::new(), None);
        while !waiting.is_empty() {
            let (carried, body) = batch::body(waiting)?;
            let fates = match self.bulk(body, carried).await {
                Ok(fates) => fates,
                Err(failure) => {
                    waiting.append(&mut later);
                    return Err(failure);
                }
            };
            for (document, fate) in waiting.drain(..carried).zip(fates) {
                match fate {
                    Fate::Written => indexed.written += 1,
                    Fate::Known => {}
                    Fate::Refused(reason) => indexed.refused.push((document, reason)),
                    Fate::NoIndex => return Err(Failure::NoIndex),
                    Fate::Later(reason) => {
                        why = Some(Failure::Away(reason));
                        later.push(document);
                    }
                }
            }
        }
        *waiting = later;
        Ok(why)
    }

    async fn bulk(&self, body: Vec<u8>, documents: usize) -> SearchResult<Vec<Fate>> {
        let path = format!(
            "{}/_bulk?require_alias=true&filter_path=items.*.status,items.*.error.type,\
             items.*.error.reason",
            format::alias(&self.shared.settings)
        );
        let request = self.shared.http.request(Method::POST, &path, BULK_TIMEOUT)?;
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(body);
        let answer: Answer = answer(request).await?;
        let unfit = || Failure::Away("an answer that is not about what was sent".into());
        answer.fates(documents).ok_or_else(unfit)
    }

    /// Conversations of this account in which a message matches, best first, each once.
    ///
    /// # Errors
    /// [`Failure::NoIndex`] before there is one; nothing is ever left out in silence.
    pub async fn find(
        &self,
        account: AccountId,
        query: &str,
        limit: usize,
    ) -> SearchResult<Vec<ConversationId>> {
        let limit = limit.min(MAX_CONVERSATIONS);
        let words: String = query.chars().take(QUERY_MAX_CHARS).collect();
        if limit == 0 || words.trim().is_empty() {
            return Ok(Vec::new());
        }
        let path = format!(
            "{}/_search?routing={account}&allow_partial_search_results=false\
             &filter_path=timed_out,hits.hits.fields",
            format::alias(&self.shared.settings)
        );
        let request = self.shared.http.request(Method::POST, &path, SEARCH_TIMEOUT)?;
        let found: Found = answer(request.json(&format::query(account, &words, limit))).await?;
        if found.timed_out {
            return Err(Failure::Busy);
        }
        let hits = found.hits.hits.into_iter().map(|hit| {
            let [conversation] = hit.fields.conversation;
            conversation
        });
        Ok(hits.collect())
    }

    /// Whether our index can be written to and searched now.
    pub async fn health(&self) -> bool {
        let alias = format::alias(&self.shared.settings);
        let path = format!("_cluster/health/{alias}?wait_for_status=yellow&timeout=1s");
        let Ok(request) = self.shared.http.request(Method::GET, &path, HEALTH_TIMEOUT) else {
            return false;
        };
        let health: SearchResult<Value> = answer(request).await;
        health.is_ok_and(|health| health["timed_out"] == Value::Bool(false))
    }

    /// Says how far behind this node's part of the index is.
    pub(super) fn set_lag(&self, lag: Duration) {
        let millis = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        self.shared.lag.store(millis, Ordering::Relaxed);
    }

    async fn change(&self, path: &str, body: &Value) -> SearchResult<()> {
        let request = self.shared.http.request(Method::PUT, path, ADMIN_TIMEOUT)?;
        answer::<Value>(request.json(body)).await.map(|_| ())
    }
}

#[async_trait]
impl Search for OpenSearch {
    async fn conversations(
        &self,
        account: AccountId,
        query: &str,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        Ok(self.find(account, query, limit).await?)
    }

    fn lag(&self) -> Duration {
        Duration::from_millis(self.shared.lag.load(Ordering::Relaxed))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    timed_out: bool,
    hits: Hits,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    conversation: [ConversationId; 1],
}

fn is_index_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    (1..=100).contains(&name.len())
        && name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}
