//! A helper process with a socket, started from inside a program that must not notice.
//!
//! Invariants:
//! 1. posix_spawn makes the child, so that no code of ours runs between fork and exec in a program with threads.
//! 2. The child has /dev/null for descriptors 0 to 2, its end of the socket as descriptor 3 and nothing else; no blocked
//!    or ignored signals; the environment it is given and no more.
//! 3. The child is reaped on drop. A program that ignores SIGCHLD or reaps everything itself gets there first: ECHILD is
//!    no error.
//! 4. Writing to a child that is gone raises no SIGPIPE.

use core::{ffi::c_char, mem::MaybeUninit, ptr};
use std::{
    ffi::{CString, OsStr},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, net::UnixStream},
    },
    path::Path,
    time::{Duration, Instant},
};

/// The descriptor on which the child finds its end of the socket.
pub const CHILD_SOCKET: i32 = 3;

/// How long a child may take to end after its socket was closed; then it is killed.
const GRACE: Duration = Duration::from_secs(2);

unsafe extern "C" {
    // In glibc since 2.34 (spawn.h); the libc crate does not have it yet.
    fn posix_spawn_file_actions_addclosefrom_np(
        actions: *mut libc::posix_spawn_file_actions_t,
        from: libc::c_int,
    ) -> libc::c_int;
}

/// A running child and our end of its socket. Dropping it closes the socket, which ends the child.
pub struct Child {
    pid: libc::pid_t,
    socket: Option<UnixStream>,
}

impl Child {
    /// Starts `program` (an absolute path) with `environment` as its whole environment.
    ///
    /// # Errors
    /// The program is missing or not executable; no descriptors or processes left.
    pub fn start(program: &Path, environment: &[(&str, &OsStr)]) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // A descriptor at or below CHILD_SOCKET would be overwritten by the actions below before it is copied.
        let theirs = above_standard(theirs.into())?;
        let program = CString::new(program.as_os_str().as_bytes())?;
        let environment = environment
            .iter()
            .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<Vec<_>, _>>()?;
        let pid = spawn(&program, &environment, &theirs)?;
        Ok(Self {
            pid,
            socket: Some(ours),
        })
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// The child is gone.
    pub fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let socket = self.socket()?.as_raw_fd();
        while !bytes.is_empty() {
            // SAFETY: an open socket and a readable buffer of that length; MSG_NOSIGNAL keeps invariant 4.
            let sent = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
            match usize::try_from(sent) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(_) => retry_interrupted()?,
            }
        }
        Ok(())
    }

    /// Reads what there is, at most `buffer.len()` bytes, waiting until `deadline`. 0 means that the child has closed.
    ///
    /// # Errors
    /// `TimedOut` at the deadline; socket errors.
    pub fn receive(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let socket = self.socket()?.as_raw_fd();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut poll = libc::pollfd {
                fd: socket,
                events: libc::POLLIN,
                revents: 0,
            };
            let timeout = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
            // SAFETY: one pollfd.
            match unsafe { libc::poll(&raw mut poll, 1, timeout) } {
                0 => return Err(io::ErrorKind::TimedOut.into()),
                1.. => break,
                _ => retry_interrupted()?,
            }
        }
        loop {
            // SAFETY: an open socket and a writable buffer of that length.
            let received = unsafe { libc::recv(socket, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
            match usize::try_from(received) {
                Ok(received) => return Ok(received),
                Err(_) => retry_interrupted()?,
            }
        }
    }

    fn socket(&self) -> io::Result<&UnixStream> {
        self.socket
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.socket = None;
        let deadline = Instant::now() + GRACE;
        let mut pause = Duration::from_millis(1);
        while self.is_running() {
            if Instant::now() >= deadline {
                // SAFETY: our child, not yet reaped: the process id is still its own.
                unsafe { libc::kill(self.pid, libc::SIGKILL) };
                // SAFETY: as above.
                unsafe { libc::waitpid(self.pid, ptr::null_mut(), 0) };
                return;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

impl Child {
    /// Whether the child runs; reaps it if not.
    fn is_running(&self) -> bool {
        // SAFETY: waitpid takes any process id; 0 means that our child still runs, anything else that it is gone or is
        // not ours to wait for any more (invariant 3).
        unsafe { libc::waitpid(self.pid, ptr::null_mut(), libc::WNOHANG) == 0 }
    }
}

/// `Ok` if the last call was interrupted by a signal, the error otherwise.
fn retry_interrupted() -> io::Result<()> {
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        Ok(())
    } else {
        Err(error)
    }
}

fn above_standard(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: an open descriptor; F_DUPFD_CLOEXEC takes the lowest number wanted.
    let copy = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, CHILD_SOCKET + 1) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fresh, open and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

fn spawn(program: &CString, environment: &[CString], socket: &OwnedFd) -> io::Result<libc::pid_t> {
    let actions = FileActions::new(socket)?;
    let attributes = Attributes::new()?;
    let arguments = [program.as_ptr().cast_mut(), ptr::null_mut()];
    let mut variables: Vec<*mut c_char> = environment
        .iter()
        .map(|variable| variable.as_ptr().cast_mut())
        .collect();
    variables.push(ptr::null_mut());
    let mut pid = 0;
    // SAFETY: program, actions, attributes and both NULL-terminated arrays live for the call (posix_spawn(3)).
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            variables.as_ptr(),
        )
    })?;
    Ok(pid)
}

