//! A conversation as it is, and as it was (`get_conversation`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stage::{ASK, STORY, Stage};
use crate::harness::site::{Engine, apply, both_engines};

#[apply(both_engines)]
async fn a_conversation_shows_where_it_stands_and_its_last_messages(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    // So many messages a minute are an account's own, no visitor's.
    let ((thread, _), client) = (stage.conversation().await, stage.key.clone());
    let empty = thread.now(&client).await;
    let expected = json!({ "status": "bot", "message_count": 0, "language": null, "channel": "web", "messages": [], "reply": null });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(empty[field], *value, "{field}");
    }
    for _ in 0..27 {
        thread.turn(&client, ASK).await;
    }
    let now = thread.now(&client).await;
    assert_eq!((&now["message_count"], &now["language"]), (&json!(54), &json!("en")));
    let stored = thread.events(&client).await;
    assert_eq!(now["cursor"], stored.last().expect("a frame")["id"]);
    let messages: Vec<_> = stored[5..].iter().map(|frame| frame["data"].clone()).collect();
    assert_eq!(messages.len(), 50);
    assert_eq!(now["messages"], json!(messages), "the last 50, oldest first, as on the feed");
    assert_eq!(now["messages"][49]["text"], STORY);
}

#[apply(both_engines)]
async fn a_conversation_is_shown_as_it_was_at_every_moment(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let ((thread, visitor), client) = (stage.conversation().await, stage.key.clone());
    let mut moments = vec![thread.now(&client).await];
    for step in 0..40 {
        match step % 4 {
            3 => {
                let read = &moments.last().expect("one")["messages"];
                let last = &read[read.as_array().expect("messages").len() - 1]["message_id"];
                visitor
                    .post(&thread.path("/read"), &json!({ "message_id": last }))
                    .await
                    .expect(204);
            }
            _ if step < 20 => drop(thread.turn(&client, ASK).await),
            // The first of these is handed over: what follows is with people.
            _ if step == 20 => drop(thread.turn(&client, "quux frobnicates").await),
            _ => drop(thread.send(&client, "quux frobnicates").await),
        }
        moments.push(thread.now(&client).await);
    }
    assert_eq!(moments.last().expect("one")["status"], "escalated");
    let mut at_time = BTreeMap::<String, &Value>::new();
    for then in &moments {
        let cursor = then["cursor"].as_str().expect("a cursor");
        let was = client.get(&thread.path(&format!("?at={cursor}"))).await.expect(200);
        assert_eq!(was, *then, "at {cursor}");
        at_time.insert(then["updated_at"].as_str().expect("a time").to_owned(), then);
    }
    // What happened in the same millisecond is all there.
    for (time, then) in at_time {
        let was = client.get(&thread.path(&format!("?at={time}"))).await.expect(200);
        assert_eq!(was, *then, "at {time}");
    }
    // Long after is now.
    for at in ["2999-01-01T00:00:00Z", "2999-01-01T00:00:00%2B02:00", "18446744073709551615"] {
        let was = client.get(&thread.path(&format!("?at={at}"))).await.expect(200);
        assert_eq!(was, *moments.last().expect("one"), "at {at}");
    }
}

#[apply(both_engines)]
async fn before_its_beginning_there_is_no_conversation(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let began: u64 =
        thread.now(&client).await["cursor"].as_str().expect("a text").parse().expect("a number");
    client.get(&thread.path(&format!("?at={began}"))).await.expect(200);
    for at in [(began - 1).to_string(), "0".to_owned(), "2000-01-01T00:00:00Z".to_owned()] {
        let error = client.get(&thread.path(&format!("?at={at}"))).await.expect(404);
        assert_eq!(error["error"]["type"], "not_found", "at {at}");
    }
    for at in ["yesterday", "-1", "1.5", "2026-06-16", "18446744073709551616"] {
        let error = client.get(&thread.path(&format!("?at={at}"))).await.expect(400);
        assert!(error["error"]["fields"]["at"].is_string(), "at {at}: {error}");
    }
}
