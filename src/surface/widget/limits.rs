//! How often a visitor may call here: by site key and address.

use std::future::ready;
use std::sync::Arc;

use futures_util::future::Either;
use poem::http::Method;
use poem::{Endpoint, Request, Response, Result};

use super::error::costume;
use super::visitor::{self, Site};
use crate::app::App;
use crate::domain::Error;
use crate::surface::client::Address;
use crate::surface::visitor_limits::{self, Class, Visit};
use crate::surface::{client, in_flight, rate_limit};

/// Finds the account, sees whether the page may call for it, and counts the call.
pub(super) struct Metered<E> {
    pub(super) app: Arc<App>,
    pub(super) api: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Metered<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let Some(site) = visitor::find(&self.app, &request) else {
            // A stranger's body is not waited for.
            request.take_body();
            let refused = costume(Error::Unauthorized("Invalid site key"));
            return Either::Left(ready(Ok(refused)));
        };
        if let Err(refused) = client::check_origin(&request, &site.tenant) {
            return Either::Left(ready(Ok(costume(refused))));
        }
        let account = site.tenant.account.id;
        Either::Right(in_flight::admitted(request, account, costume, move |request| {
            Box::pin(self.counted(request, site))
        }))
    }
}

impl<E: Endpoint<Output = Response>> Metered<E> {
    async fn counted(&self, mut request: Request, site: Site) -> Result<Response> {
        let Self { app, api } = self;
        if let Some(allowance) = visitor_limits::of_site(app, &site.tenant, site.key).await
            && let Some(retry_after_s) = allowance.retry_after_s
        {
            let mut response = costume(Error::RateLimited { retry_after_s });
            rate_limit::tell(&mut response, &allowance);
            return Ok(response);
        }
        let class = class(&request);
        let per_minute = class.per_minute(&site.tenant.account.settings.limits);
        let of_visitor = Visit::Site(site.key).counted(class, Address::of(&request));
        request.set_data(site);
        rate_limit::counted(app, api, request, Some((of_visitor, per_minute)), costume).await
    }
}

fn class(request: &Request) -> Class {
    let path = request.uri().path();
    let posts = request.method() == Method::POST;
    if path.ends_with("/config") {
        Class::Config
    } else if path.ends_with("/conversations") {
        Class::Create
    } else if posts {
        Class::Send
    } else if path.contains("/files/") {
        Class::Files
    } else {
        Class::Read
    }
}
