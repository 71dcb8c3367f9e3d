//! How the demo begins (`start_demo`): on a server of the embedded engine, which makes its account.

use serde_json::Value;

use crate::harness::Server;

#[tokio::test]
async fn the_demo_begins_a_conversation_where_there_is_a_demo() {
    let server = Server::start().await;
    let demo = server.stranger().post("/live/v1/demo", &Value::Null).await.expect(201);
    for field in ["conversation_id", "contact_id", "token", "expires_at", "brand", "greeting"] {
        assert!(demo[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {demo}");
    }
    let again = server.stranger().post("/live/v1/demo", &Value::Null).await.expect(201);
    assert_ne!(demo["conversation_id"], again["conversation_id"]);
    assert_ne!(demo["contact_id"], again["contact_id"]);
    let bearer = format!("Bearer {}", demo["token"].as_str().expect("a token"));
    let path = format!("/live/v1/conversations/{}", demo["conversation_id"].as_str().unwrap());
    let now = server.stranger().with("Authorization", &bearer).get(&path).await.expect(200);
    assert_eq!(now["contact_id"], demo["contact_id"]);

    let bare = Server::start_with(&["--no-demo"]).await;
    let error = bare.stranger().post("/live/v1/demo", &Value::Null).await.expect(404);
    assert_eq!(error["error"]["type"], "not_found");
}
