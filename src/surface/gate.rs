//! The gate before the router: while the engine is being opened, the server is alive, says why it
//! is not ready, tells its metrics, and answers nothing else.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::PrometheusHandle;
use poem::endpoint::make_sync;
use poem::http::header::RETRY_AFTER;
use poem::http::{HeaderValue, StatusCode};
use poem::web::Json;
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use serde_json::json;

use super::table::{self, refusal};
use super::{client, observe};
use crate::domain::Error;

/// Seconds after which a caller may ask again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("2");

/// Lets requests through once it is open. Cheap to clone.
pub struct Gate<E> {
    behind: Arc<OnceLock<E>>,
    /// Renders `/metrics`, where they are not served elsewhere.
    metrics: Option<PrometheusHandle>,
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
    pub fn new(metrics: Option<PrometheusHandle>) -> Self {
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
        if let Some(metrics) = self.metrics.as_ref().filter(|_| path == "/metrics") {
            return metrics.render().into_response();
        }
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let mut answer = if path == "/readyz" {
            let detail = self.detail.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let body =
                json!({ "status": "not ready", "log": false, "views": false, "detail": detail });
            Json(body).with_status(unavailable).into_response()
        } else {
            refusal(request, Error::Unavailable("the server is starting; try again"))
        };
        answer.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
        answer
    }
}

/// A failure before any surface as an answer: pages can read it where pages call.
///
/// # Errors
/// None of its own.
pub(super) async fn refused(request: Request, error: Error) -> Result<Response> {
    let refuse = make_sync(move |request| refusal(&request, error.clone()));
    if calls_of_pages(&request) {
        client::answer_pages(&refuse, request).await
    } else {
        refuse.call(request).await
    }
}

/// Whether pages may call here, and so must be able to read what they are answered.
fn calls_of_pages(request: &Request) -> bool {
    table::of(request).is_some_and(|surface| surface.pages)
}

impl<E: Endpoint> Endpoint for Gate<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match self.behind.get() {
            Some(behind) => Ok(behind.call(request).await?.into_response()),
            None => {
                let id = observe::id_of(&request);
                let mut answer = if calls_of_pages(&request) {
                    let closed = make_sync(|request| self.closed(&request));
                    client::answer_pages(&closed, request).await?
                } else {
                    self.closed(&request)
                };
                observe::head(&mut answer, id);
                Ok(answer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[tokio::test]
    async fn while_it_is_closed_every_surface_says_so_in_its_words() {
        let gate =
            Gate::<poem::Route>::new(Some(PrometheusBuilder::new().build_recorder().handle()));
        for path in [
            "/bot/v1/contacts/a",
            "/api/v1/chat/config",
            "/api/v1/conversations",
            "/live/v1/socket",
            "/docs",
        ] {
            let request = Request::builder().uri_str(path).header("origin", "https://shop.example");
            let answer = gate.call(request.finish()).await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            let waits: Vec<_> = answer.headers().get_all(RETRY_AFTER).iter().collect();
            assert_eq!(waits, ["2"], "{path}");
            assert!(answer.headers().contains_key("x-request-id"), "{path}");
            let pages = path.contains("chat") || path.contains("live");
            let allowed = answer.headers().contains_key("access-control-allow-origin");
            assert_eq!(allowed, pages, "{path}");
        }
    }

    #[test]
    fn a_request_whose_key_is_in_use_may_come_again_on_every_surface() {
        for (path, header) in [
            ("/bot/v1/conversations/messages", "authorization"),
            ("/api/v1/chat/message", "x-api-token"),
            ("/api/v1/chat/config", "origin"),
            ("/api/v1/conversations", "authorization"),
            ("/live/v1/conversations", "authorization"),
        ] {
            let request = Request::builder().uri_str(path).header(header, "a").finish();
            let answer = refusal(&request, Error::IdempotencyInFlight);
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(answer.headers().contains_key(RETRY_AFTER), "{path}");
        }
    }
}
