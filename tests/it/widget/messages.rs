//! *Get Messages*: all of them, or those after a time.

use serde_json::json;

use super::Site;
use super::stage::{assert_refused, bodies, create, list, messages, messages_of, page};
use crate::harness::wait::eventually;

async fn with_three_turns(site: &mut Site) -> crate::harness::Client {
    // Waiting for the bot is asking again and again.
    let settings = r#"{"limits":{"widget_read":100000}}"#;
    site.set(settings).await;
    let page = page(site);
    create(&page, "v-1", "what are your opening hours?").await.expect(201);
    for (number, question) in (2..).zip(["where is my order?", "How can I pay?"]) {
        let sent = page.post(&messages_of("v-1"), &json!({ "message": question })).await;
        assert_eq!(sent.expect(201), json!({ "status": "ok" }));
        eventually("the bot has answered", async || {
            (messages(&page, "v-1").await.len() == 2 * number).then_some(())
        })
        .await;
    }
    page
}

#[tokio::test]
async fn they_come_oldest_first_in_the_documented_shape() {
    let mut site = Site::start().await;
    let page = with_three_turns(&mut site).await;
    let listed = messages(&page, "v-1").await;
    for message in &listed {
        let fields: Vec<_> = message.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["direction", "body", "timestamp", "author"]);
    }
    let times: Vec<_> =
        listed.iter().map(|one| one["timestamp"].as_str().expect("a time")).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "no two share a time: {times:?}");
}

#[tokio::test]
async fn since_the_time_of_a_message_is_what_came_after_that_very_message() {
    let mut site = Site::start().await;
    let page = with_three_turns(&mut site).await;
    let all = messages(&page, "v-1").await;
    for (place, message) in all.iter().enumerate() {
        let time = message["timestamp"].as_str().expect("a time");
        let later = list(&page, &format!("{}?since={time}", messages_of("v-1"))).await;
        assert_eq!(bodies(&later), bodies(&all[place + 1..]), "after {place}");
    }
}

#[tokio::test]
async fn since_any_other_time_is_what_is_later() {
    let mut site = Site::start().await;
    let page = with_three_turns(&mut site).await;
    let all = messages(&page, "v-1").await;
    let since =
        async |time: &str| list(&page, &format!("{}?since={time}", messages_of("v-1"))).await;
    for early in ["2025-01-15T10:30:00Z", "2025-01-15T10:30:00+05:30", "2025-01-15T10:30:00"] {
        assert_eq!(bodies(&since(early).await), bodies(&all), "{early}");
    }
    assert!(since("2125-01-15T10:30:00Z").await.is_empty());
    // To the millisecond, as scripts write it: nothing of that millisecond is lost.
    let of_third =
        &all[2]["timestamp"].as_str().expect("a time")[.."2026-11-21T10:00:00.123".len()];
    let later = since(&format!("{of_third}Z")).await;
    let expected: Vec<_> = all
        .iter()
        .filter(|one| one["timestamp"].as_str().expect("a time") >= of_third)
        .cloned()
        .collect();
    assert_eq!(bodies(&later), bodies(&expected));
}

#[tokio::test]
async fn a_time_that_is_none_and_a_visitor_nobody_knows_are_refused() {
    let site = Site::start().await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let answer = page.get(&format!("{}?since=yesterday", messages_of("v-1"))).await;
    assert_refused(&answer, 422, "Since must be an ISO 8601 datetime");
    assert_refused(&page.get(&messages_of("v-2")).await, 404, "Conversation not found");
}
