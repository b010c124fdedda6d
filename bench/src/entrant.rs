//! Who takes part in a comparison.

use krb5_fido_protocol::spake::Group;

use crate::{
    accounting::Processes,
    case::{Case, Kind},
    error::Error,
    exchange::Login,
    site::Sites,
};

/// A principal with so many credentials that logs in at the KDC for its kind.
pub(crate) struct Entrant<'s> {
    pub(crate) kind: Kind,
    pub(crate) credentials: usize,
    pub(crate) login: Login<'s>,
    pub(crate) kdc: Processes,
}

/// One kind after the other, without a key or with one credential. The stock module's is the first.
pub(crate) const SIMPLE: [(Kind, usize); 4] = [
    (Kind::Stock, 0),
    (Kind::Password, 0),
    (Kind::Encrypted, 1),
    (Kind::Clear, 1),
];

/// The same, and ten and a hundred credentials.
pub(crate) const ALL: [(Kind, usize); 8] = [
    (Kind::Stock, 0),
    (Kind::Password, 0),
    (Kind::Encrypted, 1),
    (Kind::Clear, 1),
    (Kind::Encrypted, 10),
    (Kind::Encrypted, 100),
    (Kind::Clear, 10),
    (Kind::Clear, 100),
];

impl<'s> Entrant<'s> {
    /// Adds principals to the KDCs.
    pub(crate) fn enter(sites: &'s Sites, wanted: &[(Kind, usize)]) -> Result<Vec<Self>, Error> {
        let enter = |&(kind, credentials): &(Kind, usize)| {
            let site = sites.of(kind);
            Ok(Self {
                kind,
                credentials,
                login: site.login(&format!("user{credentials}"), credentials),
                kdc: site.processes()?,
            })
        };
        wanted.iter().map(enter).collect()
    }

    /// What a login of it is called.
    pub(crate) fn case(&self, group: Group, workers: usize) -> Case {
        Case {
            kind: self.kind,
            group,
            credentials: self.credentials,
            workers,
        }
    }

    /// Whether it has a part in the comparison of this group: numbers of credentials are compared in edwards25519.
    pub(crate) fn takes_part(&self, group: Group) -> bool {
        group == Group::Edwards25519 || self.credentials <= 1
    }
}
