//! How often a visitor may call (seed 003): by what is asked for, whichever surface it is asked of.
//!
//! A visitor shows a site key, which is public, and a token of its own making: it is counted by the key
//! and its address, so that guessing tokens is counted like any other call. Who shows a live token is
//! counted by its conversation and its address: so the token that the widget gives opens no way around
//! the widget's limits, and a business whose customers come through one address is not held up.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::account_limits::Limit;
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::accounts::limits::{Allowance, Caller};
use crate::domain::account::Limits;
use crate::domain::ids::{ConversationId, KeyId};

/// A site may have so many visitors' worth of the widest limit.
const VISITORS: u32 = 10_000;

/// Those that an account may set.
pub(super) static LIMITS: [Limit; 5] = [
    Limit::new("widget_config", 60),
    Limit::new("widget_create", 5),
    Limit::new("widget_read", 60),
    Limit::new("widget_send", 20),
    Limit::new("widget_files", 60),
];

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Config,
    Create,
    Read,
    Send,
    Files,
    /// That somebody types, has read, or wants no more of a reply: as often as reading, beside it.
    Signal,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Create => "create",
            Self::Read => "read",
            Self::Send => "send",
            Self::Files => "files",
            Self::Signal => "signal",
        }
    }

    /// The account's limit, or the documented one.
    pub(super) fn per_minute(self, limits: &Limits) -> u32 {
        let [config, create, read, send, files] = &LIMITS;
        let limit = match self {
            Self::Config => config,
            Self::Create => create,
            Self::Read | Self::Signal => read,
            Self::Send => send,
            Self::Files => files,
        };
        limit.of(limits).unwrap_or(u32::MAX)
    }
}

/// What a visitor is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// A site key, and whatever token.
    Site(KeyId),
    /// A live token of this conversation.
    Conversation(ConversationId),
}

impl Visit {
    /// The name under which a call is counted.
    pub(super) fn counted(self, class: Class, address: Option<IpAddr>) -> String {
        let class = class.name();
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        match self {
            Self::Site(key) => format!("widget {class} {key} {address}"),
            Self::Conversation(id) => format!("live {class} {id} {address}"),
        }
    }
}

/// Counts a call of all of a site's visitors; none where nothing is let through anyway.
pub(super) async fn of_site(app: &App, tenant: &Tenant, key: KeyId) -> Option<Allowance> {
    let limits = &tenant.account.settings.limits;
    let each = [Class::Read, Class::Create, Class::Send].map(|class| class.per_minute(limits));
    let widest = each.into_iter().max().unwrap_or_default();
    let whole = NonZeroU32::new(widest.saturating_mul(VISITORS))?;
    let of_site = Caller(format!("widget {key}"));
    Some(app.limits.check(&*app.engine, &of_site, whole).await)
}
