//! Realms that do not start, and what is left of those that did.
#![allow(missing_docs, reason = "a test program")]

mod common;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    thread,
};

use common::{PASSWORD, children, eventually, is_alive, is_free, stock, stock_with_alice};
use krb5_testrealm::{Error, Modules};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn nothing_is_left_of_a_dropped_realm() {
    let realm = stock().start().unwrap();
    let directory = realm.dir().to_owned();
    let processes = [realm.kdc_pid().unwrap(), realm.kadmind_pid().unwrap()];
    let ports = [
        realm.kdc_port(),
        realm.kadmind_port(),
        realm.kpasswd_port(),
        realm.iprop_port(),
    ];
    assert!(directory.exists() && processes.iter().all(|pid| is_alive(*pid)));
    assert!(ports.iter().all(|port| !is_free(*port)));
    drop(realm);
    assert!(!directory.exists());
    assert!(!processes.iter().any(|pid| is_alive(*pid)));
    assert!(ports.iter().all(|port| is_free(*port)));
}

#[test]
fn nothing_is_left_of_a_realm_whose_test_panics() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let test = thread::spawn(move || {
        let realm = stock().start().unwrap();
        sender
            .send((realm.dir().to_owned(), realm.kdc_pid().unwrap()))
            .unwrap();
        panic!("expected");
    });
    assert!(test.join().is_err());
    let (directory, kdc) = receiver.recv().unwrap();
    assert!(!directory.exists() && !is_alive(kdc));
}

#[test]
fn second_kdc_serves_the_same_database_until_it_is_dropped() {
    let mut realm = stock_with_alice(stock());
    let second = realm.second_kdc(Modules::Stock).unwrap();
    assert_ne!(second.port(), realm.kdc_port());
    realm.set_client_relation("kdc", &[&second.address()]).unwrap();
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(login.success(), "{login}{}", login.trace);
    assert!(second.log().contains("ISSUE") && !realm.kdc_log().contains("AS_REQ"));
    let port = second.port();
    drop(second);
    assert!(is_free(port) && !is_free(realm.kdc_port()));
}

#[test]
fn workers_of_a_killed_supervisor_end_with_the_realm() {
    let realm = stock().kdc_workers(2).kadmind(false).start().unwrap();
    let supervisor = realm.kdc_pid().unwrap();
    let workers = children(supervisor);
    kill_process(
        Pid::from_raw(supervisor.try_into().unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    assert!(eventually(|| !is_alive(supervisor)));
    assert!(workers.iter().all(|pid| is_alive(*pid)));
    drop(realm);
    assert!(eventually(|| !workers.iter().any(|pid| is_alive(*pid))));
}

#[test]
fn realm_outlives_the_thread_that_started_it() {
    let realm = thread::spawn(|| stock_with_alice(stock())).join().unwrap();
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn two_realms_live_side_by_side() {
    let start = |name: &'static str| thread::spawn(move || stock_with_alice(stock().realm(name)));
    let (one, two) = (start("ONE.TEST"), start("TWO.TEST"));
    let (one, two) = (one.join().unwrap(), two.join().unwrap());
    assert_ne!(one.kdc_port(), two.kdc_port());
    assert_ne!(one.dir(), two.dir());
    drop(one);
    let login = two.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(login.success(), "{login}");
    assert!(two.klist(&[]).unwrap().stdout.contains("alice@TWO.TEST"));
}

#[test]
fn given_directory_is_kept() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("realm");
    let realm = stock().dir(&directory).kadmind(false).start().unwrap();
    let kdc = realm.kdc_pid().unwrap();
    drop(realm);
    assert!(!is_alive(kdc));
    assert!(
        fs::read_to_string(directory.join("kdc.log"))
            .unwrap()
            .contains("commencing operation")
    );
}

#[test]
fn directory_with_something_in_it_is_refused_and_untouched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine"), "").unwrap();
    let refused = stock().dir(directory.path()).keep_dir(false).start();
    assert!(matches!(refused, Err(Error::DirectoryNotEmpty(path)) if path == directory.path()));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn names_that_krb5_could_not_read_are_refused() {
    for name in ["", "A B", "A/B", "A={", "A\n"] {
        assert!(
            matches!(stock().realm(name).start(), Err(Error::RealmName(_))),
            "{name:?}"
        );
    }
    let refused = stock().kdc_relation("no such:x", "1").start();
    assert!(matches!(refused, Err(Error::RelationName(name)) if name == "no such:x"));
    assert!(matches!(
        stock().client_relation("", "1").start(),
        Err(Error::RelationName(_))
    ));
}

#[test]
fn kdc_whose_port_is_taken_does_not_start_and_says_so() {
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("realm");
    let builder = stock().dir(&directory).keep_dir(false);
    let error = builder
        .kdc_relation("kdc_tcp_listen", &busy.local_addr().unwrap().to_string())
        .start();
    let error = error.unwrap_err();
    assert!(matches!(error, Error::KdcStart(_)));
    assert!(
        error.kdc_log().unwrap().contains("Address already in use"),
        "{error}"
    );
    assert!(error.to_string().contains("Address already in use"), "{error}");
    assert!(!directory.exists());
}

#[test]
fn kdc_without_its_stash_does_not_start_again_until_it_is_back() {
    let mut realm = stock_with_alice(stock());
    let (stash, hidden) = (realm.dir().join("stash"), realm.dir().join("hidden"));
    fs::rename(&stash, &hidden).unwrap();
    let error = realm.restart_kdc().unwrap_err();
    assert!(
        error.kdc_log().unwrap().contains("Can not fetch master key"),
        "{error}"
    );
    assert!(
        !error.kdc_log().unwrap().contains("commencing operation"),
        "log of an earlier start: {error}"
    );
    assert_eq!(realm.kdc_pid(), None);
    fs::rename(&hidden, &stash).unwrap();
    realm.restart_kdc().unwrap();
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn kdc_with_an_impossible_relation_does_not_start() {
    let mut realm = stock_with_alice(stock());
    let error = realm
        .set_kdc_relation("kdc_listen", &["127.0.0.1:not-a-port"])
        .unwrap_err();
    assert!(matches!(error, Error::KdcStart(_)), "{error}");
    assert!(!error.kdc_log().unwrap().is_empty());
    realm.set_kdc_relation("kdc_listen", &[]).unwrap();
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn kadmind_whose_port_is_taken_does_not_start_and_says_so() {
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let error = stock()
        .kdc_relation("kadmind_listen", &busy.local_addr().unwrap().to_string())
        .start();
    let error = error.unwrap_err();
    assert!(matches!(error, Error::KadmindStart(_)), "{error}");
    assert!(error.to_string().contains("Address already in use"), "{error}");
    assert_eq!(error.kdc_log(), None);
}
