//! Files that come slowly, with a key that everybody has: other accounts' files are read all the same.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::Server;

/// Uploads that are begun and never ended, from eight addresses.
const DRIPPING: usize = 72;
/// How many of them one account may have.
const SHARE: usize = 16;

/// Begins an upload, and reads what the server says until it closes.
async fn begin(address: String, path: String, site: String, from: usize) -> String {
    let part = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\na";
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-site-key: {site}\r\nx-forwarded-for: 203.0.113.{from}\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: 1000000\r\n\r\n{part}"
    );
    let mut tcp = TcpStream::connect(address).await.expect("a connection");
    tcp.write_all(head.as_bytes()).await.expect("taken");
    let mut said = Vec::new();
    tcp.read_to_end(&mut said).await.ok();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn dripping_uploads_take_their_accounts_share_and_end() {
    let server = Server::start_with(&["--trusted-proxies", "1"]).await;
    let site = server.credential("widget_site_key");
    let page = server.stranger().with("X-Site-Key", &site);
    let visitor =
        json!({ "name": "J", "email": "j@example.com", "message": "Hi", "visitor_token": "v-1" });
    page.post("/api/v1/chat/conversations", &visitor).await.expect(201);
    let mut uploads = JoinSet::new();
    for number in 0..DRIPPING {
        let path = "/api/v1/chat/conversations/v-1/files".to_owned();
        uploads.spawn(begin(server.address().to_owned(), path, site.clone(), number % 8));
    }
    // Those beyond the share are told so once they have waited; by then the others have their places.
    let mut refused = Vec::new();
    while refused.len() < DRIPPING - SHARE {
        refused.push(uploads.join_next().await.expect("an upload").expect("no panic"));
    }
    for said in refused {
        assert!(said.starts_with("HTTP/1.1 429"), "{said}");
        assert!(said.contains("retry-after: ") && said.contains("connection: close"), "{said}");
    }
    let arguments = ["account", "create", "--name", "Other", "--template", "demo", "--json"];
    let (done, made) = Server::command(server.dir(), &arguments).await;
    assert!(done, "{made}");
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let credential = |name: &str| made[name].as_str().expect("a credential").to_owned();
    let developer = server.stranger().with("x-api-token", &credential("aloochat_api_token"));
    let audio = Part::bytes(b"RIFF".to_vec()).file_name("a.wav");
    let form = Form::new().text("agent_key", credential("aloochat_agent_key")).part("audio", audio);
    let asked = developer.request(Method::POST, "/api/v1/chat/agent/chat").multipart(form);
    let asked = timeout(Duration::from_secs(4), developer.try_send(asked)).await;
    let asked = asked.expect("it waits for nobody").expect("an answer");
    // Read whole: nobody writes recordings down here.
    assert!(asked.expect(400)["message"].to_string().contains("transcription"), "{}", asked.text);
    for _ in 0..SHARE {
        let said = timeout(Duration::from_secs(60), uploads.join_next()).await;
        let said = said.expect("an end in time").expect("an upload").expect("no panic");
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("connection: close"), "{said}");
    }
}
