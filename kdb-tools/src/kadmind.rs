//! Credential records through kadmind.

use krb5_fido_protocol::fido::record::CredentialRecord;
use krb5_plugin::{
    OwnedContext,
    kadm5::{Authentication, Database, Server},
};

use crate::{Error, Keys, Listed, error::text, store::Place};

impl<'a> Keys<'a> {
    /// Connects to kadmind as `client`, a principal with its realm.
    ///
    /// # Errors
    /// [`Error::KadmindUnavailable`].
    pub fn connect(
        context: &'a OwnedContext,
        server: &Server<'_>,
        client: &str,
        authentication: Authentication<'a>,
    ) -> Result<Self, Error> {
        Database::connect(context, server, client, authentication)
            .map(|database| Self {
                place: Place::Kadmind(context),
                database,
            })
            .map_err(|failure| Error::KadmindUnavailable {
                realm: server.realm.to_owned(),
                client: client.to_owned(),
                text: text(failure),
            })
    }
}

/// What kadmind was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Attempted<'a> {
    /// To store a record.
    Add(&'a CredentialRecord),
    /// To give a key another label.
    Rename {
        /// The label that it has.
        old: &'a str,
    },
    /// To remove a key.
    Remove {
        /// Its label.
        label: &'a str,
    },
}

/// Why kadmind refuses, as far as the records of the principal tell: it does not say so itself.
pub const fn explain_refusal(_listed: &Listed, _attempted: Attempted<'_>) -> Option<String> {
    None
}

impl Error {
    /// The same with a reason, if it is a refusal of kadmind.
    #[must_use]
    pub fn explained(self, why: impl FnOnce() -> Option<String>) -> Self {
        match self {
            Self::KadmindRefuses { doing, text, .. } => Self::KadmindRefuses {
                doing,
                text,
                reason: why(),
            },
            other => other,
        }
    }
}
