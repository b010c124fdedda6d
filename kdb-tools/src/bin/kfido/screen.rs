//! The person at the terminal, and what the login is seen to do.

use std::{
    cell::Cell,
    env,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
};

use krb5_fido_protocol::secret::SecretBytes;
use krb5_fido_tools::{Console, Terminal};
use krb5_plugin::{
    Error, Failure,
    login::Dialog,
    spake::{Module, find_author},
};

/// Talks to the person, and watches the trace for our client module.
pub(crate) struct Screen {
    /// The file of KRB5_TRACE, which libkrb5 leaves to us.
    trace: Option<File>,
    module: Cell<Option<Module>>,
}

impl Screen {
    pub(crate) fn open() -> Self {
        let open = |path| {
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(path)
        };
        Self {
            // As in libkrb5, a file that cannot be written is no error.
            trace: env::var_os("KRB5_TRACE").and_then(|path| open(path).ok()),
            module: Cell::new(None),
        }
    }

    /// Whose SPAKE module has agreed on a key with the KDC, if one has.
    pub(crate) fn module(&self) -> Option<Module> {
        self.module.get()
    }
}

impl Dialog for Screen {
    fn show(&self, line: &str) {
        Console.show(line);
    }

    fn ask(&self, question: &str, hidden: bool) -> Result<SecretBytes, Error> {
        Console
            .ask(&format!("{question}: "), hidden)
            .map_err(|_| Error::CANNOT_READ_PASSWORD)
    }

    fn trace(&self, line: &str) {
        if let Some(author) = find_author(line) {
            self.module.set(Some(author));
        }
        if let Some(mut file) = self.trace.as_ref() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// What kinit would say of a login that failed.
pub(crate) fn failure_text(failure: &Failure, password_asked: bool) -> String {
    let is_about_password =
        failure.error == Error::BAD_INTEGRITY || (password_asked && failure.error == Error::PREAUTH_FAILED);
    match &failure.message {
        _ if is_about_password => "Password incorrect".to_owned(),
        Some(message) => message.clone(),
        None => failure.error.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_after_a_password_is_about_it_as_with_kinit() {
        let failure = |error| Failure::new(error, "text");
        assert_eq!(
            failure_text(&failure(Error::PREAUTH_FAILED), true),
            "Password incorrect"
        );
        assert_eq!(failure_text(&failure(Error::PREAUTH_FAILED), false), "text");
        assert_eq!(
            failure_text(&failure(Error::BAD_INTEGRITY), false),
            "Password incorrect"
        );
        assert_eq!(failure_text(&failure(Error::POLICY), true), "text");
    }
}
