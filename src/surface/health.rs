//! What operators and load balancers ask: alive, ready, metrics.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::web::Json;
use poem::{Endpoint, IntoResponse, get};
use serde_json::json;

use crate::app::App;

/// The process runs. It says so even while the engine cannot serve: a restart would not help.
pub(super) fn alive() -> impl Endpoint {
    get(make_sync(|_| Json(json!({ "status": "alive" }))))
}

/// The server can take messages and answer queries.
pub(super) fn ready(app: &Arc<App>) -> impl Endpoint + use<> {
    let app = app.clone();
    get(make_sync(move |_| {
        let health = app.engine.health();
        let (log, views) = (health.writable, health.readable);
        let status = if log && views { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let word = if status.is_success() { "ready" } else { "not ready" };
        let body = json!({ "status": word, "log": log, "views": views, "detail": health.detail });
        Json(body).with_status(status).into_response()
    }))
}

/// Everything that is counted, for Prometheus.
pub(super) fn metrics(handle: PrometheusHandle) -> impl Endpoint {
    get(make_sync(move |_| {
        let text = handle.render();
        poem::Response::builder().content_type("text/plain; version=0.0.4").body(text)
    }))
}
