#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    sync::{Arc, Barrier},
    thread,
};

use tempfile::TempDir;
use time::UtcDateTime;

use super::*;
use crate::credential_key;

fn used(counter: u32) -> Use {
    Use {
        counter,
        digest: [9; 32],
        time: UtcDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
        user_verified: true,
    }
}

fn empty() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    // As if its parent had been made by somebody with another umask.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn open(directory: &Path) -> Store {
    Store::open(directory).unwrap().0
}

/// Counts one up.
fn count(store: &Store, key: &CredentialKey) -> u32 {
    let next = |last: Option<&Use>| {
        let next = last.map_or(0, |last| last.counter) + 1;
        Ok::<_, ()>((used(next), next))
    };
    store.update(key, next).unwrap().unwrap()
}

#[test]
fn what_is_stored_is_there_when_it_is_opened_again() {
    let parent = empty();
    let directory = parent.path().join("fido");
    let key = credential_key(b"credential", b"key");
    let (store, opened) = Store::open(&directory).unwrap();
    assert_eq!(opened, Opened::Created);
    assert_eq!(store.read(&key).unwrap(), None);
    assert_eq!(count(&store, &key), 1);
    drop(store);
    let (store, opened) = Store::open(&directory).unwrap();
    assert_eq!(opened, Opened::Found);
    assert_eq!(store.read(&key).unwrap(), Some(used(1)));
    assert_eq!(
        fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let data = place::data_file(&directory);
    assert_eq!(fs::metadata(data).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_refusal_changes_nothing() {
    let directory = empty();
    let store = open(directory.path());
    let key = credential_key(b"credential", b"key");
    count(&store, &key);
    let refused = store.update(&key, |last| {
        assert_eq!(last, Some(&used(1)));
        Err::<(Use, ()), _>("no")
    });
    assert_eq!(refused.unwrap(), Err("no"));
    assert_eq!(store.read(&key).unwrap(), Some(used(1)));
}

#[test]
fn updates_come_one_after_another() {
    let directory = empty();
    let store = Arc::new(open(directory.path()));
    let key = credential_key(b"credential", b"key");
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (store, start) = (Arc::clone(&store), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                (0..50).map(|_| count(&store, &key)).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut all: Vec<u32> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    all.sort_unstable();
    assert_eq!(all, (1..=200).collect::<Vec<_>>());
}

#[test]
fn a_damaged_store_is_moved_aside() {
    let directory = empty();
    let key = credential_key(b"credential", b"key");
    count(&open(directory.path()), &key);
    let data = place::data_file(directory.path());
    fs::write(&data, b"garbage").unwrap();
    let (store, opened) = Store::open(directory.path()).unwrap();
    let Opened::Replaced { aside, damage } = opened else {
        panic!("{opened:?}")
    };
    assert_eq!(damage, Damage::Head);
    assert_eq!(fs::read(&aside).unwrap(), b"garbage");
    assert!(
        aside
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("damaged-")
    );
    assert_eq!(store.read(&key).unwrap(), None);
    // A second one in the same second does not overwrite the first.
    drop(store);
    fs::write(&data, b"more of it").unwrap();
    drop(Store::open(directory.path()).unwrap());
    assert_eq!(fs::read(&aside).unwrap(), b"garbage");
}

#[test]
fn whoever_has_it_open_notices_that_it_was_moved() {
    let directory = empty();
    let store = open(directory.path());
    assert!(store.is_current());
    place::move_aside(directory.path()).unwrap();
    assert!(!store.is_current());
}

#[test]
fn stores_that_others_may_write_are_refused() {
    let parent = empty();
    let directory = parent.path().join("fido");
    drop(open(&directory));
    let fault = |path: &Path| match Store::open(path) {
        Err(Error::Untrusted { fault, .. }) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    };
    for mode in [0o770, 0o707, 0o777] {
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(fault(&directory), "may be written by others");
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    let data = place::data_file(&directory);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(fault(&directory), "may be written by others");
    fs::remove_file(&data).unwrap();
    symlink("/dev/null", &data).unwrap();
    assert_eq!(fault(&directory), "is no regular file");
    let link = parent.path().join("link");
    symlink(&directory, &link).unwrap();
    assert_eq!(fault(&link), "is no directory");
}

#[test]
fn a_store_cannot_be_where_it_cannot_be_made() {
    let parent = empty();
    let nowhere = parent.path().join("missing/fido");
    assert!(matches!(Store::open(&nowhere), Err(Error::Io { path, .. }) if path == nowhere));
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Store::open(&file), Err(Error::Untrusted { .. })));
}

#[test]
fn another_version_is_left_alone() {
    let directory = empty();
    let store = open(directory.path());
    let mut transaction = store.environment.write_txn().unwrap();
    store.entries.put(&mut transaction, FORMAT, &[2]).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let before = fs::read(place::data_file(directory.path())).unwrap();
    assert!(matches!(
        Store::open(directory.path()),
        Err(Error::OtherVersion { .. })
    ));
    assert!(matches!(
        Store::open_existing(directory.path()),
        Err(Error::OtherVersion { .. })
    ));
    assert_eq!(fs::read(place::data_file(directory.path())).unwrap(), before);
}

#[test]
fn an_entry_of_nobodys_making_is_an_error() {
    let directory = empty();
    let store = open(directory.path());
    let key = credential_key(b"credential", b"key");
    let mut transaction = store.environment.write_txn().unwrap();
    store.entries.put(&mut transaction, &key, b"entry").unwrap();
    transaction.commit().unwrap();
    assert!(matches!(store.read(&key), Err(Error::MalformedEntry { .. })));
    let updated = store.update(&key, |_| Ok::<_, ()>((used(1), ())));
    assert!(matches!(updated, Err(Error::MalformedEntry { .. })));
    let (store, opened) = store.replace().unwrap();
    assert!(matches!(
        opened,
        Opened::Replaced {
            damage: Damage::Entry,
            ..
        }
    ));
    assert_eq!(count(&store, &key), 1);
}

#[test]
fn a_store_that_another_process_has_replaced_is_not_replaced_again() {
    let directory = empty();
    let store = open(directory.path());
    place::move_aside(directory.path()).unwrap();
    let key = credential_key(b"credential", b"key");
    // LMDB has a path open once in a process: the other one is played by its file alone.
    let other = empty();
    count(&open(other.path()), &key);
    fs::copy(place::data_file(other.path()), place::data_file(directory.path())).unwrap();
    let (store, opened) = store.replace().unwrap();
    assert_eq!(
        (opened, store.read(&key).unwrap()),
        (Opened::Found, Some(used(1)))
    );
}

#[test]
fn a_copy_can_be_read_as_a_file_and_as_a_directory() {
    let (directory, copies) = (empty(), empty());
    let key = credential_key(b"credential", b"key");
    count(&open(directory.path()), &key);
    let file = copies.path().join("kdc2.mdb");
    fs::copy(place::data_file(directory.path()), &file).unwrap();
    for path in [file.as_path(), directory.path()] {
        let copy = open_copy(path).unwrap();
        assert_eq!(copy.read(&key).unwrap(), Some(used(1)));
    }
    let nothing = copies.path().join("nothing");
    assert!(matches!(open_copy(&nothing), Err(Error::Missing { .. })));
    assert!(matches!(
        Store::open_existing(copies.path()),
        Err(Error::Missing { .. })
    ));
    fs::write(&file, "garbage").unwrap();
    assert!(matches!(open_copy(&file), Err(Error::MalformedEntry { .. })));
}
