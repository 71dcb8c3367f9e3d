//! What a flow bot is made of: steps, each of which names the next.
//!
//! Plain data with a JSON schema; unknown fields are refused, because a misspelt field would otherwise
//! silently do nothing. What the types cannot say is checked when a definition is compiled, and all
//! faults are told at once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::language::Language;

/// Defines a flow bot: a graph of steps that a conversation walks through.
///
/// The first message of a conversation begins the flow at `start` and answers nothing; every later
/// one answers the step that the flow waits at. After its end, or when a newer version no longer has
/// the step, the next message begins it anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FlowDefinition")]
pub struct Definition {
    /// The name shown as the author of its messages.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The language of a text where it is not written in the customer's.
    #[serde(default = "english")]
    pub default_language: Language,
    /// The pause between the pieces of a streamed reply, in milliseconds.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub pace_ms: u64,
    /// The step that the flow begins with.
    pub start: String,
    /// The steps by their ids: letters, digits, `_` and `-`; at most 500.
    pub steps: BTreeMap<String, Step>,
}

pub(super) fn english() -> Language {
    Language::ENGLISH
}

/// What is said: one text, or one by language. Has templates: `{{contact.name|there}}` is the
/// variable's value, or `there` where it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FlowText")]
pub enum Text {
    Plain(String),
    /// The language of `system.browserLanguage` is taken, else the default language.
    Translated(BTreeMap<Language, String>),
}

/// One step; `type` says which kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "FlowStep")]
pub enum Step {
    /// Says something and goes on.
    Say(Say),
    /// Asks, waits for the answer and keeps it in a variable.
    Ask(Ask),
    /// Offers answers to choose from and waits.
    Buttons(Buttons),
    /// Goes on depending on variables.
    Branch(Branch),
    /// Sets a variable.
    Set(Set),
    /// Calls an HTTP endpoint and keeps parts of its answer.
    Http(Http),
    /// Hands the conversation over to people.
    HandOver(HandOver),
    /// Ends the flow.
    End(End),
}

impl Step {
    /// What a turn that comes to it is about.
    pub fn intent(&self) -> Option<&str> {
        let intent = match self {
            Self::Say(step) => &step.intent,
            Self::Ask(step) => &step.intent,
            Self::Buttons(step) => &step.intent,
            Self::Branch(step) => &step.intent,
            Self::Set(step) => &step.intent,
            Self::Http(step) => &step.intent,
            Self::HandOver(step) => &step.intent,
            Self::End(step) => &step.intent,
        };
        intent.as_deref()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Say {
    pub text: Text,
    pub next: String,
    /// What the customer's turn is about that comes to this step: the first one on its way counts,
    /// else that of the step it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub text: Text,
    /// What the answer is kept in: `conversation.order_id`.
    pub variable: String,
    /// What an answer must be; any text where it is absent.
    #[serde(default)]
    pub validation: Validation,
    /// What is said to an answer that is not valid; the question again where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Text>,
    /// How often it asks again before it goes on with `on_fail`.
    #[serde(default = "retries")]
    #[schemars(range(max = 20))]
    pub max_retries: u32,
    /// Where to go on after too many; it asks again without end where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<String>,
    pub next: String,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

fn retries() -> u32 {
    2
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "FlowValidation")]
pub enum Validation {
    Text {
        /// Characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<usize>,
        /// A regular expression that the whole answer matches.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
    },
    /// Kept as `-1234.5`. Read in digits of every script, with the customer's language's marks:
    /// `1,000` and `1.000,5`; one whose mark may part thousands or a fraction, and whose language leaves
    /// that open, is not valid.
    Number {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        integer: bool,
    },
    Email,
    /// Kept as `+442079460958` where its country is said, else as its digits.
    Phone,
    /// Kept as `2026-12-24`. Also read: `2026/12/24`, `24.12.2026`, `24. 12. 2026`, `24/12/2026`,
    /// `24-12-2026`, and `24 December 2026` in the customer's language. One that may be two dates,
    /// as `03/04/2026`, is what that language makes of it; where it leaves that open, it is not valid.
    Date,
    /// One of these, compared as labels are; kept as written here.
    Choice {
        options: Vec<String>,
    },
    /// A file that comes with the message, whose name is kept; or the address of one, which is kept.
    File,
    /// An address of http or https.
    Url,
}

impl Default for Validation {
    fn default() -> Self {
        Self::Text { min: None, max: None, pattern: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Buttons {
    pub text: Text,
    /// A message that is one of the labels chooses it. Case, width, apostrophes, dashes, space and
    /// what nobody sees make no difference.
    #[schemars(length(min = 1, max = 20))]
    pub options: Vec<Choice>,
    /// What the choice is kept in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What is said to a message that is none of the labels; the text again where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Text>,
    #[serde(default = "retries")]
    #[schemars(range(max = 20))]
    pub max_retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<String>,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FlowChoice")]
pub struct Choice {
    pub label: Text,
    /// What is kept of it; the label where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub next: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The first that holds says where to go on.
    #[schemars(length(min = 1, max = 50))]
    pub conditions: Vec<Condition>,
    /// Where to go on when none holds.
    #[serde(rename = "else")]
    pub otherwise: String,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FlowCondition")]
pub struct Condition {
    pub variable: String,
    pub is: Test,
    /// What it is compared with: a template, for `matches` a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub next: String,
}

/// How a variable is tried. Texts are compared as labels are: case, width, apostrophes, dashes, space
/// and what nobody sees make no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FlowTest")]
pub enum Test {
    Equals,
    NotEquals,
    Contains,
    NotContains,
    /// A regular expression is found in it.
    Matches,
    /// As numbers, or as dates.
    Greater,
    Less,
    /// It has a value that is not blank.
    IsSet,
    IsEmpty,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    pub variable: String,
    /// A template.
    pub value: String,
    pub next: String,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    #[serde(default)]
    pub method: Method,
    /// A template; values are percent-encoded. The host may have none. Where values make a part of
    /// the path `.` or `..`, nobody is called and the step goes on at `on_error`.
    pub url: String,
    /// Templates; one of a name that is sent anyway, such as `Accept`, stands instead of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// JSON whose texts are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    #[serde(default = "http_timeout_ms")]
    #[schemars(range(min = 100, max = 25000))]
    pub timeout_ms: u64,
    /// Variables, and where their values are in the answer (JSON Pointer, RFC 6901); one that is not
    /// there becomes empty, and so does every one where the answer is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, String>,
    pub next: String,
    /// Where to go on when the call fails: no answer, a status that is not 2xx, or a body that is
    /// neither JSON nor empty.
    pub on_error: String,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

fn http_timeout_ms() -> u64 {
    10_000
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "HttpMethod")]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// What is said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// What is said first; needed where it does not resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Closes the conversation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolve: bool,
    /// As that of `say`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub intent: Option<String>,
}
