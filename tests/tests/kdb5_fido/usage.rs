//! The command line itself.

use krb5_testrealm::{Finished, Realm};

use crate::support::{kdb5_fido, realm};

fn run(realm: &Realm, arguments: &[&str]) -> Finished {
    let mut command = kdb5_fido(realm);
    command.args(arguments);
    realm.run(command, "").unwrap()
}

#[test]
fn help_and_version_go_to_standard_output() {
    let realm = realm();
    let version = run(&realm, &["--version"]);
    assert_eq!((version.code(), &*version.stderr), (Some(0), ""));
    assert_eq!(
        version.stdout,
        concat!("kdb5_fido ", env!("CARGO_PKG_VERSION"), "\n")
    );
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["enroll", "--help"],
        &["add", "--help"],
        &["list", "--help"],
        &["remove", "--help"],
        &["policy", "--help"],
        &["status", "--help"],
        &["usage", "--help"],
        &["check-config", "--help"],
    ] {
        let help = run(&realm, arguments);
        assert_eq!((help.code(), &*help.stderr), (Some(0), ""), "{arguments:?}");
        assert!(help.stdout.contains("\nUsage: kdb5_fido"), "{help}");
        for word in ["--realm <REALM>", "--database <DBNAME>", "--json"] {
            assert!(help.stdout.contains(word), "{arguments:?} {help}");
        }
    }
}

#[test]
fn usage_errors_end_with_2() {
    let realm = realm();
    for arguments in [
        &["frobnicate"][..],
        &["enroll"],
        &["enroll", "alice", "bob"],
        &["enroll", "alice", "--name"],
        &["enroll", "alice", "--name", "a", "--name", "b"],
        &["add", "alice"],
        &["add", "alice", "a", "b"],
        &["list", "alice", "bob"],
        &["list", "--yes"],
        &["remove", "alice"],
        &["remove", "alice", "-bad"],
        &["policy"],
        &["policy", "alice", "--policy", "sometimes"],
        &["policy", "alice", "--uv", "Required"],
        &["policy", "alice", "--indicator", "two words"],
        &["policy", "alice", "--clear", "everything"],
        &["status", "alice", "bob"],
        &["usage", "--from", ""],
        &["usage", "--unused-since", "long"],
        &["check-config", "alice"],
        &["list", "-r"],
        &["list", "--frobnicate"],
    ] {
        let refused = run(&realm, arguments);
        assert_eq!(
            (refused.code(), &*refused.stdout),
            (Some(2), ""),
            "{arguments:?} {refused}"
        );
        assert!(refused.stderr.starts_with("error: "), "{arguments:?} {refused}");
    }
}

#[test]
fn no_command_is_a_usage_error() {
    let realm = realm();
    let refused = run(&realm, &[]);
    assert_eq!((refused.code(), &*refused.stdout), (Some(2), ""), "{refused}");
    assert!(refused.stderr.contains("\nUsage: kdb5_fido "), "{refused}");
}

#[test]
fn options_go_before_and_after_the_command() {
    let realm = realm();
    for arguments in [
        ["--json", "-r", "KRBTEST.COM", "list"],
        ["list", "--json", "-r", "KRBTEST.COM"],
        ["-r", "KRBTEST.COM", "list", "--json"],
    ] {
        let listed = run(&realm, &arguments);
        assert_eq!(
            (listed.code(), &*listed.stdout, &*listed.stderr),
            (Some(0), "[]\n", "")
        );
    }
}
