//! Why a key cannot be served.

use std::{io, path::PathBuf};

/// One variant per cause. The texts name the place and what to do about it, and never hold a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key's directory is missing and cannot be made.
    #[error("cannot create the directory {}: {source}", path.display())]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key's directory cannot be opened or examined.
    #[error("cannot open the directory {}: {source}", path.display())]
    OpenDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory or a file in it belongs to somebody else.
    #[error("{} belongs to another user: give --dir a directory of your own", path.display())]
    NotOwned {
        /// The directory or file.
        path: PathBuf,
    },
    /// Others may write to the key's directory, and so exchange its files.
    #[error("others may write to {}: chmod 0700 it", path.display())]
    DirectoryWritable {
        /// The directory.
        path: PathBuf,
    },
    /// Another process serves the key in this directory.
    #[error("another softkey is using {}: stop it, or give --dir another directory", path.display())]
    DirectoryInUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file of the key cannot be opened, locked or read.
    #[error("cannot open {}: {source}", path.display())]
    OpenFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the key is a directory, a device or the like.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Group or others have rights on a file of the key.
    #[error("{} is open to others (mode {mode:04o}): who read it has this key's secrets; chmod 0600 if nobody did", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The state was written by a later version of this program.
    #[error("{} has version {version}, which this softkey does not know", path.display())]
    UnknownVersion {
        /// The state file.
        path: PathBuf,
        /// The version found.
        version: u16,
    },
    /// The state is not what was written: shortened, lengthened or altered.
    #[error("{} is damaged: remove it to start with a new, empty key, and register that one", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
    },
    /// The state would grow over the size that can be read back.
    #[error("{} is full: remove credentials that are no longer used", path.display())]
    StateFull {
        /// The state file.
        path: PathBuf,
    },
    /// The new state could not be made durable.
    #[error("cannot write {}: {source}", path.display())]
    WriteState {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("no random bytes from the system: {0}")]
    Randomness(getrandom::Error),
    /// Somebody listens on the socket already.
    #[error("another program listens on {}: stop it, or give --socket another path", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// What lies at the socket's path is not a socket and is left alone.
    #[error("{} exists and is not a socket: remove it, or give --socket another path", path.display())]
    SocketPathTaken {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot listen on {}: {source}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No connection can be accepted any more.
    #[error("cannot accept connections on {}: {source}", path.display())]
    Accept {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nobody to ask for touches.
    #[error("there is no terminal to ask for touches on: start softkey in one, or give --presence auto|deny")]
    NoTerminal,
    /// A key that demands a PIN for everything does not speak U2F, which knows none.
    #[error("{} has alwaysUv on, which turns U2F off: turn it off first, or leave out --u2f-only", path.display())]
    U2fDisabled {
        /// The key's directory.
        path: PathBuf,
    },
    /// SIGINT and SIGTERM cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    /// Standard output did not take the line that says the key is ready.
    #[error("cannot write to standard output: {0}")]
    Announce(io::Error),
}
