//! What is wrong with a kdc.conf.

use crate::Error;

/// What keeps the KDC from starting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A relation of realms that stands elsewhere.
    #[error("{relation} stands in [{section}], and belongs into the realm's subsection of [realms]")]
    Misplaced {
        /// The section.
        section: &'static str,
        /// The relation.
        relation: String,
    },
    /// A relation that is none, or has an impossible value.
    #[error("[realms] {realm}: {relation} = \"{value}\": {cause}")]
    Impossible {
        /// The realm.
        realm: String,
        /// The relation.
        relation: String,
        /// Its value, or values.
        value: String,
        /// What is wrong with it.
        cause: Cause,
    },
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A word that its relation does not know.
    #[error(transparent)]
    Value(#[from] Error),
    /// A subsection.
    #[error("this is a relation, not a section")]
    Section,
    /// More than one value.
    #[error("it stands more than once")]
    Repeated,
    /// A name that no relation has.
    #[error("there is no such relation")]
    Unknown,
    /// Not a time.
    #[error("it must be a duration of at least a second, such as 8h")]
    Life,
    /// Not a number of keys.
    #[error("it must be a number of at least 1")]
    Count,
    /// Not the models of keys.
    #[error("it must be UUIDs in lower case, such as 2fc0579f-8113-47ea-b116-bb5a8db9202a")]
    Aaguid,
    /// Not a path, or one from nowhere.
    #[error("it must be an absolute path")]
    RelativePath,
    /// No mode of challenges.
    #[error("unknown fido_challenge value")]
    Challenge,
    /// Mode clear without a limit on answers over UDP.
    #[error(
        "{} must be set in [kdcdefaults], to at most {}",
        super::DATAGRAM_LIMIT,
        super::DATAGRAM_LIMIT_MAX
    )]
    DatagramLimitUnset,
    /// Mode clear with a limit that is too high, or none.
    #[error(
        "{} = \"{value}\" in [kdcdefaults] must be a number of at most {}",
        super::DATAGRAM_LIMIT,
        super::DATAGRAM_LIMIT_MAX
    )]
    DatagramLimit {
        /// The value of kdc_max_dgram_reply_size.
        value: String,
    },
    /// Not the address of a page.
    #[error("it begins with https:// and has no spaces")]
    Url,
    /// An indicator without a name.
    #[error("an indicator is a word")]
    Indicator,
}
