//! A manual page of a program, with all of its commands, in the words of its help.

use clap::{Arg, Command, builder::StyledStr};
use krb5_fido_tools::command_line::Manual;
use roff::{Inline, Roff, bold, italic, roman};

/// The pages are those of a version, not of a day. An argument that is empty would be left out.
const NO_DATE: &str = "\"\"";

/// The page in the language of man(7).
pub(crate) fn render(mut program: Command, manual: &Manual) -> String {
    program.build();
    let name = program.get_name().to_owned();
    let source = format!("krb5-fido {}", program.get_version().unwrap_or_default());
    let mut page = Roff::new();
    let title = name.to_uppercase();
    page.control("TH", [&*title, manual.section, NO_DATE, &source, manual.title]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{name} - {}", words_of(program.get_about())))]);
    page.control("SH", ["SYNOPSIS"]);
    for command in commands(&program) {
        page.text(usage(command));
        page.control("br", []);
    }
    page.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut page, description(&program));
    page.control("SH", ["OPTIONS"]);
    options(&mut page, &program, is_told);
    page.control("SH", ["COMMANDS"]);
    for command in commands(&program) {
        render_command(&mut page, &program, command);
    }
    for (heading, entries) in [("EXIT STATUS", manual.exit_status), ("FILES", manual.files)] {
        page.control("SH", [heading]);
        for (name, meaning) in entries {
            entry(&mut page, [bold(*name)], meaning);
        }
    }
    page.control("SH", ["SEE ALSO"]);
    page.text(references(manual));
    page.render()
}

fn render_command(page: &mut Roff, program: &Command, command: &Command) {
    page.control("SS", [command.get_name()]);
    page.text(usage(command));
    page.control("PP", []);
    paragraphs(page, description(command));
    options(page, command, |argument| {
        is_told(argument) && !is_shared(program, argument)
    });
    let mut shared: Vec<&str> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && is_shared(program, argument))
        .filter_map(Arg::get_help_heading)
        .collect();
    shared.dedup();
    for heading in shared {
        page.control("PP", []);
        page.text([roman(format!("{heading} may stand here, too: see above."))]);
    }
}

/// The commands but help.
fn commands(program: &Command) -> impl Iterator<Item = &Command> {
    program
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
}

/// Help and version are what everybody expects.
fn is_told(argument: &Arg) -> bool {
    !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version")
}

/// Whether the program itself has this option, and its page tells of it there.
fn is_shared(program: &Command, argument: &Arg) -> bool {
    argument.is_global_set()
        || program
            .get_arguments()
            .any(|other| other.get_id() == argument.get_id())
}

/// As the help has it, with the name in bold.
fn usage(command: &Command) -> Vec<Inline> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let usage = command.clone().render_usage().to_string();
    let rest = usage
        .strip_prefix("Usage: ")
        .and_then(|usage| usage.strip_prefix(name));
    vec![bold(name), roman(rest.unwrap_or_default())]
}

fn words_of(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

fn description(command: &Command) -> String {
    words_of(command.get_long_about().or(command.get_about()))
}

fn paragraphs(page: &mut Roff, text: String) {
    for (number, paragraph) in text.split("\n\n").enumerate() {
        if number > 0 {
            page.control("PP", []);
        }
        page.text([roman(paragraph)]);
    }
}

/// A term and what it means, which may have several paragraphs.
fn entry(page: &mut Roff, term: impl Into<Vec<Inline>>, meaning: &str) {
    page.control("TP", []);
    page.text(term);
    for (number, paragraph) in meaning.split("\n\n").enumerate() {
        if number > 0 {
            page.control("IP", []);
        }
        page.text([roman(paragraph)]);
    }
}

/// Arguments and options, those without a heading first.
fn options(page: &mut Roff, command: &Command, is_meant: impl Fn(&Arg) -> bool) {
    let mut meant: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| is_meant(argument))
        .collect();
    meant.sort_by_key(|argument| (argument.get_help_heading().is_some(), !argument.is_positional()));
    let mut heading = None;
    for argument in meant {
        if argument.get_help_heading() != heading {
            heading = argument.get_help_heading();
            page.control("SS", heading);
        }
        entry(page, term(argument), &meaning(argument));
    }
}

fn term(argument: &Arg) -> Vec<Inline> {
    let short = argument.get_short().map(|letter| format!("-{letter}"));
    let long = argument.get_long().map(|word| format!("--{word}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let mut term = match names.as_slice() {
        [] => Vec::new(),
        names => vec![bold(names.join(", "))],
    };
    if argument.get_action().takes_values() {
        let values = argument.get_value_names().unwrap_or_default();
        let values: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
        if !term.is_empty() {
            term.push(roman(" "));
        }
        term.push(italic(values.join(" ")));
    }
    term
}

/// The text of the help, and what clap adds to it there.
fn meaning(argument: &Arg) -> String {
    let mut text = words_of(argument.get_long_help().or(argument.get_help()));
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        text += &format!(" [default: {}]", defaults.join(" "));
    }
    let possible = argument.get_possible_values();
    let possible: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
    if argument.get_action().takes_values() && !possible.is_empty() {
        text += &format!(" [possible values: {}]", possible.join(", "));
    }
    text
}

fn references(manual: &Manual) -> Vec<Inline> {
    let mut line = Vec::new();
    for (name, section) in manual.see_also {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(*name), roman(format!("({section})"))]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs;

    #[test]
    fn every_command_and_option_is_in_the_page() {
        for (mut program, manual) in programs() {
            let page = render(program.clone(), &manual);
            program.build();
            for command in commands(&program) {
                let name = command.get_name();
                assert!(page.contains(&format!(".SS {name}\n")), "{name}");
                for argument in command.get_arguments().filter(|argument| is_told(argument)) {
                    let line: String = Roff::new().text(term(argument)).to_roff();
                    assert!(page.contains(&format!(".TP\n{line}")), "{name}: {line}");
                }
            }
        }
    }

    #[test]
    fn the_title_names_the_version_and_no_date() {
        for (program, manual) in programs() {
            let expected = format!(
                ".TH {} {} \"\" \"krb5-fido {}\" \"{}\"",
                program.get_name().to_uppercase(),
                manual.section,
                env!("CARGO_PKG_VERSION"),
                manual.title
            );
            let page = render(program, &manual);
            assert_eq!(page.lines().nth(2), Some(&*expected));
        }
    }

    #[test]
    fn sections_stand_in_the_order_of_man_pages() {
        for (program, manual) in programs() {
            let page = render(program, &manual);
            let sections: Vec<&str> = page
                .lines()
                .filter_map(|line| line.strip_prefix(".SH "))
                .collect();
            let expected = [
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "OPTIONS",
                "COMMANDS",
                "\"EXIT STATUS\"",
                "FILES",
                "\"SEE ALSO\"",
            ];
            assert_eq!(sections, expected);
        }
    }
}
