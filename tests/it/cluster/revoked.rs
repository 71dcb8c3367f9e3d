//! A key that is revoked opens nothing on any node, right after. How long that takes is printed and
//! not asserted.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::stage::{Tenant, shared};
use crate::harness::Client;
use crate::harness::wait::eventually;

const PATH: &str = "/bot/v1/contacts/none";

/// Asks until the key is refused; gives when that was.
async fn refused(client: &Client) -> Instant {
    eventually("the key is refused", async || {
        (client.get(PATH).await.status == 401).then(Instant::now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_on_every_node() {
    let cluster = shared().await;
    let tenant = Tenant::new(cluster, "Revoked", &[]).await;
    let account = tenant.id.to_string();
    let issued = cluster.command(&["key", "issue", "--account", &account]).await;
    let issued: Value = serde_json::from_str(&issued).expect("a key");
    let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
    let (id, key) = (text("key_id"), text("aerochat_api_key"));
    let callers: Vec<_> = cluster.nodes.iter().map(|node| node.client_with(&key)).collect();
    for caller in &callers {
        eventually("the node knows the key", async || {
            (caller.get(PATH).await.status == 404).then_some(())
        })
        .await;
    }
    let asking = join_all(callers.iter().map(refused));
    let revoking = async {
        cluster.command(&["key", "revoke", "--account", &account, &id]).await;
        Instant::now()
    };
    let (refused, revoked) = tokio::join!(asking, revoking);
    let last = refused.into_iter().max().expect("a node");
    let late = last.checked_duration_since(revoked).unwrap_or(Duration::ZERO);
    println!("the last node refused the key {late:?} after `parlor key revoke` had ended");
    for client in &tenant.clients {
        client.get(PATH).await.expect(404);
    }
}
