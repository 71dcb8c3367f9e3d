//! HTTP steps: read when compiled, written with the values of a turn, and sent.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::super::scope::Scope;
use super::super::template::Template;
use super::super::upstream;
use super::compile::Compiler;
use super::graph::{Body, Call};
use crate::domain::bot::flow::{Http, Method};
use crate::outside::{self, Error, Outside};

const TIMEOUT_MS: (u64, u64) = (100, 25_000);
const BODY_BYTES: usize = 20_000;
const SAVED_MAX: usize = 50;
/// The largest answer, in bytes.
const ANSWER_MAX: usize = 256 * 1024;
/// All but the unreserved characters (RFC 3986).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn compile(compiler: &mut Compiler<'_>, place: &str, http: &Http) -> Call {
    let url_place = format!("{place}.url");
    let url = compiler.template(&url_place, &http.url);
    check_url(compiler, &url_place, &url);
    compiler.found.headers(&format!("{place}.headers"), http.headers.iter());
    let headers = http.headers.iter().map(|(name, value)| {
        (name.clone(), compiler.template(&format!("{place}.headers.{name}"), value))
    });
    let headers = headers.collect();
    let body_place = format!("{place}.body");
    if http.body.as_ref().is_some_and(|body| body.to_string().len() > BODY_BYTES) {
        compiler.found.add(&body_place, format!("has more than {BODY_BYTES} bytes"));
    }
    let body = http.body.as_ref().map(|body| compile_body(compiler, &body_place, body));
    let timeout_place = format!("{place}.timeout_ms");
    compiler.found.number(&timeout_place, http.timeout_ms, TIMEOUT_MS.0, TIMEOUT_MS.1);
    if http.save.len() > SAVED_MAX {
        compiler.found.add(format!("{place}.save"), format!("has more than {SAVED_MAX} variables"));
    }
    let save = http.save.iter().map(|(variable, pointer)| {
        let place = format!("{place}.save.{variable}");
        if !is_pointer(pointer) {
            compiler
                .found
                .add(&place, format!("{pointer:?} is no JSON Pointer, such as /order/0/id"));
        }
        (compiler.settable(&place, variable), pointer.clone())
    });
    let save = save.collect();
    Call {
        method: http.method,
        url,
        headers,
        body,
        timeout_ms: http.timeout_ms,
        save,
        next: compiler.target(&format!("{place}.next"), &http.next),
        on_error: compiler.target(&format!("{place}.on_error"), &http.on_error),
    }
}

/// The customer must not choose who is called: the host is written out.
fn check_url(compiler: &mut Compiler<'_>, place: &str, url: &Template) {
    let beginning = url.beginning();
    let rest =
        ["http://", "https://"].into_iter().find_map(|scheme| beginning.strip_prefix(scheme));
    let Some(rest) = rest else {
        compiler.found.add(place, "does not begin with http:// or https://");
        return;
    };
    if url.has_variables() && !rest.contains(['/', '?', '#']) {
        compiler.found.add(place, "has a variable in its host");
    } else if !outside::is_url(&url.render(|_| Some("x"))) {
        compiler.found.add(place, "is no URL");
    }
}

fn is_pointer(text: &str) -> bool {
    let escapes = text.match_indices('~');
    (text.is_empty() || text.starts_with('/'))
        && escapes.map(|(at, _)| &text[at + 1..]).all(|after| after.starts_with(['0', '1']))
}

fn compile_body(compiler: &mut Compiler<'_>, place: &str, body: &Value) -> Body {
    match body {
        Value::String(text) => Body::Text(compiler.template(place, text)),
        Value::Array(items) => {
            let item = |(number, item)| compile_body(compiler, &format!("{place}[{number}]"), item);
            Body::List(items.iter().enumerate().map(item).collect())
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                (name.clone(), compile_body(compiler, &format!("{place}.{name}"), value))
            });
            Body::Object(fields.collect())
        }
        other => Body::Other(other.clone()),
    }
}

impl Body {
    fn write(&self, scope: &Scope) -> Value {
        match self {
            Self::Text(text) => Value::String(text.render(|name| scope.get(name))),
            Self::List(items) => items.iter().map(|item| item.write(scope)).collect(),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, body)| (name.clone(), body.write(scope)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Self::Other(value) => value.clone(),
        }
    }
}

/// A call with its values, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    pub(super) timeout: Duration,
}

impl Call {
    /// The call with the values of a turn.
    ///
    /// # Errors
    /// When a value would lead to another path than the one that is written.
    pub(super) fn request(&self, scope: &Scope) -> Result<Request, Error> {
        let value = |name: &str| scope.get(name);
        let encode = |value: &str, url: &mut String| url.extend(utf8_percent_encode(value, VALUE));
        let url = self.url.render_with(value, encode);
        let plain = self.url.render_with(value, |_, url| url.push('x'));
        if moves(&url, &plain) {
            return Err(Error::Malformed("a value in the path is no name of its own".to_owned()));
        }
        let headers = self.headers.iter();
        Ok(Request {
            method: self.method,
            url,
            headers: headers.map(|(name, text)| (name.clone(), text.render(value))).collect(),
            body: self.body.as_ref().map(|body| body.write(scope)),
            timeout: Duration::from_millis(self.timeout_ms),
        })
    }

    /// What an answer sets.
    pub(super) fn saved(&self, answer: &Value) -> Vec<(String, String)> {
        let text =
            |pointer: &str| answer.pointer(pointer).map(upstream::as_text).unwrap_or_default();
        self.save.iter().map(|(variable, pointer)| (variable.clone(), text(pointer))).collect()
    }
}

/// Whether values make a segment of a path `.` or `..`, which lead elsewhere and which no encoding
/// keeps from it: whoever reads a URL takes `%2e` for a dot. `plain` is the same URL with harmless
/// values; what its author has written is theirs.
fn moves(url: &str, plain: &str) -> bool {
    fn segments(url: &str) -> impl Iterator<Item = &str> {
        // Readers of URLs take a backslash for a slash.
        url.split(['?', '#']).next().unwrap_or_default().split(['/', '\\'])
    }
    fn is_dots(segment: &str) -> bool {
        // Readers of URLs leave these out.
        let read: String = segment.chars().filter(|c| !"\t\n\r".contains(*c)).collect();
        [".", ".."].contains(&read.to_ascii_lowercase().replace("%2e", ".").as_str())
    }
    segments(url).zip(segments(plain)).any(|(with, plain)| with != plain && is_dots(with))
}

/// Sends a call in at most `left`; gives the JSON of its answer, null where that is empty.
pub(super) async fn send(
    outside: &Outside,
    request: Request,
    left: Duration,
) -> Result<Value, Error> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
    let way = outside.enter().await?;
    let call = way.request(method, &request.url)?.header("Accept", "application/json");
    let headers = request.headers.iter().map(|(name, value)| (name, value));
    let mut call = upstream::with_headers(call, headers)?;
    if let Some(body) = &request.body {
        call = call.json(body);
    }
    let work = async { outside::read(outside::send(call).await?, ANSWER_MAX).await };
    let body = tokio::time::timeout(request.timeout.min(left), work).await;
    let body = body.map_err(|_| Error::TimedOut("the call"))??;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(|error| Error::Malformed(format!("no JSON: {error}")))
}
