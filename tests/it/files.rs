//! Attachments from a form to a download, over an engine and a directory, as any surface does it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use parlor::app::accounts::Accounts;
use parlor::app::conversations::manage;
use parlor::app::messages::attachments;
use parlor::app::{App, Equipment, Watchers};
use parlor::domain::Error;
use parlor::domain::attachment::Attachment;
use parlor::domain::event::Body as EventBody;
use parlor::domain::seq::Seq;
use parlor::engine::SCHEMA;
use parlor::engine::embedded::{Embedded, Options};
use parlor::files::{Files, Limits};
use parlor::live::hub::Hub;
use parlor::surface::download::{Disposition, download};
use parlor::surface::upload::{Form, Sender};
use poem::http::{HeaderMap, HeaderName, StatusCode, header};
use poem::{Body, Response};
use serde_json::json;
use tempfile::TempDir;

use crate::engines::samples::Thread;
use crate::harness::Server;

const FORM: Form = Form {
    texts: &["text"],
    text_bytes: 1_000,
    files: &["file"],
    file_bytes: 1 << 20,
    deadline: Duration::from_secs(20),
};

struct Bench {
    app: Arc<App>,
    thread: Thread,
    dir: TempDir,
}

impl Bench {
    async fn new(with_files: bool) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (accounts, hub) = (Arc::new(Accounts::default()), Arc::new(Hub::default()));
        let watchers = Arc::new(Watchers { accounts: accounts.clone(), hub: hub.clone() });
        let options = Options {
            dir: dir.path().join("data"),
            cache_bytes: 8 << 20,
            reserve_bytes: 0,
            schema: &SCHEMA,
        };
        let engine = Arc::new(Embedded::open(&options, watchers).expect("it opens"));
        let limits = Limits { file_bytes: 1 << 20, reserve_bytes: 0 };
        let files = Files::in_directory(dir.path().join("files"), limits).expect("they open");
        let files = with_files.then(|| Arc::new(files));
        let equipment = Equipment { files, ..Equipment::default() };
        let app = App::open(engine, accounts, hub, equipment).await.expect("it opens");
        let thread = Thread::begun(&*app.engine).await;
        Self { app, thread, dir }
    }

    /// Sends a file in a form, and a message with it.
    async fn sends(&self, filename: &str, declared: &str, content: &[u8]) -> Attachment {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nlook\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
             Content-Type: {declared}\r\n\r\n"
        );
        let body = [head.as_bytes(), content, b"\r\n--b--\r\n"].concat();
        let kind = Some("multipart/form-data; boundary=b");
        let (uploads, account) = (self.app.uploads.clone(), self.thread.account);
        let sender = Sender { uploads, account, address: None };
        let filled = FORM.read(&sender, kind, Body::from_vec(body)).await.expect("a form");
        assert_eq!(filled.text("text"), Some("look"));
        let file = filled.file.expect("a file");
        let (account, id) = (self.thread.account, self.thread.id);
        let (name, declared) = (file.filename.clone(), file.declared.clone());
        let bytes = file.bytes();
        let kept = attachments::keep(&self.app, account, id, &name, declared.as_deref(), bytes);
        let kept = kept.await.expect("kept");
        let (_, mut event) = self.thread.inbound("look");
        if let EventBody::MessageInbound(data) = &mut event.body {
            data.attachments = vec![kept.clone()];
        }
        self.app.engine.append(vec![event]).await.expect("appended");
        kept
    }

    /// The `number`-th file of the `message`-th message.
    async fn find(&self, message: u64, number: u64) -> Result<Attachment, Error> {
        let (account, id) = (self.thread.account, self.thread.id);
        let skip = message.saturating_sub(1);
        let messages = self.app.engine.messages(account, id, skip, 1).await.expect("readable");
        let seq = messages.first().filter(|_| message > 0).map_or(Seq::START, |entry| entry.seq);
        attachments::find(&self.app, account, id, seq, number).await
    }

    async fn downloads(&self, file: &Attachment, headers: &[(HeaderName, &str)]) -> Response {
        let value = |value: &str| value.parse().expect("a value");
        let headers: HeaderMap =
            headers.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        download(&self.app, file, &headers, Disposition::Inline).await.expect("a response")
    }
}

async fn content(response: Response) -> Vec<u8> {
    response.into_body().into_vec().await.expect("readable")
}

fn text(response: &Response, name: HeaderName) -> &str {
    let value = response.headers().get(&name).unwrap_or_else(|| panic!("no {name}"));
    value.to_str().expect("a text")
}

