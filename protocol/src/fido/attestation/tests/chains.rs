//! Chains, each with one rule of RFC 5280 section 6 broken.

use std::time::Instant;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256, PKCS_RSA_SHA512,
};

use super::{made::*, *};

/// A root, two certificates between and an attestation certificate; the changes are made to the last three.
struct Line {
    root: Authority,
    upper: Authority,
    lower: Authority,
    leaf: Attester,
}

type Change = fn(&mut CertificateParams);

const UNCHANGED: Change = |_| ();

impl Line {
    fn make(root: Change, upper: Change, lower: Change, leaf: Change) -> Self {
        let changed = |mut wanted: CertificateParams, change: Change| {
            change(&mut wanted);
            wanted
        };
        let root = root_with(changed(authority_certificate("Example Root"), root));
        let upper = between(changed(authority_certificate("Upper"), upper), &root);
        let lower = between(changed(authority_certificate("Lower"), lower), &upper);
        let leaf = Attester::issued_by(&lower, &changed(attestation_certificate(), leaf));
        Self {
            root,
            upper,
            lower,
            leaf,
        }
    }

    fn sound() -> Self {
        Self::make(UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED)
    }

    /// Why these roots refuse it at that time, with its certificates in order.
    fn refused_by(&self, roots: &[&[u8]], now: UtcDateTime) -> Option<StatementError> {
        let issuers: [&[u8]; 2] = [self.lower.der(), self.upper.der()];
        refused_with(&self.leaf, &issuers, roots, now)
    }

    fn refused(&self) -> Option<StatementError> {
        self.refused_by(&[self.root.der()], NOW)
    }
}

fn refused_with(
    leaf: &Attester,
    issuers: &[&[u8]],
    roots: &[&[u8]],
    now: UtcDateTime,
) -> Option<StatementError> {
    refused_by(&roots_policy(roots), &leaf.packed(&data(), issuers), now)
}

#[test]
fn a_chain_leads_to_a_root_through_those_between() {
    let line = Line::sound();
    assert_eq!(line.refused(), None);
    let other = root();
    assert_eq!(line.refused_by(&[other.der(), line.root.der()], NOW), None);
}

#[test]
fn a_root_may_issue_attestation_certificates_itself() {
    let root = root();
    let leaf = Attester::issued_by(&root, &attestation_certificate());
    assert_eq!(refused_with(&leaf, &[], &[root.der()], NOW), None);
}

#[test]
fn the_root_may_stand_in_the_chain() {
    let line = Line::sound();
    let issuers: [&[u8]; 3] = [line.lower.der(), line.upper.der(), line.root.der()];
    assert_eq!(refused_with(&line.leaf, &issuers, &[line.root.der()], NOW), None);
}

#[test]
fn one_between_may_be_a_root() {
    let line = Line::sound();
    assert_eq!(
        refused_with(&line.leaf, &[line.lower.der()], &[line.upper.der()], NOW),
        None
    );
    assert_eq!(refused_with(&line.leaf, &[], &[line.lower.der()], NOW), None);
}

#[test]
fn those_between_may_come_in_any_order() {
    let line = Line::sound();
    let unrelated = root_with(authority_certificate("Unrelated"));
    let issuers: [&[u8]; 3] = [unrelated.der(), line.upper.der(), line.lower.der()];
    assert_eq!(refused_with(&line.leaf, &issuers, &[line.root.der()], NOW), None);
}

#[test]
fn the_attestation_certificate_comes_first() {
    let line = Line::sound();
    let data = data();
    let signature = sign(&line.leaf.key, &[&data, &HASH]);
    let certificates: [&[u8]; 3] = [line.lower.der(), &line.leaf.der, line.upper.der()];
    let object = packed_object(ES256, &data, &signature, &certificates);
    assert_eq!(refused(&object), Some(StatementError::BadSignature));
}

#[test]
fn none_between_may_be_missing() {
    let line = Line::sound();
    for issuers in [
        &[][..],
        &[line.lower.der().as_ref()],
        &[line.upper.der().as_ref()],
    ] {
        let refused = refused_with(&line.leaf, issuers, &[line.root.der()], NOW);
        assert_eq!(refused, Some(StatementError::UnknownRoot));
    }
}

#[test]
fn other_roots_are_refused() {
    let line = Line::sound();
    let other = root_with(authority_certificate("Other"));
    assert_eq!(
        line.refused_by(&[other.der()], NOW),
        Some(StatementError::UnknownRoot)
    );
    let of_the_same_name = root();
    assert_eq!(
        line.refused_by(&[of_the_same_name.der()], NOW),
        Some(StatementError::ChainSignature)
    );
}

