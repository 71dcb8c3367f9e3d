//! *Send a message* (seed 000): who answers, in which language, and what the answer says.

use serde_json::{Value, json};

use super::shapes::{SEND, assert_page, assert_sent, history_of, text, texts};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};

async fn asked(client: &Client, conversation: Option<&str>, question: &str) -> Value {
    assert_sent(client.say(conversation, question).await)
}

/// A site that has one account, made with these flags.
async fn site_with(engine: Engine, flags: &[&str]) -> (Site, Client) {
    let site = Site::with_account(engine, flags).await;
    let client = site.client();
    (site, client)
}

#[apply(both_engines)]
async fn the_answer_has_every_documented_field(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({ "message": "what are your opening hours?" });
    let answer = site.client().post(SEND, &body).await;
    let sent = assert_sent(answer.expect(200));
    assert_eq!(sent["status"], "bot");
    assert_eq!(sent["intent"], "business_hours");
    assert_eq!(sent["language"], "en");
    assert!(text(&sent["reply"], "text").starts_with("We're open 9am-5pm on weekdays."));
    assert!(answer.header("content-type").starts_with("application/json"));
}

#[apply(both_engines)]
async fn the_conversation_id_continues_the_same_conversation(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = asked(&client, None, "what are your opening hours?").await;
    let id = text(&first, "conversation_id");
    let second = asked(&client, Some(id), "where is my order?").await;
    assert_eq!(second["conversation_id"], first["conversation_id"]);
    assert_eq!(second["contact_id"], first["contact_id"]);
    assert_ne!(second["message_id"], first["message_id"]);
    assert_eq!(second["intent"], "order_status");
    let other = asked(&client, None, "where is my order?").await;
    assert_ne!(other["conversation_id"], first["conversation_id"]);
    assert_ne!(other["contact_id"], first["contact_id"]);
    // One id, two spellings.
    let spelled = id.replace("cv_", "conv_");
    let third = asked(&client, Some(&spelled), "thanks").await;
    assert_eq!(third["conversation_id"], first["conversation_id"]);
}

#[apply(both_engines)]
async fn each_intent_has_its_name(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for (question, intent) in [
        ("what are your opening hours?", "business_hours"),
        ("where is my order?", "order_status"),
        ("How much does it cost?", "pricing"),
        ("Tell me about your services", "services"),
        ("How long does shipping take?", "shipping"),
        ("How do I return an item?", "returns"),
        ("How can I pay?", "payment_methods"),
        ("What is your phone number?", "contact_details"),
        ("I want to cancel my order", "cancel_order"),
        ("Hello", "greeting"),
        ("Thank you", "thanks"),
        ("Goodbye", "goodbye"),
    ] {
        let sent = asked(&client, None, question).await;
        assert_eq!(sent["intent"], intent, "{question}");
        assert_eq!(sent["status"], "bot", "{question}");
    }
}

#[apply(both_engines)]
async fn a_question_is_answered_in_its_own_language(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for (question, language, beginning) in [
        ("what are your opening hours?", "en", "We're open 9am-5pm"),
        ("¿Cuál es su horario?", "es", "Abrimos de 9:00 a 17:00"),
        ("Quels sont vos horaires ?", "fr", "Nous sommes ouverts de 9 h à 17 h"),
        ("Was sind Ihre Öffnungszeiten?", "de", "Wir haben montags bis freitags"),
        ("Qual é o horário de funcionamento?", "pt", "Estamos abertos das 9h às 17h"),
        ("आपके खुलने का समय क्या है?", "hi", "हम सोमवार से शुक्रवार"),
    ] {
        let sent = asked(&client, None, question).await;
        assert_eq!(sent["language"], language, "{question}");
        assert_eq!(sent["intent"], "business_hours", "{question}");
        let reply = text(&sent["reply"], "text");
        assert!(reply.starts_with(beginning), "{question} → {reply}");
        let path = history_of(text(&sent, "conversation_id"));
        let page = assert_page(client.get(&path).await.expect(200));
        assert_eq!(page["messages"][0]["language"], language);
        assert_eq!(page["messages"][1]["language"], language);
    }
}

#[apply(both_engines)]
async fn a_text_without_words_keeps_the_conversations_language(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = asked(&client, None, "¿Cuál es su horario?").await;
    let second = asked(&client, Some(text(&first, "conversation_id")), "42").await;
    assert_eq!(second["language"], "es");
}

