//! How often a visitor may call here: as often as on the widget's surface.
//!
//! An account's own key is its server's, and is not counted. On a WebSocket each command is a call.

use poem::http::Method;
use poem::{Endpoint, Request, Response};

use super::caller::Caller;
use super::error::costume;
use crate::app::App;
use crate::app::accounts::limits::Caller as Limited;
use crate::domain::{Error, Result};
use crate::surface::rate_limit;
use crate::surface::visitor_limits::{self, Class};

/// Seconds after which it may be asked whether a limit of 0 is still one.
const CLOSED_S: u64 = 60;

/// Counts a visitor's call and lets it through, unless it is one too many.
pub(super) async fn metered<E>(app: &App, api: &E, request: Request) -> poem::Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let caller = request.data::<Caller>().cloned();
    let Some(caller) = caller.filter(|caller| caller.only.is_some()) else {
        return api.call(request).await;
    };
    if let Err(refused) = of_site(app, &caller).await {
        return Ok(costume(refused));
    }
    let limit = caller.counted(class(&request));
    rate_limit::counted(app, api, request, limit, costume).await
}

/// Counts a visitor's command on a WebSocket.
///
/// # Errors
/// [`Error::RateLimited`] when it is one too many.
pub(super) async fn command(app: &App, caller: &Caller, class: Class) -> Result<()> {
    of_site(app, caller).await?;
    let Some((name, per_minute)) = caller.counted(class) else { return Ok(()) };
    let per_minute = per_minute.try_into();
    let per_minute = per_minute.map_err(|_| Error::RateLimited { retry_after_s: CLOSED_S })?;
    let allowance = app.limits.check(&*app.engine, &Limited(name), per_minute).await;
    allowance
        .retry_after_s
        .map_or(Ok(()), |retry_after_s| Err(Error::RateLimited { retry_after_s }))
}

async fn of_site(app: &App, caller: &Caller) -> Result<()> {
    let Some(key) = caller.site() else { return Ok(()) };
    let allowance = visitor_limits::of_site(app, &caller.tenant, key).await;
    let refused = allowance.and_then(|allowance| allowance.retry_after_s);
    refused.map_or(Ok(()), |retry_after_s| Err(Error::RateLimited { retry_after_s }))
}

fn class(request: &Request) -> Class {
    let path = request.uri().path();
    if request.method() == Method::POST {
        let says = path.contains("/messages");
        if says { Class::Send } else { Class::Signal }
    } else if path.contains("/files/") {
        Class::Files
    } else {
        Class::Read
    }
}
