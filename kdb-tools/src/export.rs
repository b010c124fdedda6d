//! Keys and settings of principals, into a document.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;
use time::UtcDateTime;

use crate::{Document, DocumentEntry, Error, Keys, entry::Entry, format::utc_time};

impl Keys<'_> {
    /// Reads the keys and settings of some principals; where none is named, of all that have any.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Database`].
    pub fn export(&self, principals: &[String]) -> Result<Document, Error> {
        let mut entries: Vec<DocumentEntry> = match principals {
            [] => self.export_all()?,
            principals => {
                let named = principals.iter().map(|name| export(&self.entry(name)?));
                named.collect::<Result<_, _>>()?
            }
        };
        entries.sort_by(|left, right| left.principal.cmp(&right.principal));
        entries.dedup_by(|left, right| left.principal == right.principal);
        Ok(Document {
            realm: self.realm().to_owned(),
            exported: utc_time(UtcDateTime::now().truncate_to_second()),
            principals: entries,
        })
    }

    fn export_all(&self) -> Result<Vec<DocumentEntry>, Error> {
        let mut entries = Vec::new();
        for name in self.names()? {
            match export(&self.entry(&name)?) {
                Ok(entry) if !entry.is_empty() => entries.push(entry),
                // Deleted since the names were read, or nothing to be exported.
                Ok(_) | Err(Error::UnknownPrincipal { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }
}

fn export(entry: &Entry<'_>) -> Result<DocumentEntry, Error> {
    let name = String::from_utf8_lossy(&entry.summary()?.name).into_owned();
    Ok(DocumentEntry::of_strings(name, entry.strings()?))
}

/// Refuses a file that is there, unless it may be replaced, and whatever is no file.
///
/// # Errors
/// [`Error::FileExists`], [`Error::NoFile`], [`Error::UnwritableFile`].
pub fn check_replaceable(path: &Path, force: bool) -> Result<(), Error> {
    let path_owned = || path.to_owned();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::UnwritableFile {
            path: path_owned(),
            source,
        }),
        Ok(found) if !found.is_file() => Err(Error::NoFile { path: path_owned() }),
        Ok(_) if force => Ok(()),
        Ok(_) => Err(Error::FileExists { path: path_owned() }),
    }
}

/// Writes a file that its owner alone may read, as a whole or not at all: aside, and renamed when it is on the disk.
///
/// # Errors
/// Those of [`check_replaceable`].
pub fn write_private(path: &Path, text: &str, force: bool) -> Result<(), Error> {
    check_replaceable(path, force)?;
    let unwritable = |source| Error::UnwritableFile {
        path: path.to_owned(),
        source,
    };
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    // Mode 0600.
    let mut aside = NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).map_err(unwritable)?;
    aside.write_all(text.as_bytes()).map_err(unwritable)?;
    aside.as_file().sync_all().map_err(unwritable)?;
    let placed = match force {
        true => aside.persist(path),
        false => aside.persist_noclobber(path),
    };
    placed.map(drop).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => Error::FileExists {
            path: path.to_owned(),
        },
        _ => unwritable(error.error),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn file_is_private_and_replaced_only_by_force() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.json");
        write_private(&path, "one", false).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            write_private(&path, "two", false),
            Err(Error::FileExists { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write_private(&path, "two", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_stays_even_by_force() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/dev/null", &link).unwrap();
        for path in [directory.path(), Path::new("/dev/null"), &link] {
            assert!(matches!(
                write_private(path, "text", true),
                Err(Error::NoFile { .. })
            ));
        }
        let nowhere = directory.path().join("nowhere/keys.json");
        assert!(matches!(
            write_private(&nowhere, "text", false),
            Err(Error::UnwritableFile { .. })
        ));
    }
}
