//! Files of roots.

use super::{made::*, *};

fn refused(text: &str) -> Option<RootsError> {
    AttestationRoots::parse_pem(text).err()
}

fn descriptions(roots: &AttestationRoots) -> Vec<String> {
    roots.descriptions().collect()
}

#[test]
fn a_file_has_several_certificates_and_text_between() {
    let other = root_with(authority_certificate("Other"));
    let text = format!(
        "Our vendors:\n{}\n# the other\n{}\nend",
        root().pem(),
        other.pem()
    );
    let roots = AttestationRoots::parse_pem(&text).unwrap();
    let lines = [
        r#""Example Root", issued by "Example Root""#,
        r#""Other", issued by "Other""#,
    ];
    assert_eq!(descriptions(&roots), lines);
}

#[test]
fn files_are_put_together() {
    let mut roots = AttestationRoots::parse_pem(&root().pem()).unwrap();
    let other = root_with(authority_certificate("Other"));
    roots.append(AttestationRoots::parse_pem(&other.pem()).unwrap());
    let lines = [
        r#""Example Root", issued by "Example Root""#,
        r#""Other", issued by "Other""#,
    ];
    assert_eq!(descriptions(&roots), lines);
}

#[test]
fn files_without_certificates_are_refused() {
    for text in ["", "\n", "certificate", &key().serialize_pem()] {
        assert_eq!(refused(text), Some(RootsError::Empty));
    }
}

#[test]
fn what_is_no_certificate_is_passed_over() {
    let text = format!("{}{}", key().serialize_pem(), root().pem());
    assert_eq!(
        AttestationRoots::parse_pem(&text).unwrap().descriptions().count(),
        1
    );
}

#[test]
fn the_malformed_certificate_is_named() {
    let good = root().pem();
    let cut = good.split("-----END").next().unwrap().to_owned();
    assert_eq!(refused(&cut), Some(RootsError::Pem(1)));
    assert_eq!(refused(&format!("{good}{cut}")), Some(RootsError::Pem(2)));
    let garbled = good.replacen('M', "?", 1);
    assert_eq!(
        refused(&format!("{good}{good}{garbled}")),
        Some(RootsError::Pem(3))
    );
    let no_certificate = pem(b"certificate");
    assert_eq!(refused(&no_certificate), Some(RootsError::Certificate(1)));
    assert_eq!(
        refused(&format!("{good}{no_certificate}{good}")),
        Some(RootsError::Certificate(2))
    );
    let mut trailing = root().der().to_vec();
    trailing.push(0);
    assert_eq!(refused(&pem(&trailing)), Some(RootsError::Certificate(1)));
}

#[test]
fn certificates_beyond_8_kib_are_refused() {
    let mut wanted = authority_certificate(&"x".repeat(8200));
    wanted.key_usages.clear();
    assert_eq!(
        refused(&root_with(wanted).pem()),
        Some(RootsError::Certificate(1))
    );
}

#[test]
fn truncated_certificates_are_refused() {
    let root = root();
    for end in 0..root.der().len() {
        assert_eq!(
            refused(&pem(&root.der()[..end])),
            Some(RootsError::Certificate(1))
        );
    }
}
