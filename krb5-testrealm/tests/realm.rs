//! Logins and administration in a realm of stock modules.
#![allow(missing_docs, reason = "a test program")]

mod common;

use std::fs;

use common::{PASSWORD, children, stock, stock_with_alice};
use krb5_testrealm::{Error, Modules};

const SPAKE_USED: &str = "pa_type: 151";
const PREAUTH_FAILED: &str = "Received error from KDC: -1765328360/";

#[test]
fn stock_login_uses_spake_with_edwards25519() {
    let realm = stock_with_alice(stock());
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_eq!(login.code(), Some(0), "{login}");
    assert!(
        login.trace.contains("SPAKE challenge received with group 1,"),
        "{}",
        login.trace
    );
    assert!(login.trace.contains(SPAKE_USED), "{}", login.trace);
    let listing = realm.klist(&["-f"]).unwrap();
    assert!(
        listing.stdout.contains("alice@KRBTEST.COM") && listing.stdout.contains("Flags: "),
        "{listing}"
    );
    assert!(realm.kdestroy().unwrap().success());
    assert!(!realm.klist(&["-s"]).unwrap().success());
}

#[test]
fn stock_login_uses_spake_with_p256_when_both_sides_say_so() {
    let groups = "spake_preauth_groups";
    let realm = stock_with_alice(
        stock()
            .kdc_relation(groups, "P-256")
            .client_relation(groups, "P-256"),
    );
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        login.success() && login.trace.contains("SPAKE challenge received with group 2,"),
        "{}",
        login.trace
    );
}

#[test]
fn client_relation_does_not_configure_the_kdc() {
    let realm = stock_with_alice(stock().client_relation("spake_preauth_groups", "P-256"));
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        login.success() && !login.trace.contains(SPAKE_USED),
        "{}",
        login.trace
    );
}

#[test]
fn wrong_password_is_refused_and_logged() {
    let realm = stock_with_alice(stock());
    realm.kinit("alice", PASSWORD, &[]).unwrap();
    let mark = realm.kdc_log_mark();
    let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
    assert_eq!(login.code(), Some(1), "{login}");
    assert!(login.trace.contains(PREAUTH_FAILED), "{}", login.trace);
    let log = realm.kdc_log_since(mark);
    assert!(
        log.contains("PREAUTH_FAILED: alice@KRBTEST.COM") && !log.contains("ISSUE"),
        "{log}"
    );
    assert!(realm.kdc_log().contains("ISSUE"));
}

#[test]
fn unknown_principal_is_refused() {
    let realm = stock_with_alice(stock());
    let login = realm.kinit("mallory", PASSWORD, &[]).unwrap();
    assert_eq!(login.code(), Some(1));
    assert!(login.stderr.contains("not found in Kerberos database"), "{login}");
}

#[test]
fn kadmin_local_answers_and_reports_refusals() {
    let realm = stock_with_alice(stock());
    let found = realm.kadmin_local(&["getprinc", "alice"]).unwrap();
    assert!(
        found.success() && found.stdout.contains("REQUIRES_PRE_AUTH"),
        "{found}"
    );
    assert_eq!(
        realm.kadmin_local(&["getprinc", "mallory"]).unwrap().code(),
        Some(1)
    );
    let twice = realm.add_principal("alice", PASSWORD, &[]);
    assert!(matches!(&twice, Err(Error::Command(finished)) if finished.stderr.contains("already exists")));
}

#[test]
fn kadmind_answers_an_administrator_by_password_and_by_keytab() {
    let realm = stock().start().unwrap();
    realm.add_principal("root/admin", PASSWORD, &[]).unwrap();
    let mut by_password = realm.command("kadmin");
    by_password.args(["-p", "root/admin", "addprinc", "-pw", "secret", "carol"]);
    let added = realm.run(by_password, &format!("{PASSWORD}\n")).unwrap();
    assert!(added.success(), "{added}");
    let keytab = realm.dir().join("keytab");
    let extract = [
        "ktadd",
        "-norandkey",
        "-k",
        keytab.to_str().unwrap(),
        "root/admin",
    ];
    assert!(realm.kadmin_local(&extract).unwrap().success());
    let mut by_keytab = realm.command("kadmin");
    by_keytab.args(["-k", "-p", "root/admin", "getprinc", "carol"]);
    let found = realm.run(by_keytab, "").unwrap();
    assert!(
        found.success() && found.stdout.contains("carol@KRBTEST.COM"),
        "{found}"
    );
    assert!(
        realm
            .kadmind_log()
            .contains("kadm5_create_principal, carol@KRBTEST.COM, success")
    );
}

#[test]
fn kadmind_refuses_everybody_else() {
    let realm = stock().start().unwrap();
    realm.add_principal("alice", PASSWORD, &[]).unwrap();
    let mut kadmin = realm.command("kadmin");
    kadmin.args(["-p", "alice", "addprinc", "-pw", "secret", "carol"]);
    let refused = realm.run(kadmin, &format!("{PASSWORD}\n")).unwrap();
    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr.contains("Operation requires ``add'' privilege"),
        "{refused}"
    );
}

