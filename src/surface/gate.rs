//! The gate before the router: while the engine is being opened, the server is alive, says why it
//! is not ready, tells its metrics, and answers nothing else.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::StatusCode;
use poem::http::header::RETRY_AFTER;
use poem::web::Json;
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use serde_json::json;

use super::{aerochat, chat, chataibot, live};
use crate::domain::Error;

/// Seconds after which a caller may ask again.
const RETRY_AFTER_S: &str = "2";

/// Lets requests through once it is open. Cheap to clone.
pub struct Gate<E> {
    behind: Arc<OnceLock<E>>,
    metrics: PrometheusHandle,
    detail: Arc<Mutex<String>>,
}

impl<E> Clone for Gate<E> {
    fn clone(&self) -> Self {
        let Self { behind, metrics, detail } = self;
        Self { behind: behind.clone(), metrics: metrics.clone(), detail: detail.clone() }
    }
}

impl<E> Gate<E> {
    /// A closed one.
    pub fn new(metrics: PrometheusHandle) -> Self {
        let detail = Arc::new(Mutex::new("starting".to_owned()));
        Self { behind: Arc::default(), metrics, detail }
    }

    /// Says why it is still closed.
    pub fn explain(&self, detail: &str) {
        detail.clone_into(&mut self.detail.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Opens it for good.
    pub fn open(&self, behind: E) {
        self.behind.set(behind).ok();
    }

    fn closed(&self, request: &Request) -> Response {
        let path = request.uri().path();
        if path == "/healthz" {
            return Json(json!({ "status": "alive" })).into_response();
        }
        if path == "/metrics" {
            return self.metrics.render().into_response();
        }
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let answer = if path == "/readyz" {
            let detail = self.detail.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let body =
                json!({ "status": "not ready", "log": false, "views": false, "detail": detail });
            Json(body).with_status(unavailable).into_response()
        } else {
            refusal(request)
        };
        answer.with_header(RETRY_AFTER, RETRY_AFTER_S).into_response()
    }
}

/// In the words of the surface that was asked.
fn refusal(request: &Request) -> Response {
    let path = request.uri().path();
    let error = Error::Unavailable("the server is starting; try again");
    if path.starts_with("/bot/v1") {
        aerochat::refusal(error)
    } else if path.starts_with("/api/v1/chat") {
        chat::refusal(request, error)
    } else if path.starts_with("/api/v1") {
        chataibot::refusal(error)
    } else if path.starts_with("/live/v1") {
        live::refusal(error)
    } else {
        "the server is starting".with_status(StatusCode::SERVICE_UNAVAILABLE).into_response()
    }
}

impl<E: Endpoint> Endpoint for Gate<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match self.behind.get() {
            Some(behind) => Ok(behind.call(request).await?.into_response()),
            None => Ok(self.closed(&request)),
        }
    }
}
