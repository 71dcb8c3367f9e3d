//! Any flow that compiles, played with any messages.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::compile::compile;
use super::super::run::Pause;
use super::{Talk, definition};

const STEPS: usize = 8;
const MESSAGES: [&str; 5] = ["hi", "yes", "No", "3", "ana@example.com"];

/// A step that may only lead on, unless it waits.
fn step(at: usize) -> impl Strategy<Value = Value> {
    let ahead = (at + 1..=STEPS).prop_map(|n| format!("s{n}"));
    let any = (0..=STEPS).prop_map(|n| format!("s{n}"));
    let say = ahead.clone().prop_map(
        |next| json!({ "type": "say", "text": "Hi {{conversation.a|you}}.", "intent": "said", "next": next }),
    );
    let set = ahead.clone().prop_map(|next| {
        json!({ "type": "set", "variable": "conversation.a", "value": "{{conversation.a}}{{system.message}}",
            "next": next })
    });
    let branch = (ahead.clone(), ahead.clone()).prop_map(|(next, other)| {
        json!({ "type": "branch", "else": other, "conditions":
            [{ "variable": "conversation.a", "is": "greater", "value": "2", "next": next }] })
    });
    let call = (ahead.clone(), ahead).prop_map(|(next, error)| {
        json!({ "type": "http", "url": "https://a.example/{{conversation.a}}", "next": next,
            "on_error": error, "save": { "conversation.a": "/a" } })
    });
    let ask = (any.clone(), any.clone(), 0..3_u32).prop_map(|(next, fail, most)| {
        json!({ "type": "ask", "text": "Mail?", "intent": "asked", "variable": "conversation.a", "next": next,
            "validation": { "type": "email" }, "max_retries": most, "on_fail": fail })
    });
    let buttons = (any.clone(), any).prop_map(|(yes, no)| {
        json!({ "type": "buttons", "text": "Well?", "options":
            [{ "label": "Yes", "next": yes }, { "label": "No", "next": no, "value": "n" }] })
    });
    prop_oneof![say, set, branch, call, ask, buttons]
}

fn steps() -> impl Strategy<Value = Value> {
    let all: Vec<_> = (0..STEPS).map(|at| step(at).boxed()).collect();
    all.prop_map(|all| {
        let mut steps: serde_json::Map<_, _> =
            all.into_iter().enumerate().map(|(n, step)| (format!("s{n}"), step)).collect();
        steps
            .insert(format!("s{STEPS}"), json!({ "type": "end", "text": "Bye.", "resolve": true }));
        // What cannot be reached is a fault: it is left out.
        let mut reached = vec!["s0".to_owned()];
        let mut at = 0;
        while at < reached.len() {
            let text = steps[&reached[at]].to_string();
            for id in (0..=STEPS).map(|n| format!("s{n}")) {
                if text.contains(&format!("\"{id}\"")) && !reached.contains(&id) {
                    reached.push(id);
                }
            }
            at += 1;
        }
        steps.retain(|id, _| reached.contains(id));
        Value::Object(steps)
    })
}

proptest! {
    #[test]
    fn a_turn_ends_where_a_step_waits_and_is_the_same_again(
        steps in steps(),
        messages in prop::collection::vec((0..MESSAGES.len(), any::<bool>()), 1..12),
    ) {
        let definition = definition("s0", steps);
        prop_assert!(compile(&definition).is_ok(), "{:?}", compile(&definition).err());
        let (mut talk, mut again) = (Talk::with(&definition), Talk::with(&definition));
        for (message, answers) in messages {
            let answer = |_: &str| answers.then(|| json!({ "a": 5 }));
            let heard = talk.turn(MESSAGES[message], answer);
            prop_assert_eq!(&heard, &again.turn(MESSAGES[message], answer));
            prop_assert!(heard.text.chars().count() <= 10_000);
            match &heard.pause {
                Pause::Wait(position) => {
                    let id = position.split('#').next().unwrap_or_default();
                    let step = serde_json::to_value(&definition.steps[id]).unwrap();
                    prop_assert!(step["type"] == "ask" || step["type"] == "buttons");
                }
                Pause::Over { .. } | Pause::HandOver => {}
                Pause::Call(..) => prop_assert!(false, "a call was left"),
            }
        }
    }

    #[test]
    fn any_position_is_survived(steps in steps(), position in "(s[0-9](#[0-9]{0,12})?|.{0,10})") {
        let mut talk = Talk::with(&definition("s0", steps));
        talk.background.position = Some(position);
        talk.turn("yes", |_| None);
    }
}
