//! Files in the cache directory that are not to be believed: each is passed over, and replaced if it can be.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use crate::{
    cache::{Kept, lasting, mode},
    process::Fetch,
};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Fetches the list anew in spite of what is there, and then no more.
fn is_replaced(kept: &Kept) {
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 2);
    kept.fetch().finds_realm();
    assert_eq!((kept.hits(), kept.files().len()), (2, 1));
    assert_eq!(mode(&kept.file()), 0o600);
}

#[test]
fn garbage() {
    let good = Kept::with_entry("max-age=3600");
    let entry = fs::read_to_string(good.file()).unwrap();
    for text in [
        "".to_owned(),
        "\n\n".to_owned(),
        "\0".repeat(entry.len()),
        " ".repeat(200_000),
        entry.replace("facets 1", "facets 2"),
        entry.replace("/list", "/other"),
        entry.replace("max-age", "max age"),
        entry.replace(": max-age", "max-age"),
        entry.replace("cache-control", "cache\u{e9}control"),
        entry.replace("cache-control: ", "age: 99999999999999999999\ncache-control: "),
        entry.replace("\n\n", "\n"),
        entry.replace("trustedFacets", "trusted"),
        entry.trim_end_matches('}').to_owned(),
        entry.replace('\n', "\r\n"),
    ] {
        let kept = Kept::with_entry("max-age=3600");
        assert_ne!(text, entry);
        fs::write(kept.file(), &text).unwrap();
        is_replaced(&kept);
    }
}

#[test]
fn the_entry_of_another_url() {
    let kept = Kept::with_entry("max-age=3600");
    let ours = kept.file();
    kept.server.serve("/other", lasting("max-age=3600"));
    Fetch::of(&kept.server, "/other")
        .cached(&kept.directory())
        .finds_realm();
    let other = kept.files().into_iter().find(|file| *file != ours).unwrap();
    fs::rename(other, &ours).unwrap();
    is_replaced(&kept);
}

#[test]
fn files_that_others_may_write_to() {
    for bits in [0o620, 0o602, 0o666] {
        let kept = Kept::with_entry("max-age=3600");
        set_mode(&kept.file(), bits);
        is_replaced(&kept);
    }
}

#[test]
fn symbolic_links() {
    let kept = Kept::with_entry("max-age=3600");
    let (file, elsewhere) = (kept.file(), kept.server.directory().join("elsewhere"));
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    is_replaced(&kept);
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
}

#[test]
fn pipes() {
    let kept = Kept::with_entry("max-age=3600");
    let file = kept.file();
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    is_replaced(&kept);
}

#[test]
fn a_directory_in_the_place_of_the_file() {
    let kept = Kept::with_entry("max-age=3600");
    let file = kept.file();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    kept.fetch().finds_realm();
    assert_eq!((kept.hits(), kept.files().len()), (2, 1));
}

#[test]
fn a_directory_that_others_may_write_to() {
    for bits in [0o770, 0o707, 0o1777] {
        let kept = Kept::with_entry("max-age=3600");
        set_mode(&kept.directory(), bits);
        kept.fetch().finds_realm();
        assert_eq!(kept.hits(), 2);
        kept.fetch().finds_realm();
        assert_eq!(kept.hits(), 3);
    }
}

#[test]
fn a_directory_that_cannot_be_made() {
    let kept = Kept::new(lasting("max-age=3600"));
    let below_file = kept.server.ca_file().join("krb5-fido");
    for directory in [
        below_file.as_path(),
        Path::new("/proc/krb5-fido"),
        Path::new("/dev/null"),
    ] {
        Fetch::of(&kept.server, "/list").cached(directory).finds_realm();
    }
    assert_eq!(kept.hits(), 3);
}