#[test]
fn a_root_in_the_chain_alone_is_not_trusted() {
    let line = Line::sound();
    let issuers: [&[u8]; 3] = [line.lower.der(), line.upper.der(), line.root.der()];
    let other = root_with(authority_certificate("Other"));
    let refused = refused_with(&line.leaf, &issuers, &[other.der()], NOW);
    assert_eq!(refused, Some(StatementError::UnknownRoot));
}

#[test]
fn an_attestation_certificate_may_itself_be_trusted() {
    let root = root();
    let leaf = Attester::issued_by(&root, &attestation_certificate());
    assert_eq!(refused_with(&leaf, &[], &[&leaf.der], NOW), None);
    let sibling = Attester::issued_by(&root, &attestation_certificate());
    assert_eq!(
        refused_with(&sibling, &[], &[&leaf.der], NOW),
        Some(StatementError::UnknownRoot)
    );
    let until = Some(StatementError::Expired);
    assert_eq!(refused_with(&leaf, &[], &[&leaf.der], at(2041)), until);
    let from = Some(StatementError::NotYetValid);
    assert_eq!(refused_with(&leaf, &[], &[&leaf.der], at(2019)), from);
}

#[test]
fn an_attestation_certificate_that_is_trusted_issues_nothing() {
    let mut wanted = attestation_certificate();
    wanted.distinguished_name = subject(&[(rcgen::DnType::CommonName, "Pinned")]);
    let pinned = root_with(wanted);
    let leaf = Attester::issued_by(&pinned, &attestation_certificate());
    let refused = refused_with(&leaf, &[], &[pinned.der()], NOW);
    assert_eq!(refused, Some(StatementError::IssuerNotCa));
}

#[test]
fn every_certificate_of_the_chain_is_valid_now() {
    let expired: Change = |wanted| valid(wanted, 2020, 2026);
    let future: Change = |wanted| valid(wanted, 2027, 2040);
    for (change, cause) in [
        (expired, StatementError::Expired),
        (future, StatementError::NotYetValid),
    ] {
        for line in [
            Line::make(change, UNCHANGED, UNCHANGED, UNCHANGED),
            Line::make(UNCHANGED, change, UNCHANGED, UNCHANGED),
            Line::make(UNCHANGED, UNCHANGED, change, UNCHANGED),
            Line::make(UNCHANGED, UNCHANGED, UNCHANGED, change),
        ] {
            assert_eq!(line.refused(), Some(cause));
        }
    }
}

#[test]
fn dates_are_those_of_the_registration() {
    let line = Line::sound();
    let root: [&[u8]; 1] = [line.root.der()];
    assert_eq!(
        line.refused_by(&root, at(2019)),
        Some(StatementError::NotYetValid)
    );
    assert_eq!(line.refused_by(&root, at(2020)), None);
    assert_eq!(line.refused_by(&root, at(2039)), None);
    assert_eq!(line.refused_by(&root, at(2040)), Some(StatementError::Expired));
    assert_eq!(
        line.refused_by(&root, at(1900)),
        Some(StatementError::NotYetValid)
    );
}

/// Renewed with the same key and name: either of them will do.
#[test]
fn an_expired_root_beside_its_successor_is_no_obstacle() {
    let root = root();
    let leaf = Attester::issued_by(&root, &attestation_certificate());
    let mut wanted = authority_certificate("Example Root");
    valid(&mut wanted, 2020, 2026);
    let expired = wanted.self_signed(root.key()).unwrap();
    assert_eq!(refused_with(&leaf, &[], &[expired.der(), root.der()], NOW), None);
    assert_eq!(refused_with(&leaf, &[], &[root.der(), expired.der()], NOW), None);
    let refused = refused_with(&leaf, &[], &[expired.der()], NOW);
    assert_eq!(refused, Some(StatementError::Expired));
}

#[test]
fn only_authorities_issue_certificates() {
    let no_ca: Change = |wanted| wanted.is_ca = IsCa::NoCa;
    let explicit: Change = |wanted| wanted.is_ca = IsCa::ExplicitNoCa;
    let other_usage: Change = |wanted| wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for change in [no_ca, explicit, other_usage] {
        for line in [
            Line::make(change, UNCHANGED, UNCHANGED, UNCHANGED),
            Line::make(UNCHANGED, change, UNCHANGED, UNCHANGED),
            Line::make(UNCHANGED, UNCHANGED, change, UNCHANGED),
        ] {
            assert_eq!(line.refused(), Some(StatementError::IssuerNotCa));
        }
    }
}

