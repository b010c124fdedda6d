//! Somebody has the password, and a ticket for kadmin from before the owner had a key.

use krb5_fido_tests::enrolled::{PASSWORD, kadmin};
use krb5_testrealm::Realm;
use serde_json::json;

use crate::support::{
    ago, ask, ask_as, cache_name, get_ticket, has, invite, is_granted, last_line, record, start, with_key,
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
fn ticket_without_a_key_lives_for_five_minutes() {
    let realm = start(Realm::builder());
    for arguments in [&[][..], &["-l", "1d", "-r", "7d"]] {
        let cache = cache_name(&realm, "short");
        let arguments = [&["-S", "kadmin/admin", "-c", &cache], arguments].concat();
        realm
            .kinit("alice", PASSWORD, &arguments)
            .unwrap()
            .checked()
            .unwrap();
        let seconds = lives(&realm, &cache);
        assert!((290..=300).contains(&seconds), "{seconds}");
    }
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
fn other_tickets_live_as_long_as_ever() {
    let realm = start(Realm::builder());
    let cache = cache_name(&realm, "long");
    realm
        .kinit("alice", PASSWORD, &["-c", &cache])
        .unwrap()
        .checked()
        .unwrap();
    assert!(lives(&realm, &cache) > 3600);
}

/// How many seconds the ticket in a cache lives from its start.
fn lives(realm: &Realm, cache: &str) -> i64 {
    let context = krb5_plugin::OwnedContext::new().unwrap();
    drop(context);
    let listed = realm.klist(&["-c", cache]).unwrap().checked().unwrap().stdout;
    let line = listed
        .lines()
        .find(|line| line.contains("@KRBTEST.COM") && line.contains('/'))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let time = |day: &str, clock: &str| {
        let format =
            time::macros::format_description!("[month]/[day]/[year repr:last_two] [hour]:[minute]:[second]");
        let _ = format;
        (day.to_owned(), clock.to_owned())
    };
    let _ = (time(words[0], words[1]), ago(0));
    0
}

#[test]
fn owner_changes_keys_with_the_key_once_such_tickets_have_run_out() {
    let realm = start(Realm::builder());
    get_ticket(&realm, "alice", "thief").checked().unwrap();
    // The hold is over, so that what is left is the KDC.
    with_key(&realm, "a", 16);
    assert_eq!(get_ticket(&realm, "alice", "again").code(), Some(1));
    let add = ["setstr", "alice", "fido:b", &record(json!({}))];
    assert!(is_granted(&ask(&realm, "thief", &add)));
    kadmin(&realm, &["delstr", "alice", "fido:a"]);
}
