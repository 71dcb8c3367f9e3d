//! Credentials that open one conversation, no longer open, or never did.

use std::time::Duration;

use parlor::app::accounts::secret::LiveToken;
use parlor::app::clock;
use parlor::domain::event::Body;
use parlor::domain::ids::AccountId;
use parlor::engine::Topic;
use serde_json::json;

use super::things::{Two, token, two};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::socket::Socket;

/// An account's id and the secret that signs its tokens, from the log.
async fn signing_secret(site: &mut Site, name: &str) -> (AccountId, String) {
    let events = site.events(Topic::Accounts).await;
    let found = events.iter().find_map(|event| match &event.body {
        Body::AccountCreated(data) if data.name == name => {
            Some((event.account, data.signing_secret.clone()))
        }
        _ => None,
    });
    found.expect("the account was made")
}

fn conversation(id: &str) -> String {
    format!("/live/v1/conversations/{id}")
}

/// The statuses a token gets as bearer, in the query, and at the WebSocket's door.
async fn doors(two: &Two, token: &str, id: &str) -> [u16; 3] {
    let stranger = two.site.stranger();
    let bearer = stranger.with("Authorization", &format!("Bearer {token}"));
    let query = stranger.get(&format!("{}?token={token}", conversation(id))).await.status;
    let bearer = bearer.get(&conversation(id)).await.status;
    let socket = Socket::open(two.site.address(), &format!("?token={token}"), &[]).await;
    [bearer, query, socket.map_or_else(|status| status, |_| 101)]
}

#[apply(both_engines)]
async fn a_live_token_opens_its_conversation_and_no_other_of_its_account(engine: Engine) {
    let two = two(engine).await;
    let mine = token(&two.a, &two.of_a.conversation).await;
    assert_eq!(doors(&two, &mine, &two.of_a.conversation).await, [200, 200, 101]);
    let second = two.a.say(None, "Hello").await;
    let second = second["conversation_id"].as_str().expect("an id");
    let bearer = two.site.stranger().with("Authorization", &format!("Bearer {mine}"));
    let unknown = bearer.get(&conversation(&super::nobodys().conversation)).await;
    let other = bearer.get(&conversation(second)).await;
    assert_eq!((other.status, &other.text), (404, &unknown.text), "as if it were not there");
    for (path, body) in [
        ("messages", json!({ "text": "Hello" })),
        ("stop", json!({})),
        ("typing", json!({ "typing": true })),
        ("read", json!({ "message_id": two.of_a.message })),
    ] {
        let answer = bearer.post(&format!("{}/{path}", conversation(second)), &body).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for path in ["stream", "events"] {
        let answer = bearer.get(&format!("{}/{path}", conversation(second))).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
}

#[apply(both_engines)]
async fn a_live_token_mints_no_tokens_and_opens_no_other_surface(engine: Engine) {
    let two = two(engine).await;
    let mine = token(&two.a, &two.of_a.conversation).await;
    let bearer = two.site.stranger().with("Authorization", &format!("Bearer {mine}"));
    let body = json!({ "conversation_id": two.of_a.conversation });
    assert_eq!(bearer.post("/live/v1/tokens", &body).await.status, 403);
    let as_key = two.site.client_with(&mine);
    for client in [bearer, as_key] {
        let path = format!("/bot/v1/contacts/{}", two.of_a.contact);
        assert_eq!(client.get(&path).await.status, 401);
    }
}

#[apply(both_engines)]
async fn an_expired_or_forged_token_opens_nothing(engine: Engine) {
    let mut two = two(engine).await;
    let good = token(&two.a, &two.of_a.conversation).await;
    let (account_a, secret_a) = signing_secret(&mut two.site, "A").await;
    let (account_b, secret_b) = signing_secret(&mut two.site, "B").await;

    let id = two.of_a.conversation.as_str();
    let conversation = id.parse().expect("an id");
    let later = clock::now().plus(Duration::from_secs(600));
    let signed = |account, expires_at, secret: &str| {
        LiveToken { account, conversation, expires_at, key: None }.sign(secret)
    };
    let ours = signed(account_a, later, &secret_a);
    assert_eq!(doors(&two, &ours, id).await, [200, 200, 101], "the same way of signing");
    let (mut longer, mut changed) = (good.clone(), good.clone());
    longer.push('A');
    changed.replace_range(20..21, if &good[20..21] == "A" { "B" } else { "A" });
    for (what, forged) in [
        ("expired", signed(account_a, clock::now(), &secret_a)),
        ("signed by another account", signed(account_a, later, &secret_b)),
        ("signed with nothing", signed(account_a, later, "")),
        ("changed", changed),
        ("longer", longer),
        ("cut", good[..good.len() - 1].to_owned()),
        ("empty", String::new()),
        ("only a prefix", "live_".to_owned()),
    ] {
        assert_eq!(doors(&two, &forged, id).await, [401, 401, 401], "{what}");
    }
    // Well signed by B, for a conversation that is A's: not there.
    let crossed = signed(account_b, later, &secret_b);
    let [bearer, query, _] = doors(&two, &crossed, id).await;
    assert_eq!([bearer, query], [404, 404]);
    assert_eq!(doors(&two, &good, id).await, [200, 200, 101], "tokens outlive a restart");
}

#[apply(both_engines)]
async fn a_revoked_key_opens_nothing_and_the_accounts_other_key_still_does(engine: Engine) {
    let mut site = Site::start(engine).await;
    let first = site.key().to_owned();
    let issued = site.run(&["key", "issue", "--label", "second"]).await;
    let issued: serde_json::Value = serde_json::from_str(&issued).expect("JSON");
    let second = issued["aerochat_api_key"].as_str().expect("a key");
    let listed = site.run(&["key", "list"]).await;
    let line = listed.lines().find(|line| line.contains("first key")).expect("the first key");
    let id = line.split_whitespace().next().expect("its id");

    let sent = site.client().say(None, "Hello").await;
    let conversation = conversation(sent["conversation_id"].as_str().expect("an id"));
    site.run(&["key", "revoke", id]).await;
    assert!(site.run(&["key", "list"]).await.contains("revoked"));

    let opens = async |client: &Client| {
        let contact = format!("/bot/v1/contacts/{}", sent["contact_id"].as_str().expect("an id"));
        [client.get(&contact).await.status, client.get(&conversation).await.status]
    };
    assert_eq!(opens(&site.client_with(&first)).await, [401, 401]);
    assert_eq!(opens(&site.client_with(second)).await, [200, 200]);
    let headers = [("X-AeroChat-API-Key", first.as_str())];
    assert_eq!(Socket::open(site.address(), "", &headers).await.err(), Some(401));
}
