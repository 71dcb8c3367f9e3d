//! Calls to what accounts name: bots' upstreams, steps of flows, speech to text.

/// The way out; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    http: reqwest::Client,
}

impl Outside {
    /// The HTTP client; it keeps connections.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}
