//! What a realm demands, apart from chains.

use super::{
    fido_u2f::{NO_MODEL, u2f_object},
    made::*,
    *,
};
use crate::fido::authenticator_data::Aaguid;

const OTHER: Aaguid = Aaguid([6; 16]);

/// That of a realm with these models.
fn models(allowed: &[Aaguid]) -> AttestationPolicy {
    AttestationPolicy {
        roots: None,
        aaguids: Some(allowed.to_vec()),
    }
}

fn self_attested() -> Vec<u8> {
    let credential = key();
    let data = data_of(MODEL, &credential);
    let signature = bytes(&sign(&credential, &[&data, &HASH]));
    object_over("packed", &map(&[("alg", b"\x26"), ("sig", &signature)]), &data)
}

fn unattested() -> Vec<u8> {
    object_over("none", b"\xa0", &data())
}

#[test]
fn without_demands_everything_that_verifies_is_enough() {
    let policy = AttestationPolicy::default();
    let attester = Attester::with(|_| ());
    for object in [
        unattested(),
        self_attested(),
        attester.packed(&data(), &[]),
        u2f_object(&attester, NO_MODEL),
        u2f_object(&attester, MODEL),
    ] {
        assert_eq!(refused_by(&policy, &object, NOW), None);
    }
}

#[test]
fn without_demands_what_does_not_verify_is_refused() {
    let policy = AttestationPolicy::default();
    let (attester, data) = (Attester::with(|_| ()), data());
    let object = packed_object(ES256, &data, &sign(&key(), &[&data, &HASH]), &[&attester.der]);
    assert_eq!(
        refused_by(&policy, &object, NOW),
        Some(StatementError::BadSignature)
    );
}

#[test]
fn under_roots_nobody_and_oneself_are_not_enough() {
    let policy = roots_policy(&[root().der()]);
    assert_eq!(
        refused_by(&policy, &unattested(), NOW),
        Some(StatementError::NotAttested)
    );
    assert_eq!(
        refused_by(&policy, &self_attested(), NOW),
        Some(StatementError::SelfAttested)
    );
}

#[test]
fn under_no_roots_at_all_nothing_is_enough() {
    let policy = AttestationPolicy {
        roots: Some(AttestationRoots::default()),
        aaguids: None,
    };
    let object = Attester::with(|_| ()).packed(&data(), &[]);
    assert_eq!(
        refused_by(&policy, &object, NOW),
        Some(StatementError::UnknownRoot)
    );
    assert_eq!(
        refused_by(&policy, &unattested(), NOW),
        Some(StatementError::NotAttested)
    );
}

#[test]
fn only_listed_models_are_allowed() {
    let attester = Attester::with(|_| ());
    for object in [unattested(), self_attested(), attester.packed(&data(), &[])] {
        assert_eq!(refused_by(&models(&[OTHER, MODEL]), &object, NOW), None);
        let refused = Some(StatementError::AaguidNotAllowed(MODEL));
        assert_eq!(refused_by(&models(&[OTHER, NO_MODEL]), &object, NOW), refused);
        assert_eq!(refused_by(&models(&[]), &object, NOW), refused);
    }
}

#[test]
fn u2f_keys_are_allowed_if_their_lack_of_a_model_is_listed() {
    let object = u2f_object(&Attester::with(|_| ()), NO_MODEL);
    assert_eq!(refused_by(&models(&[NO_MODEL]), &object, NOW), None);
    let refused = Some(StatementError::AaguidNotAllowed(NO_MODEL));
    assert_eq!(refused_by(&models(&[MODEL]), &object, NOW), refused);
}

/// What a U2F key signs has no AAGUID in it: whoever stands between could name any.
#[test]
fn u2f_keys_cannot_claim_a_model() {
    let root = root();
    let attester = Attester::issued_by(&root, &attestation_certificate());
    let object = u2f_object(&attester, MODEL);
    let refused = Some(StatementError::UnattestedAaguid);
    assert_eq!(refused_by(&models(&[MODEL]), &object, NOW), refused);
    assert_eq!(refused_by(&roots_policy(&[root.der()]), &object, NOW), refused);
}

#[test]
fn roots_and_models_are_both_demanded() {
    let root = root();
    let object = Attester::issued_by(&root, &attestation_certificate()).packed(&data(), &[]);
    let mut policy = roots_policy(&[root.der()]);
    policy.aaguids = Some(vec![MODEL]);
    assert_eq!(refused_by(&policy, &object, NOW), None);
    policy.aaguids = Some(vec![OTHER]);
    assert_eq!(
        refused_by(&policy, &object, NOW),
        Some(StatementError::AaguidNotAllowed(MODEL))
    );
    let elsewhere = Attester::with(|_| ()).packed(&data(), &[]);
    policy.aaguids = Some(vec![MODEL]);
    assert!(refused_by(&policy, &elsewhere, NOW).is_some());
}
