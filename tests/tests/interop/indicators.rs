//! What services learn of a login: spake_preauth_indicator, and beside it what a key is worth.

use krb5_fido_tests::{Enrolled, PASSWORD, add_service, add_user, ask_for, assert_ticket};
use krb5_testrealm::{Realm, RealmBuilder};

use crate::sides::{Ours, Side, Stock, alice, realm_with_bob};

at_each_kdc! {
    indicators_of_spake_open_services_that_demand_them
}

fn with_indicators() -> RealmBuilder {
    Realm::builder()
        .kdc_relation("spake_preauth_indicator", "strong")
        .kdc_relation("spake_preauth_indicator", "pw")
}

/// The ticket that is there opens these services and no other.
fn assert_opens(realm: &Realm, opened: &[&str], closed: &[&str]) {
    for service in opened {
        let asked = ask_for(realm, service);
        assert!(asked.success(), "{asked}");
    }
    for service in closed {
        let refused = ask_for(realm, service);
        let expected =
            format!("kvno: KDC policy rejects request while getting credentials for {service}@KRBTEST.COM\n");
        assert_eq!((refused.code(), refused.stderr), (Some(1), expected));
    }
}

fn indicators_of_spake_open_services_that_demand_them(kdc: Side) {
    let realm = realm_with_bob(kdc, with_indicators());
    for (service, wanted) in [("host/a", "strong"), ("host/b", "pw"), ("host/c", "fido")] {
        add_service(&realm, service, wanted);
    }
    for client in [Ours, Stock] {
        assert_ticket(&realm, &client.kinit(&realm, "bob", PASSWORD, &[]), "IA");
        assert_opens(&realm, &["host/a", "host/b"], &["host/c"]);
    }
}

#[test]
fn indicators_of_a_key_stand_beside_those_of_spake() {
    let enrolled = Enrolled::start(
        with_indicators()
            .kdc_relation("fido_indicator", "fido")
            .kdc_relation("fido_indicator", "touched"),
    );
    let realm = &enrolled.realm;
    add_user(realm, "bob");
    for (service, wanted) in [
        ("host/a", "strong"),
        ("host/b", "pw"),
        ("host/c", "fido"),
        ("host/d", "touched"),
        ("host/e", "else"),
    ] {
        add_service(realm, service, wanted);
    }
    assert_ticket(realm, &alice(&enrolled, &[]), "IHA");
    assert_opens(realm, &["host/a", "host/b", "host/c", "host/d"], &["host/e"]);

    assert_ticket(realm, &Ours.kinit(realm, "bob", PASSWORD, &[]), "IA");
    assert_opens(realm, &["host/a", "host/b"], &["host/c", "host/d", "host/e"]);
}
