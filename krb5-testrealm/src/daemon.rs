//! Long-running processes that end with the value that stands for them, and with the process that started them.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Error,
    error::StartEnd,
    process::{POLL, create_file, has_exited, kill_group, read_text, spawn_error, wait_until_exit},
};

/// How long a daemon may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long a daemon may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running daemon. Drop ends it: SIGTERM, after five seconds SIGKILL, and waits for it.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    output: PathBuf,
    /// Set once the process has been waited for: from then on its id may be somebody else's.
    reaped: bool,
}

impl Daemon {
    /// Starts `command`, a program and its arguments, with its output in the file `output`, which is made anew.
    ///
    /// Should this process be killed before it can drop the daemon, the kernel sends the daemon SIGTERM: setpriv asks
    /// for that before it becomes the daemon. Against a watching process or a shell in between this has the advantage
    /// that the daemon stays our own child under its own id. The kernel looks at the *thread* that started the
    /// daemon, and the threads of a test runner end with their tests; so daemons are started by a thread that lives as
    /// long as the process. Only a process killed in the millisecond until setpriv has asked leaves its daemon behind.
    pub(crate) fn start(
        command: &[&OsStr],
        environment: &[(&'static str, OsString)],
        directory: &Path,
        output: PathBuf,
    ) -> Result<Self, Error> {
        let file = create_file(&output)?;
        let errors = file.try_clone().map_err(Error::file("open", &output))?;
        let program = command.first().copied().unwrap_or_default();
        let mut setpriv = Command::new(find_program("setpriv")?);
        setpriv
            .args(["--pdeathsig", "TERM", "--"])
            .args(command)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            // A terminal's interrupt is not for daemons; and workers can be found by their group.
            .process_group(0);
        let child = spawn_from_lasting_thread(setpriv).map_err(|e| spawn_error(program, e))?;
        Ok(Daemon {
            child,
            output,
            reaped: false,
        })
    }

    /// Waits until the output holds `sentinel` `count` times.
    pub(crate) fn await_ready(&mut self, sentinel: &str, count: usize) -> Result<(), StartEnd> {
        self.await_that(|daemon| daemon.output().matches(sentinel).count() >= count)
    }

    /// Waits until it is ready by this measure.
    pub(crate) fn await_that(&mut self, is_ready: impl Fn(&Self) -> bool) -> Result<(), StartEnd> {
        let deadline = Instant::now() + READY_LIMIT;
        while !is_ready(self) {
            if has_exited(&self.child) {
                return Err(self.reap().map_or_else(StartEnd::Lost, StartEnd::Exited));
            }
            if Instant::now() >= deadline {
                return Err(StartEnd::TimedOut(READY_LIMIT));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// What it has printed.
    pub(crate) fn output(&self) -> String {
        read_text(&self.output)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The process, to be signalled; `None` once it has ended.
    pub(crate) fn process(&self) -> Option<Pid> {
        (!self.reaped && !has_exited(&self.child)).then(|| Pid::from_child(&self.child))
    }

    /// Waits for the process after killing what still runs of its group: a supervisor that was killed leaves workers.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        kill_group(&self.child, Signal::KILL);
        self.reaped = true;
        self.child.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        // What fails here fails because the process has ended.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        wait_until_exit(&self.child, Instant::now() + STOP_LIMIT);
        let _ = self.reap();
    }
}

/// Finds a program of the system in PATH or among the administrator's.
pub(crate) fn find_program(name: &str) -> Result<PathBuf, Error> {
    env::split_paths(&search_path())
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::ProgramMissing(name.into()))
}

/// PATH with the administrator's directories, where Debian keeps krb5kdc and kadmin.local.
pub(crate) fn search_path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    path.push(":/usr/sbin:/sbin");
    path
}

fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Request = (Command, Sender<io::Result<Child>>);
    static REQUESTS: OnceLock<Sender<Request>> = OnceLock::new();

    let requests = REQUESTS.get_or_init(|| {
        let (sender, receiver) = channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in receiver {
                // The asker waits for the answer, so that it cannot get lost.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = channel();
    requests.send((command, answer)).map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}
