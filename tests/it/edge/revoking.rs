//! What was opened with a credential ends with it: tokens, streams and sockets, while all others go on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::feed::Feed;
use crate::harness::socket::Socket;
use crate::harness::{Client, Server};

/// Streams and sockets end so soon after the command that ends what opened them.
const SOON: Duration = Duration::from_secs(1);

async fn command(server: &Server, arguments: &[&str]) -> Value {
    let (done, said) = Server::command(server.dir(), &[arguments, &["--json"]].concat()).await;
    assert!(done, "{said}");
    serde_json::from_str(&said).expect("JSON")
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

async fn follow(client: &Client, conversation: &str) -> Feed {
    let path = format!("/live/v1/conversations/{conversation}/stream?after=0");
    let mut feed = client.stream(&path, None).await;
    assert_eq!(feed.next().await.name, "conversation.started");
    feed
}

fn bearer(server: &Server, token: &str) -> Client {
    server.stranger().with("Authorization", &format!("Bearer {token}"))
}

async fn is_let_in(client: &Client) -> bool {
    client.get("/live/v1/conversations/current").await.status == 200
}

/// Whether a stream goes on: what is said in its conversation comes.
async fn goes_on(server: &Server, feed: &mut Feed, conversation: &str) {
    let path = format!("/live/v1/conversations/{conversation}/messages");
    server.client().post(&path, &json!({ "text": "hello" })).await.expect(201);
    feed.until("message.inbound").await;
}

/// The streams end, and soon.
async fn end(feeds: Vec<Feed>) {
    let began = Instant::now();
    for mut feed in feeds {
        feed.rest().await;
    }
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_key_that_is_revoked_takes_its_tokens_streams_and_sockets_with_it() {
    let server = Server::start().await;
    let issued = command(&server, &["key", "issue"]).await;
    let (id, key) = (text(&issued, "key_id"), text(&issued, "aerochat_api_key"));
    let own = server.client_with(&key);
    let (conversation, visitor) = server.stranger().demo().await;
    let body = json!({ "conversation_id": conversation });
    let minted = own.post("/live/v1/tokens", &body).await.expect(201);
    let token = bearer(&server, &text(&minted, "token"));
    let feeds = vec![follow(&own, &conversation).await, follow(&token, &conversation).await];
    let headers = [("X-AeroChat-API-Key", key.as_str())];
    let mut socket = Socket::open(server.address(), "", &headers).await.expect("opened");
    let subscribe = json!({ "type": "subscribe", "conversation_id": conversation });
    assert_eq!(socket.ask(subscribe).await.0["type"], "ok");
    let mut others =
        [follow(&server.client(), &conversation).await, follow(&visitor, &conversation).await];
    assert!(is_let_in(&token).await);

    command(&server, &["key", "revoke", &id]).await;
    end(feeds).await;
    assert_eq!(socket.try_next().await, Err(Some(1008)), "the socket says why");
    assert!(!is_let_in(&token).await, "its tokens are no tokens any more");
    assert!(is_let_in(&visitor).await);
    for feed in &mut others {
        goes_on(&server, feed, &conversation).await;
    }
}

#[tokio::test]
async fn a_site_key_that_is_revoked_ends_what_its_visitors_have_open() {
    let server = Server::start().await;
    let issued = command(&server, &["key", "issue", "--kind", "widget"]).await;
    let (id, key) = (text(&issued, "key_id"), text(&issued, "widget_site_key"));
    let page = server.stranger().with("X-Site-Key", &key);
    let begin =
        json!({ "name": "J", "email": "j@example.com", "message": "Hi", "visitor_token": "v-1" });
    let begun = page.post("/api/v1/chat/conversations", &begin).await.expect(201);
    let token = bearer(&server, &text(&begun, "conversation_token"));
    let visitor = page.with("X-Visitor-Token", "v-1");
    let feeds = vec![follow(&token, "current").await, follow(&visitor, "current").await];
    command(&server, &["key", "revoke", &id]).await;
    end(feeds).await;
    assert!(!is_let_in(&token).await && !is_let_in(&visitor).await);
    // Another site key of the account opens the visitor's conversation, to go on in.
    let other = server.stranger().with("X-Site-Key", &server.credential("widget_site_key"));
    assert!(is_let_in(&other.with("X-Visitor-Token", "v-1")).await);
}

#[tokio::test]
async fn a_secret_that_is_rotated_ends_all_live_tokens_and_no_key() {
    let mut server = Server::start().await;
    let (conversation, visitor) = server.stranger().demo().await;
    let site = server.stranger().with("X-Site-Key", &server.credential("widget_site_key"));
    let begin =
        json!({ "name": "J", "email": "j@example.com", "message": "Hi", "visitor_token": "v-1" });
    site.post("/api/v1/chat/conversations", &begin).await.expect(201);
    let feeds = vec![follow(&visitor, &conversation).await];
    let mut own = follow(&server.client(), &conversation).await;

    command(&server, &["account", "rotate-secret"]).await;
    end(feeds).await;
    assert!(!is_let_in(&visitor).await);
    goes_on(&server, &mut own, &conversation).await;
    // Tokens of now are good, also after a restart; and visitors find what they have begun.
    let (_, fresh) = server.stranger().demo().await;
    server.terminate().await;
    server.restart().await;
    assert!(is_let_in(&fresh).await && !is_let_in(&visitor).await);
    assert!(is_let_in(&site.with("X-Visitor-Token", "v-1")).await);
}
