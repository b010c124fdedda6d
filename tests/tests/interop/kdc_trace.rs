//! What the KDC's own libkrb5 traces: our module writes the lines of the stock one.

use std::fs;

use krb5_fido_tests::{PASSWORD, hides_result, module_lines};
use krb5_testrealm::Realm;

use crate::{
    GROUPS, HASH, KEY, RESULT, WRONG,
    sides::{Ours, Side, Stock, realm_with_bob},
};

/// What a KDC traces of a login, one with a wrong password, and one without a common group.
fn trace_of(kdc: Side) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let variable = format!("KRB5_TRACE={}", trace.display());
    let builder = Realm::builder()
        .kdc_wrapper(&["env", &variable])
        .kdc_relation(GROUPS, "edwards25519 curve448");
    let mut realm = realm_with_bob(kdc, builder);
    assert!(Ours.kinit(&realm, "bob", PASSWORD, &[]).success());
    assert!(!Ours.kinit(&realm, "bob", WRONG, &[]).success());
    realm.set_client_relation(GROUPS, &["P-256"]).unwrap();
    assert!(Ours.kinit(&realm, "bob", PASSWORD, &[]).success());
    let trace = fs::read_to_string(&trace).unwrap();
    assert_eq!(hides_result(&trace), kdc == Ours);
    module_lines(&trace)
}

#[test]
fn both_kdcs_trace_the_same() {
    let pass = [
        "SPAKE support message received, selected group 1",
        KEY,
        "Sending SPAKE challenge with group 1",
        "SPAKE response received with pubkey <32 octets>",
        HASH,
        RESULT,
    ];
    let mut expected = vec!["Unrecognized SPAKE group name: curve448"];
    expected.extend(pass.repeat(2));
    expected.push("SPAKE support message rejected");
    assert_eq!(trace_of(Stock), expected);
    assert_eq!(trace_of(Ours), expected);
}
