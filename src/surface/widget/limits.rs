//! How often a visitor may call: per site key and address, by what is asked for (seed 003).

use std::num::NonZeroU32;

use poem::http::Method;
use poem::{Endpoint, Request, Response, Result};

use super::error::costume;
use super::visitor::{self, Site};
use crate::app::App;
use crate::app::limits::{Allowance, Caller};
use crate::domain::Error;
use crate::domain::account::Limits;
use crate::surface::{client, limited};

/// The documented requests per minute.
const CONFIG: u32 = 60;
const CREATE: u32 = 5;
const READ: u32 = 60;
const SEND: u32 = 20;
const FILES: u32 = 60;
/// A site may have so many visitors' worth of the widest limit.
const VISITORS: u32 = 10_000;

/// A request that is not let in.
struct Refusal {
    error: Error,
    allowance: Option<Allowance>,
}

/// Lets a request in that may come, and tells the visitor what is left.
pub(super) async fn metered<E>(
    app: &App,
    api: &E,
    mut request: Request,
    trusted_proxies: usize,
) -> Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let (mut response, allowance) = match admit(app, &mut request, trusted_proxies).await {
        Ok(allowance) => (api.call(request).await?, allowance),
        Err(Refusal { error, allowance }) => (costume(error), allowance),
    };
    if let Some(allowance) = allowance {
        limited::tell(&mut response, &allowance);
    }
    Ok(response)
}

/// Finds the account, sees whether the page may call for it, and counts the call.
async fn admit(
    app: &App,
    request: &mut Request,
    trusted_proxies: usize,
) -> std::result::Result<Option<Allowance>, Refusal> {
    let refused = |error| Refusal { error, allowance: None };
    let Some(site) = visitor::find(app, request) else {
        // A stranger's body is not waited for.
        request.take_body();
        return Err(refused(Error::Unauthorized("Invalid site key")));
    };
    client::check_origin(request, &site.tenant).map_err(refused)?;
    let address = client::address(request, trusted_proxies);
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let (class, per_minute) = class(request, &site.tenant.account.settings.limits);
    let of_site = format!("widget {}", site.key);
    let of_visitor = format!("widget {class} {} {address}", site.key);
    let widest = widest(&site);
    request.set_data(site);
    let whole = check(app, of_site, widest.saturating_mul(VISITORS)).await;
    if whole.is_some_and(|whole| whole.retry_after_s.is_some()) {
        return Err(too_many(whole));
    }
    let own = check(app, of_visitor, per_minute).await;
    match own {
        None => Err(too_many(None)),
        Some(allowance) if allowance.retry_after_s.is_some() => Err(too_many(own)),
        Some(_) => Ok(own),
    }
}

fn too_many(allowance: Option<Allowance>) -> Refusal {
    let retry_after_s = allowance.and_then(|allowance| allowance.retry_after_s).unwrap_or(60);
    Refusal { error: Error::RateLimited { retry_after_s }, allowance }
}

/// None where an account allows none at all.
async fn check(app: &App, caller: String, per_minute: u32) -> Option<Allowance> {
    let per_minute = NonZeroU32::new(per_minute)?;
    Some(app.limits.check(&*app.engine, &Caller(caller), per_minute).await)
}

fn class(request: &Request, limits: &Limits) -> (&'static str, u32) {
    let path = request.uri().path();
    let posts = request.method() == Method::POST;
    if path.ends_with("/config") {
        ("config", limits.widget_config.unwrap_or(CONFIG))
    } else if path.ends_with("/conversations") {
        ("create", limits.widget_create.unwrap_or(CREATE))
    } else if posts {
        ("send", limits.widget_send.unwrap_or(SEND))
    } else if path.contains("/files/") {
        ("files", limits.widget_files.unwrap_or(FILES))
    } else {
        ("read", limits.widget_read.unwrap_or(READ))
    }
}

fn widest(site: &Site) -> u32 {
    let limits = &site.tenant.account.settings.limits;
    let read = limits.widget_read.unwrap_or(READ);
    read.max(limits.widget_create.unwrap_or(CREATE)).max(limits.widget_send.unwrap_or(SEND))
}
