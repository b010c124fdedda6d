//! Stores that cannot be used. Whoever has a key gets no answer from this KDC, so that his client goes on to another; nothing
//! is counted against him, everybody else is served, and the log says what is wrong and where.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use super::*;

/// More than a store is left alone that could not be used.
const RESPITE: Duration = Duration::from_millis(1100);

/// Mounts a file system over the store's directory, which the KDC alone sees.
fn mounted(options: &str) -> RealmBuilder {
    let script = format!("mkdir -p \"$0/fido\"; mount -t tmpfs -o {options} tmpfs \"$0/fido\"; exec \"$@\"");
    Realm::builder().kdc_wrapper(&["unshare", "--mount", "sh", "-c", &script, "."])
}

/// The KDC does not answer, and its log says why.
fn assert_undecided(scene: &Scene, counter: u32, cause: &str) {
    let (answer, _) = scene.login(counter);
    let reply = scene.client.send_bytes(&answer.request.encode());
    assert!(reply.is_empty(), "{reply:02x?}");
    let line = scene.last_line();
    let path = scene.directory();
    let expected = format!("not decided: state store {}", path.display());
    assert!(line.starts_with(&expected) && line.contains(cause), "{line}");
    scene.assert_serves_others();
    thread::sleep(RESPITE);
}

#[test]
fn disk_that_is_full() {
    let scene = Scene::set_with(mounted("mode=700,size=12k"));
    assert_undecided(&scene, 7, "No space left on device");
    let pid = scene.realm.kdc_pid().unwrap().to_string();
    let enlarged = Command::new("nsenter")
        .args(["--mount", "--target", &pid, "mount", "-o", "remount,size=1m"])
        .arg(scene.directory())
        .status();
    assert!(enlarged.unwrap().success());
    scene.accept(8);
    scene.refuse(8);
}

#[test]
fn disk_that_cannot_be_written() {
    let scene = Scene::set_with(mounted("mode=700,ro"));
    assert_undecided(&scene, 7, "Read-only file system");
}

#[test]
fn directory_of_somebody_else() {
    let scene = Scene::set();
    scene.accept(7);
    chown(scene.directory(), Some(65534), Some(65534)).unwrap();
    let mut scene = scene;
    scene.realm.restart_kdc().unwrap();
    let cause =
        "it belongs to another user; it must belong to whoever runs the KDC, and be writable by nobody else";
    assert_undecided(&scene, 8, cause);
    chown(scene.directory(), Some(0), Some(0)).unwrap();
    fs::set_permissions(scene.directory(), Permissions::from_mode(0o777)).unwrap();
    assert_undecided(&scene, 8, "it may be written by others");
    fs::set_permissions(scene.directory(), Permissions::from_mode(0o700)).unwrap();
    scene.refuse(7);
    scene.accept(9);
}

#[test]
fn directory_whose_parent_is_missing() {
    let scene =
        Scene::set_with(Realm::builder().kdc_relation("fido_state_dir", "/nonexistent/krb5-fido/state"));
    let (answer, _) = scene.login(7);
    assert!(scene.client.send_bytes(&answer.request.encode()).is_empty());
    let expected =
        "not decided: state store /nonexistent/krb5-fido/state: No such file or directory (os error 2)";
    assert_eq!(scene.last_line(), expected);
    scene.assert_serves_others();
}

/// Has the file be this, while the KDC is down.
fn overwrite(scene: &mut Scene, change: impl FnOnce(&Path)) {
    scene.realm.stop_kdc();
    change(&scene.directory().join("data.mdb"));
    scene.realm.restart_kdc().unwrap();
}

#[test]
fn damaged_file_is_moved_aside_and_said_so() {
    let mut scene = Scene::set();
    scene.accept(7);
    for (garbage, damage) in [
        (
            &b"garbage"[..],
            "it is no LMDB file, or its first pages are damaged",
        ),
        (&[0; 20_000], "it is no LMDB file, or its first pages are damaged"),
    ] {
        overwrite(&mut scene, |file| fs::write(file, garbage).unwrap());
        // What the record says is all that is left to go by.
        scene.accept(1);
        let log = scene.realm.kdc_log();
        let said = format!(
            "(Error): fido: state store {}: {damage}; it is now ",
            scene.directory().display()
        );
        assert!(log.contains(&said), "{log}");
    }
    let aside = fs::read_dir(scene.directory())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .starts_with("damaged-")
        })
        .count();
    assert_eq!(aside, 2);
}

#[test]
fn file_that_was_cut_is_moved_aside() {
    let mut scene = Scene::set();
    scene.accept(7);
    overwrite(&mut scene, |file| {
        let file = fs::OpenOptions::new().write(true).open(file).unwrap();
        file.set_len(8192).unwrap();
    });
    scene.accept(1);
    let log = scene.realm.kdc_log();
    assert!(log.contains(": a part of it is missing; it is now "), "{log}");
}

#[test]
fn file_of_another_version_is_left_alone() {
    let mut scene = Scene::set();
    scene.accept(7);
    overwrite(&mut scene, |file| {
        let mut bytes = fs::read(file).unwrap();
        // The number of LMDB's format, in both heads.
        bytes[20] = 2;
        bytes[4096 + 20] = 2;
        fs::write(file, bytes).unwrap();
    });
    let before = fs::read(scene.directory().join("data.mdb")).unwrap();
    assert_undecided(&scene, 8, "it is of another version; move it away to begin anew");
    assert_eq!(fs::read(scene.directory().join("data.mdb")).unwrap(), before);
    fs::rename(
        scene.directory().join("data.mdb"),
        scene.realm.dir().join("old.mdb"),
    )
    .unwrap();
    scene.accept(8);
}

#[test]
fn directory_that_vanishes_under_the_kdc_is_made_anew() {
    let scene = Scene::set();
    scene.accept(7);
    fs::remove_dir_all(scene.directory()).unwrap();
    scene.accept(3);
    let made = format!(
        "(Notice): fido: state store {}: made",
        scene.directory().display()
    );
    assert_eq!(scene.realm.kdc_log().matches(&made).count(), 2);
    scene.refuse(3);
}
