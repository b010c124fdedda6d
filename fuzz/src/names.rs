//! Which names a client signs for.

use core::str;

use krb5_fido_protocol::fido::{
    facets::FacetList,
    rp_id::{RpIdRules, Rule},
};
use serde_json::Value;

/// A realm, a line end, and a facet list.
///
/// # Panics
/// If the list is not read as the FIDO AppID and Facets specification has it.
pub fn facet_list(data: &[u8]) {
    let Some((realm, json)) = split_line(data) else {
        return;
    };
    let Ok(list) = FacetList::parse(json) else {
        return;
    };
    let value: Value = serde_json::from_slice(json).expect("it was read before");
    let written = value.to_string();
    // Escapes and numbers may take more room when they are written again.
    if written.len() <= json.len() {
        assert_eq!(FacetList::parse(written.as_bytes()).as_ref(), Ok(&list));
    }
    let id = format!("krb5realm:{realm}");
    let ids = value["trustedFacets"].as_array().into_iter().flatten();
    let chosen = ids
        .filter_map(|entry| Some((version(entry)?, entry)))
        .filter(|(version, _)| *version <= (1, 0))
        .max_by_key(|(version, _)| *version);
    let (_, chosen) = chosen.expect("an entry was chosen");
    let ids = chosen["ids"].as_array().expect("it has ids");
    assert!(ids.iter().all(Value::is_string));
    assert_eq!(list.holds_realm(realm), ids.iter().any(|other| *other == id));
}

fn version(entry: &Value) -> Option<(u64, u64)> {
    let version = &entry["version"];
    Some((version["major"].as_u64()?, version["minor"].as_u64()?))
}

/// A realm, a line end, and the text of a public suffix list.
///
/// # Panics
/// If the registrable domain is not one label more than a public suffix, or not the realm's.
pub fn suffix_list(data: &[u8]) {
    let Some((realm, list)) = split_line(data) else {
        return;
    };
    let rules = RpIdRules::new(realm, None, Some(list));
    let realm_id = format!("krb5realm:{realm}");
    assert_eq!(rules.accepts(&realm_id), Some(Rule::Realm));
    assert_eq!(
        RpIdRules::new(realm, None, None).accepted(),
        [(realm_id.as_str(), Rule::Realm)]
    );
    let RpIdRules::Derived {
        registrable_domain, ..
    } = &rules
    else {
        panic!("nothing is configured");
    };
    let name = realm.to_ascii_lowercase();
    let names: Vec<Vec<u8>> = list.split(|byte| *byte == b'\n').filter_map(read_rule).collect();
    match registrable_domain {
        Some(domain) => {
            assert_eq!(rules.registration(), (domain.as_str(), Rule::RegistrableDomain));
            assert_eq!(rules.accepts(domain), Some(Rule::RegistrableDomain));
            assert_is_registrable(&name, domain, &names);
        }
        None => assert_has_none(&name, &names),
    }
    // Comments and empty lines change nothing.
    let commented = [b"// com\n\n\r\n  // org\n", list].concat();
    let same = RpIdRules::new(realm, None, Some(&commented));
    assert_eq!(same.accepted(), rules.accepted());
}

fn split_line(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = data.split_at(end);
    Some((str::from_utf8(line).ok()?, &rest[1..]))
}

/// "Each line is only read up to the first whitespace; entire lines can also be commented using //."
fn read_rule(line: &[u8]) -> Option<Vec<u8>> {
    let rule = line
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty())?;
    (!rule.starts_with(b"//")).then(|| rule.to_ascii_lowercase())
}

fn assert_is_registrable(realm: &str, domain: &str, rules: &[Vec<u8>]) {
    let above = realm.strip_suffix(domain).expect("it is the end of the realm");
    assert!(above.is_empty() || above.ends_with('.'));
    assert!(domain.split('.').count() >= 2 && domain.len() <= 253);
    assert!(domain.split('.').all(is_ldh), "{domain}");

    let (_, suffix) = domain.split_once('.').expect("it has two labels");
    let is_exception = is_excepted(domain, realm, rules);
    assert!(is_exception || is_public_suffix(suffix, realm, rules));
    // Neither the domain nor anything longer, up to the realm, is a public suffix itself.
    let mut longer = endings(realm).filter(|ending| ending.len() >= domain.len());
    assert!(is_exception || !longer.any(|ending| is_public_suffix(ending, realm, rules)));
}

fn assert_has_none(realm: &str, rules: &[Vec<u8>]) {
    if realm.len() > 253 || !realm.contains('.') || !realm.split('.').all(is_ldh) {
        return;
    }
    let has_suffix = endings(realm).any(|ending| is_public_suffix(ending, realm, rules));
    let has_exception = endings(realm).any(|ending| is_excepted(ending, realm, rules));
    assert!(!has_exception && (!has_suffix || is_public_suffix(realm, realm, rules)));
}

/// The name, and what follows each of its dots.
fn endings(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
    core::iter::once(name).chain(dots)
}

fn is_ldh(label: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let bounds = label.as_bytes().first().zip(label.as_bytes().last());
    bounds.is_some_and(|(first, last)| *first != b'-' && *last != b'-')
        && label.len() <= 63
        && label.bytes().all(is_allowed)
        && !label.starts_with("xn--")
}

/// Whether an ending of the realm is a public suffix.
fn is_public_suffix(ending: &str, realm: &str, rules: &[Vec<u8>]) -> bool {
    let mut rules = rules.iter().filter(|rule| !rule.starts_with(b"!"));
    rules.any(|rule| is_matched(rule, ending, realm))
}

/// Whether an ending of the realm is excepted from being one.
fn is_excepted(ending: &str, realm: &str, rules: &[Vec<u8>]) -> bool {
    let mut exceptions = rules.iter().filter_map(|rule| rule.strip_prefix(b"!"));
    ending.contains('.') && exceptions.any(|rule| is_matched(rule, ending, realm))
}

/// Whether a rule has as many labels as `ending` and matches it. The realm itself need not have what an asterisk, and all
/// that stands in front of it, would be: `*.example` in the list makes `example` a public suffix, too.
fn is_matched(rule: &[u8], ending: &str, realm: &str) -> bool {
    let labels: Vec<&[u8]> = ending.split('.').map(str::as_bytes).collect();
    let pattern: Vec<&[u8]> = rule.split(|byte| *byte == b'.').collect();
    let Some(more) = pattern.len().checked_sub(labels.len()) else {
        return false;
    };
    let (front, pattern) = pattern.split_at(more);
    let is_asterisk = |label: &&[u8]| *label == b"*";
    let is_last = |index: usize| index + 1 == labels.len();
    let mut pairs = pattern.iter().zip(&labels).enumerate();
    front
        .last()
        .is_none_or(|label| is_asterisk(label) && ending == realm)
        && pairs.all(|(index, (wanted, label))| wanted == label || (is_asterisk(wanted) && !is_last(index)))
}
