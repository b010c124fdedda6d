//! Keys that are stored in the directory.

use std::thread;

use krb5_fido_tests::{
    Enrolled, PASSWORD, add_user, assert_refused, attribute, kadmin, without_registration,
};
use krb5_testrealm::Realm;

use crate::{Fleet, POLICY, builder, log_in, without_module};

#[test]
fn key_is_good_at_both_kdcs_until_it_is_removed() {
    let mut fleet = Fleet::start(builder());
    kadmin(&fleet.enrolled.realm, &["modprinc", "-requires_hwauth", "alice"]);
    fleet.at_each_kdc(|realm| {
        log_in(realm, "alice", "IHA");
        assert_refused(realm, &without_module(realm, "alice"), POLICY);
    });
    for log in [fleet.enrolled.realm.kdc_log(), fleet.second.log()] {
        assert_eq!(log.matches(" accepted label=blue ").count(), 1, "{log}");
    }
    let remove = ["remove", "alice", "blue", "--yes"];
    fleet
        .enrolled
        .realm
        .kdb5_fido(&remove)
        .unwrap()
        .checked()
        .unwrap();
    fleet.at_each_kdc(|realm| log_in(realm, "alice", "IA"));
}

/// There is no lock: each of these is made as a whole all the same.
#[test]
fn key_is_renamed_disabled_exported_and_imported() {
    let mut fleet = Fleet::start(builder());
    let run = |realm: &Realm, arguments: &[&str]| realm.kdb5_fido(arguments).unwrap().checked().unwrap();
    let realm = &fleet.enrolled.realm;
    let file = realm.dir().join("keys.json").to_str().unwrap().to_owned();
    run(realm, &["rename", "alice", "blue", "pink"]);
    assert_eq!(attribute(realm, "alice", "fido:blue"), None);
    fleet.at_each_kdc(|realm| log_in(realm, "alice", "IHA"));

    let realm = &fleet.enrolled.realm;
    run(realm, &["export", "--out", &file]);
    run(realm, &["disable", "alice", "--all"]);
    fleet.at_each_kdc(|realm| {
        let refused = realm.kinit("alice", PASSWORD, &[]).unwrap();
        assert_eq!(refused.code(), Some(1), "{refused}");
    });
    let realm = &fleet.enrolled.realm;
    assert_eq!(realm.kdb5_fido(&["import", &file]).unwrap().code(), Some(1));
    run(realm, &["import", &file, "--replace"]);
    fleet.at_each_kdc(|realm| log_in(realm, "alice", "IHA"));
}

/// The directory has no limit of its own: that of krb5 for all attributes of a principal can be used up.
#[test]
fn attributes_of_a_principal_have_the_limit_of_krb5() {
    let mut fleet = Fleet::start(builder());
    let realm = &fleet.enrolled.realm;
    let fill = |length: usize| {
        let value = "x".repeat(length);
        realm
            .kadmin_local(&["setstr", "alice", "filler", &value])
            .unwrap()
    };
    let record = attribute(realm, "alice", "fido:blue").unwrap();
    let room = 65_535 - "fido:blue\0\0filler\0\0".len() - record.len();
    let refused = fill(room + 1);
    assert!(
        refused.stderr.contains("Too much string mapping data"),
        "{refused}"
    );
    let taken = fill(room);
    assert!(taken.success() && taken.stderr.is_empty(), "{taken}");
    fleet.at_each_kdc(|realm| log_in(realm, "alice", "IHA"));
}

/// A key that kadmind stores, as a record. Its registration was for somebody else.
#[test]
fn record_is_moved_by_kadmin() {
    let Enrolled { realm, key: _key } = Enrolled::in_realm(builder().start().unwrap());
    realm.add_principal("carol/admin", PASSWORD, &[]).unwrap();
    add_user(&realm, "bob");
    let record = without_registration(&attribute(&realm, "alice", "fido:blue").unwrap());
    let query = |words: &[&str]| {
        let mut kadmin = realm.command("kadmin");
        kadmin.args(["-p", "carol/admin", "-w", PASSWORD]).args(words);
        realm.run(kadmin, "").unwrap().checked().unwrap().stdout
    };
    query(&["setstr", "bob", "fido:moved", &record]);
    query(&["modprinc", "+requires_hwauth", "bob"]);
    assert!(query(&["getstrs", "bob"]).contains(&format!("fido:moved: {record}\n")));
    log_in(&realm, "bob", "IHA");
    query(&["delstr", "bob", "fido:moved"]);
    query(&["modprinc", "-requires_hwauth", "bob"]);
    log_in(&realm, "bob", "IA");
}

/// There is no lock: whoever has been written over stores again.
#[test]
fn two_adds_at_once_are_both_stored() {
    let Enrolled { realm, key: _key } = Enrolled::start(builder());
    let record = without_registration(&attribute(&realm, "alice", "fido:blue").unwrap());
    for round in 0..3 {
        let name = format!("user{round}");
        add_user(&realm, &name);
        let other = record.replacen("\"id\":\"", "\"id\":\"AAAA", 1);
        thread::scope(|scope| {
            let running = scope.spawn(|| add(&realm, &name, &other));
            add(&realm, &name, &record);
            running.join().unwrap();
        });
        for label in ["fido:key1", "fido:key2"] {
            assert!(attribute(&realm, &name, label).is_some(), "round {round}");
        }
    }
}

fn add(realm: &Realm, name: &str, record: &str) {
    let mut command = realm.command(krb5_testrealm::Artifacts::locate().unwrap().kdb5_fido());
    command.args(["add", name, "-"]);
    realm.run(command, record).unwrap().checked().unwrap();
}
