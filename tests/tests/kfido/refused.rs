//! What kadmind, or the way to it, does not let happen.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    thread,
};

use krb5_fido_tests::{HoldingKey, PASSWORD, add_user, attribute, kadmin, talk};
use krb5_testrealm::{Artifacts, Presence, Realm};

use crate::support::{ADMIN, Site, assert_failed};

#[test]
fn no_kadmind_runs() {
    let site = Site::of(Realm::builder().kadmind(false), None);
    assert_failed(
        &site.by_admin(&["enroll", "alice"]),
        "Communication failure with server while connecting to kadmind of KRBTEST.COM: see admin_server in krb5.conf, or \
         name it with -s",
    );
    let refused = site.with_password(&["-p", ADMIN, "list", "alice"], &[PASSWORD]);
    assert_eq!(refused.code(), Some(1), "{refused}");
}

#[test]
fn kadmind_ends_while_somebody_thinks_about_it() {
    let site = Site::new();
    let before = site.alice();
    let kfido = Artifacts::locate().unwrap().kfido();
    let command = format!(
        "{} -k -t {} -p {ADMIN} enroll alice",
        kfido.display(),
        site.keytab()
    );
    let end_kadmind = || {
        let id = site.realm.kadmind_pid().unwrap().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    };
    let seen = talk(&site.realm, &command, &[("(type yes): ", "yes")], &end_kadmind);
    let message = "software key works.\nkfido: Communication failure with server while connecting to kadmind of KRBTEST.COM: see \
                   admin_server in krb5.conf, or name it with -s\n";
    assert_eq!(seen.code, Some(1));
    assert!(seen.screen.ends_with(message), "{}", seen.screen);
    assert_eq!(site.alice(), before);
}

#[test]
fn kadmind_is_found_where_the_command_line_says() {
    let mut site = Site::new();
    site.realm
        .set_client_relation("admin_server", &["127.0.0.1:1"])
        .unwrap();
    assert_eq!(site.by_admin(&["list", "alice"]).code(), Some(1));
    let server = format!("127.0.0.1:{}", site.realm.kadmind_port());
    let listed = site.by_admin(&["-s", &server, "list", "alice"]);
    assert_eq!(listed.code(), Some(0), "{listed}");
}

#[test]
fn a_wrong_password() {
    let site = Site::new();
    let refused = site.with_password(&["-p", ADMIN, "list", "alice"], &["wrong"]);
    assert_eq!(
        crate::seen(&refused),
        (
            Some(1),
            "",
            "Password for admin/admin@KRBTEST.COM: \nkfido: Password incorrect while getting a ticket for kadmin/admin as \
             admin/admin@KRBTEST.COM\n"
        )
    );
}

#[test]
fn nobody_types_a_password() {
    let site = Site::new();
    let refused = site.with_password(&["-p", ADMIN, "list", "alice"], &[]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        refused
            .stderr
            .contains("while getting a ticket for kadmin/admin as"),
        "{refused}"
    );
}

#[test]
fn somebody_whom_nobody_knows() {
    let site = Site::new();
    for arguments in [
        &["enroll", "nobody"][..],
        &["list", "nobody"],
        &["show", "blue", "nobody"],
        &["rename", "blue", "red", "nobody"],
        &["remove", "blue", "nobody"],
    ] {
        assert_failed(&site.by_admin(arguments), "Principal does not exist: nobody");
    }
    let refused = site.with_password(&["list", "nobody"], &[PASSWORD]);
    assert_failed(
        &refused,
        "Client 'nobody@KRBTEST.COM' not found in Kerberos database while getting a ticket for kadmin/admin as \
         nobody@KRBTEST.COM",
    );
}

#[test]
fn a_stranger_is_told_nothing() {
    let site = Site::new();
    add_user(&site.realm, "mallory");
    site.add_to_keytab("mallory");
    let before = site.alice();
    for arguments in [&["enroll", "alice"][..], &["list", "alice"]] {
        assert_failed(
            &site.by("mallory", arguments),
            "Operation requires ``get'' privilege while reading the entry of alice: kadmind refuses, and its log on the KDC \
             says why",
        );
    }
    assert_eq!(site.alice(), before);
}

