//! The state file and what opensk reads from it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use super::*;

const PIN_HASH: [u8; PIN_AUTH_LENGTH] = *b"hash of some PIN";

fn open(directory: &Path) -> Result<Store, Error> {
    Store::open(Directory::open(directory)?)
}

fn state_path(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("state")
}

/// A state with three entries.
fn some_state() -> Vec<u8> {
    let entries = [
        (3, Value::from(&b"three"[..])),
        (7, Value::from(&[][..])),
        (2047, Value::from(&[0; 4][..])),
    ];
    let content = Content {
        sealing_key: Zeroizing::new([9; SEALING_KEY_LENGTH]),
        entries: entries.into(),
    };
    encode_state(&content).unwrap().to_vec()
}

/// `body` with a correct checksum.
fn with_checksum(body: &[u8]) -> Vec<u8> {
    [body, &SoftwareSha256::digest(body)].concat()
}

/// Version, sealing key and the number of entries.
fn head(entries: u16) -> Vec<u8> {
    [&[0, 1][..], &[9; SEALING_KEY_LENGTH], &entries.to_be_bytes()].concat()
}

#[test]
fn the_layout_is_the_documented_one() {
    let body = [
        &head(3)[..],
        &[0, 3, 0, 5],
        b"three",
        &[0, 7, 0, 0],
        &[0x07, 0xff, 0, 4, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(some_state(), with_checksum(&body));
}

#[test]
fn a_state_is_read_as_it_was_written() {
    let content = parse_state(&some_state()).ok().unwrap();
    assert_eq!(encode_state(&content).unwrap().to_vec(), some_state());
}

#[test]
fn every_altered_byte_is_noticed() {
    for position in 0..some_state().len() {
        let mut state = some_state();
        state[position] ^= 1;
        assert!(parse_state(&state).is_err(), "byte {position}");
    }
}

#[test]
fn every_shortened_state_is_noticed() {
    for length in 0..some_state().len() {
        assert_eq!(
            parse_state(&some_state()[..length]).err(),
            Some(Fault::Damaged),
            "{length} bytes"
        );
    }
}

#[test]
fn a_lengthened_state_is_noticed() {
    assert_eq!(
        parse_state(&[&some_state()[..], &[0]].concat()).err(),
        Some(Fault::Damaged)
    );
}

#[test]
fn a_later_version_is_named() {
    let mut state = some_state();
    state[..2].copy_from_slice(&[0x12, 0x34]);
    assert_eq!(parse_state(&state).err(), Some(Fault::Version(0x1234)));
}

#[test]
fn entries_out_of_order_are_refused() {
    let state = with_checksum(&[&head(2)[..], &[0, 7, 0, 0, 0, 3, 0, 0]].concat());
    assert_eq!(parse_state(&state).err(), Some(Fault::Damaged));
}

#[test]
fn an_entry_given_twice_is_refused() {
    let state = with_checksum(&[&head(2)[..], &[0, 7, 0, 0, 0, 7, 0, 0]].concat());
    assert_eq!(parse_state(&state).err(), Some(Fault::Damaged));
}

#[test]
fn a_value_longer_than_the_file_is_refused() {
    let state = with_checksum(&[&head(1)[..], &[0, 7, 0xff, 0xff, 1]].concat());
    assert_eq!(parse_state(&state).err(), Some(Fault::Damaged));
}

#[test]
fn bytes_after_the_last_entry_are_refused() {
    let state = with_checksum(&[&head(0)[..], &[0]].concat());
    assert_eq!(parse_state(&state).err(), Some(Fault::Damaged));
}

#[test]
fn a_change_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path())
        .unwrap()
        .insert(1700, b"credential")
        .unwrap();
    let store = open(directory.path()).unwrap();
    assert_eq!(store.find(1700).unwrap().as_deref(), Some(&b"credential"[..]));
    assert_eq!(
        store.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(),
        [1700]
    );
}

#[test]
fn a_removed_entry_stays_removed() {
    let directory = tempfile::tempdir().unwrap();
    {
        let mut store = open(directory.path()).unwrap();
        store.insert(1700, b"credential").unwrap();
        store.remove(1700).unwrap();
        store.remove(1701).unwrap();
    }
    assert_eq!(open(directory.path()).unwrap().find(1700), Ok(None));
}

#[test]
fn a_change_that_is_not_written_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    store.insert(1700, b"old").unwrap();
    // A directory in the way: it can be neither unlinked as a file nor replaced.
    fs::create_dir(directory.path().join("state.new")).unwrap();
    let lost = Err(Ctap2StatusCode::CTAP2_ERR_VENDOR_HARDWARE_FAILURE);
    assert_eq!(store.insert(1700, b"new"), lost);
    assert_eq!(store.insert(1701, b"new"), lost);
    assert_eq!(store.remove(1700), lost);
    assert_eq!(store.reset(), lost);
    assert_eq!(store.find(1700).unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(store.find(1701), Ok(None));
}