#[tokio::test]
async fn a_file_is_found_by_its_message_and_downloaded() {
    let bench = Bench::new(true).await;
    let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 100_000]].concat();
    bench.app.engine.append(vec![bench.thread.inbound("first").1]).await.expect("appended");
    let kept = bench.sends("cat.png", "text/html", &picture).await;
    assert_eq!(bench.find(2, 1).await, Ok(kept.clone()));
    for (message, number) in [(1, 1), (2, 2), (2, 0), (0, 1), (3, 1), (u64::MAX, u64::MAX)] {
        let found = bench.find(message, number).await;
        assert_eq!(found, Err(Error::NotFound("file")), "{message}/{number}");
    }
    let response = bench.downloads(&kept, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(&response, header::CONTENT_TYPE), "image/png");
    assert_eq!(text(&response, header::CONTENT_LENGTH), picture.len().to_string());
    assert_eq!(text(&response, header::CONTENT_DISPOSITION), "inline; filename=\"cat.png\"");
    let tag = text(&response, header::ETAG).to_owned();
    assert!(content(response).await == picture, "the bytes are others");

    let part = bench.downloads(&kept, &[(header::RANGE, "bytes=1-3")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let range = format!("bytes 1-3/{}", picture.len());
    assert_eq!(text(&part, header::CONTENT_RANGE), range);
    assert_eq!(text(&part, header::CONTENT_LENGTH), "3");
    assert_eq!(content(part).await, b"PNG");

    let beyond = bench.downloads(&kept, &[(header::RANGE, "bytes=200000-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(text(&beyond, header::CONTENT_RANGE), format!("bytes */{}", picture.len()));

    let known = bench.downloads(&kept, &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(content(known).await, b"");
}

#[tokio::test]
async fn a_page_that_was_sent_is_no_page_of_ours() {
    let bench = Bench::new(true).await;
    for (name, declared, page) in [
        ("a.html", "text/html", "<script>alert(1)</script>"),
        ("a.svg", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.png", "image/png", "<!DOCTYPE html><script>alert(1)</script>"),
    ] {
        let kept = bench.sends(name, declared, page.as_bytes()).await;
        let response = bench.downloads(&kept, &[]).await;
        assert_eq!(text(&response, header::CONTENT_TYPE), "application/octet-stream");
        assert!(text(&response, header::CONTENT_DISPOSITION).starts_with("attachment; "));
        assert_eq!(text(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        let policy = text(&response, header::CONTENT_SECURITY_POLICY);
        assert_eq!(policy, "sandbox; default-src 'none'");
        assert_eq!(content(response).await, page.as_bytes());
    }
}

#[tokio::test]
async fn a_file_goes_with_its_conversation_and_is_nobody_elses() {
    let bench = Bench::new(true).await;
    bench.sends("a.txt", "text/plain", b"hello").await;
    let (stranger, id) = (Thread::new().account, bench.thread.id);
    let of_another = attachments::find(&bench.app, stranger, id, Seq::new(3), 1).await;
    assert_eq!(of_another, Err(Error::NotFound("conversation")));
    let kept = bench.find(1, 1).await.expect("there");
    let path = bench.dir.path().join("files").join(&kept.key);
    assert!(path.exists());
    let deleted = manage::delete(&bench.app, bench.thread.account, id).await;
    deleted.expect("deleted");
    assert!(!path.exists(), "its bytes are gone too");
    let after = attachments::find(&bench.app, bench.thread.account, id, Seq::new(3), 1).await;
    assert_eq!(after, Err(Error::NotFound("conversation")));
}

#[tokio::test]
async fn bytes_that_are_gone_are_not_found() {
    let bench = Bench::new(true).await;
    let kept = bench.sends("a.txt", "text/plain", b"hello").await;
    std::fs::remove_file(bench.dir.path().join("files").join(&kept.key)).expect("removed");
    let outcome = download(&bench.app, &kept, &HeaderMap::new(), Disposition::Inline).await;
    assert_eq!(outcome.err(), Some(Error::NotFound("file")));
}

#[tokio::test]
async fn without_a_place_for_them_files_are_refused() {
    let bench = Bench::new(false).await;
    let (account, id) = (bench.thread.account, bench.thread.id);
    let bytes = futures_util::stream::empty().boxed();
    let refused = attachments::keep(&bench.app, account, id, "a", None, bytes).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.starts_with("this server keeps no files"), "{refused}");
}

/// How many files a server keeps.
fn kept_by(server: &Server) -> usize {
    let mut folders = vec![server.dir().join("files")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_dir() {
                folders.push(entry.path());
            } else {
                count += 1;
            }
        }
    }
    count
}

#[tokio::test]
async fn a_file_without_a_message_is_forgotten() {
    let server = Server::start().await;
    let page = server.stranger().with("X-Site-Key", &server.credential("widget_site_key"));
    let create = "/api/v1/chat/conversations";
    let visitor = json!({
        "name": "Jane", "email": "jane@example.com", "message": "Hello", "visitor_token": "v-1"
    });
    page.post(create, &visitor).await.expect(201);
    let path = format!("{create}/v-1/files");
    let keyed = page.with("Idempotency-Key", "k-1");
    let upload = async |content: &'static [u8]| {
        let part = reqwest::multipart::Part::bytes(content).file_name("a.txt");
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = keyed.request(reqwest::Method::POST, &path).multipart(form);
        keyed.try_send(request).await.expect("an answer")
    };
    let first = upload(b"one").await.expect(201);
    assert_eq!(kept_by(&server), 1);
    assert_eq!(upload(b"one").await.expect(201), first, "it is sent once");
    upload(b"two").await.expect(409);
    assert_eq!(kept_by(&server), 1, "of the repetition and of what was refused nothing is left");
}
