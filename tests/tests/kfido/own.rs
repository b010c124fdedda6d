//! Users and their own keys, where the ACL file of kadmind lets them and nothing else has a say.

use krb5_fido_tests::{PASSWORD, enrol, kadmin, set_member_of};
use serde_json::json;

use crate::{
    json,
    support::{ADMIN, Site, assert_done},
};

const ACL: &str = "alice@KRBTEST.COM im alice@KRBTEST.COM";
const ASKED: &str = "Password for alice@KRBTEST.COM: \n";
const NOT_INVITED: &str =
    "No invitation is open: unless fido_self_enrol of the realm is password, kadmind may refuse the key.\n";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";

/// alice has a key that was registered long ago: kfido waits a while after the first.
fn enrol_long_ago(site: &Site, label: &str) {
    enrol(&site.realm, "alice", &site.key, label);
    set_member_of(&site.realm, label, "created", json!("2026-01-02T03:04:05Z"));
}

#[test]
fn a_user_registers_his_first_key_with_his_password() {
    let site = Site::with_acl(ACL);
    let enrolled = site.with_password(&["enroll", "alice"], &[PASSWORD]);
    assert_done(
        &enrolled,
        "Registered key1 for alice@KRBTEST.COM.\n",
        &format!("{ASKED}{NOT_INVITED}{}", site.talk("alice")),
    );
    assert_eq!(site.record("key1")["by"], "alice@KRBTEST.COM");
    let flags = site.flags("alice");
    assert_eq!(flags, "REQUIRES_PRE_AUTH", "his own flags are not his to set");
    let login = site.realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(login.stdout.contains(TOUCH), "{login}");
}

#[test]
fn a_user_is_the_principal_of_the_default_cache() {
    let site = Site::with_acl(ACL);
    site.realm
        .kinit("alice", PASSWORD, &[])
        .unwrap()
        .checked()
        .unwrap();
    let enrolled = site.with_password(&["enroll", "--json"], &[PASSWORD]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    let printed = json(&enrolled);
    assert_eq!(printed["principal"], "alice@KRBTEST.COM");
    assert_eq!(printed["requires_hwauth"], false);
}

#[test]
fn a_further_key_takes_a_touch_of_the_first() {
    let site = Site::with_acl(ACL);
    enrol_long_ago(&site, "first");
    let second = site
        .realm
        .softkey("second", krb5_testrealm::Presence::Auto)
        .unwrap();
    let arguments = [
        "enroll",
        "alice",
        "--name",
        "second",
        "--device",
        &second.device(),
    ];
    let enrolled = site.with_password(&arguments, &[PASSWORD]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    assert!(
        enrolled.stderr.starts_with(&format!("{ASKED}{TOUCH}About")),
        "{enrolled}"
    );
    assert_eq!(site.labels("alice"), ["first", "second"]);
    let flags = site.flags("alice");
    let renamed = site.with_password(&["rename", "second", "spare"], &[]);
    assert_eq!(renamed.code(), Some(1), "without a password: {renamed}");
    for arguments in [
        &["rename", "second", "spare", "alice"][..],
        &["remove", "first", "alice"],
    ] {
        let done = site.with_password(arguments, &[PASSWORD]);
        assert_eq!(done.code(), Some(0), "{done}");
    }
    assert_eq!(site.labels("alice"), ["spare"]);
    assert_eq!(site.flags("alice"), flags);
}

#[test]
fn a_user_who_removes_his_last_key_is_told_what_his_flag_means() {
    let site = Site::with_acl(ACL);
    enrol_long_ago(&site, "blue");
    site.add_to_keytab("alice");
    let before = site.flags("alice");
    let removed = site.by("alice", &["remove", "blue", "--yes"]);
    assert_done(
        &removed,
        "Removed blue of alice@KRBTEST.COM.\n\
         It was the last key: requires_hwauth stays, and the password alone will not do.\n",
        "",
    );
    assert_eq!(site.flags("alice"), before);
}

#[test]
fn a_key_table_alone_stands_for_the_host() {
    let site = Site::with_acl("host/*@KRBTEST.COM im *@KRBTEST.COM");
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = format!("host/{}", name.trim().to_lowercase());
    kadmin(&site.realm, &["addprinc", "-randkey", &host]);
    site.add_to_keytab(&host);
    let arguments = ["-k", "-t", &site.keytab(), "enroll", "alice"];
    let enrolled = site.realm.kfido(&arguments).unwrap();
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    assert_eq!(site.record("key1")["by"], format!("{host}@KRBTEST.COM"));
}

#[test]
fn a_user_does_not_get_at_the_keys_of_others() {
    let site = Site::with_acl(ACL);
    kadmin(&site.realm, &["addprinc", "-pw", PASSWORD, "bob"]);
    site.by(ADMIN, &["enroll", "bob"]).checked().unwrap();
    site.add_to_keytab("alice");
    for arguments in [&["list", "bob"][..], &["remove", "key1", "bob", "--yes"]] {
        let refused = site.by("alice", arguments);
        assert_eq!((refused.code(), &*refused.stdout), (Some(1), ""), "{refused}");
    }
    assert_eq!(site.labels("bob"), ["key1"]);
}
