//! How commands print what they have found out.

use serde_json::{Map, Value};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

/// The width of the first column, in characters.
const LABEL_WIDTH: usize = 20;

/// One indented line with a word for what it tells.
pub fn line(label: &str, text: &str) -> String {
    format!("    {label:<LABEL_WIDTH$}{text}\n")
}

/// Words, or what stands for none.
pub fn words<T: AsRef<str>>(words: &[T], none: &str) -> String {
    match words {
        [] => none.to_owned(),
        words => words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" "),
    }
}

/// A text that comes from elsewhere, without what a terminal would obey.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            // Controls, and what turns the direction of the text.
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

/// An object of members that are there.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A time in seconds since 1970, as RFC 3339 has it.
pub fn time(seconds: i64) -> String {
    let time = UtcDateTime::from_unix_timestamp(seconds);
    time.map(utc_time).unwrap_or_default()
}

/// A time as RFC 3339 has it.
pub fn utc_time(time: UtcDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(4_294_967_295), "2106-02-07T06:28:15Z");
        assert_eq!(time(i64::MAX), "");
    }

    #[test]
    fn control_characters_are_spelt_out_and_nothing_else_is() {
        assert_eq!(printable("\"ä\": a\u{1b}[31m\n"), "\"ä\": a\\u{1b}[31m\\n");
        assert_eq!(printable("a\u{202e}'b\\"), "a\\u{202e}'b\\");
    }

    #[test]
    fn words_stand_in_a_row() {
        assert_eq!(words(&["a", "b"], "none"), "a b");
        assert_eq!(words::<&str>(&[], "none"), "none");
    }
}
