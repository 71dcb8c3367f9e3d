//! `projections/*.cql` describe the views: one file per view, whose header tells what feeds it. The
//! header is held against the code: every type of event is projected onto every state that a
//! conversation can be in, and what changes is what the header says. Two tables more are the
//! engine's own.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;

use parlor::domain::contact::Contact;
use parlor::domain::conversation::Conversation;
use parlor::domain::event::Event;
use parlor::domain::ids::{AccountId, ContactId, ConversationId};
use parlor::domain::seq::Seq;
use parlor::projection::{States, conversation_days, project};

use super::events::examples;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the folds' own states stand; of the contacts there is nothing else.
const STATES: [(&str, &str); 2] = [("timeline", "conversation.rs"), ("contacts", "contact.rs")];
/// Tables that are no views, and what their headers say feeds them.
const OF_THE_ENGINE: [(&str, &str); 4] = [
    ("checkpoints", "every event"),
    ("landmarks", "every event"),
    ("indexed", "every event"),
    ("quotas", "no event"),
];
/// Read by who owns a partition, or a bucket: the only keys that do not begin with the account.
const FOR_ALL_ACCOUNTS: [&str; 5] = ["turns_due", "checkpoints", "landmarks", "indexed", "quotas"];

#[derive(Debug, Clone, Default)]
struct Memory {
    conversations: BTreeMap<ConversationId, Option<Conversation>>,
    contacts: BTreeMap<ContactId, Option<Contact>>,
}

impl States for Memory {
    type Error = Infallible;

    fn conversation(
        &mut self,
        _: AccountId,
        id: ConversationId,
    ) -> Result<&mut Option<Conversation>, Infallible> {
        Ok(self.conversations.entry(id).or_default())
    }

    fn contact(&mut self, _: AccountId, id: ContactId) -> Result<&mut Option<Contact>, Infallible> {
        Ok(self.contacts.entry(id).or_default())
    }
}

/// A state without the position it stands at, which moves with events that change nothing else.
fn placeless<T: serde::Serialize>(state: Option<&Option<T>>) -> serde_json::Value {
    let mut value = serde_json::to_value(state).expect("JSON");
    if let Some(fields) = value.as_object_mut() {
        fields.remove("last_seq");
    }
    value
}

/// Projects one event and names the views that it changed.
fn changed(memory: &mut Memory, seq: Seq, event: &Event) -> Vec<&'static str> {
    let before = memory.clone();
    let Ok((_, changes)) = project(seq, event, memory);
    let mut views = Vec::new();
    let mut note = |view, changed: bool| views.extend(changed.then_some(view));
    let differs =
        |id| placeless(before.conversations.get(&id)) != placeless(memory.conversations.get(&id));
    let stands = event.body.conversation().is_some_and(differs);
    note("timeline", changes.timeline || stands);
    note("pages", changes.page.is_some());
    note("turns_due", !changes.turns.is_empty());
    note("claims", changes.claim.is_some());
    note("totals", changes.total.is_some());
    note("conversations", changes.listed.is_some());
    let day = changes.listed.as_ref().and_then(conversation_days::project);
    note("conversation_days", day.is_some());
    let differs = |id| placeless(before.contacts.get(&id)) != placeless(memory.contacts.get(&id));
    note("contacts", event.body.contact().is_some_and(differs));
    views
}

/// Which types of events change each view, in some state or other.
fn fed_by() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let examples = examples();
    let lives = [
        vec![],
        vec!["contact.created", "conversation.started"],
        vec!["contact.created", "conversation.started", "message.inbound"],
        vec!["contact.created", "conversation.started", "conversation.assigned"],
        vec!["contact.created", "conversation.started", "message.inbound", "conversation.resolved"],
    ];
    let mut fed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for life in lives {
        let mut memory = Memory::default();
        let lived = life.iter().flat_map(|name| {
            let examples = examples.iter();
            examples.filter(|event| event.body.name() == *name).collect::<Vec<_>>()
        });
        for (place, event) in (1..).zip(lived) {
            changed(&mut memory, Seq::new(place), event);
        }
        for event in &examples {
            for view in changed(&mut memory.clone(), Seq::new(100), event) {
                fed.entry(view).or_default().insert(event.body.name());
            }
        }
    }
    fed
}

