#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::{Store, Use, credential_key, place::data_file};

/// A store with so many credentials, closed.
fn store(credentials: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(directory.path()).unwrap();
    for number in 0..credentials {
        let key = credential_key(&number.to_be_bytes(), b"");
        let next = |_: Option<&Use>| Ok::<_, ()>((used(number), ()));
        store.update(&key, next).unwrap().unwrap();
    }
    drop(store);
    let data = data_file(directory.path());
    (directory, data)
}

fn used(counter: u32) -> Use {
    Use {
        counter,
        digest: [0; 32],
        time: time::UtcDateTime::UNIX_EPOCH,
        user_verified: false,
    }
}

fn verdict(bytes: &[u8]) -> &'static str {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    match inspect(file.path()).unwrap() {
        Verdict::Fresh => "fresh",
        Verdict::Sound => "sound",
        Verdict::OtherVersion => "other version",
        Verdict::Damaged(Damage::Head) => "head",
        Verdict::Damaged(Damage::Missing) => "missing",
        Verdict::Damaged(Damage::Page | Damage::Entry) => "page",
    }
}

#[test]
fn nothing_is_fresh() {
    assert_eq!(verdict(b""), "fresh");
    let directory = tempfile::tempdir().unwrap();
    let nothing = inspect(&directory.path().join("data.mdb"));
    assert!(matches!(nothing, Ok(Verdict::Fresh)));
}

#[test]
fn stores_of_every_size_are_sound() {
    for credentials in [0, 1, 40, 2000] {
        let (_directory, data) = store(credentials);
        assert_eq!(verdict(&fs::read(data).unwrap()), "sound", "{credentials}");
    }
}

#[test]
fn other_files_are_damaged() {
    for bytes in [&b"x"[..], &[0; 4096], &[0xff; 65536], b"SQLite format 3\0"] {
        assert_eq!(verdict(bytes), "head");
    }
}

#[test]
fn another_version_of_the_format_is_no_damage() {
    let (_directory, data) = store(1);
    let mut bytes = fs::read(data).unwrap();
    bytes[20] = 2;
    bytes[4096 + 20] = 2;
    assert_eq!(verdict(&bytes), "other version");
}

/// As LMDB has it, which opens no such file.
#[test]
fn both_heads_are_needed() {
    let (directory, data) = store(40);
    let bytes = fs::read(&data).unwrap();
    for start in [0, 4096] {
        let mut bytes = bytes.clone();
        bytes[start..start + 100].fill(0xaa);
        assert_eq!(verdict(&bytes), "head");
        fs::write(&data, bytes).unwrap();
        assert!(crate::mapped::open(directory.path()).is_err());
    }
    // What a full disk leaves of a new file.
    assert_eq!(verdict(&bytes[..4096]), "head");
}

#[test]
fn a_file_that_is_written_meanwhile_is_sound() {
    let (directory, data) = store(2000);
    let (store, _) = Store::open(directory.path()).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u32.. {
                if is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let key = credential_key(&(number % 5000).to_be_bytes(), b"");
                let next = |_: Option<&Use>| Ok::<_, ()>((used(number), ()));
                store.update(&key, next).unwrap().unwrap();
            }
        });
        for _ in 0..300 {
            assert!(matches!(inspect(&data), Ok(Verdict::Sound)));
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_file_that_was_cut_misses_a_part() {
    let (_directory, data) = store(2000);
    let bytes = fs::read(data).unwrap();
    for length in [8192, 8193, 12288, bytes.len() / 2] {
        assert_eq!(verdict(&bytes[..length]), "missing", "{length}");
    }
}

/// Whatever is written over a page in use is noticed, or does not matter: never a panic here, never a wrong offset for LMDB.
#[test]
fn garbled_pages_are_noticed() {
    let (_directory, data) = store(2000);
    let bytes = fs::read(data).unwrap();
    let mut noticed = 0;
    for page in 2..bytes.len() / 4096 {
        let mut garbled = bytes.clone();
        garbled[page * 4096..][..64].fill(0x5a);
        match verdict(&garbled) {
            "page" => noticed += 1,
            // A page that is free.
            "sound" => {}
            other => panic!("page {page}: {other}"),
        }
    }
    assert!(noticed > 10, "{noticed} pages");
}

#[test]
fn every_byte_of_a_leaf_may_be_wrong() {
    let (_directory, data) = store(3);
    let bytes = fs::read(data).unwrap();
    let leaf = (2..bytes.len() / 4096)
        .rfind(|page| bytes[page * 4096 + 10] == 2)
        .unwrap();
    for place in 0..64 {
        for byte in [0, 0x7f, 0xff] {
            let mut garbled = bytes.clone();
            garbled[leaf * 4096 + place] = byte;
            let told = verdict(&garbled);
            assert!(
                ["sound", "page", "missing"].contains(&told),
                "{place} {byte}: {told}"
            );
        }
    }
}
