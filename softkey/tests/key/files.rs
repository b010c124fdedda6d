//! The key's directory, and what a key refuses to start with.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::{fs::Uid, process::geteuid};

use crate::{
    client::Registration,
    program::{Place, Program},
};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A place whose key has a credential and is not running.
fn used_place() -> Place {
    let place = Place::new();
    let program = place.start("auto");
    place.connect().register(&Registration {
        resident: true,
        ..Registration::new("rp")
    });
    program.stop();
    place
}

/// Starts a key whose state is `state`: it must name the file and leave it as it is.
fn refused_state(place: &Place, state: &[u8]) -> String {
    fs::write(place.state(), state).unwrap();
    let said = place.start_fails();
    assert!(said.contains(&place.state().display().to_string()), "{said}");
    assert_eq!(fs::read(place.state()).unwrap(), state);
    assert!(!place.socket().exists());
    said
}

#[test]
fn all_files_are_private() {
    let place = Place::new();
    let _program = place.start("auto");
    place.connect().register(&Registration::new("rp"));
    assert_eq!(mode(&place.directory()), 0o700);
    assert_eq!(mode(&place.socket()), 0o600);
    let names: Vec<_> = fs::read_dir(place.directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for path in names {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn an_altered_state_is_refused() {
    let place = used_place();
    let mut state = fs::read(place.state()).unwrap();
    let middle = state.len() / 2;
    state[middle] ^= 0x80;
    assert!(refused_state(&place, &state).contains("is damaged"));
}

#[test]
fn a_shortened_state_is_refused() {
    let place = used_place();
    let state = fs::read(place.state()).unwrap();
    assert!(refused_state(&place, &state[..state.len() - 1]).contains("is damaged"));
}

#[test]
fn an_empty_state_is_refused() {
    assert!(refused_state(&used_place(), b"").contains("is damaged"));
}

#[test]
fn a_state_of_a_later_version_is_refused() {
    assert!(refused_state(&used_place(), &[0, 2, 0, 0]).contains("has version 2"));
}

#[test]
fn a_state_that_others_can_read_is_refused() {
    for others in [0o640, 0o604, 0o620, 0o601] {
        let place = used_place();
        fs::set_permissions(place.state(), Permissions::from_mode(others)).unwrap();
        let said = place.start_fails();
        assert!(
            said.contains(&format!("state is open to others (mode {others:04o})")),
            "{said}"
        );
    }
}

#[test]
fn a_lock_that_others_can_take_is_refused() {
    let place = used_place();
    let lock = place.directory().join("lock");
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    assert!(place.start_fails().contains("lock is open to others"));
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    for others in [0o770, 0o702, 0o1777] {
        let place = used_place();
        fs::set_permissions(place.directory(), Permissions::from_mode(others)).unwrap();
        let said = place.start_fails();
        assert!(
            said.contains(&format!("others may write to {}", place.directory().display())),
            "{said}"
        );
    }
}

#[test]
fn a_directory_that_others_can_read_is_accepted() {
    let place = used_place();
    fs::set_permissions(place.directory(), Permissions::from_mode(0o755)).unwrap();
    place.start("auto").stop();
}

/// Its other half, a state file of somebody else, is a unit test: only root can make one.
#[test]
fn a_directory_of_somebody_else_is_refused() {
    let place = used_place();
    let directory = if geteuid().is_root() {
        let nobody = Uid::from_raw(65534);
        rustix::fs::chown(place.directory(), Some(nobody), None).unwrap();
        place.directory()
    } else {
        PathBuf::from("/usr")
    };
    let said = Program::spawn(&directory, &place.socket(), "auto").fails();
    assert!(
        said.contains(&format!("{} belongs to another user", directory.display())),
        "{said}"
    );
}

#[test]
fn a_missing_parent_directory_is_named() {
    let place = Place::new();
    let directory = place.path("missing/key");
    let said = Program::spawn(&directory, &place.socket(), "auto").fails();
    assert!(
        said.contains(&format!("cannot create the directory {}", directory.display())),
        "{said}"
    );
}

#[test]
fn a_file_in_place_of_the_directory_is_named() {
    let place = Place::new();
    fs::write(place.directory(), "").unwrap();
    let said = place.start_fails();
    assert!(
        said.contains(&format!(
            "cannot open the directory {}",
            place.directory().display()
        )),
        "{said}"
    );
}
