//! A software security key that runs beside a realm.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, StartFailure, daemon::Daemon, process::describe_command};

/// Longest socket path that fits everywhere, in bytes.
const SOCKET_PATH_LIMIT: usize = 99;

/// How a software key answers when it is asked for a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// As if touched at once.
    Auto,
    /// As if the user refused.
    Deny,
    /// As if nobody was there.
    Never,
}

/// A running software key. Drop ends it; its credentials stay in the realm's directory, and a key started again under
/// the same name has them.
#[derive(Debug)]
pub struct SoftKey {
    daemon: Daemon,
    command_line: String,
    directory: PathBuf,
    socket: PathBuf,
}

impl SoftKey {
    pub(crate) fn start(
        program: &Path,
        name: &str,
        presence: Presence,
        options: &[&str],
        environment: &[(&'static str, OsString)],
        realm_directory: &Path,
    ) -> Result<Self, Error> {
        let directory = realm_directory.join(name);
        if name.contains('/') || name.starts_with('.') || name.is_empty() {
            return Err(Error::SoftkeyName(name.into()));
        }
        let socket = directory.with_added_extension("sock");
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            return Err(Error::SocketPath(socket));
        }
        let presence = match presence {
            Presence::Auto => "auto",
            Presence::Deny => "deny",
            Presence::Never => "never",
        };
        let mut arguments = vec![
            "run".as_ref(),
            "--dir".as_ref(),
            directory.as_os_str(),
            "--socket".as_ref(),
            socket.as_os_str(),
            "--presence".as_ref(),
            presence.as_ref(),
        ];
        arguments.extend(options.iter().map(OsStr::new));
        let command_line = describe_command(Command::new(program).args(&arguments));
        let command = [&[program.as_os_str()][..], &arguments].concat();
        let output = directory.with_added_extension("out");
        let mut daemon = Daemon::start(&command, environment, realm_directory, output)?;
        daemon.await_ready("softkey: ready on ", 1).map_err(|end| {
            Error::SoftkeyStart(StartFailure {
                end,
                log: daemon.output(),
            })
        })?;
        Ok(SoftKey {
            daemon,
            command_line,
            directory,
            socket,
        })
    }

    /// The value of `fido_device` and of `--device` that stands for this key.
    pub fn device(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// The socket it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The directory of its credentials.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The command that started it, the program without its directory.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.daemon.id()
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        self.daemon.output()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StartEnd;

    fn start(program: &str, name: &str) -> Error {
        let directory = tempfile::tempdir().unwrap();
        SoftKey::start(
            Path::new(program),
            name,
            Presence::Deny,
            &[],
            &[],
            directory.path(),
        )
        .unwrap_err()
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", ".hidden", "../key", "a/b", "/tmp/key"] {
            assert!(
                matches!(start("/bin/echo", name), Error::SoftkeyName(_)),
                "{name:?}"
            );
        }
    }

    #[test]
    fn socket_path_that_does_not_fit_is_refused() {
        assert!(matches!(
            start("/bin/echo", &"k".repeat(90)),
            Error::SocketPath(_)
        ));
    }

    #[test]
    fn key_that_ends_at_once_is_reported_with_its_output() {
        let Error::SoftkeyStart(failure) = start("/bin/echo", "key") else {
            panic!("another error")
        };
        assert!(matches!(failure.end, StartEnd::Exited(status) if status.success()));
        assert!(failure.log.contains("--presence deny"), "{}", failure.log);
    }
}
