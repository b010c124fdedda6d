//! The crate's errors, one variant per cause.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use crate::process::Finished;

/// Why a realm, or something run in it, did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The realm's name cannot stand in a configuration file.
    #[error("realm name {0:?}: use letters, digits, '.', '-' and '_'")]
    RealmName(String),

    /// A relation's address is malformed.
    #[error(
        "relation {0:?}: write NAME, SECTION:NAME or SECTION/SUBSECTION:NAME, without blanks, braces and '='"
    )]
    RelationName(String),

    /// The directory asked for holds something already.
    #[error("directory {} is not empty: name a new or an empty one", .0.display())]
    DirectoryNotEmpty(PathBuf),

    /// A path cannot stand in a configuration file.
    #[error("path {} is not UTF-8: krb5 configuration files could not name it", .0.display())]
    PathNotUtf8(PathBuf),

    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// Every block of ports is taken.
    #[error("no four free ports in a row on 127.0.0.1 below the ephemeral range: end other realms")]
    NoFreePorts,

    /// A program of the system is not there.
    #[error(
        "{0} is neither in PATH nor in /usr/sbin: install krb5-kdc, krb5-admin-server, krb5-user, ldap-utils and util-linux"
    )]
    ProgramMissing(String),

    /// A program is there but could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The system's answer.
        source: io::Error,
    },

    /// Something that the workspace builds has not been built.
    #[error("{file} is missing in {}: run `make build`, or name its directory in KRB5_FIDO_ARTIFACTS", directory.display())]
    ArtifactMissing {
        /// The missing file.
        file: &'static str,
        /// Where it was looked for.
        directory: PathBuf,
    },

    /// Something of a package is neither installed nor unpacked.
    #[error("{path} of the package {package} is neither installed nor in target/deb: run `make deps`")]
    PackageMissing {
        /// The package.
        package: &'static str,
        /// The missing file, below the root directory.
        path: String,
    },

    /// A software key's name is not a plain file name.
    #[error("software key name {0:?}: use one plain file name")]
    SoftkeyName(String),

    /// A socket's path does not fit into a Unix socket address.
    #[error("socket path {} has more than 99 bytes: use a shorter directory", .0.display())]
    SocketPath(PathBuf),

    /// A command that had to succeed did not.
    #[error("command failed: {0}")]
    Command(Box<Finished>),

    /// A command took too long and was killed.
    #[error("command killed after {} s: {finished}", limit.as_secs_f32())]
    Timeout {
        /// What it had printed until then.
        finished: Box<Finished>,
        /// How long it was given.
        limit: Duration,
    },

    /// krb5kdc did not start. The log carries its reason.
    #[error("krb5kdc {0}")]
    KdcStart(StartFailure),

    /// kadmind did not start. The log carries its reason.
    #[error("kadmind {0}")]
    KadmindStart(StartFailure),

    /// kpropd did not start. The log carries its reason.
    #[error("kpropd {0}")]
    KpropdStart(StartFailure),

    /// A replica did not get what the primary has.
    #[error("replica not up to date after {} s:\n{log}", limit.as_secs_f32())]
    Propagation {
        /// What kpropd printed.
        log: String,
        /// How long it was given.
        limit: Duration,
    },

    /// slapd did not start. The log carries its reason.
    #[error("slapd {0}")]
    SlapdStart(StartFailure),

    /// The software key did not start. The log carries its reason.
    #[error("softkey {0}")]
    SoftkeyStart(StartFailure),
}

/// How the start of a daemon failed.
#[derive(Debug, thiserror::Error)]
#[error("{end}:\n{log}")]
pub struct StartFailure {
    /// Whether it gave up or was given up.
    pub end: StartEnd,
    /// What it logged and printed since it was started.
    pub log: String,
}

/// How a daemon ended that did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum StartEnd {
    /// It exited by itself.
    #[error("did not start, {0}")]
    Exited(ExitStatus),
    /// It is gone and its status cannot be had, as in a process that ignores SIGCHLD.
    #[error("did not start, and its exit status is lost: {0}")]
    Lost(io::Error),
    /// It was still not ready after this time, and was ended.
    #[error("was not ready within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
}

impl Error {
    /// What the KDC logged and printed, when it is the KDC that did not start.
    pub fn kdc_log(&self) -> Option<&str> {
        match self {
            Error::KdcStart(failure) => Some(&failure.log),
            _ => None,
        }
    }

    /// Makes an error of a failed file operation; for `map_err`.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }
}
