//! Files of responses, one for each URL.
//!
//! Directory and files are believed only if they belong to the effective user and nobody else may write to them. A file is
//! written aside and renamed into place, so that any number of processes can share the directory. Nothing here fails:
//! without a usable file the server is asked, and a file that cannot be written is not there.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::PathBuf,
};

use rustix::{
    fs::{Mode, OFlags},
    process::{Uid, geteuid},
};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{
    entry::{ENTRY_MAX, Entry},
    url::FacetsUrl,
};

/// Our directory below the user's directory of caches.
const NAME: &str = "krb5-fido";

/// Write permission of group and others.
const FOREIGN_WRITE: u32 = 0o022;

/// The user's cache directory for facet lists: `$XDG_CACHE_HOME/krb5-fido`, or `$HOME/.cache/krb5-fido`. A variable that
/// holds no absolute path counts as not set (XDG Base Directory Specification 0.8). `variable` looks up the environment.
pub fn cache_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join(NAME))
}

pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn read(&self, url: &FacetsUrl) -> Option<Entry> {
        Entry::parse(&self.read_file(url)?, url)
    }

    fn read_file(&self, url: &FacetsUrl) -> Option<Vec<u8>> {
        self.check_directory().ok()?;
        // A FIFO would keep whoever opens it waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(self.path(url), flags, Mode::empty()).ok()?);
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !belongs_to(geteuid(), &metadata) {
            return None;
        }
        let limit = u64::try_from(ENTRY_MAX).ok()?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Stores `entry`, or forgets the one before it, if the server does not let it be stored.
    pub(super) fn replace(&self, url: &FacetsUrl, entry: &Entry) {
        let file = entry.encode(url);
        let written = if entry.is_storable() && file.len() <= ENTRY_MAX {
            self.write(url, &file)
        } else {
            self.forget(url);
            Ok(())
        };
        // The next fetch has to ask, that is all.
        drop(written);
    }

    pub(super) fn forget(&self, url: &FacetsUrl) {
        if self.check_directory().is_ok() {
            let _not_there = fs::remove_file(self.path(url));
        }
    }

    fn write(&self, url: &FacetsUrl, file: &[u8]) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)?;
        self.check_directory()?;
        // Readable by its owner alone, as tempfile makes all.
        let mut aside = NamedTempFile::new_in(&self.directory)?;
        aside.write_all(file)?;
        aside.persist(self.path(url))?;
        Ok(())
    }

    fn check_directory(&self) -> io::Result<()> {
        match belongs_to(geteuid(), &fs::metadata(&self.directory)?) {
            true => Ok(()),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// A hash for a name, since a URL may hold slashes and be longer than file names are.
    fn path(&self, url: &FacetsUrl) -> PathBuf {
        let hash = Sha256::digest(url.as_str());
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(name)
    }
}

/// Whether it is this user's, and nobody else may write to it.
fn belongs_to(user: Uid, metadata: &Metadata) -> bool {
    metadata.uid() == user.as_raw() && metadata.mode() & FOREIGN_WRITE == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(variables: &[(&str, &str)]) -> Option<PathBuf> {
        cache_directory(|wanted| {
            let (_, value) = variables.iter().find(|(name, _)| *name == wanted)?;
            Some(value.into())
        })
    }

    #[test]
    fn the_directory_is_below_the_users_caches() {
        let path = |path: &str| Some(PathBuf::from(path));
        let home = ("HOME", "/home/a");
        assert_eq!(directory(&[home]), path("/home/a/.cache/krb5-fido"));
        assert_eq!(
            directory(&[home, ("XDG_CACHE_HOME", "/var/c")]),
            path("/var/c/krb5-fido")
        );
        assert_eq!(
            directory(&[("XDG_CACHE_HOME", "/var/c")]),
            path("/var/c/krb5-fido")
        );
    }

    #[test]
    fn relative_paths_are_as_good_as_none() {
        let home = ("HOME", "/home/a");
        for value in ["", ".", "c", "~/.cache"] {
            assert_eq!(directory(&[home, ("XDG_CACHE_HOME", value)]), directory(&[home]));
            assert_eq!(directory(&[("HOME", value)]), None);
        }
        assert_eq!(directory(&[]), None);
    }

    #[test]
    fn files_of_others_are_not_believed() {
        let file = NamedTempFile::new().unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let other = Uid::from_raw(geteuid().as_raw() ^ 1);
        assert!(belongs_to(geteuid(), &metadata) && !belongs_to(other, &metadata));
    }
}
