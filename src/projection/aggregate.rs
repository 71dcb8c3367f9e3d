//! What events of one thing fold into: a conversation, a contact.
//!
//! An aggregate is told once, as a value. Engines load, fold and store the states of those that a schema
//! lists, as [`Folded`], and know none of them but the conversation, whose state stands with its timeline.

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::table::Table;
use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::{Body, Event};
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id as _};
use crate::domain::seq::Seq;

/// A state that events fold into.
pub trait State:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What the first event makes; none for any other.
    fn begun(seq: Seq, event: &Event) -> Option<Self>;
    /// Folds one event in. What it has already seen is discarded.
    fn apply(&mut self, seq: Seq, event: &Event) -> Effect;
    /// The last event that was folded in.
    fn last_seq(&self) -> Seq;
}

/// An aggregate. Permanent, as a table is.
#[derive(Debug, Clone, Copy)]
pub struct Aggregate {
    /// The first byte of its keys where all tables share one keyspace.
    pub number: u8,
    pub name: &'static str,
    /// Where its states stand: account, id, and the state as JSON. They are read by `Views::state` alone, since
    /// an engine may keep the newest elsewhere. None for the conversation.
    pub table: Option<&'static Table>,
    /// Whose state an event folds into.
    pub of: fn(&Body) -> Option<Uuid>,
    /// What the first event makes.
    pub begin: fn(Seq, &Event) -> Option<Folded>,
    /// Reads a state that was written.
    pub read: fn(&[u8]) -> serde_json::Result<Folded>,
}

/// Its state is written with its timeline.
pub static CONVERSATION: Aggregate = Aggregate {
    number: 1,
    name: "timeline.state",
    table: None,
    of: |body| body.conversation().map(|id| id.uuid()),
    begin: Folded::begin::<Conversation>,
    read: Folded::read::<Conversation>,
};

/// Whose state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The number of the aggregate.
    pub aggregate: u8,
    pub account: AccountId,
    pub id: Uuid,
}

impl Key {
    pub fn conversation(account: AccountId, id: ConversationId) -> Self {
        Self { aggregate: CONVERSATION.number, account, id: id.uuid() }
    }

    pub fn contact(account: AccountId, id: ContactId) -> Self {
        Self { aggregate: super::contacts::AGGREGATE.number, account, id: id.uuid() }
    }

    /// `account · id`.
    pub fn bytes(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.account.bytes());
        key[16..].copy_from_slice(self.id.as_bytes());
        key
    }
}

/// A state of some aggregate.
#[derive(Debug)]
pub struct Folded(Box<dyn AnyState>);

impl Folded {
    pub fn of(state: impl State) -> Self {
        Self(Box::new(state))
    }

    /// What the first event makes.
    pub fn begin<S: State>(seq: Seq, event: &Event) -> Option<Self> {
        S::begun(seq, event).map(Self::of)
    }

    /// Reads a state that was written.
    ///
    /// # Errors
    /// When it is none.
    pub fn read<S: State>(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice::<S>(json).map(Self::of)
    }

    /// The state, where it is of this kind.
    pub fn get<S: State>(&self) -> Option<&S> {
        self.0.any().downcast_ref()
    }

    pub fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        self.0.fold(seq, event)
    }

    pub fn last_seq(&self) -> Seq {
        self.0.seq()
    }

    /// As it is written.
    ///
    /// # Errors
    /// None that a state of ours can meet.
    pub fn json(&self) -> serde_json::Result<String> {
        self.0.written()
    }
}

impl Clone for Folded {
    fn clone(&self) -> Self {
        self.0.copied()
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other)
    }
}

/// [`State`], of which the kind is not known.
trait AnyState: Debug + Send + Sync {
    fn any(&self) -> &dyn Any;
    fn fold(&mut self, seq: Seq, event: &Event) -> Effect;
    fn seq(&self) -> Seq;
    fn written(&self) -> serde_json::Result<String>;
    fn copied(&self) -> Folded;
    fn equals(&self, other: &Folded) -> bool;
}

impl<S: State> AnyState for S {
    fn any(&self) -> &dyn Any {
        self
    }

    fn fold(&mut self, seq: Seq, event: &Event) -> Effect {
        self.apply(seq, event)
    }

    fn seq(&self) -> Seq {
        self.last_seq()
    }

    fn written(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    fn copied(&self) -> Folded {
        Folded::of(self.clone())
    }

    fn equals(&self, other: &Folded) -> bool {
        other.get::<S>() == Some(self)
    }
}

impl State for Conversation {
    fn begun(seq: Seq, event: &Event) -> Option<Self> {
        Self::started(seq, event)
    }

    fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        self.apply(seq, event)
    }

    fn last_seq(&self) -> Seq {
        self.last_seq
    }
}

impl State for Contact {
    fn begun(seq: Seq, event: &Event) -> Option<Self> {
        Self::created(seq, event)
    }

    fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        self.apply(seq, event)
    }

    fn last_seq(&self) -> Seq {
        self.last_seq
    }
}

/// The states an event folds into. The engine fetches them before and stores them after.
pub trait States {
    type Error;

    fn state(&mut self, key: Key) -> Result<&mut Option<Folded>, Self::Error>;
}

/// States in memory.
impl<H: BuildHasher> States for HashMap<Key, Option<Folded>, H> {
    type Error = Infallible;

    fn state(&mut self, key: Key) -> Result<&mut Option<Folded>, Infallible> {
        Ok(self.entry(key).or_default())
    }
}
