//! `kdb5_fido list`.

use krb5_fido_tests::add_alias;
use krb5_testrealm::Realm;
use serde_json::json;

use crate::support::{
    PASSWORD, Snapshot, assert_done, assert_failed, assert_unchanged, realm, record, set_string,
};

/// alice with a record of each kind, bob with one, carol with none.
fn populated_realm() -> Realm {
    let realm = realm();
    for name in ["bob", "carol"] {
        realm.add_principal(name, PASSWORD, &[]).unwrap();
    }
    set_string(
        &realm,
        "alice",
        "fido:blue",
        &record("AQ", json!({"by": "root/admin@KRBTEST.COM"})),
    );
    set_string(
        &realm,
        "alice",
        "fido:off",
        &record("Ag", json!({"disabled": true})),
    );
    set_string(
        &realm,
        "alice",
        "fido:old",
        &record("Aw", json!({"not_after": "2026-01-02T03:04:06Z", "counter": 3})),
    );
    set_string(
        &realm,
        "alice",
        "fido:u2f",
        &record(
            "BA",
            json!({"fmt": "fido-u2f", "uv": "required", "rp": "krb5realm:KRBTEST.COM"}),
        ),
    );
    set_string(&realm, "alice", "fido:broken", "{\"v\":1}");
    set_string(&realm, "alice", "fido:-bad", "{}");
    set_string(&realm, "alice", "fido_other", "no key");
    set_string(&realm, "bob", "fido:key1", &record("AQ", json!({})));
    realm
}

const ALICE: &str = "\
alice@KRBTEST.COM
    blue         usable    2026-01-02T03:04:05Z  ES256  krbtest.com
    off          disabled  2026-01-02T03:04:05Z  ES256  krbtest.com
    old          expired   2026-01-02T03:04:05Z  ES256  krbtest.com
    u2f          unusable  2026-01-02T03:04:05Z  ES256  krb5realm:KRBTEST.COM
    fido:broken: credential record has no member pk
    fido:-bad: malformed credential label
";
const BOB: &str = "\
bob@KRBTEST.COM
    key1         usable    2026-01-02T03:04:05Z  ES256  krbtest.com
";
const BOB_JSON: &str = "{\"principal\":\"bob@KRBTEST.COM\",\"label\":\"key1\",\"state\":\"usable\",\"rp\":\"krbtest.com\",\
    \"alg\":-7,\"created\":\"2026-01-02T03:04:05Z\",\"not_after\":null,\"aaguid\":null,\"fmt\":null,\"counter\":0,\
    \"by\":null}";

#[test]
fn one_principal_in_every_state() {
    let realm = populated_realm();
    let before = Snapshot::of(&realm, "alice");
    assert_done(&realm.kdb5_fido(&["list", "alice"]).unwrap(), ALICE, "");
    assert_unchanged(&realm, &before);
}

#[test]
fn all_principals_that_have_keys() {
    let realm = populated_realm();
    assert_done(&realm.kdb5_fido(&["list"]).unwrap(), &format!("{ALICE}{BOB}"), "");
}

#[test]
fn principal_without_keys() {
    let realm = populated_realm();
    assert_done(
        &realm.kdb5_fido(&["list", "carol"]).unwrap(),
        "carol@KRBTEST.COM\n    no security keys\n",
        "",
    );
    assert_done(
        &realm.kdb5_fido(&["list", "carol", "--json"]).unwrap(),
        "[]\n",
        "",
    );
}

#[test]
fn nobody_has_keys() {
    let realm = realm();
    assert_done(&realm.kdb5_fido(&["list"]).unwrap(), "", "");
    assert_done(&realm.kdb5_fido(&["list", "--json"]).unwrap(), "[]\n", "");
}

#[test]
fn json_of_one_principal() {
    let realm = populated_realm();
    assert_done(
        &realm.kdb5_fido(&["list", "bob", "--json"]).unwrap(),
        &format!("[{BOB_JSON}]\n"),
        "",
    );
}

#[test]
fn json_of_all_in_every_state() {
    let realm = populated_realm();
    let alice = |members: &str| format!("{{\"principal\":\"alice@KRBTEST.COM\",{members}}}");
    let entries = [
        alice(
            "\"label\":\"blue\",\"state\":\"usable\",\"rp\":\"krbtest.com\",\"alg\":-7,\"created\":\"2026-01-02T03:04:05Z\",\
             \"not_after\":null,\"aaguid\":null,\"fmt\":null,\"counter\":0,\"by\":\"root/admin@KRBTEST.COM\"",
        ),
        alice(
            "\"label\":\"off\",\"state\":\"disabled\",\"rp\":\"krbtest.com\",\"alg\":-7,\
             \"created\":\"2026-01-02T03:04:05Z\",\"not_after\":null,\"aaguid\":null,\"fmt\":null,\"counter\":0,\"by\":null",
        ),
        alice(
            "\"label\":\"old\",\"state\":\"expired\",\"rp\":\"krbtest.com\",\"alg\":-7,\
             \"created\":\"2026-01-02T03:04:05Z\",\"not_after\":\"2026-01-02T03:04:06Z\",\"aaguid\":null,\"fmt\":null,\
             \"counter\":3,\"by\":null",
        ),
        alice(
            "\"label\":\"u2f\",\"state\":\"unusable\",\"rp\":\"krb5realm:KRBTEST.COM\",\"alg\":-7,\
             \"created\":\"2026-01-02T03:04:05Z\",\"not_after\":null,\"aaguid\":null,\"fmt\":\"fido-u2f\",\"counter\":0,\
             \"by\":null",
        ),
        alice(
            "\"attribute\":\"fido:broken\",\"state\":\"garbled\",\"error\":\"credential record has no member pk\"",
        ),
        alice("\"attribute\":\"fido:-bad\",\"state\":\"garbled\",\"error\":\"malformed credential label\""),
        BOB_JSON.to_owned(),
    ];
    assert_done(
        &realm.kdb5_fido(&["list", "--json"]).unwrap(),
        &format!("[{}]\n", entries.join(",")),
        "",
    );
}

#[test]
fn principal_is_listed_once_whatever_aliases_it_has() {
    let realm = populated_realm();
    let has_aliases = add_alias(&realm, "ally", "alice");
    assert_done(&realm.kdb5_fido(&["list"]).unwrap(), &format!("{ALICE}{BOB}"), "");
    let by_alias = realm.kdb5_fido(&["list", "ally"]).unwrap();
    if has_aliases {
        assert_done(&by_alias, ALICE, "");
    } else {
        assert_failed(&by_alias, "Principal does not exist: ally");
    }
}

#[test]
fn unknown_principal() {
    let realm = realm();
    for more in [&[][..], &["--json"]] {
        assert_failed(
            &realm.kdb5_fido(&[&["list", "nobody"], more].concat()).unwrap(),
            "Principal does not exist: nobody",
        );
    }
}
