//! Typing (`signal_typing`), which is not kept, and reading (`mark_read`), which is.

use serde_json::json;

use super::Site;
use super::stage::{ASK, Stage, Thread};

#[tokio::test]
async fn typing_reaches_every_reader_and_is_not_kept() {
    let stage = Stage::with_pace(0).await;
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

#[tokio::test]
async fn reading_is_kept_and_said_once() {
    let mut site = Site::breakable(&[]).await;
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

#[tokio::test]
async fn what_is_wrong_with_a_signal_is_said_by_field() {
    let stage = Stage::with_pace(0).await;
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
