//! What is kept, and for how long.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use krb5_fido_https_server::{HttpsServer, Reply};
use tempfile::TempDir;

use crate::process::{Fetch, HOST, Outcome, REALM};

/// A server, and a directory for what it lets a client keep.
pub(crate) struct Kept {
    pub(crate) server: HttpsServer,
    parent: TempDir,
}

impl Kept {
    pub(crate) fn new(reply: Reply) -> Self {
        let server = HttpsServer::start(HOST);
        server.serve("/list", reply);
        Self {
            server,
            parent: tempfile::tempdir().unwrap(),
        }
    }

    /// A list that was fetched once and stored.
    pub(crate) fn with_entry(cache_control: &str) -> Self {
        let kept = Self::new(lasting(cache_control));
        kept.fetch().finds_realm();
        kept
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.parent.path().join("caches/krb5-fido")
    }

    pub(crate) fn fetch(&self) -> Fetch<'_> {
        Fetch::of(&self.server, "/list").cached(&self.directory())
    }

    pub(crate) fn hits(&self) -> usize {
        self.server.hits("/list")
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let Ok(files) = fs::read_dir(self.directory()) else {
            return Vec::new();
        };
        files.map(|file| file.unwrap().path()).collect()
    }

    pub(crate) fn file(&self) -> PathBuf {
        let mut files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files.pop().unwrap()
    }

    /// Makes the entry one that was asked for at another time.
    fn set_asked(&self, asked: SystemTime) {
        let text = fs::read_to_string(self.file()).unwrap();
        let mut lines: Vec<&str> = text.split('\n').collect();
        let seconds = asked.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        *lines.get_mut(2).unwrap() = &seconds;
        fs::write(self.file(), lines.join("\n")).unwrap();
    }

    /// Whether the last request was for something newer than what is known.
    fn was_asked_for_newer(&self) -> bool {
        let last = self.server.requests("/list").pop().unwrap();
        last.head.contains("\r\nif-none-match: \"1\"\r\n")
    }
}

pub(crate) fn lasting(cache_control: &str) -> Reply {
    Reply::facets(&[REALM])
        .header("etag", "\"1\"")
        .header("cache-control", cache_control)
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn fresh_lists_are_not_asked_for_again() {
    let kept = Kept::with_entry("max-age=3600");
    kept.server.serve("/list", Reply::new(500));
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 1);
}

#[test]
fn entries_are_files_for_their_owner_alone() {
    let kept = Kept::with_entry("max-age=3600");
    let file = kept.file();
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(
        name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{name}"
    );
    assert_eq!((mode(&file), mode(&kept.directory())), (0o600, 0o700));
}

#[test]
fn each_url_has_its_own_entry() {
    let kept = Kept::with_entry("max-age=3600");
    kept.server.serve(
        "/list?other",
        Reply::facets(&["OTHER.ORG"]).header("cache-control", "max-age=3600"),
    );
    let other = Fetch::of(&kept.server, "/list?other").cached(&kept.directory());
    assert_eq!(other.run(), Outcome::List(false));
    kept.fetch().finds_realm();
    assert_eq!(
        (kept.files().len(), kept.hits(), kept.server.hits("/list?other")),
        (2, 1, 1)
    );
}

#[test]
fn a_fresh_entry_outlasts_its_server() {
    let mut kept = Kept::with_entry("max-age=3600");
    kept.server.stop();
    kept.fetch().finds_realm();
}

#[test]
fn a_stale_entry_does_not() {
    for cache_control in [
        "max-age=0",
        "no-cache",
        "max-age=0, stale-if-error=3600",
        "public",
    ] {
        let mut kept = Kept::with_entry(cache_control);
        kept.server.stop();
        kept.fetch().fails("Unreachable");
        assert_eq!(kept.files().len(), 1);
    }
}

#[test]
fn a_stale_entry_is_no_answer_to_errors_of_the_server() {
    for status in [404, 500] {
        let kept = Kept::with_entry("max-age=0");
        kept.server.serve("/list", Reply::new(status));
        kept.fetch().fails("Status");
    }
}

#[test]
fn not_modified_makes_an_entry_fresh_again() {
    let kept = Kept::with_entry("max-age=0");
    kept.server.serve(
        "/list",
        Reply::new(304)
            .header("etag", "\"1\"")
            .header("cache-control", "max-age=3600"),
    );
    kept.fetch().finds_realm();
    assert!(kept.was_asked_for_newer());
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 2);
}

