//! *Download File*, and visitors' uploads.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::stage::{CREATE, assert_refused, create, messages, page};
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::wait::eventually;

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn picture(name: &str) -> Form {
    Form::new().part("file", Part::bytes(PICTURE).file_name(name.to_owned()))
}

async fn upload(page: &Client, token: &str, form: Form) -> Answer {
    let path = format!("{CREATE}/{token}/files");
    let request = page.request(Method::POST, &path).multipart(form);
    page.try_send(request).await.expect("an answer")
}

fn path_of(token: &str, file: &Value) -> String {
    format!("{CREATE}/{token}/files/{}/{}", file["activity_id"], file["id"])
}

#[apply(both_engines)]
async fn what_a_visitor_uploads_is_a_message_with_a_file(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let kept = upload(&page, "v-1", picture("../broken cup.png")).await.expect(201);
    assert_eq!(kept["status"], "ok");
    let file = &kept["attachments"][0];
    assert_eq!(file["filename"], "broken cup.png");
    assert_eq!(file["mime_type"], "image/png");
    assert_eq!(file["size"], PICTURE.len());
    let listed = messages(&page, "v-1").await;
    let message = listed.iter().find(|one| one.get("attachments").is_some()).expect("the message");
    assert_eq!(message["attachments"][0], *file);
    assert_eq!(message["body"], "broken cup.png");
    let said = picture("a.png").text("message", "It came like this");
    upload(&page, "v-1", said).await.expect(201);
    let listed = messages(&page, "v-1").await;
    assert!(listed.iter().any(|message| message["body"] == "It came like this"));
}

#[apply(both_engines)]
async fn a_file_alone_is_answered_in_the_language_of_the_conversation(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Wann haben Sie geöffnet?").await.expect(201);
    upload(&page, "v-1", picture("IMG_2041 this is a picture.png")).await.expect(201);
    eventually("the picture is answered", async || {
        let listed = messages(&page, "v-1").await;
        let said = |message: &Value| message["body"].as_str().unwrap_or_default().to_owned();
        listed.iter().any(|message| said(message).contains("Ihre Datei")).then_some(())
    })
    .await;
}

#[apply(both_engines)]
async fn a_file_is_downloaded_saved_or_shown(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let kept = upload(&page, "v-1", picture("cup.png")).await.expect(201);
    let path = path_of("v-1", &kept["attachments"][0]);
    let saved = page.get(&path).await;
    assert_eq!((saved.status, saved.header("Content-Type")), (200, "image/png"));
    assert_eq!(saved.header("Content-Disposition"), "attachment; filename=\"cup.png\"");
    assert_eq!(saved.header("X-Content-Type-Options"), "nosniff");
    assert!(saved.header("Content-Security-Policy").contains("sandbox"));
    let shown = page.get(&format!("{path}?disposition=inline")).await;
    assert_eq!(shown.header("Content-Disposition"), "inline; filename=\"cup.png\"");
    let neither = page.get(&format!("{path}?disposition=explode")).await;
    assert_refused(&neither, 422, "Disposition must be one of the documented values");
    // In a link there are no headers.
    let key = site.credential("widget_site_key");
    let link = site.stranger().get(&format!("{path}?site_key={key}")).await;
    assert_eq!(link.status, 200);
    let known = page.with("If-None-Match", saved.header("ETag")).get(&path).await;
    assert_eq!(known.status, 304);
    let part = page.with("Range", "bytes=1-3").get(&path).await;
    assert_eq!((part.status, part.text.as_str()), (206, "PNG"));
}

/// `download_file` of the live surface, and the list of AeroChat, know of it too.
#[apply(both_engines)]
async fn a_file_is_fetched_with_every_surfaces_credential(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    let created = create(&page, "v-1", "Hello").await.expect(201);
    let kept = upload(&page, "v-1", picture("cup.png")).await.expect(201);
    let file = &kept["attachments"][0];
    let bearer = format!("Bearer {}", created["conversation_token"].as_str().expect("a token"));
    let visitor = site.stranger().with("Authorization", &bearer);
    let state = visitor.get("/live/v1/conversations/current").await.expect(200);
    let id = state["conversation_id"].as_str().expect("an id");
    let message = state["messages"].as_array().expect("a list").iter();
    let shown = message.filter_map(|one| one.get("attachments")).next().expect("with its file");
    assert_eq!(shown[0], *file);
    let path = format!("files/{}/{}", file["activity_id"], file["id"]);
    let current = visitor.get(&format!("/live/v1/conversations/current/{path}")).await;
    assert_eq!(current.status, 200);
    assert!(current.header("Content-Disposition").starts_with("attachment"));
    let list = site.client().get(&format!("/bot/v1/conversations/{id}/messages")).await.expect(200);
    let listed = list["messages"].as_array().expect("a list").iter();
    let of_file = listed.filter_map(|one| one["attachments"].get(0)).next().expect("its file");
    let id_of_file = of_file["id"].as_str().expect("an id");
    let fetched = format!("/live/v1/conversations/{id}/files/{id_of_file}");
    assert_eq!(site.client().get(&fetched).await.status, 200);
    visitor.get(&format!("/live/v1/conversations/current/{path}0")).await.expect(404);
    site.stranger().get(&fetched).await.expect(401);
}