#[test]
fn a_state_too_long_to_be_read_again_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    assert_eq!(
        store.insert(1, &vec![0; usize::from(u16::MAX) + 1]),
        Err(Ctap2StatusCode::CTAP2_ERR_KEY_STORE_FULL)
    );
    let changes = (0..64).map(|number| (number, Some(Value::from(&vec![0; usize::from(u16::MAX)][..]))));
    assert_eq!(
        store.change(changes.collect()),
        Err(Ctap2StatusCode::CTAP2_ERR_KEY_STORE_FULL)
    );
    assert_eq!(store.iter().unwrap().count(), 0);
}

#[test]
fn what_a_crash_left_behind_is_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    let left = directory.path().join("state.new");
    fs::write(&left, "half a state").unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
    open(directory.path()).unwrap().insert(1, b"x").unwrap();
    assert!(!left.exists());
    assert_eq!(
        fs::metadata(state_path(&directory)).unwrap().permissions().mode() & 0o7777,
        0o600
    );
}

#[test]
fn the_signature_counter_starts_at_one_and_adds_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    assert_eq!(store.global_signature_counter(), Ok(1));
    store.incr_global_signature_counter(8).unwrap();
    store.incr_global_signature_counter(0x0100).unwrap();
    assert_eq!(store.global_signature_counter(), Ok(0x0109));
    assert_eq!(
        store.find(keys::GLOBAL_SIGNATURE_COUNTER),
        Ok(Some(vec![0, 0, 1, 9]))
    );
}

#[test]
fn the_signature_counter_does_not_start_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    store
        .insert(keys::GLOBAL_SIGNATURE_COUNTER, &u32::MAX.to_be_bytes())
        .unwrap();
    assert_eq!(
        store.incr_global_signature_counter(1),
        Err(Ctap2StatusCode::CTAP2_ERR_LIMIT_EXCEEDED)
    );
    assert_eq!(store.global_signature_counter(), Ok(u32::MAX));
}

#[test]
fn a_signature_counter_of_another_length_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    store.insert(keys::GLOBAL_SIGNATURE_COUNTER, &[1; 5]).unwrap();
    assert_eq!(
        store.global_signature_counter(),
        Err(Ctap2StatusCode::CTAP2_ERR_VENDOR_INTERNAL_ERROR)
    );
}

#[test]
fn the_pin_hash_is_kept_but_not_in_clear() {
    let directory = tempfile::tempdir().unwrap();
    {
        let mut store = open(directory.path()).unwrap();
        assert_eq!(store.pin_hash(), Ok(None));
        store.force_pin_change().unwrap();
        store.set_pin(&PIN_HASH, 6).unwrap();
    }
    let store = open(directory.path()).unwrap();
    assert_eq!(store.pin_hash(), Ok(Some(PIN_HASH)));
    assert_eq!(store.pin_code_point_length(), Ok(Some(6)));
    assert_eq!(store.has_force_pin_change(), Ok(false));
    let state = fs::read(state_path(&directory)).unwrap();
    assert!(!state.windows(PIN_HASH.len()).any(|window| window == PIN_HASH));
}

#[test]
fn equal_pins_look_different() {
    let seal_once = || seal(&[9; SEALING_KEY_LENGTH], &PIN_HASH).unwrap();
    assert_ne!(seal_once(), seal_once());
}

#[test]
fn a_pin_entry_of_another_length_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    for length in [0, 1, 17, 32, 34] {
        store.insert(keys::PIN_PROPERTIES, &vec![4; length]).unwrap();
        assert_eq!(
            store.pin_hash(),
            Err(Ctap2StatusCode::CTAP2_ERR_VENDOR_INTERNAL_ERROR),
            "{length} bytes"
        );
    }
}

#[test]
fn a_reset_forgets_all_but_what_outlives_resets() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    for key in [1, 1700, keys::KEY_STORE, keys::GLOBAL_SIGNATURE_COUNTER] {
        store.insert(key, &[0; 4]).unwrap();
    }
    store.set_pin(&PIN_HASH, 4).unwrap();
    store.reset().unwrap();
    assert_eq!(store.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [1]);
}

#[test]
fn the_aaguid_is_ours() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(open(directory.path()).unwrap().aaguid(), Ok(AAGUID));
}

#[test]
fn a_state_that_is_a_symlink_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(state_path(&directory), &elsewhere).unwrap();
    symlink(&elsewhere, state_path(&directory)).unwrap();
    assert!(matches!(open(directory.path()), Err(Error::OpenFile { .. })));
}

#[test]
fn a_state_that_is_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(state_path(&directory)).unwrap();
    assert!(matches!(open(directory.path()), Err(Error::NotAFile { .. })));
}

#[test]
fn a_state_that_is_too_long_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let file = fs::OpenOptions::new()
        .write(true)
        .open(state_path(&directory))
        .unwrap();
    file.set_len(u64::try_from(MAX_STATE_LENGTH).unwrap() + 1)
        .unwrap();
    assert!(matches!(open(directory.path()), Err(Error::Damaged { .. })));
}