#[test]
fn modification_times_do_for_revalidation() {
    let time = "Sun, 06 Nov 1994 08:49:37 GMT";
    let kept = Kept::new(lasting("max-age=0").without("etag").header("last-modified", time));
    kept.fetch().finds_realm();
    kept.server
        .serve("/list", Reply::new(304).header("last-modified", time));
    kept.fetch().finds_realm();
    let last = kept.server.requests("/list").pop().unwrap();
    assert!(
        last.head
            .contains("\r\nif-modified-since: sun, 06 nov 1994 08:49:37 gmt\r\n"),
        "{}",
        last.head
    );
}

#[test]
fn a_new_list_replaces_a_stale_one() {
    let kept = Kept::with_entry("max-age=0");
    let newer = Reply::facets(&["OTHER.ORG"]).header("cache-control", "max-age=3600");
    kept.server.serve("/list", newer);
    assert_eq!(kept.fetch().run(), Outcome::List(false));
    assert_eq!(kept.fetch().run(), Outcome::List(false));
    assert_eq!(kept.hits(), 2);
}

#[test]
fn not_modified_about_another_list_is_not_believed() {
    let kept = Kept::with_entry("max-age=0");
    kept.server
        .serve("/list", Reply::new(304).header("etag", "\"2\""));
    let text = kept.fetch().fails("Status");
    assert!(text.contains("304"), "{text}");
    // Once for something newer, and once for whatever there is.
    assert_eq!(kept.hits(), 3);
    assert!(!kept.was_asked_for_newer());
}

#[test]
fn no_store_is_honoured() {
    for cache_control in [
        "no-store",
        "max-age=3600, No-Store",
        "private, no-store, immutable",
    ] {
        let kept = Kept::with_entry(cache_control);
        assert_eq!(kept.files(), Vec::<PathBuf>::new());
        kept.fetch().finds_realm();
        assert_eq!(kept.hits(), 2);
    }
}

#[test]
fn no_store_takes_away_what_was_stored() {
    for reply in [lasting("no-store"), lasting("no-store").status(304).body("")] {
        let kept = Kept::with_entry("max-age=0");
        kept.server.serve("/list", reply);
        kept.fetch().finds_realm();
        assert_eq!(kept.files(), Vec::<PathBuf>::new());
    }
}

#[test]
fn an_entry_is_asked_about_after_24_hours_whatever_it_says() {
    let kept = Kept::with_entry("max-age=31536000, immutable");
    kept.set_asked(SystemTime::now() - Duration::from_secs(23 * 3600));
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 1);
    kept.set_asked(SystemTime::now() - Duration::from_secs(25 * 3600));
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 2);
    assert!(kept.was_asked_for_newer());
}

#[test]
fn an_entry_from_the_future_is_asked_about() {
    let kept = Kept::with_entry("max-age=31536000");
    kept.set_asked(SystemTime::now() + Duration::from_secs(3600));
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 2);
    // The answer is of today.
    kept.fetch().finds_realm();
    assert_eq!(kept.hits(), 2);
}

#[test]
fn redirected_lists_are_not_stored() {
    let kept = Kept::with_entry("max-age=0");
    kept.server.serve("/moved", lasting("max-age=3600"));
    let redirect = Reply::authorized_redirect("/moved").header("cache-control", "max-age=3600");
    kept.server.serve("/list", redirect);
    for _ in 0..2 {
        kept.fetch().finds_realm();
        assert_eq!(kept.files(), Vec::<PathBuf>::new());
    }
    assert_eq!((kept.hits(), kept.server.hits("/moved")), (3, 2));
    let head = kept.server.requests("/moved").pop().unwrap().head;
    assert!(!head.contains("if-none-match"), "{head}");
}

#[test]
fn what_is_no_list_is_not_stored() {
    let kept = Kept::new(lasting("max-age=3600").body("{}"));
    kept.fetch().fails("List");
    kept.server.serve("/list", lasting("max-age=3600").status(500));
    kept.fetch().fails("Status");
    assert_eq!(kept.files(), Vec::<PathBuf>::new());
}

#[test]
fn without_a_directory_every_list_is_fetched() {
    let kept = Kept::new(lasting("max-age=3600"));
    for _ in 0..2 {
        Fetch::of(&kept.server, "/list").finds_realm();
    }
    assert_eq!(kept.hits(), 2);
}
