//! Why a measurement could not be made.

use std::{io, path::PathBuf};

/// One variant per cause.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The realm, or a program in it.
    #[error(transparent)]
    Realm(#[from] krb5_testrealm::Error),
    /// A call of libkrb5.
    #[error("libkrb5: {0}")]
    Krb5(#[from] krb5_plugin::Error),
    /// A login through libkrb5.
    #[error("login: {0}")]
    Login(String),
    /// OpenSSL.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] openssl::error::ErrorStack),
    /// The protocol crate.
    #[error("protocol: {0}")]
    Protocol(#[from] krb5_fido_protocol::Error),
    /// The software key.
    #[error("software key: {0}")]
    SoftKey(#[from] softkey::Error),
    /// A file.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program that measures, or that is measured.
    #[error("{program}: {cause}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it said.
        cause: String,
    },
    /// A file of the kernel or of a tool does not look as it should.
    #[error("cannot understand {0}")]
    Format(PathBuf),
    /// The plot.
    #[error("plot: {0}")]
    Plot(String),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