#[apply(both_engines)]
async fn asking_for_a_human_queues_the_conversation_for_an_agent(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = asked(&client, None, "what are your opening hours?").await;
    let id = text(&first, "conversation_id");
    let escalated = asked(&client, Some(id), "I want to talk to a human").await;
    assert_eq!(escalated["status"], "queued_for_agent");
    // With people the bot is silent, whatever it would know.
    let later = asked(&client, Some(id), "what are your opening hours?").await;
    assert_eq!(later["status"], "queued_for_agent");
    let page = assert_page(client.get(&history_of(id)).await.expect(200));
    let said = texts(&page);
    assert_eq!(said.len(), 4, "three questions and one reply: {said:?}");
    assert_eq!(said[2..], ["I want to talk to a human", "what are your opening hours?"]);
    let other = asked(&client, None, "what are your opening hours?").await;
    assert_eq!(other["status"], "bot", "other conversations keep their bot");
}

#[apply(both_engines)]
async fn a_first_message_that_asks_for_a_human_is_queued_at_once(engine: Engine) {
    let site = Site::start(engine).await;
    let sent = asked(&site.client(), None, "I want to talk to a human").await;
    assert_eq!(sent["status"], "queued_for_agent");
}

#[apply(both_engines)]
async fn without_a_bot_an_agent_is_asked(engine: Engine) {
    let (_site, client) = site_with(engine, &["--no-bot"]).await;
    let first = asked(&client, None, "what are your opening hours?").await;
    assert_eq!(first["status"], "queued_for_agent");
    let again = asked(&client, Some(text(&first, "conversation_id")), "hello?").await;
    assert_eq!(again["status"], "queued_for_agent");
}

#[apply(both_engines)]
async fn without_bot_and_agent_the_message_is_kept_and_nobody_is_available(engine: Engine) {
    let (_site, client) = site_with(engine, &["--no-bot", "--no-agent"]).await;
    let first = asked(&client, None, "what are your opening hours?").await;
    assert_eq!(first["status"], "unavailable");
    let id = text(&first, "conversation_id");
    let second = asked(&client, Some(id), "I want to talk to a human").await;
    assert_eq!(second["status"], "unavailable");
    let page = assert_page(client.get(&history_of(id)).await.expect(200));
    assert_eq!(texts(&page), ["what are your opening hours?", "I want to talk to a human"]);
}

#[apply(both_engines)]
async fn without_an_agent_the_bot_says_what_it_can(engine: Engine) {
    let (_site, client) = site_with(engine, &["--no-agent"]).await;
    let sent = asked(&client, None, "I want to talk to a human").await;
    assert_eq!(sent["status"], "bot");
    assert_eq!(sent["intent"], Value::Null);
    assert!(text(&sent["reply"], "text").contains("nobody is available right now"));
}

#[apply(both_engines)]
async fn what_the_demo_does_not_know_it_says_and_offers_what_it_does(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = asked(&client, None, "write me a poem").await;
    assert_eq!(sent["status"], "bot", "an agent is there, and is not called");
    assert_eq!(sent["intent"], Value::Null);
    let id = text(&sent, "conversation_id");
    let path = format!("/live/v1/conversations/{id}/events");
    let feed = client.get(&path).await.expect(200);
    let frames = feed["events"].as_array().expect("frames");
    let reply = frames.iter().find(|frame| frame["type"] == "message.outbound").expect("a reply");
    let offered = reply["data"]["buttons"].as_array().expect("choices").clone();
    assert!(offered.len() > 2, "{offered:?}");
    for choice in offered {
        let sent = asked(&client, Some(id), choice.as_str().expect("a label")).await;
        assert!(sent["intent"].is_string(), "{choice} leads to an answer: {sent}");
    }
    let person = asked(&client, Some(id), "I want to talk to a human").await;
    assert_eq!(person["status"], "queued_for_agent");
}

#[apply(both_engines)]
async fn what_was_said_is_kept_as_written(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let written = "  <b>Grüße</b> & \"quotes\" \\ 👩‍👩‍👧 \u{200f}שלום \u{0}\u{7f}\r\n\ttabs  ";
    let sent = asked(&client, None, written).await;
    let path = history_of(text(&sent, "conversation_id"));
    let page = assert_page(client.get(&path).await.expect(200));
    assert_eq!(texts(&page)[0], written);
}
