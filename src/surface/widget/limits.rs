//! How often a visitor may call here: by site key and address.

use poem::http::Method;
use poem::{Endpoint, Request, Response, Result};

use super::error::costume;
use super::visitor;
use crate::app::App;
use crate::domain::Error;
use crate::surface::client::Address;
use crate::surface::visits::{self, Class, Visit};
use crate::surface::{client, in_flight, limited};

/// Finds the account, sees whether the page may call for it, and counts the call.
pub(super) async fn metered<E>(app: &App, api: &E, mut request: Request) -> Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let Some(site) = visitor::find(app, &request) else {
        // A stranger's body is not waited for.
        request.take_body();
        return Ok(costume(Error::Unauthorized("Invalid site key")));
    };
    if let Err(refused) = client::check_origin(&request, &site.tenant) {
        return Ok(costume(refused));
    }
    if let Err(refused) = in_flight::admit(&mut request, site.tenant.account.id).await {
        return Ok(costume(refused));
    }
    if let Some(allowance) = visits::of_site(app, &site.tenant, site.key).await
        && let Some(retry_after_s) = allowance.retry_after_s
    {
        let mut response = costume(Error::RateLimited { retry_after_s });
        limited::tell(&mut response, &allowance);
        return Ok(response);
    }
    let class = class(&request);
    let per_minute = class.per_minute(&site.tenant.account.settings.limits);
    let of_visitor = Visit::Site(site.key).counted(class, Address::of(&request));
    request.set_data(site);
    limited::counted(app, api, request, of_visitor, per_minute, costume).await
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
