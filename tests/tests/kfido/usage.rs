//! The command line itself, and what the program is linked with.

use std::process::Command;

use krb5_testrealm::Artifacts;

use crate::{realm, seen};

#[test]
fn help_and_version_go_to_standard_output() {
    let realm = realm();
    let version = realm.kfido(&["--version"]).unwrap();
    let expected = concat!("kfido ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(seen(&version), (Some(0), expected, ""));
    for arguments in [
        &["--help"][..],
        &["help"],
        &["rp-id", "--help"],
        &["devices", "--help"],
        &["check", "--help"],
        &["enroll", "--help"],
        &["register", "--help"],
        &["list", "--help"],
        &["show", "--help"],
        &["rename", "--help"],
        &["remove", "--help"],
    ] {
        let help = realm.kfido(arguments).unwrap();
        assert_eq!((help.code(), &*help.stderr), (Some(0), ""), "{arguments:?}");
        for word in ["\nUsage: kfido", "--realm <REALM>", "--json"] {
            assert!(help.stdout.contains(word), "{arguments:?} {help}");
        }
    }
}

#[test]
fn usage_errors_end_with_2() {
    let realm = realm();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["rp-id", "A", "B"],
        &["rp-id", "A", "-r", "B"],
        &["devices", "key"],
        &["devices", "--device"],
        &["check", "alice", "bob"],
        &["check", "-X"],
        &["check", "-X", "=1s", "alice"],
        &["check", "-S"],
        &["enroll", "alice", "bob"],
        &["enroll", "--algorithm", "RS256"],
        &["enroll", "-w", "password"],
        &["register", "alice"],
        &["register", "--out", "-"],
        &["show"],
        &["rename", "blue"],
        &["remove"],
        &["-t", "keytab", "list"],
        &["-k", "list", "-c", "FILE:x"],
        &["devices", "-p", "alice"],
        &["register", "alice", "--out", "-", "-s", "host"],
    ] {
        let refused = realm.kfido(arguments).unwrap();
        assert_eq!(
            (refused.code(), &*refused.stdout),
            (Some(2), ""),
            "{arguments:?} {refused}"
        );
    }
}

#[test]
fn it_needs_the_library_of_kadmin_and_none_of_the_kdc() {
    let kfido = Artifacts::locate().unwrap().kfido();
    let output = Command::new("readelf").arg("-d").arg(kfido).output().unwrap();
    let needed = String::from_utf8(output.stdout).unwrap();
    for library in ["libkrb5.so", "libkadm5clnt_mit.so"] {
        assert!(needed.contains(library), "{needed}");
    }
    for library in ["kadm5srv", "kdb5"] {
        assert!(!needed.contains(library), "{needed}");
    }
}
