//! An OpenSearch that asks who is there, behind TLS.

use std::path::Path;
use std::sync::Arc;

use parlor::engine::Search as _;
use parlor::engine::cluster::search::{Access, OpenSearch, Settings};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::engines::samples::Thread;
use crate::harness::wait::within;

/// Answers one request over TLS; gives its head.
async fn answer_one(listener: TcpListener, acceptor: TlsAcceptor) -> Option<String> {
    let (stream, _) = listener.accept().await.ok()?;
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await.ok()? {
            0 => return None,
            length => head.extend_from_slice(&piece[..length]),
        }
    }
    let body = r#"{"hits":{"hits":[]}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok();
    Some(String::from_utf8_lossy(&head).to_lowercase())
}

/// A search over TLS with this certificate of who vouches; what the server heard.
async fn heard(ca: &Path, own: &CertifiedKey<rcgen::KeyPair>) -> Option<String> {
    parlor::tls::install();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a server");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answering = tokio::spawn(answer_one(listener, TlsAcceptor::from(Arc::new(config))));
    let search = OpenSearch::new(Settings {
        url: format!("https://localhost:{port}"),
        access: Access {
            user: Some("parlor".to_owned()),
            password: Some("p@ss:word".to_owned()),
            ca: Some(ca.to_owned()),
        },
        index: "parlor-messages".to_owned(),
        shards: 1,
        replicas: 0,
    });
    let account = Thread::new().account;
    search.expect("the settings fit").conversations(account, "word", 1).await.ok();
    within("an answer", answering).await.expect("it ends")
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_told_user_and_password() {
    let names = vec!["localhost".to_owned()];
    let own = generate_simple_self_signed(names.clone()).expect("a certificate");
    let other = generate_simple_self_signed(names).expect("a certificate");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, pem: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, pem).expect("written");
        path
    };
    let head = heard(&write("own.pem", own.cert.pem()), &own).await.expect("a request");
    // parlor:p@ss:word
    assert!(head.contains("authorization: basic cgfybg9yonbac3m6d29yza=="), "{head}");
    let stranger = heard(&write("other.pem", other.cert.pem()), &own).await;
    assert_eq!(stranger, None, "nobody vouches for that server, so nothing is told to it");
}

#[test]
fn a_file_without_a_certificate_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let access = Access { ca: Some(file.path().to_owned()), ..Access::default() };
    let (url, index) = ("https://localhost:9200".to_owned(), "parlor-messages".to_owned());
    let refused = OpenSearch::new(Settings { url, access, index, shards: 1, replicas: 0 });
    let problem = refused.err().expect("refused").to_string();
    assert!(problem.contains("search_ca"), "{problem}");
    assert!(problem.contains(&file.path().display().to_string()), "{problem}");
}