#[test]
fn whoever_may_look_may_not_change() {
    let site = Site::with_acl("watcher@KRBTEST.COM i *@KRBTEST.COM");
    add_user(&site.realm, "watcher");
    site.add_to_keytab("watcher");
    site.by_admin(&["enroll", "alice", "--name", "blue"])
        .checked()
        .unwrap();
    let second = site.realm.softkey("second", Presence::Auto).unwrap();
    let before = site.alice();
    assert_eq!(site.by("watcher", &["list", "alice"]).code(), Some(0));
    let refused = |doing: &str| {
        format!(
            "kfido: Operation requires ``modify'' privilege while {doing} of alice@KRBTEST.COM: kadmind refuses, and its log on \
             the KDC says why\n"
        )
    };
    for (doing, arguments) in [
        (
            "storing a key",
            &["enroll", "alice", "--device", &second.device()][..],
        ),
        ("renaming a key", &["rename", "blue", "red", "alice"]),
        ("removing a key", &["remove", "blue", "alice", "--yes"]),
    ] {
        let finished = site.by("watcher", arguments);
        assert_eq!(finished.code(), Some(1), "{finished}");
        assert!(finished.stderr.ends_with(&refused(doing)), "{finished}");
    }
    assert_eq!(site.alice(), before);
}

#[test]
fn a_user_whom_kadmind_does_not_let_register_has_registered_nothing() {
    let site = Site::new();
    site.add_to_keytab("alice");
    let before = attribute(&site.realm, "alice", "fido:key1");
    let refused = site.by("alice", &["enroll"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    let message = "kfido: Operation requires ``modify'' privilege while storing a key of alice@KRBTEST.COM: there is no \
                   open invitation, which it takes unless fido_self_enrol of the realm is password; ";
    assert!(refused.stderr.contains(message), "{refused}");
    assert_eq!(attribute(&site.realm, "alice", "fido:key1"), before);
}

/// All attributes of a principal together have 65,535 bytes.
#[test]
fn no_room_is_left() {
    let site = Site::of(Realm::builder().kdc_relation("iprop_enable", "false"), None);
    assert_no_room(
        &site,
        65_000,
        "The string attributes of alice@KRBTEST.COM have no room for it (65,535 bytes in all): remove one first",
    );
}

/// What the update log cannot take was written all the same, and is taken back.
#[test]
fn no_room_is_left_in_the_update_log() {
    assert_no_room(
        &Site::new(),
        62_500,
        "Generic update log error while storing a key of alice@KRBTEST.COM: where iprop is on, an entry has about 63,000 \
         bytes at most; remove other string attributes first",
    );
}

#[track_caller]
fn assert_no_room(site: &Site, used: usize, message: &str) {
    kadmin(&site.realm, &["setstr", "alice", "full", &"x".repeat(used)]);
    let before = kadmin(&site.realm, &["getstrs", "alice"]);
    let refused = site.by_admin(&["enroll", "alice"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        refused.stderr.ends_with(&format!("kfido: {message}\n")),
        "{refused}"
    );
    assert!(kadmin(&site.realm, &["getstrs", "alice"]) == before, "{refused}");
    assert_eq!(site.flags("alice"), "REQUIRES_PRE_AUTH");
}

#[test]
fn whoever_is_interrupted_before_the_last_touch_has_registered_nothing() {
    let site = Site::new();
    let held = HoldingKey::start_for_registration(&site.key);
    let before = site.alice();
    let mut command = site.command(ADMIN, &["enroll", "alice", "--device", &held.device()]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut enroll = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(enroll.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    assert!(lines.any(|line| line == "Touch software key once more, to try it."));
    let id = enroll.id().to_string();
    let sent = Command::new("kill").args(["-s", "INT", &id]).status();
    assert!(sent.unwrap().success());
    assert_eq!(enroll.wait().unwrap().signal(), Some(2));
    assert_eq!(site.alice(), before);
    let enrolled = site.by_admin(&["enroll", "alice"]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
}

#[test]
fn two_keys_at_once_are_both_registered() {
    let site = Site::new();
    let second = site.realm.softkey("second", Presence::Auto).unwrap();
    for round in 0..3 {
        let user = format!("user{round}");
        add_user(&site.realm, &user);
        let enroll = |device: &str| site.by_admin(&["enroll", &user, "--device", device]);
        let (one, other) = thread::scope(|scope| {
            let other = scope.spawn(|| enroll(&second.device()));
            (enroll(&site.key.device()), other.join().unwrap())
        });
        assert_eq!((one.code(), other.code()), (Some(0), Some(0)), "{one}{other}");
        let mut labels = site.labels(&user);
        labels.sort();
        assert_eq!(labels, ["key1", "key2"]);
        assert_eq!(site.flags(&user), "REQUIRES_PRE_AUTH REQUIRES_HW_AUTH");
    }
}
