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
    child: Child,
    directory: TempDir,
}

impl SoftwareKey {
    /// A fresh key that touches itself.
    pub(crate) fn touched() -> Self {
        Self::start(tempfile::tempdir().unwrap(), "auto")
    }

    fn start(directory: TempDir, presence: &str) -> Self {
        let mut child = Command::new(program())
            .args(["run", "--presence", presence, "--dir"])
            .arg(directory.path().join("store"))
            .arg("--socket")
            .arg(directory.path().join("socket"))
            .stdout(Stdio::piped())
            .stderr(File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let log = fs::read_to_string(directory.path().join("log")).unwrap();
        assert!(line.starts_with("softkey: ready on "), "{line:?}\n{log}");
        Self { child, directory }
    }

    /// The same key, from now on with this answer to every touch.
    pub(crate) fn restart(mut self, presence: &str) -> Self {
        self.stop();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        Self::start(directory, presence)
    }

    /// The value of `fido_device` that means this key.
    pub(crate) fn device(&self) -> String {
        format!("unix:{}", self.directory.path().join("socket").display())
    }

    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _already_gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _status = self.child.wait();
    }
}

impl Drop for SoftwareKey {
    fn drop(&mut self) {
        self.stop();
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
