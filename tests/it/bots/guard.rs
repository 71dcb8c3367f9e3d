//! What only this machine can reach stays so, unless the operator says otherwise.

use serde_json::json;

use super::stage::{HOME, Stage};
use crate::harness::upstream::{Answer, Upstream};

#[tokio::test]
async fn a_bot_reaches_no_address_that_is_not_public() {
    let upstream = Upstream::start(|_, _| Answer::json(200, &json!({ "text": "in" }))).await;
    let port = upstream.port();
    for host in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "169.254.169.254"]
    {
        let url = format!("http://{host}:{port}/");
        let definition = json!({ "kind": "remote", "name": "Spy", "url": url });
        let stage = Stage::made(&definition, &["--no-agent"], &[]).await;
        let thread = stage.conversation().await;
        let frames = thread.turn("hello").await;
        assert_eq!(frames.last().expect("an end").name, "reply.failed", "{url}");
        stage.server.says(&["allow_networks"]).await;
    }
    assert!(upstream.asked().is_empty(), "nobody was called");
}

#[tokio::test]
async fn an_operator_can_allow_a_network_and_no_other_comes_with_it() {
    let upstream = Upstream::start(|_, _| Answer::json(200, &json!({ "text": "in" }))).await;
    let remote = |host: &str| {
        let url = format!("http://{host}:{}/", upstream.port());
        json!({ "kind": "remote", "name": "Ours", "url": url })
    };
    let mut stage = Stage::made(&remote("127.0.0.1"), &["--no-agent"], &HOME).await;
    assert_eq!(stage.conversation().await.answer("hello").await, "in");
    stage.deploy(&remote("localhost")).await;
    assert_eq!(stage.conversation().await.answer("hello").await, "in", "by name too");
    stage.deploy(&remote("[::1]")).await;
    let frames = stage.conversation().await.turn("hello").await;
    assert_eq!(frames.last().expect("an end").name, "reply.failed");
}
