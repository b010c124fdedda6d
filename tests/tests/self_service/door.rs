//! kadmin alone: setstr and delstr.

use krb5_testrealm::Realm;
use serde_json::json;

use crate::support::{ago, ask_as, get_ticket, has, invite, is_granted, last_line, record, start, with_key};

fn set(realm: &Realm, who: &str, name: &str, value: &str) -> bool {
    is_granted(&ask_as(realm, who, &["setstr", "alice", name, value]))
}

fn delete(realm: &Realm, who: &str, name: &str) -> bool {
    is_granted(&ask_as(realm, who, &["delstr", "alice", name]))
}

#[test]
fn first_key_takes_an_invitation() {
    let realm = start(Realm::builder());
    assert!(!set(&realm, "alice", "fido:a", &record(json!({}))));
    let line = last_line(&realm);
    assert!(
        line.contains(
            "fido: alice@KRBTEST.COM sets fido:a of alice@KRBTEST.COM rp=krbtest.com \
             aaguid=00000000-0000-0000-0000-000000000000 refused: there is no key that may be used, and no open invitation"
        ),
        "{line}"
    );

    let id = invite(&realm);
    assert!(!set(&realm, "alice", "fido:a", &record(json!({}))));
    assert!(set(&realm, "alice", "fido:a", &record(json!({"invite": id}))));
    assert!(has(&realm, "fido:a"));
    let line = last_line(&realm);
    let expected = format!(
        "fido: alice@KRBTEST.COM sets fido:a of alice@KRBTEST.COM rp=krbtest.com \
         aaguid=00000000-0000-0000-0000-000000000000 invite={id}"
    );
    assert!(line.contains(&expected), "{line}");
    let log = realm.kadmind_log();
    let (_, after) = log.rsplit_once(&expected).unwrap();
    let own_line = after.lines().nth(1).unwrap();
    assert!(
        own_line.contains("kadm5_mod_strings") && own_line.contains("success"),
        "{own_line}"
    );
    assert!(own_line.contains("addr=127.0.0.1"), "{own_line}");
}

#[test]
fn nobody_changes_keys_of_somebody_else() {
    let realm = start(Realm::builder().kdc_relation("fido_self_enrol", "password"));
    let record = record(json!({"by": "bob@KRBTEST.COM"}));
    assert!(!set(&realm, "bob", "fido:a", &record));
    with_key(&realm, "a", 60);
    assert!(!delete(&realm, "bob", "fido:a"));
    assert!(has(&realm, "fido:a"));
}

#[test]
fn nobody_but_an_administrator_changes_settings_and_invitations() {
    let realm = start(Realm::builder());
    for (name, value) in [
        ("fido_policy", "permissive"),
        ("fido_uv", "discouraged"),
        ("other", "x"),
    ] {
        assert!(!set(&realm, "alice", name, value));
        assert!(set(&realm, "admin/admin", name, value));
        assert!(!delete(&realm, "alice", name));
    }
    invite(&realm);
    assert!(!delete(&realm, "alice", "fido_invite"));
}

#[test]
fn administrator_stores_well_formed_records_only() {
    let realm = start(Realm::builder());
    for (name, value) in [
        ("fido:a", "garbage"),
        ("fido:a", "{}"),
        ("fido:b c", record(json!({})).as_str()),
        ("fido_policy", "off"),
        ("fido_invite", "{}"),
    ] {
        assert!(!set(&realm, "admin/admin", name, value), "{name} {value}");
        assert!(last_line(&realm).contains(" refused: "));
        assert!(!has(&realm, name));
    }
    assert!(set(&realm, "admin/admin", "fido:a", &record(json!({}))));
    assert!(set(&realm, "admin/admin", "fido_policy", "required"));
    assert!(delete(&realm, "admin/admin", "fido:a"));
    assert!(
        last_line(&realm).contains("fido: admin/admin@KRBTEST.COM removes fido:a of alice@KRBTEST.COM rp=")
    );
    assert!(!has(&realm, "fido:a"));
}

#[test]
fn there_are_no_more_keys_than_the_realm_lets() {
    let realm = start(Realm::builder().kdc_relation("fido_max_credentials", "2"));
    for (label, granted) in [("a", true), ("b", true), ("c", false)] {
        assert_eq!(
            set(
                &realm,
                "admin/admin",
                &format!("fido:{label}"),
                &record(json!({}))
            ),
            granted
        );
    }
    assert!(last_line(&realm).contains("refused: fido_max_credentials of the realm is 2"));
}

#[test]
fn first_key_by_password_where_the_realm_says_so() {
    let realm = start(
        Realm::builder()
            .kdc_relation("fido_self_enrol", "password")
            .kdc_relation("fido_policy", "required"),
    );
    let notice = realm.kinit("alice", krb5_fido_tests::PASSWORD, &[]).unwrap();
    assert!(
        notice.stderr.contains("register one with kfido enroll"),
        "{notice}"
    );
    assert!(set(&realm, "alice", "fido:a", &record(json!({}))));
    // The next ticket takes the key.
    assert_eq!(get_ticket(&realm, "alice", "later").code(), Some(1));
}

#[test]
fn record_of_an_administrators_making_is_not_ones_own() {
    let realm = start(Realm::builder().kdc_relation("fido_self_enrol", "password"));
    for more in [
        json!({"by": "bob@KRBTEST.COM"}),
        json!({"created": ago(6)}),
        json!({"created": ago(-6)}),
        json!({"not_after": ago(-60)}),
        json!({"uv": "discouraged"}),
        json!({"disabled": true}),
    ] {
        assert!(!set(&realm, "alice", "fido:a", &record(more.clone())), "{more}");
    }
    assert!(!has(&realm, "fido:a"));
}

#[test]
fn kadmind_does_not_start_without_the_certificates_that_it_is_to_trust() {
    let builder = Realm::builder().kdc_relation("fido_attestation_roots", "/nonexistent/roots.pem");
    let failure = builder.start().unwrap_err().to_string();
    assert!(
        failure.contains("fido_attestation_roots: /nonexistent/roots.pem: No such file or directory"),
        "{failure}"
    );
}

#[test]
fn record_without_a_registration_where_somebody_has_to_vouch() {
    let realm = start(Realm::builder().kdc_relation("fido_aaguids", "2fc0579f-8113-47ea-b116-bb5a8db9202a"));
    assert!(!set(&realm, "admin/admin", "fido:a", &record(json!({}))));
    assert!(last_line(&realm).contains("the record has no member reg"));
}
