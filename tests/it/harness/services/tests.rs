//! The harness holds what it promises about services.

use tokio::net::TcpStream;

use super::{Service, Services};
use crate::harness::wait::eventually;

async fn is_open(address: &str) -> bool {
    TcpStream::connect(address.trim_start_matches("http://")).await.is_ok()
}

#[tokio::test]
async fn a_broken_service_comes_back_where_it_was_and_ends_with_its_owner() {
    let services = Services::own_of(&[Service::Kafka]).await;
    let kafka = services.kafka.clone();
    assert!(services.cql.is_empty() && services.search.is_empty(), "only one was asked for");
    services.kill(Service::Kafka).await;
    assert!(!is_open(&kafka).await);
    services.start(Service::Kafka).await;
    services.pause(Service::Kafka).await;
    services.cont(Service::Kafka).await;
    services.stop(Service::Kafka).await;
    assert!(!is_open(&kafka).await);
    services.start(Service::Kafka).await;
    assert!(is_open(&kafka).await);
    drop(services);
    let ended = async || (!is_open(&kafka).await).then_some(());
    eventually("the services have ended", ended).await;
}

#[tokio::test]
async fn everybody_is_given_the_same_services() {
    let services = Services::shared().await;
    for address in [&services.kafka, &services.cql, &services.search] {
        assert!(is_open(address).await, "{address}");
    }
    assert_eq!(Services::shared().await.kafka, services.kafka);
}
