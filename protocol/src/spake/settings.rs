//! The relations of SPAKE that the KDC reads for all its realms.

use super::{Group, parse_groups};
use crate::relations::Relations;

/// What the KDC offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpakeSettings {
    /// At least one, the best first.
    pub groups: Vec<Group>,
    /// The group of an optimistic challenge, one of those.
    pub optimistic: Option<Group>,
    /// Names in spake_preauth_groups that are no groups, and are passed over.
    pub unknown: Vec<String>,
}

/// What keeps the module from being loaded; the KDC starts without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpakeFault {
    /// spake_preauth_groups names no group.
    #[error("No SPAKE preauth groups configured")]
    NoGroup {
        /// The names that are none.
        unknown: Vec<String>,
    },
    /// spake_preauth_kdc_challenge names none of them.
    #[error("SPAKE challenge group not a permitted group: {name}")]
    ChallengeNotPermitted {
        /// Its value.
        name: String,
    },
}

impl SpakeSettings {
    /// Reads spake_preauth_groups and spake_preauth_kdc_challenge. edwards25519 where the first one is unset, since whoever
    /// loads this module wants SPAKE.
    ///
    /// # Errors
    /// Those of `relations`.
    pub fn read<R: Relations>(relations: &R) -> Result<Result<Self, SpakeFault>, R::Error> {
        let list = relations.value(&["libdefaults", "spake_preauth_groups"])?;
        let optimistic = relations.value(&["kdcdefaults", "spake_preauth_kdc_challenge"])?;
        Ok(Self::parse(list.as_deref(), optimistic))
    }

    fn parse(list: Option<&str>, optimistic: Option<String>) -> Result<Self, SpakeFault> {
        let (groups, unknown) = list.map_or((vec![Group::Edwards25519], Vec::new()), parse_groups);
        let unknown = unknown.into_iter().map(str::to_owned).collect();
        if groups.is_empty() {
            return Err(SpakeFault::NoGroup { unknown });
        }
        let optimistic = match optimistic {
            None => None,
            Some(name) => match Group::from_name(&name).filter(|group| groups.contains(group)) {
                None => return Err(SpakeFault::ChallengeNotPermitted { name }),
                permitted => permitted,
            },
        };
        Ok(Self {
            groups,
            optimistic,
            unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: Option<&str>, optimistic: Option<&str>) -> Result<SpakeSettings, SpakeFault> {
        SpakeSettings::parse(list, optimistic.map(str::to_owned))
    }

    #[test]
    fn unset_is_edwards25519() {
        let settings = parse(None, None).unwrap();
        assert_eq!(
            (settings.groups, settings.optimistic),
            (vec![Group::Edwards25519], None)
        );
    }

    #[test]
    fn unknown_names_are_passed_over_as_long_as_one_is_known() {
        let settings = parse(Some("P-224 P-256"), Some("P-256")).unwrap();
        assert_eq!(
            (settings.groups, settings.optimistic),
            (vec![Group::P256], Some(Group::P256))
        );
        assert_eq!(settings.unknown, ["P-224"]);
        assert_eq!(
            parse(Some("P-224"), None),
            Err(SpakeFault::NoGroup {
                unknown: vec!["P-224".to_owned()]
            })
        );
    }

    #[test]
    fn challenge_must_be_permitted() {
        for name in ["P-256", "P-224", ""] {
            let fault = SpakeFault::ChallengeNotPermitted {
                name: name.to_owned(),
            };
            assert_eq!(parse(None, Some(name)), Err(fault));
        }
    }
}
