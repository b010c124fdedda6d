//! Somebody has the password, and a ticket for kadmin from before the owner had a key.

use krb5_fido_tests::{PASSWORD, kadmin};
use krb5_testrealm::Realm;
use serde_json::json;

use crate::support::{
    ask, ask_as, cache_name, get_ticket, has, invite, is_granted, last_line, record, start, with_key,
};

/// A ticket from before, and then the owner registers a key.
fn robbed() -> Realm {
    let realm = start(Realm::builder());
    let id = invite(&realm);
    get_ticket(&realm, "alice", "thief").checked().unwrap();
    let registered = ask_as(
        &realm,
        "alice",
        &["setstr", "alice", "fido:a", &record(json!({"invite": id}))],
    );
    assert!(is_granted(&registered));
    realm
}

#[test]
fn ticket_from_before_changes_nothing() {
    let realm = robbed();
    let add = ["setstr", "alice", "fido:b", &record(json!({}))];
    assert!(!is_granted(&ask(&realm, "thief", &add)));
    assert!(last_line(&realm).contains("changes of one's own keys wait until 20"));
    assert!(!is_granted(&ask(&realm, "thief", &["delstr", "alice", "fido:a"])));
    assert!(has(&realm, "fido:a") && !has(&realm, "fido:b"));
}

#[test]
fn there_is_no_further_ticket_without_the_key() {
    let realm = robbed();
    assert_eq!(get_ticket(&realm, "alice", "again").code(), Some(1));
}

#[test]
fn ticket_without_a_key_begins_now() {
    let realm = start(Realm::builder());
    let postdated = realm
        .kinit("alice", PASSWORD, &["-S", "kadmin/admin", "-s", "1h"])
        .unwrap();
    assert_eq!(postdated.code(), Some(1), "{postdated}");
    assert!(realm.kdc_log().contains("FIDO_REQUIRED"));
}

#[test]
fn ticket_that_is_older_than_kadmind_would_take_is_not_held_against_the_owner() {
    let realm = start(Realm::builder());
    get_ticket(&realm, "alice", "thief").checked().unwrap();
    // kadmind would not take a ticket that is so old: here it stands for one that the key got.
    with_key(&realm, "a", 25);
    assert_eq!(get_ticket(&realm, "alice", "again").code(), Some(1));
    let add = ["setstr", "alice", "fido:b", &record(json!({}))];
    assert!(is_granted(&ask(&realm, "thief", &add)));
    assert!(has(&realm, "fido:b"));
}

#[test]
fn ticket_granting_ticket_from_before_gets_no_ticket_for_kadmin() {
    let realm = start(Realm::builder());
    kadmin(&realm, &["addprinc", "-randkey", "kadmin/localhost"]);
    kadmin(&realm, &["modprinc", "+allow_tgs_req", "kadmin/admin"]);
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    with_key(&realm, "a", 25);
    for service in ["kadmin/localhost", "kadmin/admin"] {
        let asked = realm.command("kvno");
        let asked = with_arguments(asked, &[service]);
        let refused = realm.run(asked, "").unwrap();
        assert!(refused.stderr.contains("KDC policy rejects request"), "{refused}");
    }
    let line = "fido: alice@KRBTEST.COM refused: a ticket for kadmin without a login of its own";
    assert!(realm.kdc_log().contains(line), "{}", realm.kdc_log());
}

#[test]
fn session_with_kadmind_ends_with_its_ticket() {
    let realm = start(Realm::builder().kdc_relation("libdefaults:clockskew", "1"));
    let cache = cache_name(&realm, "short");
    realm
        .kinit(
            "alice",
            PASSWORD,
            &["-S", "kadmin/admin", "-l", "3s", "-c", &cache],
        )
        .unwrap()
        .checked()
        .unwrap();
    let script = format!(
        "(echo getstrs alice; sleep 6; echo getstrs alice) | kadmin -r {} -c {cache}",
        realm.name()
    );
    let session = realm
        .run(with_arguments(realm.command("sh"), &["-c", &script]), "")
        .unwrap();
    assert_eq!(
        session.stdout.matches("(No string attributes.)").count(),
        1,
        "{session}"
    );
    assert!(session.stderr.contains("while getting attributes"), "{session}");
}

fn with_arguments(mut command: std::process::Command, arguments: &[&str]) -> std::process::Command {
    command.args(arguments);
    command
}
