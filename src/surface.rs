//! The surfaces: each parses its own wire, calls one use case, and renders what comes back in its
//! own words. No surface imports another; what they share is how, not what.
//!
//! This file is the table of contents of everything the server answers.
//!
//! An endpoint around another is no `async fn` where all requests go through it: that would keep the
//! request beside the call that it goes to, once for each of them.

mod account_limits;
pub mod aerochat;
mod allowed_methods;
pub mod aloochat;
pub mod chataibot;
mod client;
mod content_coding;
mod docs;
pub mod download;
mod event_stream;
mod fields;
mod form_body;
pub mod gate;
mod health;
mod idempotency_key;
pub mod in_flight;
mod json_answer;
mod json_array;
pub mod live;
mod observe;
mod pages;
mod rate_limit;
mod refusals;
mod server_key;
mod shared_prefix;
mod table;
pub mod upload;
mod visitor_limits;
pub mod widget;

pub use docs::{asyncapi, bot_schema, documents};
pub use table::limits;

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::{Endpoint, Route};

use crate::app::App;

/// What the router needs besides the application.
#[derive(Clone)]
pub struct Settings {
    /// Renders `/metrics`, where they are not served elsewhere.
    pub metrics: Option<PrometheusHandle>,
    /// How many proxies in front of us append to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// How many requests there may be at a time.
    pub requests: in_flight::Limits,
}

/// What is answered where metrics have an address of their own.
pub fn metrics_alone(metrics: PrometheusHandle) -> impl Endpoint + use<> {
    let routes =
        Route::new().at("/metrics", health::metrics(metrics)).at("/healthz", health::alive());
    refusals::Dressed::new(routes, refusals::plain, allowed_methods::Table::default())
}

/// Everything the server answers.
pub fn router(app: &Arc<App>, settings: &Settings) -> impl Endpoint + use<> {
    let routes = table::nested(Route::new(), app)
        .nest("/docs", docs::endpoint())
        .nest("/web", pages::files())
        .at("/", pages::chat())
        .at("/widget.js", pages::widget())
        .at("/widget-demo", pages::widget_demo())
        .at("/favicon.ico", pages::icon())
        .at("/healthz", health::alive())
        .at("/readyz", health::ready(app));
    let routes = match settings.metrics.clone() {
        Some(metrics) => routes.at("/metrics", health::metrics(metrics)),
        None => routes,
    };
    let placed = client::Placed::new(routes, app.clone(), settings.trusted_proxies);
    let dressed =
        refusals::Dressed::new(placed, refusals::plain, allowed_methods::Table::default());
    observe::Observed::new(in_flight::Counted::new(dressed, settings.requests))
}
