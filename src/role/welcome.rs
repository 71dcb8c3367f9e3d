//! What a server prints when it can serve: where to look, and a first call to copy.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{Config, EngineKind};

/// Prints it. The first line is the same for every server. `metrics` is the address of their own.
pub(super) fn welcome(
    config: &Config,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "parlor is listening on http://{address}")?;
    if let Some(metrics) = metrics {
        writeln!(out, "  metrics      http://{}/metrics", reachable(metrics))?;
    }
    let credentials = config.data_dir.join("credentials.json");
    if config.engine == EngineKind::Embedded && credentials.exists() {
        let (here, credentials) = (reachable(address), credentials.display().to_string());
        let file = quoted(&credentials);
        write!(
            out,
            r#"  chat page    http://{here}/
  widget       http://{here}/widget-demo
  API pages    http://{here}/docs
  credentials  {credentials}
  a first call:

export AEROCHAT_API_KEY=$(sed -n 's/.*"aerochat_api_key": "\(.*\)".*/\1/p' {file})
curl -X POST http://{here}/bot/v1/conversations/messages \
  -H "X-AeroChat-API-Key: $AEROCHAT_API_KEY" -H "Content-Type: application/json" \
  -d '{{"message":"what are your opening hours?"}}'

"#
        )?;
    }
    out.flush()
}

/// An address that a browser on this machine can open: "every address" is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A text as one word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_opened_and_copied() {
        let shown = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(shown("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(shown("[::]:80"), "[::1]:80");
        assert_eq!(shown("10.1.2.3:80"), "10.1.2.3:80");
        assert_eq!(quoted("data/credentials.json"), "data/credentials.json");
        assert_eq!(quoted("my data/it's"), r"'my data/it'\''s'");
    }
}
