//! The tables of messages in the user guide.

use std::{fs, path::Path};

const GUIDE: &str = "../docs/user-guide.md";
const HEAD: &str = "| situation | message | exit status | what to do |";
/// What a message holds in place of what differs from login to login.
const PLACEHOLDERS: [&str; 10] = [
    "KEY",
    "REALM",
    "PRINCIPAL",
    "DEVICE",
    "N",
    "PATH",
    "URL",
    "REASON",
    "RELATION",
    "VALUE",
];

/// A row of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) situation: String,
    /// With placeholders.
    pub(crate) message: String,
    /// `None` where no program shows the message before it exits.
    pub(crate) status: Option<i32>,
}

/// All rows of the guide.
pub(crate) fn read_rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE);
    parse_rows(&fs::read_to_string(path).unwrap())
}

fn parse_rows(guide: &str) -> Vec<Row> {
    let (_, section) = guide.split_once("\n## Messages\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let table = section.lines().filter(|line| line.starts_with("| "));
    let rows = table.filter(|line| *line != HEAD).map(parse_row);
    rows.collect()
}

fn parse_row(line: &str) -> Row {
    let inner = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
    let cells: Vec<&str> = inner.unwrap_or_default().split(" | ").collect();
    let [situation, message, status, advice] = cells[..] else {
        panic!("not four cells, under {HEAD}: {line}")
    };
    assert!(!advice.is_empty(), "it does not say what to do: {line}");
    // The first words in backquotes; a remark may follow.
    let message = message
        .split('`')
        .nth(1)
        .unwrap_or_else(|| panic!("no message: {line}"));
    Row {
        situation: situation.to_owned(),
        message: message.to_owned(),
        status: (status != "–").then(|| status.parse().unwrap()),
    }
}

/// The message with a value for each placeholder.
pub(crate) fn fill(message: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = message;
    while !rest.is_empty() {
        let is_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let word = rest.split(|character| !is_of_word(character)).next().unwrap();
        let length = word.len().max(rest.chars().next().unwrap().len_utf8());
        let value = values.iter().find(|(name, _)| *name == word);
        let is_placeholder = PLACEHOLDERS.contains(&word);
        assert!(
            value.is_some() || !is_placeholder,
            "the situation does not say what {word} is in: {message}"
        );
        filled.push_str(value.map_or(&rest[..length], |(_, value)| value));
        rest = &rest[length..];
    }
    filled
}

#[test]
fn rows_are_read_as_they_are_written() {
    let guide = format!(
        "# Guide\n| a | b |\n\n## Messages\n\n{HEAD}\n|---|---|---|---|\n\
         | one | `PIN for KEY: ` | 0 | type `it` |\n| two | `No: KEY` (or not) | – | wait |\n\n## More\n| c | d |\n"
    );
    let row = |situation: &str, message: &str, status| Row {
        situation: situation.to_owned(),
        message: message.to_owned(),
        status,
    };
    assert_eq!(
        parse_rows(&guide),
        [row("one", "PIN for KEY: ", Some(0)), row("two", "No: KEY", None)]
    );
}

#[test]
fn placeholders_are_whole_words() {
    let values = [("KEY", "a KEY".to_owned()), ("N", "7".to_owned())];
    assert_eq!(fill("PIN of KEY (N): KEYS…", &values), "PIN of a KEY (7): KEYS…");
}
