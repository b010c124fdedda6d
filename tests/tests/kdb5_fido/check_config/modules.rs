//! Modules that the KDC does without, as it does in silence.

use std::fs;

use krb5_fido_tests::Enrolled;
use krb5_testrealm::{Artifacts, Realm};
use sha2::{Digest, Sha256};

use super::{assert_finds, check, identifiers, only_what, tidy, with_alice};

const PREAUTH: &str = "plugins/kdcpreauth:module";
const POLICY: &str = "plugins/kdcpolicy:module";
const KADMIND: &str = "plugins/kadm5_auth:module";

/// krb5's own module.
const STOCK: &str = "/usr/lib/x86_64-linux-gnu/krb5/plugins/preauth/spake.so";

fn ours() -> String {
    Artifacts::locate()
        .unwrap()
        .kdc_module()
        .to_str()
        .unwrap()
        .to_owned()
}

/// What is found after `address` was given these values.
#[track_caller]
fn assert_finds_with(address: &str, values: &[&str], expected: &[&str]) {
    let mut realm = with_alice(tidy());
    realm.set_kdc_relation(address, values).unwrap();
    let report = assert_finds(&realm, expected);
    assert_eq!(
        report["module"].is_null(),
        address == PREAUTH && expected[0].starts_with("error")
    );
}

#[test]
fn nothing_is_found_in_a_tidy_realm() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let report = assert_finds(&realm, &[]);
    let digest: String = Sha256::digest(fs::read(ours()).unwrap())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(report["module"]["sha256"], digest);
    let told = realm.kdb5_fido(&["check-config"]).unwrap();
    assert_eq!(
        told.stdout,
        format!(
            "127.0.0.1:{} asks for the key\n{} has the SHA-256 {digest}\nKRBTEST.COM: 0 errors, 0 warnings\n",
            realm.kdc_port(),
            ours()
        )
    );
}

#[test]
fn module_that_is_not_loaded() {
    for (address, interface, name) in [(PREAUTH, "kdcpreauth", "spake"), (POLICY, "kdcpolicy", "fido")] {
        let error = |what: &str| format!("error {interface}_{what}");
        for (value, what) in [
            (format!("{name}:/nonexistent.so"), "missing"),
            (format!("{name}:/etc/passwd"), "not_loadable"),
            ("none:/nonexistent.so".to_owned(), "not_configured"),
        ] {
            assert_finds_with(address, &[&value], &[&error(what)]);
        }
        let other_name = format!("other:{}", ours());
        assert_finds_with(
            address,
            &[&other_name],
            &[&error("other_name"), &error("not_configured")],
        );
        let right = format!("{name}:{}", ours());
        let wrong = format!("{name}:/nonexistent.so");
        assert_finds_with(
            address,
            &[&wrong, &right],
            &[&error("missing"), &format!("warning {interface}_repeated")],
        );
        assert_finds_with(
            address,
            &[&right, &other_name],
            &[&format!("warning {interface}_other_name")],
        );
    }
}

#[test]
fn module_that_kadmind_does_not_load() {
    assert_finds_with(
        KADMIND,
        &["none:/nonexistent.so"],
        &["warning kadm5_auth_not_configured"],
    );
    let mut realm = with_alice(tidy().kdc_relation("fido_aaguids", "2fc0579f-8113-47ea-b116-bb5a8db9202a"));
    realm
        .set_kdc_relation(KADMIND, &["fido:/nonexistent.so"])
        .unwrap();
    let report = assert_finds(&realm, &["error kadm5_auth_missing"]);
    assert!(
        only_what(&report).contains("do not hold through kadmind"),
        "{report:#}"
    );
}

#[test]
fn module_that_is_disabled() {
    let mut realm = with_alice(tidy());
    for interface in ["kdcpreauth", "kdcpolicy"] {
        let name = if interface == "kdcpolicy" { "fido" } else { "spake" };
        let disable = format!("plugins/{interface}:enable_only");
        realm.set_kdc_relation(&disable, &["pkinit"]).unwrap();
        assert_finds(&realm, &[&format!("error {interface}_disabled")]);
        realm.set_kdc_relation(&disable, &[name]).unwrap();
        assert_finds(&realm, &[]);
    }
}

