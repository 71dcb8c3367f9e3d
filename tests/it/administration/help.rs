//! What `--help` shows: every command, argument and choice with a description, in groups.

use clap::CommandFactory as _;
use clap::builder::StyledStr;
use parlor::role::Arguments;

fn is_blank(text: Option<&StyledStr>) -> bool {
    text.is_none_or(|text| text.to_string().trim().is_empty())
}

/// Everything without a description, by its place.
fn undescribed(command: &clap::Command, place: &str, found: &mut Vec<String>) {
    let place = format!("{place} {}", command.get_name());
    if is_blank(command.get_about()) {
        found.push(place.clone());
    }
    for argument in command.get_arguments() {
        if is_blank(argument.get_help()) {
            found.push(format!("{place}: {}", argument.get_id()));
        }
        let choices = argument.get_possible_values().into_iter();
        let blank = choices.filter(|choice| is_blank(choice.get_help()));
        if argument.get_action().takes_values() && !argument.is_hide_possible_values_set() {
            found.extend(
                blank.map(|it| format!("{place}: {}={}", argument.get_id(), it.get_name())),
            );
        }
    }
    for command in command.get_subcommands() {
        undescribed(command, &place, found);
    }
}

#[test]
fn nothing_is_without_a_description() {
    let mut found = Vec::new();
    undescribed(&Arguments::command(), "", &mut found);
    assert!(found.is_empty(), "say in a doc comment what these are: {found:#?}");
}

#[test]
fn a_commands_own_options_come_before_where_the_data_are() {
    let mut whole = Arguments::command();
    whole.build();
    for path in [
        &["account", "create"][..],
        &["account", "set"],
        &["key", "issue"],
        &["bot", "deploy"],
        &["rebuild"],
        &["serve"],
    ] {
        let command = path.iter().fold(&mut whole, |command, name| {
            command.find_subcommand_mut(name).expect("a command")
        });
        let help = command.render_help().to_string();
        let place = |heading: &str| {
            help.find(&format!("\n{heading}:\n")).unwrap_or_else(|| panic!("{heading}: {help}"))
        };
        let places = ["Options", "Where the data are", "The cluster engine"].map(place);
        assert!(places.is_sorted(), "{path:?}: {help}");
        let own = &help[places[0]..places[1]];
        assert!(!own.contains("--kafka") && !own.contains("--data-dir"), "{path:?}: {own}");
    }
}
