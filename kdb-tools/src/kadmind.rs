//! Credential records through kadmind.

use krb5_fido_protocol::fido::admission::own;
use krb5_plugin::{
    OwnedContext,
    kadm5::{self, Authentication, Database, Server},
};

use crate::{Error, Keys, error::text, store::Place};

impl<'a> Keys<'a> {
    /// Connects to kadmind as `client`, a principal with its realm.
    ///
    /// # Errors
    /// [`KadmindError::Unreachable`], [`KadmindError::Unavailable`].
    pub fn connect(
        context: &'a OwnedContext,
        server: &Server<'_>,
        client: &str,
        authentication: Authentication<'a>,
    ) -> Result<Self, Error> {
        Database::connect(context, server, client, authentication)
            .map(|database| Self {
                place: Place::Kadmind {
                    context,
                    realm: server.realm.to_owned(),
                },
                database,
            })
            .map_err(|failure| {
                let (realm, client) = (server.realm.to_owned(), client.to_owned());
                match kadm5::UNREACHABLE.contains(&failure.error.code()) {
                    true => KadmindError::Unreachable {
                        realm,
                        text: text(failure),
                    },
                    false => KadmindError::Unavailable {
                        realm,
                        client,
                        text: text(failure),
                    },
                }
                .into()
            })
    }
}

/// Why something is not done through kadmind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KadmindError {
    /// The cache that was named has no principal.
    #[error("{text} while reading the credential cache {cache}")]
    CacheUnreadable {
        /// The cache as given.
        cache: String,
        /// What krb5 says.
        text: String,
    },
    /// There is no ticket for kadmind.
    #[error("{text} while getting a ticket for kadmin/admin as {client}")]
    NoTicket {
        /// Who wanted it.
        client: String,
        /// What krb5 says.
        text: String,
    },
    /// No kadmind answers.
    #[error(
        "{text} while connecting to kadmind of {realm}: see admin_server in krb5.conf, or name it with -s"
    )]
    Unreachable {
        /// The realm.
        realm: String,
        /// What krb5 says.
        text: String,
    },
    /// There is no ticket, or kadmind does not take it.
    #[error("{text} while connecting to kadmind of {realm} as {client}")]
    Unavailable {
        /// The realm.
        realm: String,
        /// Who connected.
        client: String,
        /// What krb5 says.
        text: String,
    },
    /// kadmind does not let the caller do it.
    #[error("{text} while {doing}: {}", explain(reason.as_deref()))]
    Refused {
        /// What was being done, and to whose entry.
        doing: String,
        /// What kadmind says.
        text: String,
        /// Why, if that can be seen from here.
        reason: Option<String>,
    },
    /// Tickets from before the first key may still be around.
    #[error("kadmind would refuse: {cause}; nothing was stored, try again then")]
    TooEarly {
        /// Until when.
        cause: own::Refusal,
    },
    /// Not the code of the invitation.
    #[error("The invitation takes a code, and that was not it: ask whoever invited you; nothing was stored")]
    WrongCode,
    /// A key is stored, and the flags are not.
    #[error(
        "the key is registered, but the flags of {principal} do not demand it, which kdb5_fido check-config --fix mends on \
         the KDC: {cause}"
    )]
    FlagsNotSet {
        /// The principal.
        principal: String,
        /// Why.
        cause: Box<Error>,
    },
    /// The last key is gone, and the flag is not.
    #[error(
        "the key is removed, but the password alone will not do for {principal} until requires_hwauth is cleared, with \
         kadmin modprinc -requires_hwauth: {cause}"
    )]
    FlagNotCleared {
        /// The principal.
        principal: String,
        /// Why.
        cause: Box<Error>,
    },
}

fn explain(reason: Option<&str>) -> &str {
    reason.unwrap_or("kadmind refuses, and its log on the KDC says why")
}

impl Error {
    /// The same with a reason, if it is a refusal of kadmind.
    #[must_use]
    pub fn explained(self, why: impl FnOnce() -> Option<String>) -> Self {
        match self {
            Self::Kadmind(KadmindError::Refused { doing, text, .. }) => KadmindError::Refused {
                doing,
                text,
                reason: why(),
            }
            .into(),
            other => other,
        }
    }
}
