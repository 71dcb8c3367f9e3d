//! Surfaces that a server calls with its account's key: who calls, and how often it may.

use std::future::ready;
use std::sync::Arc;

use futures_util::future::Either;
use poem::{Endpoint, Request, Response, Result};

use super::refusals::Costume;
use super::{in_flight, rate_limit};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::accounts::credentials::Credential;
use crate::domain::Error;
use crate::domain::account::{KeyKind, Settings};
use crate::domain::ids::KeyId;

/// Who calls: found before anything else is looked at.
#[derive(Clone)]
pub(super) struct Account(Arc<Tenant>, KeyId);

impl Account {
    /// That of a request whose key opens one.
    pub(super) fn of(request: &Request) -> Option<Self> {
        request.data::<Self>().cloned()
    }

    pub(super) fn tenant(&self) -> &Arc<Tenant> {
        &self.0
    }

    /// The key's id.
    pub(super) fn key(&self) -> KeyId {
        self.1
    }

    /// As what a stream that it opens ends with.
    pub(super) fn credential(&self) -> Credential {
        Credential::of_key(&self.0, self.1)
    }
}

/// A surface behind its keys: finds the caller and counts the call against the account's limit.
pub(super) struct Keyed<E> {
    pub(super) app: Arc<App>,
    pub(super) api: E,
    pub(super) kind: KeyKind,
    /// The key that a request shows, whatever it is worth.
    pub(super) shown: fn(&Request) -> Option<&str>,
    /// What a call is counted as, and how many of these there may be a minute; none is no limit.
    pub(super) limit: fn(&Request, &Settings, KeyId) -> Option<(String, u32)>,
    /// What whoever has no key is told; without words of its own, the API refuses as its document says.
    pub(super) stranger: Option<&'static str>,
    pub(super) costume: Costume,
}

impl<E: Endpoint<Output = Response>> Endpoint for Keyed<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let Self { app, api, costume, .. } = self;
        let key = (self.shown)(&request);
        let Some((tenant, key)) = key.and_then(|key| app.accounts.by_key(self.kind, key)) else {
            // A stranger's body is not waited for.
            request.take_body();
            return Either::Left(match self.stranger {
                Some(problem) => Either::Left(ready(Ok(costume(Error::Unauthorized(problem))))),
                None => Either::Right(api.call(request)),
            });
        };
        let account = tenant.account.id;
        Either::Right(in_flight::admitted(request, account, *costume, move |mut request| {
            let limit = (self.limit)(&request, &tenant.account.settings, key);
            request.set_data(Account(tenant, key));
            rate_limit::counted(app, api, request, limit, *costume)
        }))
    }
}
