//! Names that the KDC looks up in another form, and keys that come from a file.

use krb5_fido_tests::{
    Enrolled, LogLine, PASSWORD, add_user, assert_refused, assert_ticket, enrol, kadmin, memory,
    module_lines, sent_types,
};
use krb5_testrealm::Realm;

use crate::{
    COOKIE_AND_SPAKE, LOGIN, LOGIN_WITH_KEY, WRONG,
    sides::{Ours, Side, alice, alike, issued, log_in, log_in_wrongly, realm_with_bob},
};

at_each_kdc! {
    canonicalized_name
    enterprise_name
    enterprise_name_of_another_realm_is_not_referred
    keytab
    keytab_that_is_out_of_date
}

const CAROL: &str = "carol\\@example.org";

fn canonicalized_name(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let (login, _) = log_in(&realm, "bob", &["-C"]);
    assert_eq!(module_lines(&login.trace), LOGIN);
    log_in_wrongly(&realm, "bob", &["-C"]);
}

fn enterprise_name(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    add_user(&realm, CAROL);
    let (login, _) = log_in(&realm, "carol@example.org", &["-E"]);
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    log_in_wrongly(&realm, "carol@example.org", &["-E"]);
}

/// A DB2 database knows no referrals, whatever other realms the KDC serves.
fn enterprise_name_of_another_realm_is_not_referred(kdc: Side) {
    let mut realm = realm_with_bob(kdc, Realm::builder());
    realm.serve_also("OTHER.TEST").unwrap();
    let (login, log) = alike(&realm, |client| {
        let login = client.kinit(&realm, "bob@OTHER.TEST", PASSWORD, &["-E"]);
        let name = "bob\\@OTHER.TEST@KRBTEST.COM";
        let message = format!("Client '{name}' not found in Kerberos database");
        assert_refused(&realm, &login, &message);
        login
    });
    assert!(module_lines(&login.trace).is_empty(), "{}", login.trace);
    assert_eq!(
        log,
        [LogLine::new(
            "CLIENT_NOT_FOUND",
            "Client not found in Kerberos database"
        )]
    );
}

/// Writes the keys of a principal into a file.
fn write_keytab(realm: &Realm, principal: &str) -> String {
    let path = realm.dir().join("user.keytab");
    let keytab = path.to_str().unwrap();
    kadmin(realm, &["ktadd", "-norandkey", "-k", keytab, principal]);
    keytab.to_owned()
}

fn keytab(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let keytab = write_keytab(&realm, "bob");
    let (login, log) = alike(&realm, |client| {
        let login = client.kinit(&realm, "bob", "", &["-k", "-t", &keytab]);
        assert_ticket(&realm, &login, "IA");
        login
    });
    assert_eq!(login.stdout, "");
    assert_eq!(log, issued());
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
}

fn keytab_that_is_out_of_date(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let keytab = write_keytab(&realm, "bob");
    kadmin(&realm, &["cpw", "-pw", WRONG, "bob"]);
    let (login, log) = alike(&realm, |client| {
        let login = client.kinit(&realm, "bob", "", &["-k", "-t", &keytab]);
        assert_refused(&realm, &login, "Preauthentication failed");
        login
    });
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(log, kdc.refused());
}

mod with_a_key {
    use super::*;

    #[test]
    fn canonicalized_name() {
        let enrolled = Enrolled::start(Realm::builder());
        let login = alice(&enrolled, &["-C"]);
        assert_ticket(&enrolled.realm, &login, "IHA");
        assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY);
    }

    #[test]
    fn enterprise_name() {
        let Enrolled { realm, key } = Enrolled::start(Realm::builder());
        add_user(&realm, CAROL);
        enrol(&realm, CAROL, &key, "blue");
        let login = Ours.kinit(&realm, "carol@example.org", PASSWORD, &["-E"]);
        assert_ticket(&realm, &login, "IHA");
        assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY);
        let log = realm.kdc_log();
        let accepted = "fido: carol\\@example.org@KRBTEST.COM nonce=";
        assert!(log.contains(accepted), "{log}");
    }

    #[test]
    fn keytab_needs_the_touch_too() {
        let Enrolled { realm, key } = Enrolled::start(Realm::builder());
        let keytab = write_keytab(&realm, "alice");
        let before = memory(&key);
        let login = Ours.kinit(&realm, "alice", "", &["-k", "-t", &keytab]);
        assert_ticket(&realm, &login, "IHA");
        assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY);
        assert_ne!(memory(&key), before);

        realm.kdestroy().unwrap();
        let without_key = ["-k", "-t", &keytab, "-X", "fido_device=none"];
        let login = Ours.kinit(&realm, "alice", "", &without_key);
        let message = "No security key attached: plug in the one registered for alice@KRBTEST.COM";
        assert_refused(&realm, &login, message);
    }
}
