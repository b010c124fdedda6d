//! Commands that are run to their end within a time limit.

use std::{
    ffi::OsStr,
    fmt, fs,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::Error;

/// How often a process is asked whether it has got any further.
pub(crate) const POLL: Duration = Duration::from_millis(2);

/// What a command did that was run to its end.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The command line, the program without its directory.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// What libkrb5 wrote to KRB5_TRACE during this run.
    pub trace: String,
    /// How long it took.
    pub elapsed: Duration,
}

impl Finished {
    /// The exit code, or `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Itself, if it exited with 0.
    ///
    /// # Errors
    /// [`Error::Command`] otherwise.
    pub fn checked(self) -> Result<Finished, Error> {
        if self.success() {
            Ok(self)
        } else {
            Err(Error::Command(Box::new(self)))
        }
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.command, self.status)?;
        write!(f, "{}{}", self.stdout, self.stderr)
    }
}

/// The files that take the output of one run. Files, not pipes: a grandchild that keeps them open delays nobody.
pub(crate) struct OutputFiles {
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
    pub(crate) trace: PathBuf,
}

/// Runs `command` with `stdin` on a pipe. After `limit` it is killed, with the children it left in its process group.
pub(crate) fn run_to_end(
    mut command: Command,
    stdin: &str,
    limit: Duration,
    files: &OutputFiles,
) -> Result<Finished, Error> {
    command
        .env("KRB5_TRACE", &files.trace)
        .stdin(Stdio::piped())
        .stdout(create_file(&files.stdout)?)
        .stderr(create_file(&files.stderr)?)
        .process_group(0);
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|source| spawn_error(command.get_program(), source))?;
    feed(&mut child, stdin);
    let ended = wait_until_exit(&child, started + limit);
    if !ended {
        kill_group(&child, Signal::KILL);
    }
    let status = child
        .wait()
        .map_err(|source| spawn_error(command.get_program(), source))?;
    let finished = Box::new(Finished {
        command: describe_command(&command),
        status,
        stdout: take_text(&files.stdout)?,
        stderr: take_text(&files.stderr)?,
        trace: read_text(&files.trace),
        elapsed: started.elapsed(),
    });
    if ended {
        Ok(*finished)
    } else {
        Err(Error::Timeout { finished, limit })
    }
}

/// Writes from a thread, which ends with the child at the latest: a child that does not read cannot block us.
fn feed(child: &mut Child, text: &str) {
    let Some(mut pipe) = child.stdin.take() else {
        return;
    };
    let text = text.to_owned();
    // A child that ends without reading is no failure of ours: its exit status tells.
    thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
}

pub(crate) fn create_file(path: &Path) -> Result<File, Error> {
    File::create(path).map_err(Error::file("create", path))
}

/// A log or output file as text, empty while there is none.
pub(crate) fn read_text(path: &Path) -> String {
    read_text_from(path, 0)
}

/// The same from a byte offset on.
pub(crate) fn read_text_from(path: &Path, offset: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.read_to_end(&mut bytes)
    });
    read.map(|_| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn take_text(path: &Path) -> Result<String, Error> {
    let text = read_text(path);
    fs::remove_file(path).map_err(Error::file("remove", path))?;
    Ok(text)
}

/// The command as a shell would take it, the program without its directory.
pub(crate) fn describe_command(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words: Vec<String> = [program]
        .into_iter()
        .chain(command.get_args())
        .map(quote_for_shell)
        .collect();
    words.join(" ")
}

fn quote_for_shell(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "+,-./:=@_%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The error for a program that could not be started.
pub(crate) fn spawn_error(program: &OsStr, source: io::Error) -> Error {
    let program = program.to_string_lossy().into_owned();
    match source.kind() {
        io::ErrorKind::NotFound => Error::ProgramMissing(program),
        _ => Error::Spawn { program, source },
    }
}

/// Whether `child` has ended. It stays unreaped, so that its id and its process group's cannot be given to others.
pub(crate) fn has_exited(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(None))
}

/// Waits for the end of `child` without reaping it; `false` when it still runs at `deadline`.
pub(crate) fn wait_until_exit(child: &Child, deadline: Instant) -> bool {
    while !has_exited(child) {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Signals the process group of an unreaped child that leads one.
pub(crate) fn kill_group(child: &Child, signal: Signal) {
    // It fails only for a group without processes, and then there is nothing to end.
    let _ = kill_process_group(Pid::from_child(child), signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str, arguments: &[&str], stdin: &str, limit: Duration) -> Result<Finished, Error> {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        let files = OutputFiles {
            stdout: file("out"),
            stderr: file("err"),
            trace: file("trace"),
        };
        let mut command = Command::new(program);
        command.args(arguments);
        run_to_end(command, stdin, limit, &files)
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn output_and_exit_code_are_collected() {
        let finished = run("sh", &["-c", "cat; echo bad >&2; exit 3"], "in\n", LONG).unwrap();
        assert_eq!(
            (finished.code(), &*finished.stdout, &*finished.stderr),
            (Some(3), "in\n", "bad\n")
        );
        assert!(matches!(finished.checked(), Err(Error::Command(_))));
    }

    #[test]
    fn trace_of_the_run_is_collected() {
        let finished = run("sh", &["-c", "echo traced > \"$KRB5_TRACE\""], "", LONG).unwrap();
        assert_eq!(finished.trace, "traced\n");
    }

    #[test]
    fn signalled_process_has_no_code() {
        let finished = run("sh", &["-c", "kill -9 $$"], "", LONG).unwrap();
        assert_eq!(finished.code(), None);
        assert!(!finished.success());
    }

    #[test]
    fn process_that_does_not_read_its_input_is_not_waited_for() {
        let finished = run("true", &[], &"x".repeat(1 << 20), LONG).unwrap();
        assert!(finished.success());
    }

    #[test]
    fn grandchild_that_keeps_the_output_open_is_not_waited_for() {
        let finished = run("sh", &["-c", "sleep 5 & echo $!"], "", LONG).unwrap();
        assert!(finished.elapsed < Duration::from_secs(4));
    }

    #[test]
    fn overdue_process_is_killed_with_its_children_and_reported() {
        let result = run(
            "sh",
            &["-c", "sleep 600 & echo $!; wait"],
            "",
            Duration::from_millis(300),
        );
        let Err(Error::Timeout { finished, limit }) = result else {
            panic!("no timeout")
        };
        assert_eq!(limit, Duration::from_millis(300));
        let state = read_text(&Path::new("/proc").join(finished.stdout.trim()).join("stat"));
        assert!(
            state.is_empty() || state.contains(") Z"),
            "grandchild lives: {state}"
        );
    }

    #[test]
    fn missing_program_is_named() {
        let result = run("no-such-program", &[], "", LONG);
        assert!(matches!(result, Err(Error::ProgramMissing(name)) if name == "no-such-program"));
    }

    #[test]
    fn command_lines_are_quoted_where_a_shell_needs_it() {
        let mut command = Command::new("/usr/bin/kinit");
        command.args(["-X", "a=b", "", "it's"]);
        assert_eq!(describe_command(&command), r"kinit -X a=b '' 'it'\''s'");
    }
}
