//! kfido rp-id.

use krb5_fido_https_server::{HttpsServer, Reply};
use krb5_testrealm::{Finished, Realm};
use serde_json::json;

use crate::{json, kfido, realm, seen};

const HOST: &str = "login.example.net";
const USUAL: &str = "KRBTEST.COM
    krbtest.com            the registrable domain of the realm
    krb5realm:KRBTEST.COM  the realm's own name
Keys are registered for krbtest.com.
";

fn run_at(realm: &Realm, server: &HttpsServer, arguments: &[&str]) -> Finished {
    let mut command = kfido(realm);
    command.arg("rp-id").args(arguments).envs(server.environment());
    realm.run(command, "").unwrap()
}

#[test]
fn the_domain_of_the_realm_and_its_own_name() {
    let mut realm = realm();
    assert_eq!(seen(&realm.kfido(&["rp-id"]).unwrap()), (Some(0), USUAL, ""));
    // An address that is not looked at.
    realm
        .set_client_relation("fido_facets_url", &["https://login.example.net/"])
        .unwrap();
    realm.set_client_relation("fido_facets", &["no"]).unwrap();
    assert_eq!(seen(&realm.kfido(&["rp-id"]).unwrap()), (Some(0), USUAL, ""));
}

#[test]
fn another_realm_than_the_default_one() {
    let realm = realm();
    let expected = "EXAMPLE.LOCAL\n    krb5realm:EXAMPLE.LOCAL  the realm's own name\n\
                    Keys are registered for krb5realm:EXAMPLE.LOCAL.\n";
    for arguments in [
        &["rp-id", "EXAMPLE.LOCAL"][..],
        &["rp-id", "-r", "EXAMPLE.LOCAL"],
        &["-r", "EXAMPLE.LOCAL", "rp-id"],
    ] {
        assert_eq!(seen(&realm.kfido(arguments).unwrap()), (Some(0), expected, ""));
    }
}

#[test]
fn a_configured_name_is_the_only_one() {
    let mut realm = realm();
    realm
        .set_client_relation("fido_rp_id", &["login.example.org"])
        .unwrap();
    realm
        .set_client_relation("fido_facets_url", &["https://login.example.net/"])
        .unwrap();
    let expected =
        "KRBTEST.COM\n    login.example.org  fido_rp_id\nKeys are registered for login.example.org.\n";
    assert_eq!(seen(&realm.kfido(&["rp-id"]).unwrap()), (Some(0), expected, ""));
    let described = json(&realm.kfido(&["rp-id", "--json"]).unwrap());
    let expected = json!({
        "realm": "KRBTEST.COM",
        "names": [{"name": "login.example.org", "rule": "configured"}],
        "registration": "login.example.org",
        "facets_unused": [],
    });
    assert_eq!(described, expected);
}

#[test]
fn a_facet_list_vouches_for_host_and_url() {
    let mut realm = realm();
    let server = HttpsServer::start(HOST);
    server.serve("/facets", Reply::facets(&["KRBTEST.COM"]));
    let url = server.url("/facets");
    realm.set_client_relation("fido_facets_url", &[&url]).unwrap();
    let expected = "KRBTEST.COM
    login.example.net                 the host of the realm's facet list
    https://login.example.net/facets  the URL of the realm's facet list
    krbtest.com                       the registrable domain of the realm
    krb5realm:KRBTEST.COM             the realm's own name
Keys are registered for login.example.net.
";
    assert_eq!(seen(&run_at(&realm, &server, &[])), (Some(0), expected, ""));
    let described = json(&run_at(&realm, &server, &["--json"]));
    let expected = json!({
        "realm": "KRBTEST.COM",
        "names": [
            {"name": HOST, "rule": "facets_host"},
            {"name": url, "rule": "facets_url"},
            {"name": "krbtest.com", "rule": "registrable_domain"},
            {"name": "krb5realm:KRBTEST.COM", "rule": "realm"},
        ],
        "registration": HOST,
        "facets_unused": [],
    });
    assert_eq!(described, expected);
}

#[test]
fn a_facet_list_that_counts_for_nothing_is_told_with_the_reason() {
    let mut realm = realm();
    let server = HttpsServer::start(HOST);
    server.serve("/others", Reply::facets(&["OTHER.ORG"]));
    for (path, reason) in [
        (
            "/none",
            "the server of the facet list https://login.example.net/none answers with the HTTP status 404",
        ),
        (
            "/others",
            "the facet list https://login.example.net/others does not hold krb5realm:KRBTEST.COM",
        ),
    ] {
        let url = server.url(path);
        realm.set_client_relation("fido_facets_url", &[&url]).unwrap();
        let told = run_at(&realm, &server, &[]);
        let warning = format!("kfido: warning: {reason}\n");
        assert_eq!(seen(&told), (Some(0), USUAL, &*warning));
        let told = run_at(&realm, &server, &["--json"]);
        assert_eq!((told.code(), &*told.stderr), (Some(0), &*warning));
        let described = json(&told);
        assert_eq!(
            described["facets_unused"],
            json!([{"url": url, "reason": reason}])
        );
        assert_eq!(described["registration"], "krbtest.com");
    }
}

#[test]
fn a_facet_list_that_has_no_url() {
    let mut realm = realm();
    realm
        .set_client_relation("fido_facets_url", &["http://login.example.net/"])
        .unwrap();
    let warning = "kfido: warning: \"http://login.example.net/\" is not the URL of a facet list: it does not start with \
                   https://\n";
    assert_eq!(seen(&realm.kfido(&["rp-id"]).unwrap()), (Some(0), USUAL, warning));
}

#[test]
fn no_default_realm() {
    let realm = realm();
    let mut command = kfido(&realm);
    command.arg("rp-id").env("KRB5_CONFIG", "/dev/null");
    let message = "kfido: Configuration file does not specify default realm while reading the Kerberos configuration: see \
                   KRB5_CONFIG\n";
    assert_eq!(seen(&realm.run(command, "").unwrap()), (Some(1), "", message));
}

#[test]
fn impossible_values() {
    let mut realm = realm();
    for (relation, value, message) in [
        (
            "fido_facets",
            "maybe",
            "fido_facets has the impossible value \"maybe\": see krb5.conf",
        ),
        (
            "fido_public_suffix_list",
            "/nonexistent",
            "fido_public_suffix_list: /nonexistent is no absolute path of a file that can be read",
        ),
    ] {
        realm.set_client_relation(relation, &[value]).unwrap();
        let expected = format!("kfido: {message}\n");
        for arguments in [&["rp-id"][..], &["rp-id", "--json"]] {
            assert_eq!(seen(&realm.kfido(arguments).unwrap()), (Some(1), "", &*expected));
        }
        realm.set_client_relation(relation, &[]).unwrap();
    }
}
