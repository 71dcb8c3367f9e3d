//! What people and their programs really write: halves of characters, marks that nobody sees, and the
//! keys of every keyboard.

use serde_json::{Value, json};

use super::Callers;
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::socket::Socket;

/// What clients that read line by line take for the end of one, though JSON may hold it.
const ENDS_OF_LINES: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// A bot that says what it was told.
fn echo() -> Value {
    json!({
        "kind": "flow", "name": "Echo", "start": "say",
        "steps": {
            "say": { "type": "say", "text": "{{system.message}}", "next": "end" },
            "end": { "type": "end", "resolve": true },
        }
    })
}

fn flow(step: &Value) -> Value {
    json!({
        "kind": "flow", "name": "Desk", "start": "ask",
        "steps": {
            "ask": step,
            "done": { "type": "end", "text": "It is {{conversation.it|nothing}}." },
        }
    })
}

/// What the second message of a conversation comes to: the first begins the flow.
async fn answered(client: &Client, answer: &str) -> String {
    let begun = client.say(None, "hello").await;
    let id = begun["conversation_id"].as_str().expect("an id").to_owned();
    let reply = client.say(Some(&id), answer).await;
    reply["reply"]["text"].as_str().unwrap_or_else(|| panic!("no reply: {reply}")).to_owned()
}

async fn assert_answers(engine: Engine, step: &Value, answers: &[(&str, &str)]) {
    let site = Site::with_bot(engine, &flow(step)).await;
    let client = site.client();
    for (answer, expected) in answers {
        assert_eq!(answered(&client, answer).await, format!("It is {expected}."), "{answer:?}");
    }
}

async fn posted(client: &Client, path: &str, body: &str) -> Answer {
    client.raw("POST", path, "application/json", body).await
}

#[apply(both_engines)]
async fn half_a_character_and_a_byte_order_mark_are_taken_on_every_surface(engine: Engine) {
    let site = Site::start(engine).await;
    let callers = Callers::of(&site);
    let half = r"What are your opening hours? \ud83d";
    let whole = "What are your opening hours? \u{fffd}";
    let body = format!("\u{feff}{{\"message\":\"{half}\"}}");
    let sent = posted(&callers.aerochat, "/bot/v1/conversations/messages", &body).await.expect(200);
    let id = sent["conversation_id"].as_str().expect("an id");

    let live = format!("/live/v1/conversations/{id}/messages");
    posted(&callers.aerochat, &live, &format!("\u{feff}{{\"text\":\"{half}\"}}")).await.expect(201);

    let path = format!("/api/v1/conversation/{id}/messages");
    let body = format!(
        "\u{feff}{{\"message\":{{\"data\":{{\"body\":\"{half}\"}},\"type\":\"text\"}},\
         \"user\":{{\"type\":\"VISITOR\"}}}}"
    );
    posted(&callers.chataibot, &path, &body).await.expect(200);

    let token = callers.token(id).await;
    let path = format!("/api/v1/chat/conversations/{token}/messages");
    let body = format!("\u{feff}{{\"message\":\"{half}\"}}");
    posted(&callers.widget, &path, &body).await.expect(201);

    let body = format!("\u{feff}{{\"title\":\"{half}\"}}");
    let made = posted(&callers.aloochat, "/api/v1/chat/conversations", &body).await.expect(201);
    assert_eq!(made["title"], whole);

    let headers = [("X-AeroChat-API-Key", site.key())];
    let mut socket = Socket::open(site.address(), "", &headers).await.expect("opened");
    let command = format!(
        "\u{feff}{{\"type\":\"send\",\"ref\":1,\"conversation_id\":\"{id}\",\"text\":\"{half}\"}}"
    );
    socket.send_raw(tokio_tungstenite::tungstenite::Message::text(command)).await;
    let answer = socket.next().await;
    assert_eq!(answer["type"], "ok", "{answer}");

    let kept = callers.read(super::Surface::Aerochat, id).await;
    let inbound = kept.iter().filter(|(_, text)| text == whole).count();
    assert_eq!(inbound, 5, "kept as it was meant: {kept:?}");
}

#[apply(both_engines)]
async fn no_line_of_a_stream_is_cut_by_what_it_says(engine: Engine) {
    let site = Site::with_bot(engine, &echo()).await;
    let callers = Callers::of(&site);
    let said = "one\u{2028}two\u{2029}three\u{85}four";
    let (id, reader) = site.conversation().await;
    let live = format!("/live/v1/conversations/{id}/messages");
    let headers = [("X-AeroChat-API-Key", site.key())];
    let mut socket = Socket::open(site.address(), "", &headers).await.expect("opened");
    let subscribe = json!({ "type": "subscribe", "conversation_id": id, "after": "0" });
    assert_eq!(socket.ask(subscribe).await.0["type"], "ok");

    let streams = [
        (&reader, live.as_str(), json!({ "text": said })),
        (&callers.aerochat, "/bot/v1/conversations/messages", json!({ "message": said })),
    ];
    for (caller, path, body) in streams {
        let request = caller.request(reqwest::Method::POST, path).json(&body);
        let request = request.header("Accept", "text/event-stream");
        let stream = caller.try_send(request).await.expect("an answer").text;
        assert!(!stream.contains(ENDS_OF_LINES), "{path}: {stream:?}");
        let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        let data: Vec<Value> = data.map(|data| serde_json::from_str(data).expect("JSON")).collect();
        let last = data.last().expect("an end");
        let text = last.pointer("/data/text").or(last.pointer("/reply/text")).expect("a text");
        assert_eq!(text, said, "{path}");
    }
    let form = reqwest::multipart::Form::new()
        .text("agent_key", site.credential("aloochat_agent_key").to_owned())
        .text("query", said.to_owned());
    let request = callers.aloochat.request(reqwest::Method::POST, "/api/v1/chat/agent/stream");
    let stream = callers.aloochat.try_send(request.multipart(form)).await.expect("an answer").text;
    assert!(!stream.contains(ENDS_OF_LINES) && stream.contains(r"\u2028"), "{stream:?}");

    let frames = socket.raw_until("message.outbound").await;
    assert!(frames.iter().all(|frame| !frame.contains(ENDS_OF_LINES)), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.contains(r"two\u2029three\u0085four")), "{frames:?}");
}

