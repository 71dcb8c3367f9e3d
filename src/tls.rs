//! The one provider of cryptography for TLS: ring. It compiles in seconds; aws-lc, which rustls would take
//! by itself, takes a minute.

/// Makes ring what TLS uses in this process. A client of HTTP can be built after that; again is fine.
pub fn install() {
    // Refused only where a provider is installed, which is then what was wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
