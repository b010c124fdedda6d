//! The `fido_` relations of kdc.conf.
//!
//! Impossible values and relations that this version does not serve keep the KDC from starting: see
//! [`crate::policy::FidoPolicy`], whose init is the one that can.

use std::{collections::HashMap, ffi::CString};

use krb5_fido_protocol::fido::policy::Policy;
use krb5_plugin::{Error, Failure, Profile};

const PREFIX: &str = "fido_";
const POLICY: &str = "fido_policy";
const INDICATOR: &str = "fido_indicator";
const SPAKE_INDICATOR: &str = "spake_preauth_indicator";

/// Relations that belong to clients. A KDC meets them because its profile holds krb5.conf too.
const CLIENT_RELATIONS: [&str; 7] = [
    "fido_device",
    "fido_facets",
    "fido_facets_url",
    "fido_helper",
    "fido_public_suffix_list",
    "fido_rp_id",
    "fido_timeout",
];

/// Relations that may stand more than once; the rest have one value.
const REPEATABLE: [&str; 2] = [INDICATOR, "fido_device"];

/// Relations of the KDC of which this version serves one value alone, and that value.
const FIXED_RELATIONS: [(&str, &str); 3] = [
    ("fido_challenge", "encrypted"),
    ("fido_self_enrol", "no"),
    ("fido_uv", "preferred"),
];

/// Relations of the KDC that this version does not serve.
const LATER_RELATIONS: [&str; 11] = [
    "fido_aaguids",
    "fido_algorithms",
    "fido_attestation_roots",
    "fido_counter",
    "fido_enrol_url",
    "fido_exempt",
    "fido_max_credentials",
    "fido_max_life",
    "fido_max_renewable_life",
    "fido_state_dir",
    "fido_uv_indicator",
];

/// What is configured for one realm.
#[derive(Default)]
pub(crate) struct Realm {
    pub(crate) policy: Policy,
    /// Asserted after a touch.
    pub(crate) fido_indicators: Vec<CString>,
    /// Asserted after any SPAKE exchange (stock relation).
    pub(crate) spake_indicators: Vec<CString>,
}

/// What is configured for the realms of this KDC.
pub(crate) struct Configuration(HashMap<Vec<u8>, Realm>);

impl Configuration {
    /// Reads the configuration of `realms`.
    pub(crate) fn read(profile: &Profile, realms: &[String]) -> Result<Self, Failure> {
        let read = |realm: &String| Ok((realm.clone().into_bytes(), read_realm(profile, realm)?));
        realms.iter().map(read).collect::<Result<_, Failure>>().map(Self)
    }

    /// Checks every realm of the profile, whether this KDC serves it or not: policy modules are not told their realms.
    pub(crate) fn check(profile: &Profile) -> Result<(), Failure> {
        for realm in profile.subsections(&["realms"])? {
            read_realm(profile, &realm)?;
        }
        for section in ["libdefaults", "kdcdefaults"] {
            for relation in relations(profile, &[section])? {
                if !CLIENT_RELATIONS.contains(&relation.as_str()) {
                    return Err(invalid(format!(
                        "{relation} stands in [{section}], and belongs into the realm's subsection of [realms]"
                    )));
                }
            }
        }
        Ok(())
    }

    /// What is configured for a realm. A KDC of one realm answers for every name as that one, as krb5kdc does.
    pub(crate) fn realm(&self, name: &[u8]) -> Result<&Realm, Failure> {
        let only = self.0.values().next().filter(|_| self.0.len() == 1);
        self.0.get(name).or(only).ok_or_else(|| Error::INTERNAL.into())
    }
}

fn read_realm(profile: &Profile, name: &str) -> Result<Realm, Failure> {
    let mut realm = Realm::default();
    if let Some(section) = ours(profile.subsections(&["realms", name])?).first() {
        return Err(refused(name, section, "{", "this is a relation, not a section"));
    }
    for relation in relations(profile, &["realms", name])? {
        let values = profile.values(&["realms", name, &relation])?;
        let value = values.first().map(String::as_str).unwrap_or_default();
        if values.len() > 1 && !REPEATABLE.contains(&relation.as_str()) {
            return Err(refused(
                name,
                &relation,
                &values.join("\", \""),
                "it stands more than once",
            ));
        }
        match relation.as_str() {
            POLICY => {
                realm.policy = Policy::parse(value)
                    .map_err(|cause| refused(name, &relation, value, &cause.to_string()))?;
            }
            INDICATOR => realm.fido_indicators = indicators(name, &relation, values)?,
            client if CLIENT_RELATIONS.contains(&client) => {}
            later if LATER_RELATIONS.contains(&later) => {
                return Err(refused(
                    name,
                    later,
                    value,
                    "this version does not serve this relation",
                ));
            }
            other => check_fixed(name, other, value)?,
        }
    }
    let stock = profile.values(&["realms", name, SPAKE_INDICATOR])?;
    realm.spake_indicators = indicators(name, SPAKE_INDICATOR, stock)?;
    Ok(realm)
}

fn check_fixed(realm: &str, relation: &str, value: &str) -> Result<(), Failure> {
    match FIXED_RELATIONS.iter().find(|(name, _)| *name == relation) {
        Some((_, fixed)) if *fixed == value => Ok(()),
        Some((_, fixed)) => {
            let cause = format!("this version serves only \"{fixed}\"");
            Err(refused(realm, relation, value, &cause))
        }
        None => Err(refused(realm, relation, value, "there is no such relation")),
    }
}

fn indicators(realm: &str, relation: &str, values: Vec<String>) -> Result<Vec<CString>, Failure> {
    let parse = |value: String| match CString::new(value.as_str()) {
        Ok(indicator) if !value.is_empty() => Ok(indicator),
        _ => Err(refused(realm, relation, &value, "an indicator is a word")),
    };
    values.into_iter().map(parse).collect()
}

/// The names of our relations in a section, each once.
fn relations(profile: &Profile, section: &[&str]) -> Result<Vec<String>, Failure> {
    Ok(ours(profile.relations(section)?))
}

/// The names that are ours, each once.
fn ours(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| name.starts_with(PREFIX));
    names.sort();
    names.dedup();
    names
}

fn refused(realm: &str, relation: &str, value: &str, cause: &str) -> Failure {
    invalid(format!("[realms] {realm}: {relation} = \"{value}\": {cause}"))
}

fn invalid(message: String) -> Failure {
    Failure::new(Error::INVALID, message)
}
