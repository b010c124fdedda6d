//! Where a realm keeps its principals.

use std::ffi::OsString;

use crate::{Error, config::Relation, slapd::Access};

/// The type of a realm's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Database {
    /// A file in krb5's own format, in every krb5.
    #[default]
    Db2,
    /// A file of LMDB. Debian has it since version 13.
    Lmdb,
    /// A directory that slapd of OpenLDAP serves on a socket in the realm's directory. There is no update log, and so no
    /// incremental propagation.
    Ldap,
}

/// How the programs of a realm reach its database.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Db2,
    Lmdb,
    Ldap(Access),
}

impl Backend {
    /// The relations of kdc.conf that say so.
    pub(crate) fn relations(&self) -> Result<Vec<Relation>, Error> {
        let library = |name| Relation::new(&["dbmodules", "db"], "db_library", name);
        Ok(match self {
            Backend::Db2 => vec![library("db2")],
            Backend::Lmdb => vec![library("klmdb")],
            Backend::Ldap(access) => {
                let mut relations = vec![library("kldap")];
                relations.extend(access.relations()?);
                relations
            }
        })
    }

    pub(crate) fn has_update_log(&self) -> bool {
        !matches!(self, Backend::Ldap(_))
    }

    /// Where its libraries are, if not where the system looks for them.
    pub(crate) fn libraries(&self) -> Option<OsString> {
        match self {
            Backend::Ldap(access) => Some(access.libraries().into()),
            Backend::Db2 | Backend::Lmdb => None,
        }
    }
}
