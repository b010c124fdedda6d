//! Values of kdc.conf and krb5.conf, and string attributes of principals.

use core::str;

use krb5_fido_protocol::{
    Error,
    fido::{
        cose::Algorithm,
        factor::{UserVerification, is_page},
        label::Label,
        policy::{
            Decision, Enrolment, Exemptions, Policy, SelfEnrol, Settings, Subject, decide, requires_factor,
            without_realm,
        },
    },
    spake::parse_groups,
};
use time::UtcDateTime;

/// A value, a line end, and a name or the string attributes of a principal: `name=value` on lines.
///
/// # Panics
/// If a value is read as something that it does not say, or a `fido:` attribute does not count as a key.
pub fn configuration(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (value, rest) = data.split_at(end.unwrap_or(data.len()));
    let rest = rest.get(1..).unwrap_or_default();
    if let Ok(value) = str::from_utf8(value) {
        assert_words(value);
        assert_algorithms(value);
        assert_groups(value);
        assert_exemptions(value, rest);
        assert_label(value);
        assert_page(value);
    }
    assert_name(value);
    assert_attributes(value, rest);
}

fn assert_words(value: &str) {
    let is_one_of = |words: &[&str]| words.contains(&value);
    assert_eq!(
        Policy::parse(value).is_ok(),
        is_one_of(&["permissive", "enrolled", "required"])
    );
    assert_eq!(
        SelfEnrol::parse(value).is_ok(),
        is_one_of(&["no", "invited", "password"])
    );
    let uv = UserVerification::parse(value);
    assert_eq!(uv.is_ok(), is_one_of(&["discouraged", "preferred", "required"]));
    assert!(uv.is_err() || uv.is_ok_and(|uv| uv.as_str() == value));
}

fn assert_algorithms(value: &str) {
    match Algorithm::parse_list(value) {
        Ok(algorithms) => {
            let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            assert!(value.split_whitespace().eq(names.iter().copied()));
            assert!(algorithms.len() <= Algorithm::ALL.len());
        }
        Err(Error::NoAlgorithm) => assert!(value.split_whitespace().next().is_none()),
        Err(_) => assert!(value.split_whitespace().next().is_some()),
    }
}

fn assert_groups(value: &str) {
    let (groups, unknown) = parse_groups(value);
    let is_separator = |character| matches!(character, ' ' | '\t' | '\r' | '\n' | ',');
    let mut words: Vec<&str> = value
        .split(is_separator)
        .filter(|word| !word.is_empty())
        .collect();
    for (index, group) in groups.iter().enumerate() {
        assert!(!groups[..index].contains(group));
        let before = words.len();
        words.retain(|word| !word.eq_ignore_ascii_case(group.name()));
        assert!(words.len() < before);
    }
    assert_eq!(words, unknown);
}

fn assert_exemptions(value: &str, name: &[u8]) {
    let is_refused = value.contains(['?', '[', ']', '@']);
    let exemptions = Exemptions::parse(value);
    assert_eq!(exemptions.is_err(), is_refused);
    // The reference takes time that grows with the product of both lengths.
    if let Ok(exemptions) = exemptions
        && value.len() * name.len() < 1 << 16
    {
        let mut patterns = value.split_whitespace();
        let expected = patterns.any(|pattern| is_matched(pattern.as_bytes(), name));
        assert_eq!(exemptions.contain(name), expected);
    }
}

/// Whether `*` for any bytes makes `pattern` the name: what of the pattern can be reached, byte by byte.
fn is_matched(pattern: &[u8], name: &[u8]) -> bool {
    let spread = |reached: &mut Vec<bool>| {
        for (index, byte) in pattern.iter().enumerate() {
            reached[index + 1] |= reached[index] && *byte == b'*';
        }
    };
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    spread(&mut reached);
    for byte in name {
        let mut next = vec![false; pattern.len() + 1];
        for (index, wanted) in pattern.iter().enumerate() {
            match *wanted {
                b'*' => next[index] |= reached[index],
                wanted => next[index + 1] |= reached[index] && wanted == *byte,
            }
        }
        spread(&mut next);
        reached = next;
    }
    reached[pattern.len()]
}

