//! Where a key has no place the module stays out of the way: no helper is started, and all is as with the stock client.

use krb5_fido_tests::{Enrolled, MarkedHelper, PASSWORD, assert_refused, assert_ticket, kadmin};
use krb5_testrealm::{Realm, RealmBuilder};

use crate::sides::{Ours, Side, alice, alike, issued, realm_with_bob};

at_each_kdc! {
    anonymous
    password_and_keytab
    renewal
    tickets_for_others
}

/// A realm with bob, whose clients leave a mark when they start the helper.
fn with_mark(kdc: Side, builder: RealmBuilder) -> (Realm, MarkedHelper) {
    let mut realm = realm_with_bob(kdc, builder);
    let helper = MarkedHelper::install(&mut realm);
    (realm, helper)
}

/// Adds a principal with its keys in a file, of which it gives the name.
fn add_service(realm: &Realm, name: &str) -> String {
    let path = realm.dir().join("service.keytab");
    let keytab = path.to_str().unwrap();
    kadmin(realm, &["addprinc", "-randkey", "+requires_preauth", name]);
    kadmin(realm, &["ktadd", "-k", keytab, name]);
    keytab.to_owned()
}

#[test]
fn a_key_leaves_the_mark() {
    let mut enrolled = Enrolled::start(Realm::builder());
    let helper = MarkedHelper::install(&mut enrolled.realm);
    let without_key = ["-X", "fido_device=none"];
    assert_eq!(helper.environment(), None);
    let login = alice(&enrolled, &without_key);
    assert!(!login.success() && helper.environment().is_some(), "{login}");
}

/// Without PKINIT there is none.
fn anonymous(kdc: Side) {
    let (realm, helper) = with_mark(kdc, Realm::builder());
    kadmin(&realm, &["addprinc", "-randkey", "WELLKNOWN/ANONYMOUS"]);
    let (login, _) = alike(&realm, |client| client.run(&realm, &["kinit", "-n"], ""));
    assert_refused(&realm, &login, "Pre-authentication failed: Cannot read password");
    assert_eq!(helper.environment(), None);
}

fn password_and_keytab(kdc: Side) {
    let (realm, helper) = with_mark(kdc, Realm::builder());
    let keytab = add_service(&realm, "host/front");
    let (_, log) = alike(&realm, |client| {
        let login = client.kinit(&realm, "bob", PASSWORD, &[]);
        assert_ticket(&realm, &login, "IA");
        client.kinit(&realm, "host/front", "", &["-k", "-t", &keytab])
    });
    assert_eq!(log.len(), 2 * issued().len());
    assert_eq!(helper.environment(), None);
}

fn renewal(kdc: Side) {
    let (realm, helper) = with_mark(kdc, Realm::builder().kdc_relation("max_renewable_life", "7d"));
    let (renewed, _) = alike(&realm, |client| {
        let login = client.kinit(&realm, "bob", PASSWORD, &["-r", "1d"]);
        assert_ticket(&realm, &login, "RIA");
        let renewed = client.run(&realm, &["kinit", "-R"], "");
        assert_ticket(&realm, &renewed, "RIAT");
        renewed
    });
    assert_eq!(renewed.stdout, "");
    assert_eq!(helper.environment(), None);
}

/// S4U2Self, by name and by an enterprise name, and S4U2Proxy, which needs another database than DB2.
fn tickets_for_others(kdc: Side) {
    let (realm, helper) = with_mark(kdc, Realm::builder());
    let keytab = add_service(&realm, "host/front");
    kadmin(&realm, &["addprinc", "-randkey", "host/back"]);
    for (arguments, code) in [
        (&["-U", "bob", "host/front"][..], 0),
        (&["-I", "bob", "host/front"], 0),
        (&["-k", &keytab, "-U", "bob", "-P", "host/back"], 1),
    ] {
        let (asked, _) = alike(&realm, |client| {
            let login = client.kinit(&realm, "host/front", "", &["-k", "-t", &keytab]);
            login.checked().unwrap();
            client.run(&realm, &[&["kvno"], arguments].concat(), "")
        });
        assert_eq!(asked.code(), Some(code), "{asked}{}", asked.trace);
    }
    assert_eq!(helper.environment(), None);
}

mod with_a_key {
    use super::*;

    /// One touch is enough for as long as the ticket is renewed.
    #[test]
    fn renewal() {
        let builder = Realm::builder().kdc_relation("max_renewable_life", "7d");
        let enrolled = Enrolled::start(builder);
        let login = alice(&enrolled, &["-r", "1d"]);
        assert_ticket(&enrolled.realm, &login, "RIHA");
        let Enrolled { mut realm, key } = enrolled;
        drop(key);
        let helper = MarkedHelper::install(&mut realm);
        assert_ticket(&realm, &Ours.run(&realm, &["kinit", "-R"], ""), "RIHAT");
        assert_eq!(helper.environment(), None);
    }

    /// A service asks for a ticket to itself: nobody is there who could touch.
    #[test]
    fn ticket_for_another() {
        let Enrolled { mut realm, key: _key } = Enrolled::start(Realm::builder());
        let helper = MarkedHelper::install(&mut realm);
        let keytab = add_service(&realm, "host/front");
        let login = Ours.kinit(&realm, "host/front", "", &["-k", "-t", &keytab]);
        login.checked().unwrap();
        for option in ["-U", "-I"] {
            let asked = Ours.run(&realm, &["kvno", option, "alice", "host/front"], "");
            assert!(asked.success(), "{asked}{}", asked.trace);
        }
        assert_eq!(helper.environment(), None);
    }
}
