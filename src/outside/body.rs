//! An answer's body as it comes: its content coding undone, one byte order mark passed over.
//!
//! All answers from outside are read through here, whole or streamed. What is handed out is decoded
//! already, piece by piece as it arrives, so that whoever bounds an answer bounds what it decodes to.
//! The codings are undone here and not by the HTTP client: that knows no raw `deflate`, and passes a
//! coding that it does not know on as if it were the text.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use http::HeaderMap;
use reqwest::Response;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};

use super::{Error, broken, causes};

/// What is asked for.
pub(super) const CODINGS: &str = "gzip, deflate, br, zstd";
/// The largest window of zstd as a content coding (RFC 9659): 8 MiB.
const WINDOW_LOG: u32 = 23;
const MARK: &[u8] = "\u{feff}".as_bytes();

/// A body's bytes as they come.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;

/// The body of an answer, decoded.
pub fn of(response: Response) -> Body {
    let coding = coding(response.headers());
    let bytes = response.bytes_stream();
    match coding.as_str() {
        "" | "identity" => unmarked(bytes.map_err(|error| broken(&error))).boxed(),
        _ => unmarked(decoded(coding, bytes.map_err(io::Error::other))).boxed(),
    }
}

/// The content coding that an answer names; none is empty.
fn coding(headers: &HeaderMap) -> String {
    let named = headers.get_all("content-encoding").iter();
    let named = named.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_lowercase());
    named.collect::<Vec<_>>().join(", ")
}

/// Undoes a coding. A body without a byte is one in every coding.
fn decoded(
    coding: String,
    bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    async_stream::try_stream! {
        let mut encoded = StreamReader::new(Box::pin(bytes));
        let first = encoded.fill_buf().await.map_err(undecoded)?.first().copied();
        if let Some(first) = first {
            let mut plain = ReaderStream::new(decoder(&coding, first, encoded)?);
            while let Some(piece) = plain.next().await {
                yield piece.map_err(undecoded)?;
            }
        }
    }
}

fn decoder(
    coding: &str,
    first: u8,
    encoded: impl AsyncBufRead + Send + 'static,
) -> Result<Pin<Box<dyn AsyncRead + Send>>, Error> {
    Ok(match coding {
        "gzip" | "x-gzip" => {
            let mut decoder = GzipDecoder::new(encoded);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        // The standard means zlib, whose first byte says deflate in its lower half; some send it bare.
        "deflate" if first & 0x0f == 8 => Box::pin(ZlibDecoder::new(encoded)),
        "deflate" => Box::pin(DeflateDecoder::new(encoded)),
        "br" => Box::pin(BrotliDecoder::new(encoded)),
        "zstd" => {
            let window = [DParameter::window_log_max(WINDOW_LOG)];
            Box::pin(ZstdDecoder::with_params(encoded, &window))
        }
        other => {
            let problem = format!("its content coding {other:?} is none of {CODINGS}");
            return Err(Error::Malformed(problem));
        }
    })
}

/// What went wrong while decoding: on the way, or in the coding itself.
fn undecoded(error: io::Error) -> Error {
    let transport = error.get_ref().and_then(|cause| cause.downcast_ref::<reqwest::Error>());
    match transport {
        Some(error) => broken(error),
        None => Error::Broken(format!("its content coding: {}", causes(&error))),
    }
}

/// The same without the byte order mark that it may begin with.
fn unmarked(
    bytes: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    async_stream::try_stream! {
        // What has come while it may still be a mark.
        let mut beginning = Some(Vec::new());
        let mut bytes = Box::pin(bytes);
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            let Some(mut first) = beginning.take() else {
                yield piece;
                continue;
            };
            first.extend_from_slice(&piece);
            if first.len() < MARK.len() && MARK.starts_with(&first) {
                beginning = Some(first);
                continue;
            }
            let mut rest = Bytes::from(first);
            if rest.starts_with(MARK) {
                rest = rest.slice(MARK.len()..);
            }
            if !rest.is_empty() {
                yield rest;
            }
        }
        if let Some(rest) = beginning.filter(|rest| !rest.is_empty()) {
            yield Bytes::from(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use async_compression::tokio::bufread::{
        BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };
    use futures_util::{FutureExt, stream};
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn encoded(coding: &str, text: &[u8]) -> Vec<u8> {
        let text = Cursor::new(text.to_vec());
        let mut encoder: Pin<Box<dyn AsyncRead>> = match coding {
            "gzip" => Box::pin(GzipEncoder::new(text)),
            "zlib" => Box::pin(ZlibEncoder::new(text)),
            "deflate" => Box::pin(DeflateEncoder::new(text)),
            "br" => Box::pin(BrotliEncoder::new(text)),
            _ => Box::pin(ZstdEncoder::new(text)),
        };
        let mut bytes = Vec::new();
        encoder.read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    fn pieces(bytes: &[u8], size: usize) -> Vec<io::Result<Bytes>> {
        bytes.chunks(size.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
    }

    async fn read(coding: &str, bytes: &[u8], size: usize) -> Result<Vec<u8>, Error> {
        let encoded = stream::iter(pieces(bytes, size));
        let pieces: Vec<_> = decoded(coding.to_owned(), encoded).try_collect().await?;
        Ok(pieces.concat())
    }

    #[tokio::test]
    async fn every_coding_that_is_asked_for_is_undone() {
        let text = "{\"text\":\"caf\u{e9}\"}".repeat(1_000);
        for (made, named) in [
            ("gzip", "gzip"),
            ("gzip", "x-gzip"),
            ("zlib", "deflate"),
            ("deflate", "deflate"),
            ("br", "br"),
            ("zstd", "zstd"),
        ] {
            let bytes = encoded(made, text.as_bytes()).await;
            assert!(bytes.len() < text.len() / 2);
            for size in [1, 7, 100_000] {
                assert_eq!(read(named, &bytes, size).await.unwrap(), text.as_bytes(), "{made}");
            }
            let cut = read(named, &bytes[..bytes.len() / 2], 100_000).await;
            assert!(matches!(cut, Err(Error::Broken(_))), "{made}: {cut:?}");
            assert_eq!(read(named, b"", 1).await, Ok(Vec::new()), "nothing is nothing");
        }
        let twice = [encoded("gzip", b"one ").await, encoded("gzip", b"two").await].concat();
        assert_eq!(read("gzip", &twice, 5).await.unwrap(), b"one two");
    }

    #[tokio::test]
    async fn a_coding_that_is_not_known_is_named() {
        for coding in ["compress", "gzip, br"] {
            let error = read(coding, b"text", 4).await.unwrap_err().to_string();
            assert!(error.contains(coding) && error.contains("zstd"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_window_that_is_too_large_is_refused() {
        // A frame's header that wants a window of 128 MiB.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00];
        let refused = read("zstd", &frame, 100).await;
        assert!(matches!(refused, Err(Error::Broken(_))), "{refused:?}");
    }

    proptest! {
        #[test]
        fn one_mark_at_the_beginning_is_passed_over(
            text in "\u{feff}{0,2}[a-z\u{feff}]{0,5}",
            size in 1..10_usize,
        ) {
            let bytes = pieces(text.as_bytes(), size).into_iter().map(|piece| piece.map_err(undecoded));
            let told: Vec<_> = unmarked(stream::iter(bytes.collect::<Vec<_>>()))
                .try_collect()
                .now_or_never()
                .expect("nothing is waited for")
                .unwrap();
            let expected = text.strip_prefix('\u{feff}').unwrap_or(&text);
            prop_assert_eq!(told.concat(), expected.as_bytes());
        }
    }
}
