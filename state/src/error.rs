//! Why the store cannot be used.

use std::{io, path::PathBuf};

/// One variant per cause. Every text names the file or directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory cannot be made, or something in it not be read, written, locked or renamed.
    #[error("state store {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Somebody else could have written what is in it.
    #[error(
        "state store {path}: it {fault}; it must belong to whoever runs the KDC, and be writable by nobody else"
    )]
    Untrusted {
        /// The directory, or a file in it.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It was written by another version of this program or of LMDB.
    #[error(
        "state store {path}: it is of another version; move it away to begin anew, which forgets all counters, or go back \
         to the program that made it"
    )]
    OtherVersion {
        /// The directory.
        path: PathBuf,
    },
    /// There is none.
    #[error("state store {path}: there is none")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// What LMDB fails with.
    #[error("state store {path}: {source}")]
    Lmdb {
        /// The directory.
        path: PathBuf,
        /// Its text.
        source: heed::Error,
    },
    /// An entry that no version of this program writes.
    #[error("state store {path}: it has a malformed entry")]
    MalformedEntry {
        /// The directory.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    pub(crate) fn lmdb(path: impl Into<PathBuf>) -> impl FnOnce(heed::Error) -> Self {
        let path = path.into();
        |source| Self::Lmdb { path, source }
    }
}
