//! The directory of a store: who may write into it, and who opens it just now.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use time::UtcDateTime;

use crate::Error;

/// What LMDB calls its files.
const DATA: &str = "data.mdb";
const LOCK: &str = "lock.mdb";

/// Held while a store is opened.
const OPENING: &str = "opening";

const OWN_DIRECTORY: u32 = 0o700;
const OWN_FILE: u32 = 0o600;

/// What group and others must not have.
const FOREIGN_WRITE: u32 = 0o022;

pub(crate) fn data_file(directory: &Path) -> PathBuf {
    directory.join(DATA)
}

/// Makes the directory if it is not there, and checks who may write into it.
pub(crate) fn prepare(directory: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(OWN_DIRECTORY).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Error::io(directory)(error)),
        _ => {}
    }
    check(directory)
}

/// Checks who may write into the directory, and its data file if there is one.
pub(crate) fn check(directory: &Path) -> Result<(), Error> {
    let metadata = fs::symlink_metadata(directory).map_err(Error::io(directory))?;
    check_owner(directory, &metadata, metadata.is_dir(), "is no directory")?;
    let data = data_file(directory);
    match fs::symlink_metadata(&data) {
        Ok(metadata) => check_owner(&data, &metadata, metadata.is_file(), "is no regular file"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(data)(error)),
    }
}

fn check_owner(path: &Path, metadata: &Metadata, is_kind: bool, other: &'static str) -> Result<(), Error> {
    let fault = match metadata {
        _ if !is_kind => other,
        _ if metadata.uid() != rustix::process::geteuid().as_raw() => "belongs to another user",
        _ if metadata.mode() & FOREIGN_WRITE != 0 => "may be written by others",
        _ => return Ok(()),
    };
    let path = path.to_owned();
    Err(Error::Untrusted { path, fault })
}

/// Waits until nobody else opens the store. The lock goes with the file that is given back.
pub(crate) fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join(OPENING);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(OWN_FILE)
        .open(&path)
        .map_err(Error::io(&path))?;
    file.lock().map_err(Error::io(&path))?;
    Ok(file)
}

/// Which file a data file is: another one after it was moved aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let metadata = fs::metadata(data_file(directory)).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Moves the data file aside, and its lock file away with it: processes that have it open go on with the old ones until they
/// notice. Gives the new name.
pub(crate) fn move_aside(directory: &Path) -> Result<PathBuf, Error> {
    let now = UtcDateTime::now().unix_timestamp();
    let data = data_file(directory);
    let mut aside = directory.join(format!("damaged-{now}.mdb"));
    let mut number = 1_u32;
    while aside.exists() {
        number = number.saturating_add(1);
        aside = directory.join(format!("damaged-{now}-{number}.mdb"));
    }
    fs::rename(&data, &aside).map_err(Error::io(&data))?;
    let lock = directory.join(LOCK);
    match fs::remove_file(&lock) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(lock)(error)),
        _ => Ok(aside),
    }
}