fn assert_label(value: &str) {
    let Ok(label) = Label::parse(value) else {
        assert!(Label::parse_attribute_name(&format!("fido:{value}")).is_err());
        return;
    };
    assert_eq!(label.to_string(), value);
    assert_eq!(
        Label::parse_attribute_name(&label.attribute_name()),
        Ok(label.clone())
    );
    let existing = [label];
    assert!(!existing.contains(&Label::lowest_free(&existing)));
}

fn assert_page(value: &str) {
    if is_page(value) {
        assert!(value.starts_with("https://") && value.len() <= 1024);
        assert!(value.chars().all(|character| matches!(character, '!'..='~')));
    }
}

/// What stands before the realm is a beginning of the name without a bare `@`.
fn assert_name(name: &[u8]) {
    let rest = name.strip_prefix(without_realm(name)).expect("it is a beginning");
    assert!(rest.is_empty() || rest.starts_with(b"@"));
    assert_eq!(without_realm(without_realm(name)), without_realm(name));
}

fn assert_attributes(name: &[u8], lines: &[u8]) {
    let attributes: Vec<(&[u8], &[u8])> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let end = line.iter().position(|byte| *byte == b'=')?;
            Some((&line[..end], &line[end + 1..]))
        })
        .collect();
    let count = attributes
        .iter()
        .filter(|(name, _)| name.starts_with(b"fido:"))
        .count();
    let enrolment = Enrolment::from_attributes(attributes.iter().copied());
    assert_eq!(enrolment.is_enrolled(), count > 0);
    assert_eq!(enrolment.credentials().len() + enrolment.garbled().len(), count);
    assert!(enrolment.garbled().iter().all(|garbled| {
        let shown = garbled.to_string();
        !shown.contains(char::is_control)
    }));
    let words = enrolment.indicators().unwrap_or(&[]);
    assert!(words.iter().all(|word| !word.contains([' ', '\0', '\n'])));
    for policy in [Policy::Permissive, Policy::Enrolled, Policy::Required] {
        for number in 0..8_u8 {
            assert_decision(name, &enrolment, policy, number);
        }
    }
}

/// The SPAKE module offers what the policy module lets through, and nobody with a key gets by without one unless the policy
/// is permissive.
fn assert_decision(name: &[u8], enrolment: &Enrolment, policy: Policy, flags: u8) {
    let settings = Settings {
        policy,
        self_enrol: match flags & 4 {
            0 => SelfEnrol::No,
            _ => SelfEnrol::Password,
        },
        ..Settings::default()
    };
    let subject = Subject {
        settings: &settings,
        enrolment,
        name,
        for_kadmin: flags & 1 != 0,
        requires_hwauth: flags & 2 != 0,
        now: UtcDateTime::UNIX_EPOCH,
    };
    let decision = decide(&subject);
    let own = enrolment.own_policy().unwrap_or(policy);
    let is_enough = matches!(decision, Decision::OfferNone | Decision::OfferFidoOrNone(_));
    match requires_factor(&subject) {
        Err(cause) => {
            assert_eq!(enrolment.refusal(), Some(cause));
            assert_eq!(decision, Decision::Refuse(cause));
        }
        Ok(requires) => {
            assert_eq!(enrolment.refusal(), None);
            assert_eq!(is_enough, !requires && !subject.requires_hwauth);
            assert!(!requires || !enrolment.is_enrolled() || !is_enough);
        }
    }
    if enrolment.is_enrolled() && (own != Policy::Permissive || subject.for_kadmin) {
        assert!(!is_enough);
    }
    match decision {
        Decision::OfferFido(usable) => assert!(!usable.is_empty()),
        Decision::OfferNone => assert!(!enrolment.is_enrolled()),
        _ => {}
    }
}
