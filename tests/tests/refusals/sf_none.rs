//! SF-NONE, the password alone within SPAKE. Our SPAKE module refuses it where it was not offered (`tests/forged/factors.rs`);
//! krb5's own offers it to everybody.

use krb5_fido_tests::{Enrolled, PASSWORD};
use krb5_testrealm::Realm;

use crate::{assert_refused_by_policy, clear_hardware_flag};

#[test]
fn password_alone_at_krb5s_own_module_is_refused_by_ours_for_policy() {
    let builder = Realm::builder()
        .kdc_relation("plugins/kdcpreauth:module", "none:/nonexistent.so")
        .kdc_relation("spake_preauth_groups", "edwards25519");
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    clear_hardware_flag(&realm);
    let login = |name: &str| realm.stock_kinit(name, PASSWORD, &[]).unwrap();
    let mark = realm.kdc_log_mark();
    assert_refused_by_policy(&realm, &login("alice"), mark);
    krb5_fido_tests::add_user(&realm, "bob");
    assert!(login("bob").success());
}
