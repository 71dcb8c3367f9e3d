//! What came of an order, in words.

use std::fmt::Write as _;

use super::OrderResult;
use super::outcome::{Account, Bot, Key};
use crate::app::bots::replay::{Answer, Difference, Report};
use crate::config::USUAL_ACCOUNT;
use crate::role::Failure;

/// What is printed where nobody asked for JSON. Credentials and settings are JSON all the same.
pub(super) fn text(outcome: &OrderResult) -> Result<String, Failure> {
    Ok(match outcome {
        OrderResult::AccountCreated { .. }
        | OrderResult::KeyIssued { .. }
        | OrderResult::Account(_)
        | OrderResult::Settings(_)
        | OrderResult::BotShown(_) => serde_json::to_string_pretty(&outcome.document())?,
        OrderResult::Accounts { accounts } => lines(accounts.iter().map(account)),
        OrderResult::Keys { keys } => lines(keys.iter().map(key)),
        OrderResult::Bots { bots } => lines(bots.iter().map(bot)),
        OrderResult::KeyRevoked { key_id } => format!("{key_id} no longer works"),
        OrderResult::SecretRotated { account_id } => {
            format!("live tokens of {account_id} that were made before open nothing any more")
        }
        OrderResult::BotDrafted { bot_id } => {
            format!(
                "{bot_id} has this draft now; `parlor bot deploy --bot {bot_id}` makes it answer"
            )
        }
        OrderResult::Replayed(report) => replay(report),
        OrderResult::BotDeployed { version, replay: report, .. } => {
            let deployed = version.map(|version| format!("version {version} answers now"));
            let parts = [Some(replay(report)).filter(|text| !text.is_empty()), deployed];
            lines(parts.into_iter().flatten())
        }
        OrderResult::BotRolledBack { version, .. } => format!("version {version} answers now"),
        OrderResult::BotWithdrawn { bot_id } => format!("{bot_id} begins no more conversations"),
        OrderResult::ViewsRebuilt { events, difference } => {
            let rebuilt = format!("the views were made anew from {events} events");
            let otherwise = difference.as_ref();
            let otherwise =
                otherwise.map(|row| format!("the views before had this otherwise: {row}"));
            lines([rebuilt].into_iter().chain(otherwise))
        }
    })
}

/// What to do next, for people.
pub(super) fn hint(outcome: &OrderResult) -> Option<String> {
    let OrderResult::AccountCreated { name, credentials, has_bot, one_of_several } = outcome else {
        return None;
    };
    let mut parts =
        vec!["These credentials are shown once; only hashes of them are kept.".to_owned()];
    if *one_of_several {
        // Quoted for a shell: what stands between these quotes stands for itself.
        let quoted = format!("'{}'", name.replace('\'', r"'\''"));
        let id = credentials["account_id"].as_str().unwrap_or_default();
        parts.push(format!(
            "Commands mean this account with --account {quoted} (or {id}), or after:\n  \
             export {USUAL_ACCOUNT}={quoted}"
        ));
    }
    if !has_bot {
        parts.push("No bot answers for it yet: `parlor bot deploy --file bot.json`.".to_owned());
    }
    Some(lines(parts))
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

fn account(Account { account_id, name, .. }: &Account) -> String {
    format!("{account_id}  {name}")
}

fn key(key: &Key) -> String {
    let state = match key.revoked_at {
        Some(at) => format!("revoked {at}"),
        None => "active".to_owned(),
    };
    let Key { key_id, kind, issued_at, label, .. } = key;
    format!("{key_id}  {}  issued {issued_at}  {state}  {label}", kind.credential())
}

fn bot(bot: &Bot) -> String {
    let versions: Vec<_> = bot.versions.iter().map(u32::to_string).collect();
    let deployed = bot.deployed.map_or("none".to_owned(), |version| version.to_string());
    let draft = if bot.has_draft { "  a draft" } else { "" };
    let answers = if bot.answers { "  answers where none is named" } else { "" };
    let Bot { bot_id, kind, name, .. } = bot;
    let versions = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
    format!("{bot_id}  {kind}  {name:?}  versions {versions}  deployed {deployed}{draft}{answers}")
}

fn replay(report: &Report) -> String {
    let mut text = String::new();
    for Difference { conversation, asked, was, would_be, .. } in &report.differences {
        // Writing to a text cannot fail.
        writeln!(text, "{conversation}  {asked:?}\n  - {}\n  + {}", answer(was), answer(would_be))
            .ok();
    }
    for failure in &report.failures {
        writeln!(text, "the bot failed: {failure}").ok();
    }
    if report.conversations > 0 {
        let Report { conversations, turns, differences, left_out, .. } = report;
        write!(
            text,
            "{turns} turns of {conversations} conversations replayed: {} would be answered \
             otherwise, {} conversations were left out where the bot calls somebody",
            differences.len(),
            left_out.len()
        )
        .ok();
    }
    text.trim_end().to_owned()
}

/// An answer in one line.
fn answer(answer: &Answer) -> String {
    let mut parts = Vec::new();
    if !answer.text.is_empty() {
        parts.push(format!("{:?}", answer.text));
    }
    if !answer.buttons.is_empty() {
        parts.push(format!("[{}]", answer.buttons.join("] [")));
    }
    if answer.handed_over {
        parts.push("handed over".to_owned());
    }
    if answer.failed {
        parts.push("no answer".to_owned());
    }
    parts.join(", ")
}