#[apply(both_engines)]
async fn a_file_is_nobody_elses(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    create(&page, "v-2", "Hello").await.expect(201);
    let kept = upload(&page, "v-1", picture("cup.png")).await.expect(201);
    let file = &kept["attachments"][0];
    assert_refused(&page.get(&path_of("v-2", file)).await, 404, "File not found");
    assert_refused(&page.get(&path_of("v-3", file)).await, 404, "Conversation not found");
    for other in ["0/1", "1/1", "x/1", "18446744073709551615/1"] {
        let path = format!("{CREATE}/v-1/files/{other}");
        assert_refused(&page.get(&path).await, 404, "File not found");
    }
    let second = format!("{CREATE}/v-1/files/{}/2", file["activity_id"]);
    assert_refused(&page.get(&second).await, 404, "File not found");
    assert_refused(&site.stranger().get(&path_of("v-1", file)).await, 401, "Invalid site key");
}

#[apply(both_engines)]
async fn what_is_no_file_too_large_or_for_nobody_is_refused(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let nothing = Form::new().text("message", "no file");
    assert_refused(&upload(&page, "v-1", nothing).await, 422, "File is required");
    let empty = Form::new().part("file", Part::bytes(b"".as_slice()).file_name("a"));
    assert_refused(&upload(&page, "v-1", empty).await, 422, "File is required");
    let two = picture("a.png").part("file", Part::bytes(PICTURE).file_name("b.png"));
    assert_refused(&upload(&page, "v-1", two).await, 422, "File must be one file");
    let keyed = page.with("Idempotency-Key", &"k".repeat(256));
    let text = "Idempotency-Key must have 1 to 255 characters";
    assert_refused(&upload(&keyed, "v-1", picture("a.png")).await, 422, text);
    let answer = upload(&page, "v-9", picture("a.png")).await;
    assert_refused(&answer, 404, "Conversation not found");
    page.post(&format!("{CREATE}/v-1/files"), &serde_json::json!({})).await.expect(400);
    let large = Part::bytes(vec![0; (25 << 20) + 1]).file_name("large.bin");
    upload(&page, "v-1", Form::new().part("file", large)).await.expect(413);
    assert_eq!(messages(&page, "v-1").await.len(), 2, "nothing was kept of them");
}

#[apply(both_engines)]
async fn a_text_is_served_with_the_charset_it_has(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let latin =
        b"name;note\nJos\xe9;d\xe9j\xe0 vu, tr\xe8s cher \xe0 la caf\xe9t\xe9ria\n".to_vec();
    let utf_16: Vec<u8> = "\u{feff}Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, mime, expected) in [
        ("Grüße 😀".as_bytes().to_vec(), "text/plain", "text/plain; charset=utf-8"),
        (latin.clone(), "text/csv", "text/csv; charset=windows-1252"),
        (utf_16, "text/plain", "text/plain; charset=utf-16le"),
        // Nothing but ASCII where it begins.
        ([vec![b'x'; 10_000], latin].concat(), "text/plain", "text/plain; charset=windows-1252"),
    ] {
        let part = Part::bytes(content).file_name("a.txt").mime_str(mime).expect("a type");
        let kept = upload(&page, "v-1", Form::new().part("file", part)).await.expect(201);
        let file = &kept["attachments"][0];
        assert_eq!(file["mime_type"], mime, "{kept}");
        let served = page.get(&path_of("v-1", file)).await;
        assert_eq!(served.header("Content-Type"), expected);
    }
}

#[apply(both_engines)]
async fn every_kind_of_mp3_is_one(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    // MPEG 1, 2 and 2.5, without a checksum and with one.
    for kind in [0xfb, 0xfa, 0xf3, 0xf2, 0xe3, 0xe2] {
        let frame = [[0xff, kind, 0x48, 0xc4].as_slice(), &[0; 200]].concat();
        let part = Part::bytes(frame).file_name("a.mp3");
        let kept = upload(&page, "v-1", Form::new().part("file", part)).await.expect(201);
        assert_eq!(kept["attachments"][0]["mime_type"], "audio/mpeg", "{kind:x}");
    }
}
