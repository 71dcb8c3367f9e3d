//! Typing (`signal_typing`), which is not kept, and reading (`mark_read`), which is.

use serde_json::json;

use super::stage::{ASK, Stage, Thread};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn typing_reaches_every_reader_and_is_not_kept(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let mut readers = Vec::new();
    for reader in [&client, &stage.key] {
        readers.push(reader.stream(&thread.path("/stream"), None).await);
    }
    // Whoever is shown an event hears all that is said from here on.
    thread.send(&client, ASK).await;
    for reader in &mut readers {
        reader.until("message.outbound").await;
    }
    let before = thread.events(&client).await;
    let cursor = before.last().expect("a frame")["id"].clone();
    for typing in [true, false] {
        let answer = client.post(&thread.path("/typing"), &json!({ "typing": typing })).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        for reader in &mut readers {
            let frame = reader.next().await;
            let expected = json!({ "author": { "type": "customer" }, "typing": typing });
            assert_eq!((frame.name.as_str(), &frame.data["data"]), ("typing", &expected));
            assert_eq!((&frame.data["id"], &frame.data["prev"]), (&cursor, &cursor));
        }
    }
    assert_eq!(thread.events(&client).await, before);
    assert_eq!(thread.now(&client).await["cursor"], cursor);
}

#[apply(both_engines)]
async fn reading_is_kept_and_said_once(engine: Engine) {
    let mut site = Site::breakable(engine, &[]).await;
    let (id, client) = site.conversation().await;
    let thread = Thread { id };
    let turn = thread.turn(&client, "what are your opening hours?").await;
    let message = turn.last().expect("an end").data["data"]["message_id"].clone();
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    for _ in 0..3 {
        let answer = client.post(&thread.path("/read"), &json!({ "message_id": message })).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    let frame = feed.next().await;
    assert_eq!(frame.name, "conversation.read");
    assert_eq!(frame.data["data"], json!({ "reader": "customer", "message_id": message }));
    site.crash().await;
    let stored = thread.events(&client).await;
    let reads = stored.iter().filter(|frame| frame["type"] == "conversation.read");
    assert_eq!(reads.map(|frame| &frame["id"]).collect::<Vec<_>>(), [&frame.data["id"]]);
    client.post(&thread.path("/read"), &json!({ "message_id": message })).await.expect(204);
    assert_eq!(thread.events(&client).await.len(), stored.len(), "it was read before");
}

#[apply(both_engines)]
async fn what_is_wrong_with_a_signal_is_said_by_field(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    for body in
        [json!({}), json!({ "typing": null }), json!({ "typing": "yes" }), json!({ "typing": 1 })]
    {
        let error = client.post(&thread.path("/typing"), &body).await.expect(400);
        assert!(error["error"]["fields"]["typing"].is_string(), "{body}: {error}");
    }
    let bodies = [
        json!({}),
        json!({ "message_id": null }),
        json!({ "message_id": 5 }),
        json!({ "message_id": "x" }),
        json!({ "message_id": "A".repeat(32) }),
    ];
    for body in bodies {
        let error = client.post(&thread.path("/read"), &body).await.expect(400);
        assert!(error["error"]["fields"]["message_id"].is_string(), "{body}: {error}");
    }
    for (rest, body) in
        [("typing", json!({ "typing": true })), ("read", json!({ "message_id": "a".repeat(32) }))]
    {
        let unknown = format!("/live/v1/conversations/cv_1/{rest}");
        stage.key.post(&unknown, &body).await.expect(404);
        let known = thread.path(&format!("/{rest}"));
        stage.site.stranger().post(&known, &body).await.expect(401);
    }
}

#[apply(both_engines)]
async fn an_account_types_and_reads_as_itself_and_a_token_as_the_customer(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let sent = thread.send(&client, ASK).await["message_id"].clone();
    let mut feed = client.stream(&thread.path("/stream?after=0"), None).await;
    let turn = feed.until("message.outbound").await;
    let reply = turn.last().expect("a reply").data["data"]["message_id"].clone();
    let path = thread.path("/typing");
    stage.key.post(&path, &json!({ "typing": true })).await.expect(204);
    let brand = feed.next().await.data["data"]["author"].clone();
    assert_eq!(brand["type"], "agent", "{brand}");
    assert!(brand["name"].as_str().is_some_and(|name| !name.is_empty()), "{brand}");
    for (said, author) in [
        (json!({}), brand.clone()),
        (json!({ "as": "agent", "name": " Sarah " }), json!({ "type": "agent", "name": "Sarah" })),
        (json!({ "as": "bot" }), json!({ "type": "bot", "name": "Storyteller" })),
        (json!({ "as": "bot", "name": "Ada" }), json!({ "type": "bot", "name": "Ada" })),
        (json!({ "as": "customer" }), json!({ "type": "customer" })),
    ] {
        for typing in [true, false] {
            let mut body = said.clone();
            body["typing"] = json!(typing);
            stage.key.post(&thread.path("/typing"), &body).await.expect(204);
            let frame = feed.next().await;
            let expected = json!({ "author": author, "typing": typing });
            assert_eq!((frame.name.as_str(), &frame.data["data"]), ("typing", &expected));
        }
    }
    for (said, message, expected) in [
        (json!({}), &sent, json!({ "reader": "agent", "by": brand })),
        (json!({ "as": "agent" }), &sent, json!(null)),
        (
            json!({ "as": "bot" }),
            &reply,
            json!({ "reader": "agent",
            "by": { "type": "bot", "name": "Storyteller" } }),
        ),
        (json!({ "as": "customer" }), &reply, json!({ "reader": "customer" })),
    ] {
        let mut body = said.clone();
        body["message_id"] = message.clone();
        stage.key.post(&thread.path("/read"), &body).await.expect(204);
        if expected.is_null() {
            continue;
        }
        let frame = feed.next().await;
        let mut expected = expected;
        expected["message_id"] = message.clone();
        assert_eq!((frame.name.as_str(), &frame.data["data"]), ("conversation.read", &expected));
    }

    for (rest, body) in
        [("typing", json!({ "typing": true })), ("read", json!({ "message_id": sent }))]
    {
        let path = thread.path(&format!("/{rest}"));
        for side in ["agent", "bot"] {
            let mut body = body.clone();
            body["as"] = json!(side);
            let error = client.post(&path, &body).await.expect(403);
            assert_eq!(error["error"]["type"], "forbidden");
        }
        for (field, wrong) in
            [("as", json!("cat")), ("as", json!(1)), ("name", json!(" ")), ("name", json!(7))]
        {
            let mut body = body.clone();
            body[field] = wrong;
            let error = stage.key.post(&path, &body).await.expect(400);
            assert!(error["error"]["fields"][field].is_string(), "{body}: {error}");
        }
        let mut body = body.clone();
        body["name"] = json!("Ana");
        let error = client.post(&path, &body).await.expect(400);
        assert!(error["error"]["fields"]["name"].is_string(), "{error}");
    }
}