#[test]
fn an_attestation_certificate_issues_none() {
    let line = Line::sound();
    let issuer = CertifiedIssuer::signed_by(attestation_certificate(), key(), &line.lower).unwrap();
    let leaf = Attester::issued_by(&issuer, &attestation_certificate());
    let issuers: [&[u8]; 3] = [issuer.der(), line.lower.der(), line.upper.der()];
    let refused = refused_with(&leaf, &issuers, &[line.root.der()], NOW);
    assert_eq!(refused, Some(StatementError::IssuerNotCa));
}

#[test]
fn path_lengths_are_kept() {
    let none: Change = |wanted| wanted.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let one: Change = |wanted| wanted.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    let two: Change = |wanted| wanted.is_ca = IsCa::Ca(BasicConstraints::Constrained(2));
    assert_eq!(Line::make(two, one, none, UNCHANGED).refused(), None);
    let too_long = Some(StatementError::ChainTooLong);
    assert_eq!(
        Line::make(one, UNCHANGED, UNCHANGED, UNCHANGED).refused(),
        too_long
    );
    assert_eq!(
        Line::make(none, UNCHANGED, UNCHANGED, UNCHANGED).refused(),
        too_long
    );
    assert_eq!(
        Line::make(UNCHANGED, none, UNCHANGED, UNCHANGED).refused(),
        too_long
    );
}

#[test]
fn at_most_six_certificates_stand_between() {
    let root = root();
    for (count, cause) in [(6, None), (7, Some(StatementError::ChainTooLong))] {
        let mut line = vec![between(authority_certificate("0"), &root)];
        for position in 1..count {
            let wanted = authority_certificate(&position.to_string());
            line.push(between(wanted, line.last().unwrap()));
        }
        let leaf = Attester::issued_by(line.last().unwrap(), &attestation_certificate());
        let issuers: Vec<&[u8]> = line.iter().map(|issuer| issuer.der().as_ref()).collect();
        assert_eq!(refused_with(&leaf, &issuers, &[root.der()], NOW), cause);
    }
}

#[test]
fn critical_extensions_that_are_unknown_are_refused() {
    let critical: Change = |wanted| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], vec![5, 0]);
        extension.set_criticality(true);
        wanted.custom_extensions.push(extension);
    };
    let refused = Some(StatementError::CriticalExtension);
    assert_eq!(
        Line::make(UNCHANGED, UNCHANGED, UNCHANGED, critical).refused(),
        refused
    );
    assert_eq!(
        Line::make(UNCHANGED, critical, UNCHANGED, UNCHANGED).refused(),
        refused
    );
}

fn refused_issuer(key: KeyPair) -> Option<StatementError> {
    let root = CertifiedIssuer::self_signed(authority_certificate("Example Root"), key).unwrap();
    let leaf = Attester::issued_by(&root, &attestation_certificate());
    refused_with(&leaf, &[], &[root.der()], NOW)
}

#[test]
fn issuers_may_sign_by_these_algorithms() {
    for algorithm in [
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ED25519,
        &PKCS_RSA_SHA256,
        &PKCS_RSA_SHA512,
    ] {
        assert_eq!(
            refused_issuer(KeyPair::generate_for(algorithm).unwrap()),
            None,
            "{algorithm:?}"
        );
    }
}

#[test]
fn issuers_that_sign_by_others_are_refused() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
    assert_eq!(refused_issuer(key), Some(StatementError::ChainAlgorithm));
}

/// All of one name, so that each could be the issuer of each.
#[test]
fn hostile_chains_are_refused_in_no_time() {
    let decoys: Vec<_> = (0..7)
        .map(|_| root_with(authority_certificate("Example Root")))
        .collect();
    let issuers: Vec<&[u8]> = decoys.iter().map(|issuer| issuer.der().as_ref()).collect();
    let leaf = Attester::issued_by(&root(), &attestation_certificate());
    let roots: Vec<_> = (0..7).map(|_| root()).collect();
    let roots: Vec<&[u8]> = roots.iter().map(|root| root.der().as_ref()).collect();
    let started = Instant::now();
    assert!(refused_with(&leaf, &issuers, &roots, NOW).is_some());
    assert!(started.elapsed().as_secs() < 5);
}
