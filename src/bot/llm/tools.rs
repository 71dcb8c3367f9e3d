//! The tools that a model calls in an answer, whose pieces may come one by one.

use serde_json::{Value, json};

use super::super::upstream::as_text;
use super::prompt::NAME_INTENT;

/// Calls that are kept; a model has two tools at most.
const CALLS_MAX: usize = 8;
const ID_MAX: usize = 200;
/// Bytes of a name and of arguments; what is longer is none of ours.
const NAME_MAX: usize = 64;
const ARGUMENTS_MAX: usize = 2_000;

/// The calls of an answer.
#[derive(Debug, Default)]
pub(super) struct Tools(Vec<Call>);

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Tools {
    /// Takes a piece of a call. It belongs to the call of its index, unless it has another id.
    pub(super) fn add(&mut self, piece: &Value) {
        let text = |value: Option<&Value>| value.map(as_text).unwrap_or_default();
        let index = piece.get("index").and_then(Value::as_u64);
        let id: String = text(piece.get("id")).chars().take(ID_MAX).collect();
        let function = piece.get("function").unwrap_or(&Value::Null);
        let is_same = |call: &Call| {
            (index.is_none() || call.index == index)
                && (id.is_empty() || call.id.is_empty() || call.id == id)
        };
        let place = self.0.iter().rposition(is_same).unwrap_or_else(|| {
            self.0.push(Call { index, ..Call::default() });
            self.0.len() - 1
        });
        if place >= CALLS_MAX {
            self.0.truncate(CALLS_MAX);
            return;
        }
        let call = &mut self.0[place];
        if !id.is_empty() {
            call.id = id;
        }
        for (kept, more, most) in [
            (&mut call.name, text(function.get("name")), NAME_MAX),
            (&mut call.arguments, text(function.get("arguments")), ARGUMENTS_MAX),
        ] {
            if kept.len() + more.len() <= most {
                kept.push_str(&more);
            }
        }
    }

    /// Whether this tool was called.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|call| call.name.trim() == name)
    }

    /// The intent that was named, if it is one of those `known`.
    pub(super) fn intent<'k>(
        &self,
        mut known: impl Iterator<Item = &'k String>,
    ) -> Option<&'k String> {
        let call = self.0.iter().find(|call| call.name.trim() == NAME_INTENT)?;
        let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
        let named = arguments.get("intent")?.as_str()?.trim();
        known.find(|known| known.eq_ignore_ascii_case(named))
    }

    /// What a model is told to go on: its calls, and that they were heard.
    pub(super) fn heard(&self) -> Vec<Value> {
        let id = |place: usize, call: &Call| {
            if call.id.is_empty() { format!("call_{place}") } else { call.id.clone() }
        };
        let calls = self.0.iter().enumerate();
        let asked: Vec<_> = calls
            .clone()
            .map(|(place, call)| {
                let (name, arguments) = (&call.name, &call.arguments);
                let arguments = if arguments.is_empty() { "{}" } else { arguments.as_str() };
                json!({ "id": id(place, call), "type": "function",
                    "function": { "name": name, "arguments": arguments } })
            })
            .collect();
        let mut messages = vec![json!({ "role": "assistant", "content": "", "tool_calls": asked })];
        messages.extend(calls.map(|(place, call)| {
            json!({ "role": "tool", "tool_call_id": id(place, call),
                "content": "Noted. Now answer the customer." })
        }));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(pieces: &[Value]) -> Tools {
        let mut tools = Tools::default();
        pieces.iter().for_each(|piece| tools.add(piece));
        tools
    }

    fn named(pieces: &[Value]) -> Option<String> {
        tools(pieces).intent(["order_status".to_owned(), "refund".to_owned()].iter()).cloned()
    }

    #[test]
    fn an_intent_is_read_from_its_pieces() {
        let piece = |arguments: &str| json!({ "index": 0, "function": { "arguments": arguments } });
        let begins = json!({ "index": 0, "id": "c1", "function": { "name": "name_intent" } });
        let pieces = [begins.clone(), piece("{\"int"), piece("ent\":\" Order_Status \"}")];
        assert_eq!(named(&pieces).as_deref(), Some("order_status"));
        assert_eq!(
            named(&[begins.clone(), piece("{\"intent\":\"weather\"}")]),
            None,
            "not one of ours"
        );
        assert_eq!(named(&[begins.clone(), piece("{\"intent\":")]), None);
        assert_eq!(named(&[begins, piece(&"x".repeat(3_000))]), None);
        let whole =
            json!({ "function": { "name": "name_intent", "arguments": { "intent": "refund" } } });
        assert_eq!(named(&[whole]).as_deref(), Some("refund"), "arguments may be an object");
    }

    #[test]
    fn two_calls_are_told_apart_by_index_or_id() {
        let call = |index: u64, id: &str, name: &str| json!({ "index": index, "id": id, "function": { "name": name, "arguments": "{}" } });
        for second in [1, 0] {
            let tools = tools(&[call(0, "a", "name_intent"), call(second, "b", "hand_over")]);
            assert!(tools.has("name_intent") && tools.has("hand_over"), "{tools:?}");
            let heard = tools.heard();
            assert_eq!(heard.len(), 3);
            assert_eq!(heard[0]["tool_calls"][1]["id"], "b");
            assert_eq!(heard[2]["tool_call_id"], "b");
        }
    }

    #[test]
    fn anything_is_survived() {
        let odd =
            [json!(null), json!(3), json!({}), json!({ "index": "x", "id": {}, "function": [] })];
        assert!(!tools(&odd).has("hand_over"));
        let many: Vec<_> =
            (0..100).map(|index| json!({ "index": index, "function": {} })).collect();
        assert_eq!(tools(&many).0.len(), CALLS_MAX);
    }
}
