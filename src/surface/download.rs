//! A file as a response. Whatever it is, it is no page of ours: it is shown in place only where its
//! type is one of a few that run nothing, it is what it is said to be, and it is sandboxed.

use std::ops::Range;

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

use crate::app::App;
use crate::app::messages::attachments;
use crate::domain::Result;
use crate::domain::attachment::Attachment;

/// What a browser shall do with a file (RFC 6266).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disposition {
    /// Save it.
    #[default]
    Attachment,
    /// Show it, if it runs nothing.
    Inline,
}

/// A file's bytes, or a part of them.
pub(super) struct FileBody(Response);

impl Payload for FileBody {
    const CONTENT_TYPE: &'static str = "*/*";

    fn check_content_type(_: &str) -> bool {
        true
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")))
    }
}

impl IntoResponse for FileBody {
    fn into_response(self) -> Response {
        self.0
    }
}

/// How a download is answered.
#[derive(ApiResponse)]
pub(super) enum Downloaded {
    /// The file, with its own content type; nothing in it runs.
    #[oai(status = 200)]
    Whole(FileBody),
    /// What a `Range` has of it.
    #[oai(status = 206)]
    Part(FileBody),
    /// The file that the caller has already.
    #[oai(status = 304)]
    NotModified(FileBody),
    /// A `Range` beyond the file.
    #[oai(status = 416)]
    Beyond(FileBody),
}

impl From<Response> for Downloaded {
    fn from(response: Response) -> Self {
        match response.status() {
            StatusCode::PARTIAL_CONTENT => Self::Part(FileBody(response)),
            StatusCode::NOT_MODIFIED => Self::NotModified(FileBody(response)),
            StatusCode::RANGE_NOT_SATISFIABLE => Self::Beyond(FileBody(response)),
            _ => Self::Whole(FileBody(response)),
        }
    }
}

/// Types that browsers show and do not run.
const SHOWN: [&str; 22] = [
    "application/pdf",
    "audio/aac",
    "audio/m4a",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/x-flac",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/markdown",
    "text/plain",
    "application/json",
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "video/x-m4v",
];

/// Answers a GET of a file, to be shown in place if that is `wanted` and harmless: the whole of it, a range (206, 416), or that it has not changed (304).
///
/// # Errors
/// As [`attachments::read`].
pub async fn download(
    app: &App,
    file: &Attachment,
    headers: &HeaderMap,
    wanted: Disposition,
) -> Result<Response> {
    let tag = format!("\"{}\"", file.sha256);
    if is_known(headers, &tag) {
        return Ok(dressed(file, wanted, &tag, StatusCode::NOT_MODIFIED, Body::empty()));
    }
    let range = match asked(headers, &tag, file.size) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Nothing => {
            let mut response =
                dressed(file, wanted, &tag, StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
            put(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", file.size));
            return Ok(response);
        }
    };
    let part = range.is_some();
    let reading = attachments::read(app, file, range).await?;
    let Range { start, end } = reading.range;
    let body = Body::from_bytes_stream(reading.bytes);
    let status = if part { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = dressed(file, wanted, &tag, status, body);
    put(&mut response, header::CONTENT_LENGTH, &(end - start).to_string());
    if part {
        let last = end.saturating_sub(1);
        let range = format!("bytes {start}-{last}/{}", reading.size);
        put(&mut response, header::CONTENT_RANGE, &range);
    }
    Ok(response)
}

fn dressed(
    file: &Attachment,
    wanted: Disposition,
    tag: &str,
    status: StatusCode,
    body: Body,
) -> Response {
    let mut response = Response::builder().status(status).body(body);
    let shown = wanted == Disposition::Inline && SHOWN.contains(&file.mime_type.as_str());
    let kind = match &*file.mime_type {
        text if text.starts_with("text/") => {
            format!("{text}; charset={}", file.charset.as_deref().unwrap_or("utf-8"))
        }
        other => other.to_owned(),
    };
    put(&mut response, header::CONTENT_TYPE, &kind);
    let how = if shown { "inline" } else { "attachment" };
    put(&mut response, header::CONTENT_DISPOSITION, &disposition(how, &file.filename));
    put(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    put(&mut response, header::ACCEPT_RANGES, "bytes");
    put(&mut response, header::ETAG, tag);
    put(&mut response, header::CACHE_CONTROL, "private");
    response
}

/// What cannot stand in a header is left out; all of ours can.
fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The name twice (RFC 6266): in ASCII for whoever reads only that, and as it is.
fn disposition(how: &str, name: &str) -> String {
    let plain = |c: char| if matches!(c, ' '..='~') && !"\"\\%".contains(c) { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    if ascii == name {
        return format!("{how}; filename=\"{ascii}\"");
    }
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// Whether the caller has it already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    known.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|value| {
        let value = value.trim();
        value == "*" || value.strip_prefix("W/").unwrap_or(value) == tag
    })
}

/// What is asked for of a file.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    /// What is not in it.
    Nothing,
}

/// One range is served; several, or what is no range, get the whole file, as RFC 9110 allows.
fn asked(headers: &HeaderMap, tag: &str, size: u64) -> Asked {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(range) = text(header::RANGE) else { return Asked::Whole };
    if text(header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Asked::Whole;
    }
    let Some((unit, range)) = range.split_once('=') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return Asked::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return Asked::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number beyond all numbers is beyond every file.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        (Some(first), None) if last.is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        _ => return Asked::Whole,
    };
    if range.is_empty() { Asked::Nothing } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests;
