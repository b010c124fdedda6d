//! Several realms at one krb5kdc: each has its own ways.

use krb5_fido_tests::{Enrolled, PASSWORD, assert_ticket, kadmin};
use krb5_testrealm::{Artifacts, Finished, Realm};

const OTHER: &str = "KRBTEST.ORG";

/// alice has the same key in both, bob has none in either; the other realm has another value of each relation that a login
/// shows.
fn two_realms() -> Enrolled {
    let builder = Realm::builder()
        .kdc_relation("fido_indicator", "com")
        .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "4096");
    let mut enrolled = Enrolled::start(builder);
    let device = enrolled.key.device();
    let realm = &mut enrolled.realm;
    realm.serve_also(OTHER).unwrap();
    for (relation, value) in [
        ("fido_policy", "required"),
        ("fido_exempt", "batch*"),
        ("fido_challenge", "clear"),
        ("fido_indicator", "org"),
        ("fido_counter", "log"),
        ("fido_enrol_url", "https://keys.krbtest.org/"),
        ("fido_max_life", "1h"),
        ("fido_self_enrol", "password"),
    ] {
        let address = format!("realms/{OTHER}:{relation}");
        realm.set_kdc_relation(&address, &[value]).unwrap();
    }
    let address = format!("realms/{OTHER}:fido_device");
    realm.set_client_relation(&address, &[&device]).unwrap();
    for name in ["alice", "bob", "batch"] {
        add_other(realm, &["addprinc", "-pw", PASSWORD, "+requires_preauth", name]);
    }
    krb5_fido_tests::add_user(realm, "bob");
    krb5_fido_tests::add_user(realm, "batch");
    kdb5_fido(realm, &["enroll", "alice", "--device", &device]);
    enrolled
}

fn add_other(realm: &Realm, query: &[&str]) {
    let mut command = realm.command("kadmin.local");
    command.args(["-r", OTHER]).args(query);
    realm.run(command, "").unwrap().checked().unwrap();
}

/// kdb5_fido in the other realm.
fn kdb5_fido(realm: &Realm, arguments: &[&str]) -> Finished {
    let mut command = realm.command(Artifacts::locate().unwrap().kdb5_fido());
    command.args(["-r", OTHER]).args(arguments);
    realm.run(command, "").unwrap().checked().unwrap()
}

fn log_in(realm: &Realm, name: &str, more: &[&str]) -> Finished {
    realm.kinit(name, PASSWORD, more).unwrap()
}

#[test]
fn each_follows_its_own_relations() {
    let Enrolled { realm, key: _key } = two_realms();
    let other = |name: &str| format!("{name}@{OTHER}");
    for (name, mode) in [("alice".to_owned(), "encrypted"), (other("alice"), "clear")] {
        let mark = realm.kdc_log_mark();
        assert_ticket(&realm, &log_in(&realm, &name, &[]), "IHA");
        let log = realm.kdc_log_since(mark);
        assert!(log.contains(&format!(" mode={mode}")), "{name}: {log}");
    }
    for name in ["bob", "batch"] {
        assert_ticket(&realm, &log_in(&realm, name, &[]), "IA");
    }
    assert_ticket(&realm, &log_in(&realm, &other("batch"), &[]), "IA");
    let turned_away = log_in(&realm, &other("bob"), &[]);
    assert!(
        turned_away
            .stderr
            .contains("register one with kfido enroll, or see https://keys.krbtest.org/"),
        "{turned_away}"
    );
    assert!(log_in(&realm, &other("bob"), &["-S", &format!("kadmin/admin@{OTHER}")]).success());
}

#[test]
fn each_is_checked_and_told_of_by_itself() {
    let Enrolled { realm, key: _key } = two_realms();
    let told = kdb5_fido(&realm, &["status", "alice"]).stdout;
    assert!(
        told.contains("    policy              required: fido_policy of the realm\n")
            && told.contains("    indicators          org after a touch"),
        "{told}"
    );
    let told = realm.kdb5_fido(&["status", "alice"]).unwrap().stdout;
    assert!(
        told.contains("    policy              enrolled: fido_policy of the realm\n")
            && told.contains("    indicators          com after a touch"),
        "{told}"
    );
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    let here = realm.kdb5_fido(&["check-config"]).unwrap().stdout;
    assert!(
        here.contains("alice@KRBTEST.COM (requires_hwauth_missing)"),
        "{here}"
    );
    assert!(!here.contains("KRBTEST.ORG"), "{here}");
}
