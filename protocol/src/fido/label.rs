//! Labels: how the credentials of a principal are told apart.

use core::fmt;

use crate::{Error, registry::ATTRIBUTE_PREFIX};

/// The longest label, in bytes.
const LABEL_MAX: usize = 32;

/// The name of a credential: `[A-Za-z0-9][A-Za-z0-9._-]{0,31}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// Checks that `text` is a label.
    ///
    /// # Errors
    /// [`Error::MalformedLabel`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if text.len() <= LABEL_MAX && starts_well && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::MalformedLabel)
        }
    }

    /// Reads the label out of the name of a string attribute, `fido:LABEL`.
    ///
    /// # Errors
    /// [`Error::MalformedLabel`], also if the attribute is not one of a credential.
    pub fn parse_attribute_name(name: &str) -> Result<Self, Error> {
        Self::parse(name.strip_prefix(ATTRIBUTE_PREFIX).ok_or(Error::MalformedLabel)?)
    }

    /// The name of the string attribute, `fido:LABEL`.
    pub fn attribute_name(&self) -> String {
        format!("{ATTRIBUTE_PREFIX}{self}")
    }

    /// The lowest `keyN`, from `key1`, that is not among `existing`.
    pub fn lowest_free(existing: &[Self]) -> Self {
        let mut number = 1_usize;
        loop {
            let label = Self(format!("key{number}"));
            if !existing.contains(&label) {
                return label;
            }
            number = number.saturating_add(1);
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Label {
        Label::parse(text).unwrap()
    }

    #[test]
    fn takes_letters_digits_and_inner_punctuation() {
        for text in ["a", "0", "Key-1", "a._-", &"x".repeat(32)] {
            assert_eq!(label(text).to_string(), text);
        }
    }

    #[test]
    fn refuses_other_labels() {
        for text in [
            "",
            ".a",
            "-a",
            "_a",
            "a b",
            "a:b",
            "ä",
            "a\0",
            "a\n",
            &"x".repeat(33),
        ] {
            assert_eq!(Label::parse(text), Err(Error::MalformedLabel), "{text:?}");
        }
    }

    #[test]
    fn is_found_in_an_attribute_name() {
        assert_eq!(label("key1").attribute_name(), "fido:key1");
        assert_eq!(Label::parse_attribute_name("fido:key1"), Ok(label("key1")));
        for name in [
            "key1",
            "fido:",
            "FIDO:key1",
            "fido:fido:key1",
            "fido_policy",
            " fido:key1",
        ] {
            assert_eq!(
                Label::parse_attribute_name(name),
                Err(Error::MalformedLabel),
                "{name:?}"
            );
        }
    }

    #[test]
    fn takes_the_lowest_free_number() {
        assert_eq!(Label::lowest_free(&[]), label("key1"));
        assert_eq!(Label::lowest_free(&[label("key2"), label("work")]), label("key1"));
        assert_eq!(Label::lowest_free(&[label("key1"), label("key3")]), label("key2"));
        assert_eq!(
            Label::lowest_free(&[label("key01"), label("Key1")]),
            label("key1")
        );
    }
}
