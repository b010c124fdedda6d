//! The socket that krb5-fido-helper is started with.
//!
//! Invariant: descriptor 3 belongs to [`inherited_socket`]. It is taken once, before this program opens anything.

use std::{
    os::{
        fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::net::{SocketType, sockopt};

const DESCRIPTOR: RawFd = 3;

/// The stream socket that this process inherited as file descriptor 3. `None` if there is none, or if it was taken
/// before. For a program's first statement: descriptor 3 must not be anything that the program itself has opened.
pub fn inherited_socket() -> Option<UnixStream> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    // SAFETY: fcntl(2): takes any number.
    if unsafe { libc::fcntl(DESCRIPTOR, libc::F_GETFD) } < 0 {
        return None;
    }
    // SAFETY: std::os::fd: it is open, as was just seen, and owned by nobody else, by the invariant.
    let descriptor = unsafe { OwnedFd::from_raw_fd(DESCRIPTOR) };
    match sockopt::socket_type(&descriptor) {
        Ok(SocketType::STREAM) => Some(UnixStream::from(descriptor)),
        Ok(_) | Err(_) => {
            let _not_ours: RawFd = descriptor.into_raw_fd();
            None
        }
    }
}