#[test]
fn password_is_changed_over_kpasswd() {
    let realm = stock().start().unwrap();
    realm.add_principal("alice", PASSWORD, &[]).unwrap();
    let mut kpasswd = realm.command("kpasswd");
    kpasswd.arg("alice");
    let changed = realm
        .run(kpasswd, &format!("{PASSWORD}\nnew one\nnew one\n"))
        .unwrap();
    assert!(changed.success(), "{changed}");
    assert!(realm.kinit("alice", "new one", &[]).unwrap().success());
    assert!(!realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn changes_are_written_to_the_update_log() {
    let realm = stock_with_alice(stock());
    let mut kproplog = realm.command("kproplog");
    kproplog.arg("-v");
    let log = realm.run(kproplog, "").unwrap();
    assert!(
        log.stdout.contains("Update principal : alice@KRBTEST.COM"),
        "{log}"
    );
}

#[test]
fn kdc_with_workers_answers_before_and_after_a_restart() {
    let mut realm = stock_with_alice(stock().kdc_workers(2));
    let supervisor = realm.kdc_pid().unwrap();
    assert_eq!(children(supervisor).len(), 2);
    for _ in 0..4 {
        assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
    }
    realm.restart_kdc().unwrap();
    assert_ne!(realm.kdc_pid(), Some(supervisor));
    assert_eq!(children(realm.kdc_pid().unwrap()).len(), 2);
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn kdc_is_started_by_the_wrapper_and_keeps_its_process_id() {
    let realm = stock_with_alice(stock().kdc_wrapper(&["env", "WRAPPED=yes"]));
    let environment = fs::read(format!("/proc/{}/environ", realm.kdc_pid().unwrap())).unwrap();
    assert!(
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == b"WRAPPED=yes")
    );
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn stopped_kdc_is_not_reached() {
    let mut realm = stock_with_alice(stock());
    realm.stop_kdc();
    assert_eq!(realm.kdc_pid(), None);
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_eq!(login.code(), Some(1));
    assert!(login.stderr.contains("Cannot contact any KDC"), "{login}");
}

#[test]
fn kdc_relation_set_later_takes_effect_and_can_be_taken_back() {
    let mut realm = stock_with_alice(stock());
    realm
        .set_kdc_relation("spake_preauth_groups", &["P-384"])
        .unwrap();
    assert!(
        !realm
            .kinit("alice", PASSWORD, &[])
            .unwrap()
            .trace
            .contains(SPAKE_USED)
    );
    realm
        .set_client_relation("spake_preauth_groups", &["edwards25519 P-384"])
        .unwrap();
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        login.trace.contains("SPAKE challenge received with group 3,"),
        "{}",
        login.trace
    );
    realm.set_kdc_relation("spake_preauth_groups", &[]).unwrap();
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        login.trace.contains("SPAKE challenge received with group 1,"),
        "{}",
        login.trace
    );
}

#[test]
fn relation_below_a_subsection_takes_effect() {
    let realm = stock_with_alice(stock().kdc_relation("plugins/kdcpreauth:disable", "spake"));
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        login.success() && !login.trace.contains("PA-SPAKE"),
        "{}",
        login.trace
    );
}

#[test]
fn stock_client_command_loads_no_module_of_ours() {
    let missing = Modules::At("/nonexistent/client.so".into());
    let realm = stock_with_alice(stock().client_modules(missing));
    let ours = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        ours.trace.contains("Error loading plugin module spake"),
        "{}",
        ours.trace
    );
    assert!(!ours.trace.contains(SPAKE_USED), "{}", ours.trace);
    let stock = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        stock.success() && stock.trace.contains(SPAKE_USED),
        "{}",
        stock.trace
    );
}

#[test]
fn commands_see_the_realm_and_nothing_of_the_caller() {
    let realm = stock().realm("OTHER.EXAMPLE").kadmind(false).start().unwrap();
    assert_eq!(realm.name(), "OTHER.EXAMPLE");
    let listed = realm.run(realm.command("env"), "").unwrap().stdout;
    let directory = realm.dir().to_str().unwrap();
    for line in listed.lines() {
        let (name, value) = line.split_once('=').unwrap();
        let general = ["PATH", "LANG", "TERM", "KRB5RCACHENAME"].contains(&name);
        assert!(general || value.contains(directory), "{line}");
    }
    assert!(
        listed.contains("KRB5_CONFIG=") && listed.contains("KRB5_KDC_PROFILE="),
        "{listed}"
    );
}

#[test]
fn further_realm_is_served_by_the_same_kdc() {
    let mut realm = stock_with_alice(stock());
    realm.serve_also("OTHER.TEST").unwrap();
    let mut kadmin = realm.command("kadmin.local");
    kadmin.args(["-r", "OTHER.TEST", "addprinc", "-pw", "other horse", "bob"]);
    realm.run(kadmin, "").unwrap().checked().unwrap();
    for (principal, password) in [("alice", PASSWORD), ("bob@OTHER.TEST", "other horse")] {
        let login = realm.kinit(principal, password, &[]).unwrap();
        assert!(login.success(), "{login}");
    }
    let login = realm.kinit("bob", "other horse", &[]).unwrap();
    assert!(login.stderr.contains("not found in Kerberos database"), "{login}");
}

#[test]
fn further_realm_with_an_impossible_name_is_refused() {
    let mut realm = stock_with_alice(stock());
    for name in ["", "A/B", "A B"] {
        assert!(
            matches!(realm.serve_also(name), Err(Error::RealmName(_))),
            "{name:?}"
        );
    }
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}
