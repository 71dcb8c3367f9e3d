//! How often a visitor may call: per site key and address, by what is asked for (seed 003).

use std::num::NonZeroU32;

use poem::http::Method;
use poem::{Endpoint, Request, Response, Result};

use super::error::costume;
use super::visitor::{self, Site};
use crate::app::App;
use crate::app::limits::Caller;
use crate::domain::Error;
use crate::domain::account::Limits;
use crate::surface::{client, in_flight, limited};

/// The documented requests per minute.
const CONFIG: u32 = 60;
const CREATE: u32 = 5;
const READ: u32 = 60;
const SEND: u32 = 20;
const FILES: u32 = 60;
/// A site may have so many visitors' worth of the widest limit.
const VISITORS: u32 = 10_000;

/// Finds the account, sees whether the page may call for it, and counts the call.
pub(super) async fn metered<E>(
    app: &App,
    api: &E,
    mut request: Request,
    trusted_proxies: usize,
) -> Result<Response>
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
    if let Err(refused) = in_flight::admit(&mut request, site.tenant.account.id) {
        return Ok(costume(refused));
    }
    let address = client::address(&request, trusted_proxies);
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let (class, per_minute) = class(&request, &site.tenant.account.settings.limits);
    let of_visitor = format!("widget {class} {} {address}", site.key);
    if let Some(whole) = NonZeroU32::new(widest(&site).saturating_mul(VISITORS)) {
        let of_site = Caller(format!("widget {}", site.key));
        let allowance = app.limits.check(&*app.engine, &of_site, whole).await;
        if let Some(retry_after_s) = allowance.retry_after_s {
            let mut response = costume(Error::RateLimited { retry_after_s });
            limited::tell(&mut response, &allowance);
            return Ok(response);
        }
    }
    request.set_data(site);
    limited::counted(app, api, request, of_visitor, per_minute, costume).await
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
