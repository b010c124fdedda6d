//! `fido_exempt`: whom a policy of `required` leaves alone.

use crate::{Error, registry::EXEMPT_DEFAULT};

/// What would be a special character elsewhere, and what begins a realm.
const REFUSED: [char; 4] = ['?', '[', ']', '@'];

/// Patterns over the names of principals, without their realm.
///
/// In a pattern `*` stands for any number of bytes, `/` included, and everything else for itself; the name is quoted as
/// krb5_unparse_name does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemptions(Vec<Pattern>);

/// What stands between the asterisks: one piece where there is none. Each character is one byte, see [`spread`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Vec<String>);

impl Exemptions {
    /// Reads the values of `fido_exempt`, patterns between white space. Without any, nobody is exempt.
    ///
    /// # Errors
    /// [`Error::MalformedExemption`] for a pattern with `?`, `[`, `]` or `@`: other programs give a meaning to the first
    /// three, and a pattern with a realm would match nobody.
    pub fn parse(value: &str) -> Result<Self, Error> {
        match value.contains(REFUSED) {
            true => Err(Error::MalformedExemption),
            false => Ok(Self::read(value)),
        }
    }

    /// Whether any pattern matches, in a time that grows linearly with their length and that of `name`.
    pub fn contain(&self, name: &[u8]) -> bool {
        let name = spread(name);
        self.0.iter().any(|pattern| pattern.matches(&name))
    }

    fn read(value: &str) -> Self {
        Self(value.split_whitespace().map(Pattern::read).collect())
    }
}

impl Default for Exemptions {
    /// `host/* kiprop/* kadmin/* K/M* krbtgt/*`.
    fn default() -> Self {
        Self::read(EXEMPT_DEFAULT)
    }
}

impl Pattern {
    fn read(pattern: &str) -> Self {
        Self(pattern.split('*').map(|piece| spread(piece.as_bytes())).collect())
    }

    /// Each inner piece is taken where it is first found: what is left to the pieces behind it is the longest.
    fn matches(&self, name: &str) -> bool {
        match self.0.as_slice() {
            [] => false,
            [whole] => name == whole,
            [first, inner @ .., last] => name
                .strip_prefix(first.as_str())
                .and_then(|rest| inner.iter().try_fold(rest, |rest, piece| skip_past(rest, piece)))
                .is_some_and(|rest| rest.ends_with(last.as_str())),
        }
    }
}

fn skip_past<'a>(name: &'a str, piece: &str) -> Option<&'a str> {
    name.split_once(piece).map(|(_, rest)| rest)
}

/// One character for each byte: names need not be UTF-8, and the linear search of the standard library is for strings.
fn spread(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_exempt(value: &str, name: &[u8]) -> bool {
        Exemptions::parse(value).unwrap().contain(name)
    }

    #[test]
    fn default_covers_services_of_the_realm() {
        let default = Exemptions::default();
        assert_eq!(Exemptions::parse(EXEMPT_DEFAULT), Ok(default.clone()));
        for name in [
            "host/a.example.com",
            "host/",
            "host/a/b",
            "kiprop/kdc2",
            "kadmin/admin",
            "kadmin/changepw",
            "K/M",
            "krbtgt/EXAMPLE.COM",
        ] {
            assert!(default.contain(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "host",
            "hosts/a",
            "HOST/a",
            "xhost/a",
            "alice",
            "alice/admin",
            "k/M",
            "host\\/a",
        ] {
            assert!(!default.contain(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn setting_replaces_the_default() {
        assert!(is_exempt("batch/*", b"batch/x"));
        assert!(!is_exempt("batch/*", b"host/a"));
        for nobody in ["", " \t "] {
            assert!(!is_exempt(nobody, b"host/a") && !is_exempt(nobody, b""));
        }
    }

    #[test]
    fn patterns_without_an_asterisk_are_whole_names() {
        assert!(is_exempt("alice", b"alice"));
        for name in [&b"alice/admin"[..], b"malice", b"Alice", b"", b"alice "] {
            assert!(!is_exempt("alice", name));
        }
    }

    #[test]
    fn asterisks_cross_components_and_may_stand_for_nothing() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a/b"),
            ("**", "x"),
            ("*/admin", "alice/admin"),
            ("*/admin", "a/b/admin"),
            ("a*b*c", "abc"),
            ("a*b*c", "a/b/bxbc"),
            ("a*a", "aa"),
            ("*ab*ab*", "abab"),
        ] {
            assert!(is_exempt(pattern, name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*/admin", "admin"),
            ("*/admin", "alice/admin2"),
            ("a*b*c", "acb"),
            ("a*b*c", "abcd"),
            ("a*a", "a"),
            ("*ab*ab*", "ab"),
            ("*ab*ab*", "aba"),
            ("ab*bc", "abc"),
        ] {
            assert!(!is_exempt(pattern, name.as_bytes()), "{pattern} {name}");
        }
    }

    #[test]
    fn backslashes_are_those_of_quoted_names() {
        assert!(is_exempt("a\\/*", b"a\\/b"));
        assert!(!is_exempt("a/*", b"a\\/b"));
        assert!(!is_exempt("a\\*", b"a*"));
    }

    #[test]
    fn names_that_are_not_utf8() {
        assert!(is_exempt("host/*", b"host/\xff\xfe"));
        assert!(is_exempt("host/\u{e9}", b"host/\xc3\xa9"));
        assert!(!is_exempt("host/\u{e9}", b"host/\xe9"));
        assert!(!is_exempt("host/\u{fffd}", b"host/\xff"));
    }

    #[test]
    fn refuses_patterns_that_mean_something_else() {
        for value in ["svc?", "svc[12]", "svc]", "host/*@EXAMPLE.COM", "host/* a@B", "@"] {
            assert_eq!(
                Exemptions::parse(value),
                Err(Error::MalformedExemption),
                "{value}"
            );
        }
    }

    #[test]
    fn long_names_and_patterns_do_not_blow_up() {
        let name = vec![b'a'; 60_000];
        let mut pattern = "a*".repeat(20_000);
        assert!(is_exempt(&pattern, &name));
        pattern.push('b');
        assert!(!is_exempt(&pattern, &name));
        let nearly = format!("*{}b*", "a".repeat(30_000));
        assert!(!is_exempt(&nearly, &name));
    }
}
