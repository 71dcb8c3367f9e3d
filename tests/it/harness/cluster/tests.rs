//! The harness holds what it promises about clusters.

use super::Cluster;
use crate::harness::services::{Service, Services};
use crate::harness::wait::eventually;

#[tokio::test]
async fn nodes_serve_their_accounts_and_come_and_go() {
    let mut cluster = Cluster::start(Services::shared().await, 2, &["--log", "info"]).await;
    assert_ne!(cluster.node(0).address(), cluster.node(1).address());
    let shop = cluster.create_account("Shop", &["--no-bot"]).await;
    cluster.node(0).client().say(None, "what are your opening hours?").await;
    cluster.node(1).client_with(&shop).say(None, "hello").await;
    let killed = cluster.node(0).pid();
    cluster.node_mut(0).kill().await;
    cluster.node_mut(0).restart().await;
    assert_ne!(cluster.node(0).pid(), killed);
    cluster.node_mut(1).terminate().await;
    let third = cluster.add_node().await;
    cluster.node(third).client().say(None, "where is my order?").await;
    assert!(cluster.command(&["account", "list"]).await.contains("Shop"), "{}", cluster.name());
}

#[tokio::test]
async fn a_cluster_goes_on_when_its_services_are_back() {
    let services = Services::own().await;
    let cluster = Cluster::start(&services, 1, &[]).await;
    for service in Service::ALL {
        services.kill(service).await;
        services.start(service).await;
    }
    let client = cluster.node(0).client();
    eventually("the node is ready again", async || {
        let answer = client.get("/readyz").await;
        (answer.status == 200).then_some(())
    })
    .await;
    client.say(None, "what are your opening hours?").await;
}
