//! A caller over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use serde_json::Value;

use super::feed::Feed;

/// A caller with its headers.
#[derive(Clone)]
pub struct Client {
    bases: Arc<[String]>,
    /// Requests so far: the next goes to the next base.
    requests: Arc<AtomicUsize>,
    headers: HeaderMap,
    http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.text))
    }

    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON, of an answer that must have this status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// What a client of HTTP begins with here.
pub fn client() -> reqwest::ClientBuilder {
    parlor::tls::install();
    reqwest::Client::builder().no_proxy()
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self::over(vec![base.to_owned()])
    }

    /// One whose requests go to each of these in turn.
    pub fn over(bases: Vec<String>) -> Self {
        let http = client().redirect(Policy::none()).build().expect("a client");
        Self { bases: bases.into(), requests: Arc::default(), headers: HeaderMap::new(), http }
    }

    /// The same caller with a connection for each request.
    pub fn without_keeping(&self) -> Self {
        let http = client().pool_max_idle_per_host(0);
        Self { http: http.build().expect("a client"), ..self.clone() }
    }

    /// The same caller with one header more.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        other.headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
        other
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let turn = self.requests.fetch_add(1, Ordering::Relaxed);
        let base = &self.bases[turn % self.bases.len()];
        self.http.request(method, format!("{base}{path}")).headers(self.headers.clone())
    }

    /// Sends a request that may fail on the way.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// A request with a body that need not be JSON.
    pub async fn raw(&self, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.request(method, path).body(body.to_owned());
        let typed = content_type.is_empty();
        self.send(if typed { request } else { request.header("Content-Type", content_type) }).await
    }

    /// Sends a message on AeroChat, in a new conversation where none is given.
    pub async fn say(&self, conversation: Option<&str>, text: &str) -> Value {
        let body = serde_json::json!({ "message": text, "conversation_id": conversation });
        self.post("/bot/v1/conversations/messages", &body).await.expect(200)
    }

    /// Opens a stream of events; `post` is the body of a POST, none is a GET.
    pub async fn stream(&self, path: &str, post: Option<&Value>) -> Feed {
        self.try_stream(path, post).await.expect("a stream")
    }

    /// The same, where the connection may fail.
    pub async fn try_stream(&self, path: &str, post: Option<&Value>) -> reqwest::Result<Feed> {
        let request = match post {
            Some(body) => self.request(Method::POST, path).json(body),
            None => self.request(Method::GET, path),
        };
        let response = request.header("Accept", "text/event-stream").send().await?;
        let response = response.error_for_status()?;
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        assert!(kind.is_some_and(|kind| kind.starts_with("text/event-stream")), "{kind:?}");
        Ok(Feed::new(response))
    }

    /// Starts a conversation on the demo's chat page: its id, and a caller with its token.
    pub async fn demo(&self) -> (String, Self) {
        let demo = self.post("/live/v1/demo", &Value::Null).await.expect(201);
        let token = demo["token"].as_str().expect("a token");
        let id = demo["conversation_id"].as_str().expect("an id").to_owned();
        (id, self.with("Authorization", &format!("Bearer {token}")))
    }
}
