//! The software key, as a process.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Names the program instead of the one that was built.
const PROGRAM_VARIABLE: &str = "KRB5_FIDO_SOFTKEY";

pub(crate) struct SoftwareKey {
    child: Option<Child>,
    directory: TempDir,
}

impl SoftwareKey {
    /// A fresh key that touches itself.
    pub(crate) fn touched() -> Self {
        Self::with(&["auto"])
    }

    /// A fresh key that speaks U2F alone and touches itself.
    pub(crate) fn u2f() -> Self {
        Self::with(&["auto", "--u2f-only"])
    }

    fn with(presence: &[&str]) -> Self {
        let mut key = Self {
            child: None,
            directory: tempfile::tempdir().unwrap(),
        };
        key.plug_in(presence);
        key
    }

    /// Starts it, with this answer to every touch and whatever other options.
    pub(crate) fn plug_in(&mut self, presence: &[&str]) {
        let path = |name| self.directory.path().join(name);
        let mut child = Command::new(program())
            .arg("run")
            .arg("--dir")
            .arg(path("store"))
            .arg("--socket")
            .arg(path("socket"))
            .arg("--presence")
            .args(presence)
            .stdout(Stdio::piped())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let log = fs::read_to_string(path("log")).unwrap();
        assert!(line.starts_with("softkey: ready on "), "{line:?}\n{log}");
        self.child = Some(child);
    }

    /// The same key, from now on with this answer to every touch.
    pub(crate) fn restart(mut self, presence: &str) -> Self {
        self.unplug();
        self.plug_in(&[presence]);
        self
    }

    /// The value of `fido_device` that means this key.
    pub(crate) fn device(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub(crate) fn unplug(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let pid = rustix::process::Pid::from_child(&child);
        let _already_gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _status = child.wait();
    }
}

impl Drop for SoftwareKey {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// `softkey` in the target directory that this test was built in, or what KRB5_FIDO_SOFTKEY names.
fn program() -> PathBuf {
    if let Some(program) = env::var_os(PROGRAM_VARIABLE) {
        return PathBuf::from(program);
    }
    let test = env::current_exe().unwrap();
    let built = test
        .ancestors()
        .flat_map(|directory| ["release/softkey", "debug/softkey"].map(|program| directory.join(program)))
        .find(|program| program.is_file());
    let Some(program) = built else {
        panic!("softkey is not built: run `make build` first, or name the program in {PROGRAM_VARIABLE}");
    };
    program
}
