//! *Get Messages*: all of them, or those after a time.

use serde_json::json;

use super::stage::{assert_refused, bodies, create, list, messages, messages_of, page};
use crate::harness::site::{Engine, Site, apply, both_engines};
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

#[apply(both_engines)]
async fn they_come_oldest_first_in_the_documented_shape(engine: Engine) {
    let mut site = Site::start(engine).await;
    let page = with_three_turns(&mut site).await;
    let listed = messages(&page, "v-1").await;
    for message in &listed {
        let fields: Vec<_> = message.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["direction", "body", "timestamp", "author"]);
    }
    let times: Vec<_> =
        listed.iter().map(|one| one["timestamp"].as_str().expect("a time")).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "no two share a time: {times:?}");
    for time in times {
        assert_eq!(time.len(), "2025-01-15T10:30:00.000Z".len(), "to the millisecond: {time}");
        assert!(time.ends_with('Z'), "{time}");
    }
}

#[apply(both_engines)]
async fn since_the_time_of_a_message_is_what_came_after_that_very_message(engine: Engine) {
    let mut site = Site::start(engine).await;
    let page = with_three_turns(&mut site).await;
    let all = messages(&page, "v-1").await;
    for (place, message) in all.iter().enumerate() {
        let time = message["timestamp"].as_str().expect("a time");
        let later = list(&page, &format!("{}?since={time}", messages_of("v-1"))).await;
        assert_eq!(bodies(&later), bodies(&all[place + 1..]), "after {place}");
    }
}

#[apply(both_engines)]
async fn since_any_other_time_is_what_is_later(engine: Engine) {
    let mut site = Site::start(engine).await;
    let page = with_three_turns(&mut site).await;
    let all = messages(&page, "v-1").await;
    let since =
        async |time: &str| list(&page, &format!("{}?since={time}", messages_of("v-1"))).await;
    for early in ["2025-01-15T10:30:00Z", "2025-01-15T10:30:00+05:30", "2025-01-15T10:30:00"] {
        assert_eq!(bodies(&since(early).await), bodies(&all), "{early}");
    }
    assert!(since("2125-01-15T10:30:00Z").await.is_empty());
    // One between two messages, to the second.
    let of_third = &all[2]["timestamp"].as_str().expect("a time")[.."2026-11-21T10:00:00".len()];
    let later = since(&format!("{of_third}Z")).await;
    let is_later = |one: &&serde_json::Value| {
        one["timestamp"].as_str().expect("a time") > format!("{of_third}.000Z").as_str()
    };
    let expected: Vec<_> = all.iter().filter(is_later).cloned().collect();
    assert_eq!(bodies(&later), bodies(&expected));
}

#[apply(both_engines)]
async fn a_time_of_the_former_form_still_names_its_message(engine: Engine) {
    let mut site = Site::start(engine).await;
    let page = with_three_turns(&mut site).await;
    let all = messages(&page, "v-1").await;
    let first = all[0]["timestamp"].as_str().expect("a time").trim_end_matches('Z');
    let path = format!("{}?since={first}000001Z", messages_of("v-1"));
    assert_eq!(bodies(&list(&page, &path).await), bodies(&all[1..]));
}

/// Many at once share their milliseconds; on a cluster they come over nodes whose clocks differ.
#[apply(both_engines)]
async fn who_asks_again_and_again_is_told_everything_once(engine: Engine) {
    const MESSAGES: usize = 130;
    let mut site = Site::start(engine).await;
    site.set(r#"{"limits":{"widget_read":100000,"widget_send":100000}}"#).await;
    let page = page(&site);
    // People have it, so that no answer is waited for.
    create(&page, "v-1", "I want to talk to a human").await.expect(201);
    let told = async || {
        let (mut told, mut since) = (Vec::new(), "2025-01-15T10:30:00.000Z".to_owned());
        while told.iter().filter(|body: &&String| body.starts_with("frob")).count() < MESSAGES {
            let path = format!("{}?since={since}", messages_of("v-1"));
            for message in list(&page, &path).await {
                message["timestamp"].as_str().expect("a time").clone_into(&mut since);
                told.push(message["body"].as_str().expect("a body").to_owned());
            }
        }
        told
    };
    let sent = async {
        let path = messages_of("v-1");
        let bodies: Vec<_> =
            (0..MESSAGES).map(|n| json!({ "message": format!("frob {n}") })).collect();
        for ten in bodies.chunks(10) {
            let sent =
                futures_util::future::join_all(ten.iter().map(|body| page.post(&path, body)));
            sent.await.iter().for_each(|answer| drop(answer.expect(201)));
        }
    };
    let (told, ()) = tokio::join!(crate::harness::wait::within("all are told", told()), sent);
    let mut asked: Vec<_> = told.iter().filter(|body| body.starts_with("frob")).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), MESSAGES, "each was told");
    let all = messages(&page, "v-1").await;
    assert_eq!(bodies(&all[..told.len()]), told, "in order, and none twice");
    let times: Vec<_> = all.iter().map(|one| one["timestamp"].as_str().expect("a time")).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "no two share a time: {times:?}");
}

#[apply(both_engines)]
async fn a_time_that_is_none_and_a_visitor_nobody_knows_are_refused(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let answer = page.get(&format!("{}?since=yesterday", messages_of("v-1"))).await;
    assert_refused(&answer, 422, "Since must be an ISO 8601 datetime");
    assert_refused(&page.get(&messages_of("v-2")).await, 404, "Conversation not found");
}
