//! Turns as the application sees them: over views that are away for a moment, and of many senders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use parlor::app::accounts::{Accounts, Tenant, administration, demo};
use parlor::app::messages::send::{Opening, SendMessage, Sent, To, send_message};
use parlor::app::turn::feed::{FeedItem, TurnFeed};
use parlor::app::{App, Equipment, Watchers};
use parlor::domain::contact::Contact;
use parlor::domain::conversation::Conversation;
use parlor::domain::event::{Body, Event};
use parlor::domain::ids::{AccountId, ContactId, ConversationId};
use parlor::domain::message::Channel;
use parlor::domain::seq::Seq;
use parlor::domain::time::Timestamp;
use parlor::engine::SCHEMA;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::feed::{Applied, Feed};
use parlor::engine::{Appended, Engine, Error, EventLog, Health, Recorded, Result, Topic, Views};
use parlor::live::hub::Hub;
use parlor::projection::{
    Cells, Change, Folded, Found, Key, Places, Range, Rows, Table, claims, totals::Totals,
};
use tokio::sync::watch;

use crate::harness::wait::within;

/// An engine that cannot say how conversations stand while it is told so.
struct Blinking {
    inner: Embedded,
    away: AtomicBool,
}

#[async_trait]
impl EventLog for Blinking {
    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.partitions(topic)
    }

    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>> {
        self.inner.append(events).await
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.inner.read(topic, partition, after, limit).await
    }

    async fn end(&self, topic: Topic, partition: u32) -> Result<Seq> {
        self.inner.end(topic, partition).await
    }
}

#[async_trait]
impl Rows for Blinking {
    type Error = Error;

    async fn get(&self, table: &'static Table, key: Cells) -> Result<Option<Cells>> {
        self.inner.get(table, key).await
    }

    async fn range(&self, table: &'static Table, range: Range) -> Result<Vec<Found>> {
        self.inner.range(table, range).await
    }
}

#[async_trait]
impl Places for Blinking {
    async fn keep(&self, change: Change) -> Result<()> {
        self.inner.keep(change).await
    }
}

#[async_trait]
impl Feed for Blinking {
    fn owned(&self) -> Vec<u32> {
        self.inner.owned()
    }

    async fn applied(&self, partition: u32, after: Seq, limit: usize) -> Result<Applied> {
        self.inner.applied(partition, after, limit).await
    }

    fn news(&self) -> watch::Receiver<()> {
        self.inner.news()
    }
}

#[async_trait]
impl Views for Blinking {
    async fn state(&self, key: Key) -> Result<Option<Folded>> {
        self.inner.state(key).await
    }

    async fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Error::ReadOnly("the views are away".into()));
        }
        self.inner.conversation(account, id).await
    }

    async fn contact(&self, account: AccountId, id: ContactId) -> Result<Option<Contact>> {
        self.inner.contact(account, id).await
    }

    async fn timeline(
        &self,
        account: AccountId,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.inner.timeline(account, conversation, after, limit).await
    }

    async fn timeline_before(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.inner.timeline_before(account, conversation, before, limit).await
    }

    async fn messages(
        &self,
        account: AccountId,
        conversation: ConversationId,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.inner.messages(account, conversation, skip, limit).await
    }

    async fn claim(&self, account: AccountId, key: &str) -> Result<Option<claims::Row>> {
        self.inner.claim(account, key).await
    }

    async fn totals(&self, account: AccountId) -> Result<Totals> {
        self.inner.totals(account).await
    }

    async fn expire(&self, now: Timestamp) -> Result<u64> {
        self.inner.expire(now).await
    }
}

#[async_trait]
impl Engine for Blinking {
    fn health(&self) -> Health {
        self.inner.health()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// An application with one account like the demo's.
struct Shop {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    engine: Arc<Blinking>,
    _dir: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (accounts, hub) = (Arc::new(Accounts::default()), Arc::new(Hub::default()));
        let watchers = Arc::new(Watchers { accounts: accounts.clone(), hub: hub.clone() });
        let options = Options {
            dir: dir.path().to_owned(),
            cache_bytes: 8 << 20,
            reserve_bytes: 0,
            schema: &SCHEMA,
        };
        let inner = Embedded::open(&options, watchers).expect("it opens");
        let engine = Arc::new(Blinking { inner, away: AtomicBool::new(false) });
        let app = App::open(engine.clone(), accounts, hub, Equipment::default());
        let app = app.await.expect("it opens");
        let made = administration::create_account(&app, demo::account("Shop").expect("an account"));
        let account = made.await.expect("made").account;
        let tenant = app.accounts.get(account).expect("the account");
        Self { app, tenant, engine, _dir: dir }
    }

    async fn ask(&self, to: To) -> Sent {
        let text = "what are your opening hours?".parse().expect("a text");
        let command = SendMessage::new(to, text, Channel::Web);
        let sent = send_message(&self.app, &self.tenant, command).await.expect("sent");
        assert!(sent.outcome.is_some(), "its turn is over");
        sent
    }
}

#[tokio::test]
async fn messages_of_several_senders_are_kept_each_with_its_reply() {
    let shop = Shop::open().await;
    let id = shop.ask(To::New(Opening::default())).await.conversation;
    let senders = (0..4).map(|_| async {
        for _ in 0..25 {
            shop.ask(To::Conversation(id)).await;
        }
    });
    join_all(senders).await;
    let account = shop.tenant.account.id;
    let timeline = shop.app.engine.timeline(account, id, Seq::START, 1_000).await.expect("read");
    let said: Vec<_> = timeline
        .iter()
        .filter_map(|entry| match &entry.event.body {
            Body::MessageInbound(asked) => Some((entry.seq, false, asked.message_id)),
            Body::MessageOutbound(said) => Some((entry.seq, true, said.in_reply_to?)),
            _ => None,
        })
        .collect();
    assert_eq!(said.len(), 202, "each has one reply");
    for pair in said.chunks(2) {
        let (asked_at, is_reply, asked) = pair[0];
        assert!(!is_reply, "a reply comes after its question: {pair:?}");
        assert_eq!(pair[1], (asked_at.next(), true, asked), "right behind it");
    }
    shop.app.engine.close().await;
}

#[tokio::test]
async fn a_reader_learns_the_end_of_a_turn_also_where_the_views_were_away_when_it_came() {
    let shop = Shop::open().await;
    let sent = shop.ask(To::New(Opening::default())).await;
    let Shop { app, tenant, engine, _dir } = shop;
    let account = tenant.account.id;

    let mut feed = TurnFeed::open(&app, account, sent).await.expect("it opens");
    engine.away.store(true, Ordering::Relaxed);
    let place = loop {
        match within("a step", feed.next()).await.expect("a step") {
            FeedItem::Resume(frame) => break frame.id,
            FeedItem::Ended { .. } => panic!("nobody could say so"),
            FeedItem::Reply(_) | FeedItem::Typing(_) => {}
        }
    };
    assert!(!feed.go_on(place).await, "the views are still away");
    engine.away.store(false, Ordering::Relaxed);
    assert!(feed.go_on(place).await);
    let last = loop {
        match within("a step", feed.next()).await.expect("a step") {
            FeedItem::Ended { ending, .. } => break ending,
            FeedItem::Resume(_) => panic!("the views are there again"),
            FeedItem::Reply(_) | FeedItem::Typing(_) => {}
        }
    };
    assert!(last.event.is_some(), "{last:?}");
    app.engine.close().await;
}
