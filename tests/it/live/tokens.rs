//! What a live token opens and for how long (`mint_token`).

use parlor::app::clock;
use parlor::domain::time::Timestamp;
use serde_json::{Value, json};

use super::stage::{ASK, Stage};
use crate::harness::site::{Engine, apply, both_engines};

#[apply(both_engines)]
async fn a_token_is_minted_for_a_conversation_and_a_while(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, _) = stage.conversation().await;
    for (given, expected) in [(json!(60), 60), (json!(86_400), 86_400), (Value::Null, 3_600)] {
        let body = json!({ "conversation_id": thread.id, "expires_in": given });
        let before = clock::now();
        let token = stage.key.post("/live/v1/tokens", &body).await.expect(201);
        assert_eq!(token["conversation_id"], json!(thread.id));
        let until = Timestamp::parse(token["expires_at"].as_str().expect("a time"));
        let valid_for = until.expect("a time").since(before).as_secs();
        assert!((expected..expected + 30).contains(&valid_for), "{given}: {valid_for} s");
    }
}

#[apply(both_engines)]
async fn what_is_wrong_with_a_request_for_a_token_is_said_by_field(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, _) = stage.conversation().await;
    for expires_in in [
        json!(59),
        json!(86_401),
        json!(-1),
        json!(0),
        json!("soon"),
        json!(1.5),
        json!([60]),
        json!(true),
    ] {
        let body = json!({ "conversation_id": thread.id, "expires_in": expires_in });
        let error = stage.key.post("/live/v1/tokens", &body).await.expect(400);
        assert!(error["error"]["fields"]["expires_in"].is_string(), "{expires_in}: {error}");
    }
    for id in [Value::Null, json!(5), json!({})] {
        let body = json!({ "conversation_id": id, "expires_in": 5 });
        let error = stage.key.post("/live/v1/tokens", &body).await.expect(400);
        let fields = error["error"]["fields"].as_object().expect("fields");
        assert!(
            fields.contains_key("conversation_id") && fields.contains_key("expires_in"),
            "{id}: {error}"
        );
    }
    for id in ["cv_1", "nonsense"] {
        let body = json!({ "conversation_id": id });
        stage.key.post("/live/v1/tokens", &body).await.expect(404);
    }
    stage.site.stranger().post("/live/v1/tokens", &json!({})).await.expect(401);
}

#[apply(both_engines)]
async fn a_token_opens_its_conversation_and_nothing_else(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (mine, _) = stage.conversation().await;
    let (other, _) = stage.conversation().await;
    let body = json!({ "conversation_id": mine.id });
    let token = stage.key.post("/live/v1/tokens", &body).await.expect(201);
    let token = token["token"].as_str().expect("a token");
    let bearer = stage.site.stranger().with("Authorization", &format!("Bearer {token}"));
    let message = mine.send(&bearer, ASK).await["message_id"].clone();
    let posts = [
        ("messages", json!({ "text": ASK }), 201),
        ("stop", Value::Null, 200),
        ("typing", json!({ "typing": true }), 204),
        ("read", json!({ "message_id": message }), 204),
    ];
    for (rest, body, status) in posts {
        bearer.post(&mine.path(&format!("/{rest}")), &body).await.expect(status);
        let query = format!("/{rest}?token={token}");
        stage.site.stranger().post(&mine.path(&query), &body).await.expect(status);
        let error = bearer.post(&other.path(&format!("/{rest}")), &body).await.expect(404);
        assert_eq!(error["error"]["type"], "not_found");
    }
    for rest in ["", "/events", "/stream"] {
        bearer.get(&other.path(rest)).await.expect(404);
    }
    bearer.get(&mine.path("")).await.expect(200);
    let query = mine.path(&format!("/stream?after=0&token={token}"));
    let frame = stage.site.stranger().stream(&query, None).await.next().await;
    assert_eq!(frame.name, "conversation.started");
    for id in [&mine.id, &other.id] {
        let body = json!({ "conversation_id": id });
        let error = bearer.post("/live/v1/tokens", &body).await.expect(403);
        assert_eq!(error["error"]["type"], "forbidden", "a token mints no tokens");
    }
    assert!(other.events(&stage.key).await.len() == 1, "nothing was done in the other one");
    let aerochat = bearer.get(&format!("/bot/v1/conversations/{}/messages", mine.id)).await;
    assert_eq!(aerochat.status, 401, "it is no key of another surface");
}

#[apply(both_engines)]
async fn what_is_no_token_opens_nothing(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, _) = stage.conversation().await;
    let body = json!({ "conversation_id": thread.id });
    let token = stage.key.post("/live/v1/tokens", &body).await.expect(201);
    let token = token["token"].as_str().expect("a token");
    let cut = &token[..token.len() - 1];
    let extended = format!("{token}A");
    for bad in ["", "x", "live_", "live_AAAA", cut, &extended, &token.to_uppercase()] {
        let bearer = stage.site.stranger().with("Authorization", &format!("Bearer {bad}"));
        bearer.get(&thread.path("")).await.expect(401);
        let query = thread.path(&format!("?token={bad}"));
        stage.site.stranger().get(&query).await.expect(401);
    }
    let basic = stage.site.stranger().with("Authorization", &format!("Basic {token}"));
    basic.get(&thread.path("")).await.expect(401);
    stage.site.client_with("aero_wrong").get(&thread.path("")).await.expect(401);
}