#[test]
fn krb5s_own_module_is_another_one() {
    let mut realm = with_alice(tidy());
    realm
        .set_kdc_relation(PREAUTH, &[&format!("spake:{STOCK}")])
        .unwrap();
    let report = assert_finds(&realm, &["error kdcpreauth_foreign"]);
    assert!(
        only_what(&report).contains("knows no security keys"),
        "{report:#}"
    );
}

/// A key is verified, and the policy module does not learn of it.
#[test]
fn two_copies_of_the_module_give_nobody_a_ticket() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    let copy = realm.dir().join("copy.so");
    fs::copy(ours(), &copy).unwrap();
    realm
        .set_kdc_relation(POLICY, &[&format!("fido:{}", copy.display())])
        .unwrap();
    assert_finds(&realm, &["error modules_differ"]);
    let login = realm.kinit("alice", krb5_fido_tests::PASSWORD, &[]).unwrap();
    assert!(login.stderr.contains("KDC policy rejects request"), "{login}");
}

#[test]
fn specification_without_a_name() {
    let realm = with_alice(tidy());
    let file = realm.dir().join("kdc.conf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text + "[plugins]\n kdcpolicy = {\n  module = /fido_kdc.so\n }\n",
    )
    .unwrap();
    let (code, report) = check(&realm, &[]);
    assert_eq!(
        (code, identifiers(&report)),
        (Some(1), vec!["error kdcpolicy_malformed".to_owned()])
    );
}

#[test]
fn password_oracles() {
    let mut realm = with_alice(tidy());
    realm.set_kdc_relation("plugins/kdcpreauth:disable", &[]).unwrap();
    assert_finds(
        &realm,
        &["warning encrypted_timestamp", "warning encrypted_challenge"],
    );
    realm
        .set_kdc_relation(
            "plugins/kdcpreauth:enable_only",
            &["spake", "encrypted_challenge"],
        )
        .unwrap();
    assert_finds(&realm, &["warning encrypted_challenge"]);
}

#[test]
fn groups_without_which_the_module_is_left_out() {
    let mut realm = with_alice(tidy());
    realm
        .set_kdc_relation("spake_preauth_groups", &["P-224"])
        .unwrap();
    let report = assert_finds(&realm, &["error spake_preauth_groups"]);
    let said = "preauth spake failed to initialize: No SPAKE preauth groups configured";
    assert!(only_what(&report).starts_with(said), "{report:#}");
    assert!(realm.kdc_log().contains(said));
    realm
        .set_kdc_relation("spake_preauth_groups", &["P-224 P-256"])
        .unwrap();
    assert_finds(&realm, &["warning spake_preauth_groups"]);
    realm
        .set_kdc_relation("spake_preauth_groups", &["edwards25519"])
        .unwrap();
    realm
        .set_kdc_relation("spake_preauth_kdc_challenge", &["P-256"])
        .unwrap();
    assert_finds(&realm, &["error spake_preauth_kdc_challenge"]);
}

#[test]
fn findings_say_what_and_where_and_what_to_do() {
    let realm = Realm::builder().kadmind(false).start().unwrap();
    let told = realm.kdb5_fido(&["check-config"]).unwrap();
    assert_eq!(told.code(), Some(3), "{told}");
    assert!(
        told.stdout.starts_with(
            "warning: kdc.conf, [plugins] kdcpreauth (encrypted_timestamp)\n    encrypted_timestamp is on, and tells whoever \
             asks whether a password is right, key or not.\n    Once every client speaks SPAKE: disable = \
             encrypted_timestamp.\n"
        ),
        "{told}"
    );
    assert!(
        told.stdout.ends_with("KRBTEST.COM: 0 errors, 3 warnings\n"),
        "{told}"
    );
}
