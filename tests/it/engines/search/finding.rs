//! What is found, by whom, and in which order.

use std::collections::BTreeSet;

use parlor::domain::ids::AccountId;
use parlor::engine::cluster::search::Document;
use parlor::engine::{Error, SEARCH_TRAILS, Search};

use super::stage::{Stage, document};
use crate::engines::samples::Thread;
use crate::harness::wait::eventually;

#[tokio::test]
async fn a_message_is_found_by_its_account_and_by_no_other() {
    let stage = Stage::shared().await;
    let ours = Thread::new();
    // Another account with the very same ids: neither takes the other's place.
    let theirs = Thread { account: Thread::new().account, ..ours.clone() };
    let our_document = document(&ours, 1, "our secret plan");
    let their_document = Document {
        account: theirs.account,
        text: "their plan".parse().expect("a text"),
        ..our_document.clone()
    };
    stage.put(our_document).await;
    stage.put(their_document).await;
    assert_eq!(stage.found(ours.account, "secret").await, [ours.id]);
    assert_eq!(stage.found(theirs.account, "secret").await, []);
    assert_eq!(stage.found(theirs.account, "plan").await, [theirs.id]);
    assert_eq!(stage.found(Thread::new().account, "plan").await, []);
}

#[tokio::test]
async fn what_was_indexed_is_found_within_the_promised_time_without_any_refresh() {
    let stage = Stage::shared().await;
    let thread = Thread::new();
    stage.put(document(&thread, 1, "pricing")).await;
    let asked = tokio::time::Instant::now();
    let found = || async {
        let found = stage.search.conversations(thread.account, "pricing", 10).await;
        (found.expect("searched") == [thread.id]).then_some(())
    };
    eventually("the message is found", found).await;
    // Twice, for a busy machine.
    assert!(asked.elapsed() < 2 * SEARCH_TRAILS, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn conversations_come_best_first_each_once_and_no_more_than_asked_for() {
    let stage = Stage::shared().await;
    let best = Thread::new();
    let of_account = || Thread { account: best.account, ..Thread::new() };
    let (good, unrelated) = (of_account(), of_account());
    let said = [
        (&good, "what are the features of the thing that you sell in your shop over there"),
        (&best, "pricing and features"),
        (&best, "pricing features, please"),
        (&unrelated, "good morning"),
    ];
    for (seq, (thread, text)) in (1..).zip(said) {
        stage.put(document(thread, seq, text)).await;
    }
    assert_eq!(stage.found(best.account, "pricing features").await, [best.id, good.id]);
    let one = stage.search.conversations(best.account, "pricing features", 1).await;
    assert_eq!(one.expect("searched"), [best.id]);
    let none = stage.search.conversations(best.account, "pricing features", 0).await;
    assert_eq!(none.expect("searched"), []);
}

#[tokio::test]
async fn the_newer_conversation_comes_first_among_equals() {
    let stage = Stage::shared().await;
    let older = Thread::new();
    let newer = Thread { account: older.account, ..Thread::new() };
    stage.put(document(&newer, 9, "refund")).await;
    stage.put(document(&older, 3, "refund")).await;
    assert_eq!(stage.found(older.account, "refund").await, [newer.id, older.id]);
}

/// Texts that mean something to some query language, or to JSON, URLs and regular expressions.
const SYNTAX: [&str; 18] = [
    "*",
    "*:*",
    "account:*",
    "text:hidden OR account:*",
    "+hidden -public",
    "hid*",
    "hidde?",
    "hiden~2",
    "/hid.*/",
    "(",
    "\"",
    "\\",
    "{\"match_all\":{}}",
    "\"}},{\"match_all\":{}},{\"match\":{\"text\":{\"query\":\"",
    "../_all/_search?q=*",
    "{{hidden.text}} ${hidden}",
    "\u{0}\u{1}\u{feff}",
    "\r\n{\"query\":{\"match_all\":{}}}\n",
];

#[tokio::test]
async fn nothing_in_a_query_is_syntax() {
    let stage = Stage::shared().await;
    let (ours, theirs) = (Thread::new(), Thread::new());
    stage.put(document(&theirs, 1, "hidden")).await;
    stage.put(document(&ours, 2, "good morning")).await;
    for query in SYNTAX {
        assert_eq!(stage.found(ours.account, query).await, [], "{query:?}");
    }
    // The same texts as what they are: words.
    let spoken: Vec<_> = SYNTAX.iter().filter(|text| text.contains("hidden")).collect();
    for (seq, text) in (3..).zip(&spoken) {
        let thread = Thread { account: ours.account, ..Thread::new() };
        stage.put(document(&thread, seq, text)).await;
        let found = stage.found(ours.account, text).await;
        assert!(found.contains(&thread.id), "{text:?} is found as it was written");
    }
    assert_eq!(stage.found(ours.account, "hidden").await.len(), spoken.len());
}

#[tokio::test]
async fn a_query_of_any_length_is_answered() {
    let stage = Stage::shared().await;
    let thread = Thread::new();
    stage.put(document(&thread, 1, "word0 and nothing else")).await;
    assert_eq!(stage.found(thread.account, "").await, []);
    assert_eq!(stage.found(thread.account, " \n").await, []);
    let words: Vec<_> = (0..100_000).map(|n| format!("word{n}")).collect();
    stage.found(thread.account, &words.join(" ")).await;
    stage.found(thread.account, &"字".repeat(100_000)).await;
    stage.found(thread.account, &"x".repeat(1 << 20)).await;
    assert_eq!(
        stage.found(thread.account, &format!("{} word1", "word0 ".repeat(400))).await,
        [thread.id]
    );
}

#[tokio::test]
async fn many_accounts_in_one_index_stay_apart() {
    let stage = Stage::shared().await;
    let threads: Vec<_> = (0..40).map(|_| Thread::new()).collect();
    let documents =
        (1..).zip(&threads).map(|(seq, thread)| document(thread, seq, "the same words"));
    stage.search.index(documents.collect()).await.expect("indexed");
    for thread in &threads {
        assert_eq!(stage.found(thread.account, "same words").await, [thread.id]);
    }
    let accounts: BTreeSet<AccountId> = threads.iter().map(|thread| thread.account).collect();
    assert_eq!(accounts.len(), threads.len());
}

#[tokio::test]
async fn a_search_that_cannot_be_answered_is_an_error_and_not_an_empty_answer() {
    let away = Stage::at("http://127.0.0.1:9");
    let account = Thread::new().account;
    let answer = away.search.conversations(account, "x", 10).await;
    assert!(matches!(answer, Err(Error::Storage(_))), "{answer:?}");
    assert!(!away.search.health().await);
    let shared = Stage::shared().await;
    assert!(shared.search.health().await);
    let without_index = Stage::at(&shared.settings.url);
    let answer = without_index.search.conversations(account, "x", 10).await;
    assert!(matches!(answer, Err(Error::Storage(_))), "{answer:?}");
    assert!(!without_index.search.health().await);
}
