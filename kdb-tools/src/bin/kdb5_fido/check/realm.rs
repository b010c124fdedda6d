//! What kdc.conf says, and the store that it names.

use std::{fs, path::Path};

use krb5_fido_protocol::{
    fido::{
        admission::read_policy,
        kdc_settings::{Fault, KdcConfiguration, KdcSettings},
        policy::Policy,
    },
    kdc_state_dir,
};
use krb5_fido_state::Error as StateError;
use krb5_fido_tools::{Error, Store, open_own};
use krb5_plugin::Profile;

use super::finding::Findings;

/// Reads everything as krb5kdc would, in its words; gives what holds for the realm, if that can be read.
pub(super) fn check_values(
    store: &Store,
    profile: &Profile,
    findings: &mut Findings,
) -> Result<Option<KdcSettings>, Error> {
    let all = KdcConfiguration::read(profile, kdc_state_dir!()).map_err(Error::from_profile)?;
    for fault in all.err().unwrap_or_default() {
        let place = match &fault {
            Fault::Impossible { realm, relation, .. } => format!("kdc.conf, [realms] {realm}: {relation}"),
            Fault::Misplaced { section, relation } => format!("[{section}] {relation}"),
            _ => "kdc.conf".to_owned(),
        };
        findings.error(
            "impossible_value",
            place,
            fault.to_string(),
            "Correct it: krb5kdc does not start with it",
        );
    }
    Ok(store.settings().ok())
}

pub(super) fn check(realm: &str, settings: &KdcSettings, findings: &mut Findings) {
    if settings.settings.policy == Policy::Required && settings.enrol_url.is_none() {
        findings.warn(
            "no_enrol_url",
            format!("kdc.conf, [realms] {realm}"),
            "fido_policy = required turns away whoever has no key, and fido_enrol_url does not say where to get one",
            "Set fido_enrol_url, or be ready to answer",
        );
    }
    if let Err(unreadable) = read_policy(&settings.admission, |path| fs::read_to_string(path)) {
        findings.error(
            "attestation_roots_unusable",
            format!("kdc.conf, [realms] {realm}: fido_attestation_roots"),
            format!("{unreadable}: kadmind does not start, and no key is registered"),
            "Name files of certificates in PEM",
        );
    }
    check_store(realm, &settings.state_dir, findings);
}

/// The store is made at the first login with a key: until then its parent must be there.
fn check_store(realm: &str, directory: &Path, findings: &mut Findings) {
    let (identifier, what) = match open_own(directory) {
        Ok(Some(_)) => return,
        Ok(None) if directory.exists() || directory.parent().is_some_and(Path::is_dir) => return,
        Ok(None) => (
            "state_dir_unusable",
            format!(
                "state store {}: the directory that it is to be made in is not there",
                directory.display()
            ),
        ),
        Err(error @ StateError::OtherVersion { .. }) => ("state_dir_other_version", error.to_string()),
        Err(error @ StateError::MalformedEntry { .. }) => ("state_dir_damaged", error.to_string()),
        Err(error) => ("state_dir_unusable", error.to_string()),
    };
    findings.error(
        identifier,
        format!("kdc.conf, [realms] {realm}: fido_state_dir"),
        format!("{what}: principals with a key get no answer from this KDC"),
        "See \"Counters, and copies of keys\" in the admin guide",
    );
}
