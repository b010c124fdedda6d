//! This machine as a client.

use krb5_testrealm::Modules;

use super::{assert_finds, only_what, tidy, with_alice};

#[test]
fn client_module_that_is_not_loaded() {
    let realm = with_alice(tidy().client_modules(Modules::Stock));
    let report = assert_finds(&realm, &["warning client_module_not_configured"]);
    assert!(
        only_what(&report).starts_with(
            "not configured: krb5.conf has no module = spake:PATH in clpreauth of [plugins]: nobody logs in"
        ),
        "{report:#}"
    );
    let realm = with_alice(tidy().client_relation("plugins/clpreauth:module", "spake:/nonexistent.so"));
    assert_finds(&realm, &["warning client_module_missing"]);
}

#[test]
fn client_that_can_be_talked_into_an_encrypted_timestamp() {
    let mut realm = with_alice(tidy());
    for (values, found) in [
        (&["true"][..], false),
        (&["yes"], false),
        (&["false"], true),
        (&[], true),
    ] {
        realm
            .set_client_relation("disable_encrypted_timestamp", values)
            .unwrap();
        let expected = found.then_some("warning client_encrypted_timestamp");
        assert_finds(&realm, expected.as_slice());
    }
}
