//! Relations, and the krb5 configuration files made of them.

use std::fmt;

use crate::Error;

/// One relation with the section it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    /// Section, then subsections.
    section: Vec<String>,
    name: String,
    value: String,
}

impl Relation {
    pub(crate) fn new(section: &[&str], name: &str, value: impl Into<String>) -> Self {
        let section = section.iter().map(ToString::to_string).collect();
        Relation {
            section,
            name: name.into(),
            value: value.into(),
        }
    }

    /// Reads `NAME`, `SECTION:NAME` or `SECTION/SUBSECTION:NAME`. A bare name belongs where krb5 reads it, which is
    /// `[realms]` REALM for all but the two SPAKE relations that it reads in one other section only.
    pub(crate) fn parse(address: &str, value: &str, realm: &str) -> Result<Self, Error> {
        let (section, name) = match address.split_once(':') {
            Some((section, name)) => (section.split('/').collect(), name),
            None => (default_section(address, realm), address),
        };
        if !section.iter().chain([&name]).all(|word| is_word(word)) {
            return Err(Error::RelationName(address.into()));
        }
        Ok(Relation::new(&section, name, value))
    }

    /// Whether both are values of the same relation.
    pub(crate) fn same_relation(&self, other: &Relation) -> bool {
        self.section == other.section && self.name == other.name
    }

    /// Whether it loads a client pre-authentication module.
    pub(crate) fn loads_client_module(&self) -> bool {
        self.section == ["plugins", "clpreauth"] && self.name == "module"
    }
}

fn default_section<'a>(name: &str, realm: &'a str) -> Vec<&'a str> {
    match name {
        "spake_preauth_groups" => vec!["libdefaults"],
        "spake_preauth_kdc_challenge" => vec!["kdcdefaults"],
        _ => vec!["realms", realm],
    }
}

fn is_word(word: &str) -> bool {
    let is_syntax = |c: char| c.is_whitespace() || c.is_control() || "{}[]=\"#;*".contains(c);
    !word.is_empty() && !word.contains(is_syntax)
}

/// A configuration file: sections in order of appearance, values of one relation in the order given.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    root: Section,
}

#[derive(Debug, Default)]
struct Section {
    relations: Vec<(String, String)>,
    subsections: Vec<(String, Section)>,
}

impl Configuration {
    /// A file of `defaults` in which every relation that is among `chosen` has the chosen values instead.
    pub(crate) fn merge(defaults: Vec<Relation>, chosen: &[Relation]) -> Self {
        let mut configuration = Configuration::default();
        let kept = defaults
            .into_iter()
            .filter(|default| !chosen.iter().any(|c| c.same_relation(default)));
        for relation in kept.chain(chosen.iter().cloned()) {
            configuration
                .root
                .add(&relation.section, relation.name, relation.value);
        }
        configuration
    }
}

impl Section {
    fn add(&mut self, path: &[String], name: String, value: String) {
        let Some((first, rest)) = path.split_first() else {
            self.relations.push((name, value));
            return;
        };
        match self.subsections.iter_mut().find(|(known, _)| known == first) {
            Some((_, section)) => section.add(rest, name, value),
            None => {
                let mut section = Section::default();
                section.add(rest, name, value);
                self.subsections.push((first.clone(), section));
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = " ".repeat(depth);
        for (name, value) in &self.relations {
            writeln!(f, "{indent}{name} = {}", quote(value))?;
        }
        for (name, section) in &self.subsections {
            writeln!(f, "{indent}{name} = {{")?;
            section.write(f, depth + 1)?;
            writeln!(f, "{indent}}}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, section) in &self.root.subsections {
            writeln!(f, "[{name}]")?;
            section.write(f, 1)?;
        }
        Ok(())
    }
}

/// Quotes a value that krb5's profile parser would not read back as it stands.
fn quote(value: &str) -> String {
    let plain = !value.is_empty()
        && value.trim() == value
        && !value.starts_with(['{', '"'])
        && !value.contains(char::is_control);
    if plain {
        return value.into();
    }
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str, value: &str) -> Relation {
        Relation::parse(address, value, "R.TEST").unwrap()
    }

    #[test]
    fn bare_name_belongs_to_the_realm() {
        assert_eq!(
            parse("max_life", "1h"),
            Relation::new(&["realms", "R.TEST"], "max_life", "1h")
        );
    }

    #[test]
    fn spake_relations_belong_where_krb5_reads_them() {
        assert_eq!(parse("spake_preauth_groups", "P-256").section, ["libdefaults"]);
        assert_eq!(
            parse("spake_preauth_kdc_challenge", "P-256").section,
            ["kdcdefaults"]
        );
        assert_eq!(
            parse("spake_preauth_indicator", "x").section,
            ["realms", "R.TEST"]
        );
    }

    #[test]
    fn prefix_names_section_and_subsections() {
        assert_eq!(parse("libdefaults:rdns", "1").section, ["libdefaults"]);
        assert_eq!(
            parse("plugins/kdcpreauth:disable", "x").section,
            ["plugins", "kdcpreauth"]
        );
        assert_eq!(
            parse("realms/OTHER:spake_preauth_groups", "x").section,
            ["realms", "OTHER"]
        );
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for address in [
            "",
            ":x",
            "x:",
            "a//b:c",
            "a b",
            "a=b",
            "plugins/{:x",
            "[x]:y",
            "x:y\nz",
            "x*",
        ] {
            assert!(
                matches!(Relation::parse(address, "v", "R"), Err(Error::RelationName(_))),
                "{address:?} was taken"
            );
        }
    }

    #[test]
    fn values_are_kept_in_order_and_chosen_replace_defaults() {
        let defaults = vec![
            Relation::new(&["realms", "R"], "kdc", "default"),
            Relation::new(&["libdefaults"], "rdns", "false"),
        ];
        let chosen = [
            Relation::new(&["realms", "R"], "kdc", "one"),
            Relation::new(&["realms", "R"], "kdc", "two"),
            Relation::new(&["realms", "S"], "kdc", "three"),
        ];
        let text = Configuration::merge(defaults, &chosen).to_string();
        let expected = "[libdefaults]\n rdns = false\n[realms]\n R = {\n  kdc = one\n  kdc = two\n }\n S = {\n  kdc = three\n }\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn values_that_the_parser_would_change_are_quoted() {
        for (value, written) in [
            ("edwards25519 P-256", "edwards25519 P-256"),
            ("spake:/a/b.so", "spake:/a/b.so"),
            ("", "\"\""),
            (" x", "\" x\""),
            ("x\ny", "\"x\\ny\""),
            ("{", "\"{\""),
            ("\"a\\", "\"\\\"a\\\\\""),
        ] {
            assert_eq!(quote(value), written);
        }
    }
}
