//! The admin guide's procedures for keys, run as they stand there.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{fs, path::Path};

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, attribute, enrol, kadmin};
use krb5_testrealm::{Artifacts, Finished, Presence, Realm, RealmBuilder};

/// A realm as the guide has it in the end: nothing is left to be found.
fn tidy() -> RealmBuilder {
    let disable = "plugins/kdcpreauth:disable";
    Realm::builder()
        .kdc_relation(disable, "encrypted_timestamp")
        .kdc_relation(disable, "encrypted_challenge")
        .client_relation("disable_encrypted_timestamp", "true")
}

/// The shell commands below a heading, block by block.
fn blocks(heading: &str) -> Vec<String> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin-guide.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, section) = guide.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let section = section.split("\n### ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// Runs a block as the administrator of the KDC, up to the first command that fails.
fn follow(realm: &Realm, block: &str) -> Finished {
    let artifacts = Artifacts::locate().unwrap();
    let mut shell = realm.command("sh");
    let script = "PATH=$1:$PATH; eval \"$2\"";
    shell
        .current_dir(realm.dir())
        .args(["-euc", script, "sh"])
        .arg(artifacts.directory())
        .arg(block);
    realm.run(shell, "").unwrap()
}

#[track_caller]
fn succeed(realm: &Realm, block: &str) -> Finished {
    let finished = follow(realm, block);
    assert!(finished.success(), "{block}\n{finished}");
    finished
}

fn logs_in(realm: &Realm, name: &str, more: &[&str]) -> bool {
    realm.kinit(name, PASSWORD, more).unwrap().success()
}

const PASSWORD_ALONE: [&str; 2] = ["-X", "fido_device=none"];

#[test]
fn rolling_out() {
    let builder = tidy().kdc_relation("fido_policy", "permissive").kadmind(false);
    let mut realm = builder.start().unwrap();
    let key = realm.softkey("key", Presence::Auto).unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    for name in ["alice", "carol"] {
        add_user(&realm, name);
    }
    let [permissive, enrolled, required] = blocks("## Rolling out").try_into().unwrap();
    succeed(&realm, &permissive);
    assert!(logs_in(&realm, "alice", &[]) && logs_in(&realm, "alice", &PASSWORD_ALONE));

    realm.set_kdc_relation("fido_policy", &[]).unwrap();
    assert_eq!(realm.kdb5_fido(&["check-config"]).unwrap().code(), Some(3));
    let mended = succeed(&realm, &enrolled);
    assert!(
        mended
            .stdout
            .starts_with("set: alice@KRBTEST.COM (+requires_hwauth)\n"),
        "{mended}"
    );
    assert!(logs_in(&realm, "alice", &[]) && !logs_in(&realm, "alice", &PASSWORD_ALONE));

    let tried = follow(&realm, &required);
    assert_eq!(tried.code(), Some(3), "{tried}");
    assert!(
        tried.stdout.contains("warning: carol@KRBTEST.COM (no_key)\n"),
        "{tried}"
    );
    assert!(!logs_in(&realm, "carol", &[]));
}

#[test]
fn a_lost_key_of_two() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let other = realm.softkey("other", Presence::Auto).unwrap();
    enrol(&realm, "alice", &other, "red");
    let lost = blocks("### A lost key").swap_remove(0);
    let told = succeed(&realm, &lost);
    assert!(told.stdout.contains("    key red "), "{told}");
    assert!(attribute(&realm, "alice", "fido:blue").is_none());
    assert!(!logs_in(&realm, "alice", &["-X", "fido_timeout=1s"]));
    assert!(logs_in(
        &realm,
        "alice",
        &["-X", &format!("fido_device={}", other.device())]
    ));
}

#[test]
fn the_only_key_is_lost() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let [_, keep_out, replace] = blocks("### A lost key").try_into().unwrap();
    succeed(&realm, &keep_out);
    let refused = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        refused
            .stderr
            .contains("alice@KRBTEST.COM must log in with a security key, and none is registered"),
        "{refused}"
    );
    succeed(&realm, &replace);
    assert!(logs_in(&realm, "alice", &[]) && !logs_in(&realm, "alice", &PASSWORD_ALONE));
    assert!(attribute(&realm, "alice", "fido_policy").is_none());
}

#[test]
fn a_key_that_turns_up_again() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let [disable, enable] = blocks("### A key that may turn up again").try_into().unwrap();
    succeed(&realm, &disable);
    assert!(!logs_in(&realm, "alice", &[]) && !logs_in(&realm, "alice", &PASSWORD_ALONE));
    succeed(&realm, &enable);
    assert!(logs_in(&realm, "alice", &[]) && !logs_in(&realm, "alice", &PASSWORD_ALONE));
}

#[test]
fn keys_come_into_another_database() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let [export, import] = blocks("### Keys in another database").try_into().unwrap();
    succeed(&realm, &export);
    kadmin(&realm, &["delprinc", "-force", "alice"]);
    add_user(&realm, "alice");
    succeed(&realm, &import);
    assert!(logs_in(&realm, "alice", &[]) && !logs_in(&realm, "alice", &PASSWORD_ALONE));
}

#[test]
fn breaking_the_glass() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let [open, close] = blocks("### Breaking the glass").try_into().unwrap();
    succeed(&realm, &open);
    assert!(logs_in(&realm, "alice", &PASSWORD_ALONE));
    let mut administration = PASSWORD_ALONE.to_vec();
    administration.extend(["-S", "kadmin/admin"]);
    assert!(!logs_in(&realm, "alice", &administration));
    succeed(&realm, &close);
    assert!(!logs_in(&realm, "alice", &PASSWORD_ALONE));
    assert!(logs_in(&realm, "alice", &[]));
}

#[test]
fn looking_around() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    add_user(&realm, "carol");
    assert!(logs_in(&realm, "alice", &[]));
    for heading in [
        "## Checking the configuration",
        "## Who must use what",
        "## Which keys are in use",
    ] {
        let store = realm.dir().join("kdc2.mdb");
        fs::copy(realm.dir().join("fido/data.mdb"), &store).unwrap();
        let commands = blocks(heading);
        assert_eq!(commands.len(), 1, "{heading}");
        for block in commands {
            succeed(&realm, &block.replace("/root/kdc2.mdb", store.to_str().unwrap()));
        }
    }
    assert!(kadmin(&realm, &["getstrs", "carol"]).contains("(No string attributes.)"));
}
