//! The index itself: how it is made, and what it takes.

use parlor::domain::text::MessageText;
use parlor::engine::cluster::search::{Access, Document, Failure, OpenSearch, Settings};
use reqwest::Method;

use super::stage::{Stage, document};
use crate::engines::samples::Thread;
use crate::harness::services::Services;

#[tokio::test]
async fn many_may_make_the_index_at_once_and_again() {
    let stage = Stage::at(&Services::shared().await.search);
    let (one, two, three) = tokio::join!(
        stage.search.ensure_index(),
        stage.search.ensure_index(),
        stage.search.ensure_index(),
    );
    let identity = one.expect("made");
    assert_eq!(two.as_ref(), Ok(&identity));
    assert_eq!(three.as_ref(), Ok(&identity));
    assert_eq!(stage.search.ensure_index().await, Ok(identity));
}

#[tokio::test]
async fn the_index_takes_no_field_by_accident_and_its_replicas_follow_the_settings() {
    let stage = Stage::shared().await;
    let setting = async |name: &str| {
        let index = format!("{}-1", stage.settings.index);
        let found = stage.call(Method::GET, "/_settings?flat_settings=true", "").await;
        found[index]["settings"][format!("index.{name}")].as_str().expect("set").to_owned()
    };
    let odd = stage.call(Method::POST, "/_doc?routing=a", r#"{"odd":1}"#).await;
    assert_eq!(odd["error"]["type"], "strict_dynamic_mapping_exception");
    let unrouted = stage.call(Method::PUT, "/_doc/1", r#"{"account":"a"}"#).await;
    assert_eq!(unrouted["error"]["type"], "routing_missing_exception");
    assert_eq!(setting("refresh_interval").await, "500ms");
    assert_eq!(setting("translog.durability").await, "request");
    assert_eq!(setting("number_of_replicas").await, "0");
    let settings = Settings { replicas: 1, ..stage.settings.clone() };
    OpenSearch::new(settings).expect("fit").ensure_index().await.expect("changed");
    assert_eq!(setting("number_of_replicas").await, "1");
}

#[tokio::test]
async fn an_index_of_somebody_else_is_refused_and_left_as_it_is() {
    let stage = Stage::at(&Services::shared().await.search);
    let theirs = r#"{"mappings":{"properties":{"account":{"type":"long"}}}}"#;
    stage.call(Method::PUT, "", theirs).await;
    let refusal = stage.search.ensure_index().await;
    assert!(matches!(refusal, Err(Failure::Refused(_))), "{refusal:?}");
    let mapping = stage.call(Method::GET, "/_mapping", "").await;
    assert!(!mapping.to_string().contains("conversation"), "{mapping}");
}

#[tokio::test]
async fn the_newest_version_of_a_message_stays_in_whatever_order_they_come() {
    let stage = Stage::shared().await;
    let thread = Thread::new();
    let first = document(&thread, 5, "apples");
    let version = |seq: u64, text: &str| Document {
        seq: parlor::domain::seq::Seq::new(seq),
        text: text.parse().expect("a text"),
        ..first.clone()
    };
    stage.put(first.clone()).await;
    stage.put(version(9, "oranges")).await;
    // Late, twice, and the same version again.
    stage.put(version(7, "pears")).await;
    stage.put(first.clone()).await;
    stage.put(version(9, "plums")).await;
    assert_eq!(stage.found(thread.account, "oranges").await, [thread.id]);
    assert_eq!(stage.found(thread.account, "apples pears plums").await, []);
    // All in one request too.
    let all = vec![version(12, "figs"), version(11, "dates"), version(10, "limes")];
    let indexed = stage.search.index(all).await.expect("indexed");
    assert_eq!((indexed.written, indexed.refused.len()), (1, 0));
    assert_eq!(stage.found(thread.account, "figs").await, [thread.id]);
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn a_document_that_is_refused_takes_no_other_with_it() {
    let stage = Stage::at(&Services::shared().await.search);
    // An index that somebody else made, and that takes no long text.
    let mapping =
        r#"{"mappings":{"properties":{"text":{"type":"keyword"}}},"aliases":{"LIVE":{}}}"#;
    let live = format!("{}-1-live", stage.settings.index);
    stage.call(Method::PUT, "", &mapping.replace("LIVE", &live)).await;
    let thread = Thread::new();
    let long = Document {
        text: MessageText::from_bot("long ".repeat(10_000)),
        ..document(&thread, 2, "to be longer")
    };
    let documents =
        vec![document(&thread, 1, "before"), long.clone(), document(&thread, 3, "after")];
    let indexed = stage.search.index(documents).await.expect("indexed");
    assert_eq!(indexed.written, 2);
    let refused: Vec<_> = indexed.refused.into_iter().map(|(document, _)| document).collect();
    assert_eq!(refused, [long]);
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn more_than_fits_into_a_request_is_indexed_all_the_same() {
    let stage = Stage::shared().await;
    let thread = Thread::new();
    let long = "words and ".repeat(900);
    let documents = (1..=1_200).map(|seq| match seq % 3 {
        0 => document(&thread, seq, &long),
        _ => document(&thread, seq, "short"),
    });
    let indexed = stage.search.index(documents.collect()).await.expect("indexed");
    assert_eq!((indexed.written, stage.count().await), (1_200, 1_200));
}

#[tokio::test]
async fn without_our_index_nothing_is_written_and_none_is_made_by_itself() {
    let stage = Stage::at(&Services::shared().await.search);
    let thread = Thread::new();
    let refusal = stage.search.index(vec![document(&thread, 1, "lost?")]).await;
    assert_eq!(refusal, Err(Failure::NoIndex));
    let found = stage.call(Method::GET, "/_mapping", "").await;
    assert_eq!(found["status"], 404, "{found}");
}

#[tokio::test]
async fn writing_to_an_opensearch_that_is_away_is_given_up() {
    let stage = Stage::at("http://127.0.0.1:9");
    let document = document(&Thread::new(), 1, "x");
    let given_up = stage.search.index(vec![document]).await;
    assert!(matches!(given_up, Err(Failure::Away(_))), "{given_up:?}");
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let settings = |url: &str, index: &str| {
        let (url, index) = (url.to_owned(), index.to_owned());
        OpenSearch::new(Settings { url, access: Access::default(), index, shards: 1, replicas: 0 })
            .err()
    };
    assert!(settings("http://user:word@127.0.0.1:9200/search/", "parlor-messages").is_none());
    for url in ["", "127.0.0.1:9200", "ftp://127.0.0.1", "file:///x", "http://h/?a=b"] {
        assert!(settings(url, "parlor-messages").is_some(), "{url:?}");
    }
    for index in ["", "Upper", "_hidden", "a/b", "a b", "a,b", "*", &"x".repeat(200)] {
        assert!(settings("http://127.0.0.1:9200", index).is_some(), "{index:?}");
    }
    assert!(settings("https://127.0.0.1", "parlor-messages").is_none());
    let fault = settings("ftp://user:secretword@127.0.0.1", "parlor").expect("refused");
    assert!(!fault.to_string().contains("secretword"), "{fault}");
}
