//! Every event once and every character of a reply once, in order, from any cursor: readers of
//! random conversations, cut off anywhere and joining at any moment, against a client that checks
//! each frame.

mod client;
mod world;

use proptest::prelude::*;

use super::*;
use crate::domain::conversation::tests::story::{Story, message};
use crate::live::cursor::Cursor;
use client::Client;
use world::{Action, CLIENTS, NOW, World, action, text};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Lets it all happen, and then lets every client catch up.
fn play(actions: &[Action], clients: &mut [Client]) -> World {
    let mut world = World::new();
    for action in actions {
        world.act(action, clients);
    }
    world.tell();
    clients.iter_mut().for_each(|client| client.drain(&world));
    world
}

fn cursor() -> impl Strategy<Value = Cursor> {
    let seq = prop_oneof![0..60u64, any::<u64>(), Just(u64::MAX)];
    let tag = prop_oneof![(1..6u64).prop_map(|turn| tag(message(turn).reply())), any::<u64>()];
    let chars = prop_oneof![0..30u64, any::<u64>(), Just(u64::MAX)];
    let seen = (chars, any::<u64>()).prop_map(|(chars, hash)| Prefix { chars, hash });
    let reply = proptest::option::of((tag, seen).prop_map(|(tag, seen)| InReply { tag, seen }));
    (seq, reply).prop_map(|(seq, reply)| Cursor { seq: Seq::new(seq), reply })
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn every_event_and_every_character_comes_once_and_in_order(
        actions in prop::collection::vec(action(), 1..120),
    ) {
        let mut clients: Vec<_> = (0..CLIENTS)
            .map(|client| Client::new((client == 0).then_some(Cursor::START), true))
            .collect();
        let world = play(&actions, &mut clients);
        for client in &clients {
            let first = client.first.expect("it has connected");
            let all = world.log.iter().map(|entry| entry.seq).filter(|seq| *seq > first);
            prop_assert_eq!(&client.events, &all.collect::<Vec<_>>());
            let Some((reply, shown)) = world.under_way() else { continue };
            let text = client.texts.get(&reply.to_string());
            prop_assert!(text.is_some(), "a reply under way is shown to all");
            // A new attempt is shown once it is as long as what was seen of the former.
            if let Some(text) = text.filter(|text| text.chars().count() <= shown.chars().count()) {
                prop_assert_eq!(text, &shown);
            }
        }
    }

    #[test]
    fn no_cursor_is_too_strange_to_follow_from(
        actions in prop::collection::vec(action(), 1..60),
        cursors in prop::collection::vec(cursor(), CLIENTS),
    ) {
        let mut clients: Vec<_> =
            cursors.into_iter().map(|cursor| Client::new(Some(cursor), false)).collect();
        let world = play(&actions, &mut clients);
        for client in &clients {
            let first = client.first.expect("it has connected");
            let all = world.log.iter().map(|entry| entry.seq).filter(|seq| *seq > first);
            prop_assert_eq!(&client.events, &all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_new_attempt_with_the_same_text_goes_on_at_the_very_character(
        whole in text(), cut in 0..24usize, sizes in prop::collection::vec(1..9usize, 1..30),
    ) {
        let (head, tail) = split(&whole, cut);
        let frames = resumed(&head, &whole, &sizes);
        prop_assert!(!frames.iter().any(|frame| frame.content.kind.name() == "reply.restarted"));
        prop_assert_eq!(chunks(&frames), tail);
    }

    #[test]
    fn a_new_attempt_with_another_text_restarts_once_and_comes_whole(
        seen in text(), whole in text(), sizes in prop::collection::vec(1..9usize, 1..30),
    ) {
        prop_assume!(!whole.starts_with(&seen));
        let frames = resumed(&seen, &whole, &sizes);
        let restarts = frames.iter().filter(|frame| frame.content.kind.name() == "reply.restarted");
        prop_assert_eq!(restarts.count(), 1);
        prop_assert_eq!(frames[0].content.kind.name(), "reply.restarted");
        prop_assert_eq!(chunks(&frames), whole);
    }

    #[test]
    fn who_resumes_in_a_finished_reply_gets_its_rest_and_then_the_message(
        whole in text(), cut in 0..24usize,
    ) {
        let (head, tail) = split(&whole, cut);
        let mut out = Vec::new();
        let story = Story::numbered(1);
        Reader::new(inside(&head)).stored(Seq::new(5), &story.reply(1, &whole, false), &mut out);
        prop_assert_eq!(chunks(&out), tail.clone());
        let names: Vec<_> = out.iter().map(|frame| frame.content.kind.name()).collect();
        let expected: &[_] = if tail.is_empty() {
            &["message.outbound"]
        } else {
            &["reply.chunk", "message.outbound"]
        };
        prop_assert_eq!(names, expected);
    }
}

fn split(text: &str, chars: usize) -> (String, String) {
    let all: Vec<char> = text.chars().collect();
    let cut = chars.min(all.len());
    (all[..cut].iter().collect(), all[cut..].iter().collect())
}

/// A cursor in the reply to message 1, after this much of it.
fn inside(seen: &str) -> Cursor {
    let tag = tag(message(1).reply());
    let seen = Prefix::empty().extended(seen);
    Cursor { seq: Seq::new(2), reply: Some(InReply { tag, seen }) }
}

/// A reader that saw `seen` of a reply meets a new attempt with the text `whole`, to its end.
fn resumed(seen: &str, whole: &str, sizes: &[usize]) -> Vec<Frame> {
    let story = Story::numbered(1);
    let author = Author::Bot { name: "Acme".into() };
    let (id, in_reply_to) = (message(1).reply(), message(1));
    let asked = Seq::new(2);
    let reply = Arc::new(Reply { id, in_reply_to, author, attempt: 3, began_at: NOW, asked });
    let (mut reader, mut out) = (Reader::new(inside(seen)), Vec::new());
    reader.live(&Item::Began(reply.clone()), &mut out);
    let (mut rest, mut offset) = (whole.to_owned(), 0);
    for size in sizes.iter().chain(&[usize::MAX]) {
        let (piece, after) = split(&rest, *size);
        rest = after;
        let content = frame::of_chunk(id, offset, piece.as_str().into(), NOW);
        let content = content.into();
        reader.live(&Item::Chunk { reply: reply.clone(), offset, at: NOW, content }, &mut out);
        offset += piece.chars().count() as u64;
    }
    reader.stored(Seq::new(5), &story.reply(1, whole, false), &mut out);
    assert_eq!(out.pop().map(|frame| frame.content.kind.name()), Some("message.outbound"));
    out
}

fn chunks(frames: &[Frame]) -> String {
    let parts = frames.iter().map(|frame| {
        let json: serde_json::Value = serde_json::from_str(&frame.to_json()).expect("JSON");
        match frame.content.kind.name() {
            "reply.chunk" => json["data"]["text"].as_str().expect("a text").to_owned(),
            _ => String::new(),
        }
    });
    parts.collect()
}
