//! Content codings of files that are the same for everybody: brotli and gzip, where the browser
//! takes them (RFC 9110, 12.5.3).
//!
//! Each file is compressed once, when it is first asked for, and kept: there are as many as the
//! binary has. Answers that hold what somebody wrote are not compressed: their length would tell.

use std::io::Write as _;
use std::sync::LazyLock;

use bytes::Bytes;
use dashmap::DashMap;
use poem::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

/// Below this many bytes a coding saves nothing.
const WORTH_IT: usize = 256;
/// Of 11; above it takes many times as long for some per cent.
const BROTLI_QUALITY: u32 = 9;
const BROTLI_WINDOW: u32 = 22;
const BUFFER: usize = 4096;

/// How the bytes of an answer are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    Brotli,
    Gzip,
    Identity,
}

impl Coding {
    /// In the order in which we like them.
    const OFFERED: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// The best that a request takes.
    pub(super) fn wanted(asked: &HeaderMap) -> Self {
        let lines = asked.get_all(header::ACCEPT_ENCODING).iter();
        let listed: Vec<_> = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(weighed)
            .collect();
        let weight = |coding: Self| {
            let named = |name: &str| listed.iter().find(|(listed, _)| listed == name);
            let found = named(coding.name()).or_else(|| named("*"));
            found.map_or(0.0, |(_, weight)| *weight)
        };
        let mut best = (Self::Identity, 0.0);
        for coding in Self::OFFERED {
            if weight(coding) > best.1 {
                best = (coding, weight(coding));
            }
        }
        best.0
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// What `Content-Encoding` says; nothing for bytes as they are.
    pub(super) fn header(self) -> Option<HeaderValue> {
        (self != Self::Identity).then(|| HeaderValue::from_static(self.name()))
    }

    /// Tells the tags of one file's forms apart.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "-br",
            Self::Gzip => "-gz",
            Self::Identity => "",
        }
    }
}

/// A coding as it is listed, such as `gzip;q=0.5`, and its weight.
fn weighed(item: &str) -> (String, f32) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

static KEPT: LazyLock<DashMap<([u8; 32], Coding), Bytes>> = LazyLock::new(DashMap::new);

/// Whether compressing bytes of this kind and length is worth anything.
pub(super) fn is_worth_it(kind: &str, length: usize) -> bool {
    let text = kind.starts_with("text/")
        || ["javascript", "json", "xml", "yaml"].iter().any(|form| kind.contains(form));
    text && length >= WORTH_IT
}

/// The bytes in this coding.
pub(super) async fn coded(bytes: Bytes, coding: Coding) -> std::io::Result<Bytes> {
    if coding == Coding::Identity {
        return Ok(bytes);
    }
    let name = (Sha256::digest(&bytes).into(), coding);
    let kept = KEPT.get(&name).map(|kept| kept.clone());
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let made = tokio::task::spawn_blocking(move || compressed(&bytes, coding)).await??;
    KEPT.insert(name, made.clone());
    Ok(made)
}

fn compressed(bytes: &[u8], coding: Coding) -> std::io::Result<Bytes> {
    let made = match coding {
        Coding::Brotli => {
            let mut to = Vec::new();
            let mut writer =
                brotli::CompressorWriter::new(&mut to, BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
            writer.write_all(bytes)?;
            drop(writer);
            to
        }
        Coding::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            writer.write_all(bytes)?;
            writer.finish()?
        }
        Coding::Identity => bytes.to_vec(),
    };
    Ok(made.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &str) -> Coding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accept.parse().expect("a header"));
        Coding::wanted(&headers)
    }

    #[test]
    fn the_best_that_a_browser_takes_is_given() {
        for (accept, coding) in [
            ("gzip, deflate, br, zstd", Coding::Brotli),
            ("gzip, deflate", Coding::Gzip),
            ("GZIP", Coding::Gzip),
            ("br;q=0.5, gzip;q=0.8", Coding::Gzip),
            ("br;q=0, gzip", Coding::Gzip),
            ("*", Coding::Brotli),
            ("*;q=0", Coding::Identity),
            ("identity", Coding::Identity),
            ("gzip;q=many", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(wanted(accept), coding, "{accept}");
        }
        assert_eq!(Coding::wanted(&HeaderMap::new()), Coding::Identity);
    }
}