#[apply(both_engines)]
async fn a_message_that_nobody_can_see_is_blank_on_every_surface(engine: Engine) {
    let site = Site::start(engine).await;
    let callers = Callers::of(&site);
    let begun = callers.aerochat.say(None, "Hello").await;
    let id = begun["conversation_id"].as_str().expect("an id");
    let token = callers.token(id).await;
    for blank in ["\u{200b}", "\u{feff} \u{2060}", "\u{202e}\u{202c}\n", "\u{3164}", "\u{fe0f}"] {
        for (caller, path, body, status) in [
            (
                &callers.aerochat,
                "/bot/v1/conversations/messages".to_owned(),
                json!({ "message": blank }),
                400,
            ),
            (
                &callers.aerochat,
                format!("/live/v1/conversations/{id}/messages"),
                json!({ "text": blank }),
                400,
            ),
            (
                &callers.widget,
                format!("/api/v1/chat/conversations/{token}/messages"),
                json!({ "message": blank }),
                422,
            ),
            (
                &callers.chataibot,
                format!("/api/v1/conversation/{id}/messages"),
                json!({ "message": { "data": { "body": blank }, "type": "text" },
                    "user": { "type": "VISITOR" } }),
                400,
            ),
        ] {
            let answer = caller.post(&path, &body).await;
            assert_eq!(answer.status, status, "{blank:?} on {path}: {}", answer.text);
        }
        let form = reqwest::multipart::Form::new()
            .text("agent_key", site.credential("aloochat_agent_key").to_owned())
            .text("query", blank);
        let path = "/api/v1/chat/agent/chat";
        let request = callers.aloochat.request(reqwest::Method::POST, path).multipart(form);
        let answer = callers.aloochat.try_send(request).await.expect("an answer");
        assert_eq!(answer.status, 400, "{blank:?} on {path}: {}", answer.text);
    }
}

#[apply(both_engines)]
async fn a_label_is_chosen_by_what_it_looks_like(engine: Engine) {
    let step = json!({
        "type": "buttons", "text": "What can I do?", "variable": "conversation.it",
        "options": [
            { "label": "I'm looking for my order", "value": "order", "next": "done" },
            { "label": "Café – opening hours", "value": "hours", "next": "done" },
        ]
    });
    let answers = [
        ("I’m looking for my order", "order"),
        ("ｉ`m  ＬＯＯＫＩＮＧ for my\u{a0}order\u{200e}", "order"),
        ("CAFE\u{301} - opening\u{200b} hours", "hours"),
        ("\u{202b}café — opening hours\u{202c}\u{fe0f}", "hours"),
    ];
    assert_answers(engine, &step, &answers).await;
}

fn asking(validation: &str) -> Value {
    json!({
        "type": "ask", "text": "Which?", "variable": "conversation.it",
        "validation": { "type": validation }, "retry": "It is not one.", "next": "done",
    })
}

#[apply(both_engines)]
async fn a_number_is_what_was_meant_and_the_same_in_a_branch(engine: Engine) {
    let answers = [
        ("1,000", "1000"),
        ("1 000 000", "1000000"),
        ("1.234,56", "1234.56"),
        ("٤٢", "42"),
        ("४२.५", "42.5"),
        ("−5", "-5"),
        ("10,00,00", "not one"),
    ];
    assert_answers(engine, &asking("number"), &answers).await;
    let branching = json!({
        "kind": "flow", "name": "Desk", "start": "ask",
        "steps": {
            "ask": { "type": "ask", "text": "How many?", "variable": "conversation.it",
                "validation": { "type": "number", "max": 999 }, "retry": "Too many.",
                "next": "many" },
            "many": { "type": "branch", "conditions": [{ "variable": "conversation.it",
                "is": "greater", "value": "99", "next": "yes" }], "else": "no" },
            "yes": { "type": "end", "text": "Many." },
            "no": { "type": "end", "text": "Few." },
        }
    });
    let site = Site::with_bot(engine, &branching).await;
    for (answer, said) in [("1,000", "Too many."), ("１００", "Many."), ("9,5", "Few.")] {
        assert_eq!(answered(&site.client(), answer).await, said, "{answer}");
    }
}

#[apply(both_engines)]
async fn a_date_is_read_in_the_forms_that_people_use(engine: Engine) {
    let answers = [
        ("24/12/2026", "2026-12-24"),
        ("24-12-2026", "2026-12-24"),
        ("2026/12/24", "2026-12-24"),
        ("24. 12. 2026", "2026-12-24"),
        ("24 December 2026", "2026-12-24"),
        ("03/04/2026", "not one"),
    ];
    assert_answers(engine, &asking("date"), &answers).await;
}

#[apply(both_engines)]
async fn a_phone_number_is_the_same_however_it_is_typed(engine: Engine) {
    let answers = [
        ("\u{202a}+44\u{a0}20\u{2011}7946\u{2212}0958\u{202c}", "+442079460958"),
        ("(+44) 20 7946 0958", "+442079460958"),
        ("tel:+44-20-7946-0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨", "+442079460958"),
        ("+44", "not one"),
    ];
    assert_answers(engine, &asking("phone"), &answers).await;
}