/// Invariant 2: descriptors.
struct FileActions(libc::posix_spawn_file_actions_t);

impl FileActions {
    fn new(socket: &OwnedFd) -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: room for one.
        check(unsafe { libc::posix_spawn_file_actions_init(raw.as_mut_ptr()) })?;
        // SAFETY: initialised above.
        let mut actions = Self(unsafe { raw.assume_init() });
        for standard in 0..CHILD_SOCKET {
            // SAFETY: initialised; the path is copied.
            check(unsafe {
                libc::posix_spawn_file_actions_addopen(
                    &raw mut actions.0,
                    standard,
                    c"/dev/null".as_ptr(),
                    libc::O_RDWR,
                    0,
                )
            })?;
        }
        // SAFETY: initialised.
        check(unsafe {
            libc::posix_spawn_file_actions_adddup2(&raw mut actions.0, socket.as_raw_fd(), CHILD_SOCKET)
        })?;
        // SAFETY: initialised.
        check(unsafe { posix_spawn_file_actions_addclosefrom_np(&raw mut actions.0, CHILD_SOCKET + 1) })?;
        Ok(actions)
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: initialised, destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// Invariant 2: signals.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: room for one.
        check(unsafe { libc::posix_spawnattr_init(raw.as_mut_ptr()) })?;
        // SAFETY: initialised above.
        let mut attributes = Self(unsafe { raw.assume_init() });
        let (mut none, mut all) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: room for one set.
        unsafe { libc::sigemptyset(none.as_mut_ptr()) };
        // SAFETY: room for one set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: both initialised.
        check(unsafe { libc::posix_spawnattr_setsigmask(&raw mut attributes.0, none.as_ptr()) })?;
        // SAFETY: both initialised.
        check(unsafe { libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, all.as_ptr()) })?;
        let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        let flags = flags.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: initialised.
        check(unsafe { libc::posix_spawnattr_setflags(&raw mut attributes.0, flags) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised, destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

fn check(code: i32) -> io::Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(code))
    }
}

/// Whether the process runs with rights that its caller does not have (secure_getenv(3)).
pub fn is_secure_mode() -> bool {
    // SAFETY: getauxval takes any type.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn everything(child: &Child) -> String {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match child.receive(&mut buffer, deadline()).unwrap() {
                0 => return String::from_utf8(all).unwrap(),
                length => all.extend_from_slice(&buffer[..length]),
            }
        }
    }

    /// env(1) prints its environment on descriptor 1, which is /dev/null: a shell script on the socket shows it.
    fn script(text: &str) -> tempfile::TempPath {
        use std::{io::Write, os::unix::fs::PermissionsExt};
        let mut file = tempfile::Builder::new().prefix("child").tempfile().unwrap();
        file.write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o700))
            .unwrap();
        file.into_temp_path()
    }

    #[test]
    fn has_the_given_environment_and_four_descriptors() {
        let _held = std::fs::File::open("/dev/null").unwrap();
        let program = script("exec /bin/sh -c '/usr/bin/env; ls /proc/$$/fd' >&3");
        let child = Child::start(&program, &[("HOME", OsStr::new("/nowhere"))]).unwrap();
        let output = everything(&child);
        assert!(output.contains("HOME=/nowhere\n"), "{output}");
        assert!(!output.contains("CARGO"), "{output}");
        assert!(output.ends_with("0\n1\n2\n3\n"), "{output}");
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error = Child::start(Path::new("/nonexistent/helper"), &[]).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_program_that_is_not_executable_is_an_error() {
        let error = Child::start(Path::new("/etc/passwd"), &[]).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_silent_child_times_out_and_is_killed() {
        let program = script("exec sleep 60");
        let child = Child::start(&program, &[]).unwrap();
        let pid = child.pid;
        let soon = Instant::now() + Duration::from_millis(50);
        let error = child.receive(&mut [0; 1], soon).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(child);
        // SAFETY: signal 0 only asks whether the process is there.
        assert_eq!(unsafe { libc::kill(pid, 0) }, -1);
    }

    #[test]
    fn writing_to_a_child_that_is_gone_is_an_error_without_a_signal() {
        let program = script("exec 3>&-; exit 0");
        let child = Child::start(&program, &[]).unwrap();
        assert_eq!(everything(&child), "");
        let error = (0..100).find_map(|_| child.send(b"hello").err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
