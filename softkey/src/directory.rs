//! The directory of one key: who may use it, and how its state file is replaced without ever being half written.
//!
//! | name | content |
//! |---|---|
//! | `state` | the key's memory, see the module `store` |
//! | `state.new` | the next state while it is being written; a leftover of a crash is thrown away |
//! | `lock` | empty; locked while a softkey uses the directory |

use std::{
    fs::{DirBuilder, File},
    io::{self, ErrorKind, Read, Write},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat},
    io::Errno,
    process::geteuid,
};
use zeroize::Zeroizing;

use crate::Error;

const STATE: &str = "state";
const NEXT_STATE: &str = "state.new";
const LOCK: &str = "lock";

/// Longest state that is read or written, in bytes. 150 resident credentials of the longest request fit twice over.
pub(crate) const MAX_STATE_LENGTH: usize = 4 << 20;

/// An open directory, held by this process alone.
pub(crate) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
    /// Holds the lock for as long as it is open.
    _lock: OwnedFd,
}

impl Directory {
    /// Opens `path`, which is created with mode 0700 if it is missing, and locks it.
    ///
    /// # Errors
    /// The directory cannot be made or opened, belongs to somebody else, can be written by others, or is in use.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        create_directory(path)?;
        let open_error = |errno: Errno| Error::OpenDirectory {
            path: path.into(),
            source: errno.into(),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(open_error)?;
        let status = rustix::fs::fstat(&descriptor).map_err(open_error)?;
        verify_owner(path, &status)?;
        if Mode::from_raw_mode(status.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
            return Err(Error::DirectoryWritable { path: path.into() });
        }
        let lock = lock_directory(path, &descriptor)?;
        Ok(Self {
            path: path.into(),
            descriptor,
            _lock: lock,
        })
    }

    /// The path of the state file, for messages.
    pub(crate) fn state_path(&self) -> PathBuf {
        self.path.join(STATE)
    }

    /// The whole state file, or `None` if there is none yet.
    ///
    /// # Errors
    /// The file cannot be read, is too long, is not a file of this user alone.
    pub(crate) fn read_state(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let path = self.state_path();
        let open_error = |source: io::Error| Error::OpenFile {
            path: path.clone(),
            source,
        };
        // A FIFO would block without NONBLOCK.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, STATE, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(open_error(errno.into())),
        };
        verify_private_file(
            &path,
            &rustix::fs::fstat(&file).map_err(|errno| open_error(errno.into()))?,
        )?;
        // Reserved at once: a vector that grows leaves copies of the secrets behind.
        let mut content = Zeroizing::new(Vec::with_capacity(MAX_STATE_LENGTH + 1));
        let limit = u64::try_from(MAX_STATE_LENGTH + 1).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut content).map_err(open_error)?;
        if content.len() > MAX_STATE_LENGTH {
            return Err(Error::Damaged { path });
        }
        Ok(Some(content))
    }

    /// Replaces the state file by `content`; it is on the disk when this returns.
    ///
    /// # Errors
    /// The system's, with the old state in place unless only the last step failed.
    pub(crate) fn replace_state(&self, content: &[u8]) -> Result<(), Error> {
        self.try_replace_state(content)
            .map_err(|source| Error::WriteState {
                path: self.state_path(),
                source,
            })
    }

    fn try_replace_state(&self, content: &[u8]) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, NEXT_STATE, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => (),
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(rustix::fs::openat(&self.descriptor, NEXT_STATE, flags, mode)?);
        file.write_all(content)?;
        file.sync_all()?;
        rustix::fs::renameat(&self.descriptor, NEXT_STATE, &self.descriptor, STATE)?;
        rustix::fs::fsync(&self.descriptor)?;
        Ok(())
    }
}

fn create_directory(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => (),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(source) => {
            return Err(Error::CreateDirectory {
                path: path.into(),
                source,
            });
        }
    }
    // The new directory must outlive a power failure as what is written in it does.
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(|source| Error::CreateDirectory {
            path: path.into(),
            source,
        })
}

fn lock_directory(path: &Path, descriptor: &OwnedFd) -> Result<OwnedFd, Error> {
    let lock_path = path.join(LOCK);
    let open_error = |errno: Errno| Error::OpenFile {
        path: lock_path.clone(),
        source: errno.into(),
    };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = rustix::fs::openat(descriptor, LOCK, flags, Mode::RUSR | Mode::WUSR).map_err(open_error)?;
    verify_private_file(&lock_path, &rustix::fs::fstat(&lock).map_err(open_error)?)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(Error::DirectoryInUse { path: path.into() }),
        Err(errno) => Err(open_error(errno)),
    }
}

fn verify_owner(path: &Path, status: &Stat) -> Result<(), Error> {
    if status.st_uid == geteuid().as_raw() {
        Ok(())
    } else {
        Err(Error::NotOwned { path: path.into() })
    }
}

fn verify_private_file(path: &Path, status: &Stat) -> Result<(), Error> {
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Error::NotAFile { path: path.into() });
    }
    verify_owner(path, status)?;
    let mode = Mode::from_raw_mode(status.st_mode);
    if mode.intersects(Mode::RWXG | Mode::RWXO) {
        return Err(Error::NotPrivate {
            path: path.into(),
            mode: mode.as_raw_mode(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What the system says of a private file of ours.
    fn private_file() -> Stat {
        let file = tempfile::tempfile().unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
            .unwrap();
        rustix::fs::fstat(&file).unwrap()
    }

    #[test]
    fn a_private_file_is_accepted() {
        assert!(verify_private_file(Path::new("state"), &private_file()).is_ok());
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let mut status = private_file();
        status.st_uid += 1;
        let result = verify_private_file(Path::new("state"), &status);
        assert!(matches!(result, Err(Error::NotOwned { path }) if path == Path::new("state")));
    }
}
