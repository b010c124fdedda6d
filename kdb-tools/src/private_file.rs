//! Files that their owner alone may read.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::Error;

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
