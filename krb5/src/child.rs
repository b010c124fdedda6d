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
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
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
    /// What names the process even after the program has reaped it itself (pidfd_open(2)); `None` if it had ended, and
    /// been reaped, before it could be named.
    process: Option<OwnedFd>,
    socket: Option<UnixStream>,
}

impl Child {
    /// Starts `program` (an absolute path) with `environment` as its whole environment.
    ///
    /// # Errors
    /// The program is missing or not executable; no descriptors or processes left.
    pub fn start(program: &Path, environment: &[(&str, &OsStr)]) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // A descriptor at or below CHILD_SOCKET would be overwritten by the child's actions before it is copied; and one of
        // ours must not stand where a program that closed its standard output goes on writing.
        let (ours, theirs) = (above_standard(ours.into())?, above_standard(theirs.into())?);
        let program = CString::new(program.as_os_str().as_bytes())?;
        let environment = environment
            .iter()
            .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<Vec<_>, _>>()?;
        let pid = spawn(&program, &environment, &theirs)?;
        match open_process(pid) {
            Ok(process) => Ok(Self {
                process,
                socket: Some(ours.into()),
            }),
            Err(error) => {
                // It ends with its socket, and is nobody else's to take.
                drop((ours, theirs));
                // SAFETY: our own child, not waited for yet; no status is asked for.
                unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
                Err(error)
            }
        }
    }

    /// Sends all of `bytes`, waiting until `deadline`.
    ///
    /// # Errors
    /// `TimedOut` at the deadline; the child is gone.
    pub fn send(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let socket = self.socket()?.as_raw_fd();
        while !bytes.is_empty() {
            wait_ready(socket, libc::POLLOUT, deadline)?;
            let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
            // SAFETY: an open socket and a readable buffer of that length; MSG_NOSIGNAL keeps invariant 4.
            let sent = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) };
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
            wait_readable(socket, deadline)?;
            // SAFETY: an open socket and a writable buffer of that length.
            let received = unsafe {
                libc::recv(
                    socket,
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    libc::MSG_DONTWAIT,
                )
            };
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
        let Some(process) = self.process.as_ref().map(AsRawFd::as_raw_fd) else {
            return;
        };
        // A process descriptor becomes readable when its process has ended (pidfd_open(2)).
        if wait_readable(process, Instant::now() + GRACE).is_err() {
            // SAFETY: the descriptor of our own child, whoever has its process id by now (pidfd_send_signal(2)).
            unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    process,
                    libc::SIGKILL,
                    ptr::null::<libc::siginfo_t>(),
                    0,
                )
            };
        }
        reap(process);
    }
}

/// Takes the exit status of the child with this descriptor, unless somebody else has.
fn reap(process: RawFd) {
    let Ok(descriptor) = libc::id_t::try_from(process) else {
        return;
    };
    loop {
        // SAFETY: the descriptor of our child; no information is asked for.
        let code = unsafe { libc::waitid(libc::P_PIDFD, descriptor, ptr::null_mut(), libc::WEXITED) };
        if code == 0 || retry_interrupted().is_err() {
            return;
        }
    }
}

/// Waits until a descriptor can be read, or until the deadline: `TimedOut`.
fn wait_readable(descriptor: RawFd, deadline: Instant) -> io::Result<()> {
    wait_ready(descriptor, libc::POLLIN, deadline)
}

fn wait_ready(descriptor: RawFd, events: libc::c_short, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut poll = libc::pollfd {
            fd: descriptor,
            events,
            revents: 0,
        };
        // Rounded up: a deadline less than a millisecond away must not become a busy loop.
        let timeout = i32::try_from(left.as_millis().saturating_add(1)).unwrap_or(i32::MAX);
        // SAFETY: one pollfd.
        match unsafe { libc::poll(&raw mut poll, 1, timeout) } {
            0 => return Err(io::ErrorKind::TimedOut.into()),
            1.. => return Ok(()),
            _ => retry_interrupted()?,
        }
    }
}

/// `Ok` if the last call was interrupted by a signal or had to wait, the error otherwise.
fn retry_interrupted() -> io::Result<()> {
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(error),
    }
}

/// The descriptor of a child that was just made, if it is still there: without one the child is not waited for, and ends with
/// its socket. A child that ends at once is gone where the program ignores SIGCHLD, or reaps everything itself.
fn open_process(pid: libc::pid_t) -> io::Result<Option<OwnedFd>> {
    // SAFETY: pidfd_open(2) takes any process id.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match RawFd::try_from(descriptor) {
        // SAFETY: fresh, open and nobody else's; the kernel has set FD_CLOEXEC.
        Ok(descriptor) if descriptor >= 0 => Ok(Some(unsafe { OwnedFd::from_raw_fd(descriptor) })),
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            error => Err(error),
        },
    }
}

fn above_standard(descriptor: OwnedFd) -> io::Result<OwnedFd> {
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
        let process = child.process.as_ref().unwrap().try_clone().unwrap();
        let soon = Instant::now() + Duration::from_millis(50);
        let error = child.receive(&mut [0; 1], soon).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(child);
        assert!(wait_readable(process.as_raw_fd(), Instant::now()).is_ok());
    }

    #[test]
    fn writing_to_a_child_that_is_gone_is_an_error_without_a_signal() {
        let program = script("exec 3>&-; exit 0");
        let child = Child::start(&program, &[]).unwrap();
        assert_eq!(everything(&child), "");
        let error = (0..100)
            .find_map(|_| child.send(b"hello", deadline()).err())
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
