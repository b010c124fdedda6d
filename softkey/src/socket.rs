//! The socket that clients find the key by.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::Mode,
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

use crate::Error;

/// How many clients may wait to be let in.
const BACKLOG: i32 = 16;

/// A listening socket of mode 0600. Its path is removed on drop, if it still leads here.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the path.
    identity: (u64, u64),
}

impl Socket {
    /// Listens on `path`; a socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// Somebody listens there, something else than a socket lies there, or the system's error.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        remove_stale(path)?;
        let listen_error = |source: io::Error| Error::Listen {
            path: path.into(),
            source,
        };
        let listener = bind_private(path).map_err(|errno| listen_error(errno.into()))?;
        listener.set_nonblocking(true).map_err(listen_error)?;
        let identity = identity(path).map_err(listen_error)?;
        Ok(Self {
            listener,
            path: path.into(),
            identity,
        })
    }

    pub(crate) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The next client, or `None` if it has gone again.
///
/// # Errors
/// The system's.
pub(crate) fn accept(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Left behind, it is a stale socket, which the next start replaces.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn remove_stale(path: &Path) -> Result<(), Error> {
    let listen_error = |source: io::Error| Error::Listen {
        path: path.into(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => (),
        Ok(_) => return Err(Error::SocketPathTaken { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(listen_error(source)),
    }
    match try_connect(path) {
        // EAGAIN: its backlog is full.
        Ok(()) | Err(Errno::AGAIN) => Err(Error::SocketInUse { path: path.into() }),
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(listen_error),
        Err(errno) => Err(listen_error(errno.into())),
    }
}

fn try_connect(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

fn bind_private(path: &Path) -> Result<UnixListener, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // Linux gives the path the socket's own mode: nobody can slip in between bind and a chmod.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}
