//! The one provider of cryptography for TLS: ring. It compiles in seconds; aws-lc, which rustls would take
//! by itself, takes a minute.

/// Makes ring what TLS uses in this process. A client of HTTP can be built after that; again is fine.
pub fn install() {
    // Refused only where a provider is installed, which is then what was wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What speaks TLS to a server that these certificates (PEM) vouch for; those of the system where none are
/// named.
///
/// # Errors
/// When the file cannot be read or holds no certificate; says which file.
#[cfg(feature = "tls")]
pub fn client(ca: Option<&std::path::Path>) -> Result<rustls::ClientConfig, String> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    use rustls_platform_verifier::ConfigVerifierExt as _;

    install();
    let Some(path) = ca else {
        return rustls::ClientConfig::with_platform_verifier().map_err(|error| error.to_string());
    };
    let named = |problem: String| format!("{}: {problem}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(|error| named(error.to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in found {
        let certificate = certificate.map_err(|error| named(error.to_string()))?;
        roots.add(certificate).map_err(|error| named(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(named("there is no certificate in it".to_owned()));
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
