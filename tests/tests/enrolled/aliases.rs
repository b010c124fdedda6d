//! Another name gets round nothing. An older krb5 has no aliases, and knows no such principal.

use super::{POLICY, enrolled};
use krb5_fido_tests::*;
use krb5_testrealm::Realm;

const NO_CLIENT: &str = "Client 'host/ally@KRBTEST.COM' not found in Kerberos database";
const NO_SERVER: &str = "Server not found in Kerberos database";

#[test]
fn alias_of_the_principal_needs_the_key_and_works_with_it() {
    let Enrolled { realm, key: _key } = enrolled();
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    let has_aliases = add_alias(&realm, "host/ally", "alice");
    let alone = realm.stock_kinit("host/ally", PASSWORD, &[]).unwrap();
    assert_refused(&realm, &alone, if has_aliases { POLICY } else { NO_CLIENT });
    for arguments in [&[][..], &["-C"]] {
        let login = realm.kinit("host/ally", PASSWORD, arguments).unwrap();
        if has_aliases {
            assert_ticket(&realm, &login, "IHA");
            realm.kdestroy().unwrap();
        } else {
            assert_refused(&realm, &login, NO_CLIENT);
        }
    }
}

#[test]
fn alias_that_looks_exempt_is_not() {
    let Enrolled { realm, key: _key } =
        Enrolled::start(Realm::builder().kdc_relation("fido_policy", "required"));
    add_user(&realm, "bob");
    let has_aliases = add_alias(&realm, "host/ally", "bob");
    let login = realm.stock_kinit("host/ally", PASSWORD, &[]).unwrap();
    assert_refused(&realm, &login, if has_aliases { POLICY } else { NO_CLIENT });
}

#[test]
fn alias_of_an_administration_service_needs_the_key_under_permissive_too() {
    let Enrolled { realm, key: _key } =
        Enrolled::start(Realm::builder().kdc_relation("fido_policy", "permissive"));
    let has_aliases = add_alias(&realm, "desk", "kadmin/admin");
    let ask = |service: &str, device: &[&str]| {
        realm
            .kinit("alice", PASSWORD, &[&["-S", service], device].concat())
            .unwrap()
    };
    let without_key = ["-X", "fido_device=none"];
    let alone = ask("desk", &without_key);
    assert_refused(&realm, &alone, if has_aliases { POLICY } else { NO_SERVER });
    assert_eq!(ask("desk", &[]).success(), has_aliases);
}

#[test]
fn keys_are_managed_under_an_alias_as_under_the_name() {
    let Enrolled { realm, key: _key } = enrolled();
    let has_aliases = add_alias(&realm, "ally", "alice");
    let removed = realm.kdb5_fido(&["remove", "ally", "blue", "--yes"]).unwrap();
    assert_eq!(removed.success(), has_aliases, "{removed}");
    assert_eq!(attribute(&realm, "alice", "fido:blue").is_none(), has_aliases);
}
