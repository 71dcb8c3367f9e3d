//! Making the tables, and what is said when they are not there.

use parlor::engine::cluster::cql::{Cql, SPECIAL, Settings, migrate};
use parlor::engine::{Error, Result};

use super::stage::{fresh_name, settings, shared};
use crate::harness::services::Services;

/// Why a store is not opened.
async fn refusal(settings: &Settings) -> String {
    match Cql::open(settings).await {
        Ok(_) => panic!("{settings:?} is opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_migrate_at_once_make_one_set_of_tables() {
    let settings = settings(&Services::shared().await.cql, &fresh_name());
    let both: (Result<()>, Result<()>) = tokio::join!(migrate(&settings), migrate(&settings));
    both.0.expect("the one migrates");
    both.1.expect("the other migrates");
    let cql = Cql::open(&settings).await.expect("every table is there");
    assert!(cql.is_reachable() && cql.ping().await);
    migrate(&settings).await.expect("once more changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyspace_that_is_missing_is_named_with_what_makes_it() {
    let mut settings = shared().await;
    settings.keyspace = fresh_name();
    let name = &settings.keyspace;
    assert_eq!(
        refusal(&settings).await,
        format!("storage: there is no keyspace {name} in the CQL store: run `parlor migrate`")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_missing_is_named_with_what_makes_it() {
    let settings = settings(&Services::shared().await.cql, &fresh_name());
    let name = &settings.keyspace;
    execute(
        &settings,
        &[
            format!(
                "CREATE KEYSPACE {name} WITH replication = \
                 {{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}}"
            ),
            format!("CREATE TABLE {name}.{} (id int PRIMARY KEY)", SPECIAL[0].0),
        ],
    )
    .await;
    let expected = format!(
        "storage: there is no table {name}.{} in the CQL store: run `parlor migrate`",
        SPECIAL[1].0
    );
    assert_eq!(refusal(&settings).await, expected);
    migrate(&settings).await.expect("what is missing is made");
    let error = refusal(&settings).await;
    let expected = format!("storage: the tables of keyspace {name} are not this version's: ");
    assert!(error.starts_with(&expected), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_replicas_than_asked_for_are_refused() {
    let mut settings = shared().await;
    settings.replication = 3;
    let name = &settings.keyspace;
    assert_eq!(
        refusal(&settings).await,
        format!(
            "storage: keyspace {name} keeps 1 of each row, and --replication asks for 3: \
             alter the keyspace, or ask for fewer"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_is_named() {
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = free.local_addr().expect("an address").to_string();
    drop(free);
    let error = Cql::open(&settings(&host, "parlor")).await.err().expect("refused");
    assert!(matches!(error, Error::ReadOnly(_)), "{error}");
    let expected = format!("the log takes no writes: the CQL store is unreachable: {host}: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_name_is_no_keyspace() {
    let mut settings = shared().await;
    settings.keyspace = "parlor; DROP".to_owned();
    let expected = "storage: \"parlor; DROP\" is no name for a keyspace";
    let error = migrate(&settings).await.expect_err("refused").to_string();
    assert!(error.starts_with(expected), "{error}");
    let error = refusal(&settings).await;
    assert!(error.starts_with(expected), "{error}");
}

/// Executes statements that Parlor has not.
async fn execute(settings: &Settings, statements: &[String]) {
    let session = scylla::client::session_builder::SessionBuilder::new()
        .known_nodes(&settings.hosts)
        .build()
        .await
        .expect("connected");
    for statement in statements {
        session.query_unpaged(statement.as_str(), ()).await.expect("executed");
    }
}