/// The files of `projections/`, by view.
fn files() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(Path::new(ROOT).join("projections")).expect("projections/");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("readable").path();
        assert!(path.extension().is_some_and(|extension| extension == "cql"), "{path:?}");
        let view = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (view, std::fs::read_to_string(path).expect("UTF-8"))
    };
    entries.map(file).collect()
}

fn header<'a>(view: &str, text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("projections/{view}.cql has no line {name:?}")).trim()
}

#[test]
fn each_header_names_what_feeds_its_view() {
    let fed = fed_by();
    for (view, text) in files() {
        let said = header(&view, &text, "-- fed by:");
        if let Some((_, expected)) = OF_THE_ENGINE.iter().find(|(name, _)| *name == view) {
            assert_eq!(said, *expected, "projections/{view}.cql");
            continue;
        }
        let said: Vec<_> = said.split_whitespace().collect();
        let known: BTreeSet<_> = said.iter().copied().collect();
        assert_eq!(known.len(), said.len(), "projections/{view}.cql names a type twice");
        let feeds = fed.get(view.as_str()).cloned().unwrap_or_default();
        assert_eq!(
            known, feeds,
            "projections/{view}.cql: `fed by` (left) is not what the code does"
        );
    }
}

#[test]
fn each_view_has_one_file_and_one_module() {
    let files = files();
    let mut modules = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(ROOT).join("src/projection")).expect("the modules") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        modules.insert(name.trim_end_matches(".rs").to_owned());
    }
    modules.retain(|name| name != "mod" && name != "tests");
    for (view, fold) in STATES {
        assert!(Path::new(ROOT).join("src/domain").join(fold).exists(), "the fold behind {view}");
        modules.insert(view.to_owned());
    }
    let mut described: BTreeSet<_> = files.keys().cloned().collect();
    for (table, _) in OF_THE_ENGINE {
        assert!(described.remove(table), "projections/{table}.cql");
    }
    assert_eq!(described, modules, "projections/*.cql (left) and src/projection/*.rs must match");
    let changed: BTreeSet<_> = fed_by().into_keys().map(str::to_owned).collect();
    assert_eq!(described, changed, "every view is fed by something");
}

#[cfg(feature = "cluster")]
#[test]
fn each_file_is_a_table_that_migrating_makes() {
    let made = parlor::engine::cluster::cql::TABLES.iter();
    let made: BTreeMap<_, _> =
        made.map(|(name, text)| (name.to_string(), text.to_string())).collect();
    assert_eq!(made, files());
}

#[test]
fn each_file_is_a_question_and_a_table() {
    for (view, text) in files() {
        let question = header(&view, &text, &format!("-- {view}: "));
        assert!(question.ends_with('?'), "projections/{view}.cql begins with its question");
        assert!(!header(&view, &text, "-- read by:").is_empty(), "{view}: who reads it?");
        let code: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
        let code = code.join(" ");
        assert!(code.starts_with(&format!("CREATE TABLE {view} (")), "{view}: {code}");
        assert_eq!(code.matches(';').count(), 1, "{view}: one statement");
        let (_, key) = code.split_once("PRIMARY KEY ((").expect("a primary key");
        let all = FOR_ALL_ACCOUNTS.contains(&view.as_str());
        assert_eq!(!key.starts_with("account"), all, "{view}: the account comes first in its key");
        // What one of the two databases does not know, or what replays would break.
        for refused in ["counter", "tablets", "cdc", "caching", "COMPACT", "VIEW", "INDEX", "<"] {
            assert!(!code.contains(refused), "{view}: {refused} is not for both databases");
        }
    }
}
