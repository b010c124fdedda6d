//! Which changes of a principal's keys are let into the database: what kadmind asks before it sets or removes a string attribute,
//! and the tools before they try.
//!
//! Everybody stores well-formed records only, no more than `fido_max_credentials` of them, and where the realm asks who vouches
//! for a key, records that carry their registration. Who changes keys of his own is bound by [`own`] besides.

pub mod own;
mod registration;

pub use registration::{Unregistered, check_registration};

use core::str;
use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use time::{Duration, UtcDateTime};

use super::{
    attestation::{AttestationPolicy, AttestationRoots, RootsError},
    factor::UserVerification,
    invite::Invitation,
    kdc_settings::{Admission, KdcSettings},
    label::Label,
    policy::{Enrolment, Policy, Subject, parse_indicators},
    record::CredentialRecord,
};
use crate::{
    Error,
    registry::{
        ATTRIBUTE_INDICATOR, ATTRIBUTE_INVITE, ATTRIBUTE_POLICY, ATTRIBUTE_PREFIX,
        ATTRIBUTE_USER_VERIFICATION,
    },
};

/// Why a change is not let in. The texts go into kadmind's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Label, record, policy or invitation cannot be read.
    #[error(transparent)]
    Malformed(#[from] Error),
    /// Another key of the principal has the same credential id.
    #[error("its credential id is registered with another key, as {0}")]
    IdTaken(Label),
    /// Another key has the label.
    #[error("{0} is there already, and is another key: remove it first")]
    LabelTaken(Label),
    /// There are as many keys as the realm lets a principal have.
    #[error("fido_max_credentials of the realm is {0}")]
    TooMany(usize),
    /// The registration does not stand up.
    #[error(transparent)]
    Unregistered(#[from] Unregistered),
    /// It is one's own, and that is not enough.
    #[error(transparent)]
    Own(#[from] own::Refusal),
}

/// A file of `fido_attestation_roots` that does not help.
#[derive(Debug, thiserror::Error)]
#[error("fido_attestation_roots: {}: {cause}", path.display())]
pub struct UnreadableRoots {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub cause: RootsCause,
}

/// What is wrong with a file of certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsCause {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(io::Error),
    /// It holds something else than certificates.
    #[error(transparent)]
    Malformed(RootsError),
}

/// What kdc.conf says about who has to vouch for keys. `read` reads a file.
///
/// # Errors
/// [`UnreadableRoots`], for the first file that does not help.
pub fn read_policy(
    admission: &Admission,
    read: impl Fn(&Path) -> io::Result<String>,
) -> Result<AttestationPolicy, UnreadableRoots> {
    let mut roots: Option<AttestationRoots> = None;
    for path in &admission.attestation_roots {
        let unreadable = |cause| UnreadableRoots {
            path: path.clone(),
            cause,
        };
        let text = read(path).map_err(|error| unreadable(RootsCause::Unreadable(error)))?;
        let more =
            AttestationRoots::parse_pem(&text).map_err(|error| unreadable(RootsCause::Malformed(error)))?;
        match &mut roots {
            Some(roots) => roots.append(more),
            None => roots = Some(more),
        }
    }
    let aaguids = &admission.aaguids;
    Ok(AttestationPolicy {
        roots,
        aaguids: (!aaguids.is_empty()).then(|| aaguids.clone()),
    })
}

/// Whether an attribute is one that a door looks after: a key, a setting, an invitation.
pub fn is_ours(name: &[u8]) -> bool {
    const SETTINGS: [&str; 4] = [
        ATTRIBUTE_POLICY,
        ATTRIBUTE_USER_VERIFICATION,
        ATTRIBUTE_INDICATOR,
        ATTRIBUTE_INVITE,
    ];
    is_key(name) || SETTINGS.iter().any(|setting| name == setting.as_bytes())
}

/// Whether an attribute holds a key.
pub fn is_key(name: &[u8]) -> bool {
    name.starts_with(ATTRIBUTE_PREFIX.as_bytes())
}

/// Who asks for a change, and what is known of the principal.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// What kdc.conf says of the realm.
    pub realm: &'a KdcSettings,
    /// Who vouches for keys.
    pub attestation: &'a AttestationPolicy,
    /// The principal's attributes as they are.
    pub enrolment: &'a Enrolment,
    /// The name of the principal's entry, as krb5_unparse_name writes it.
    pub principal: &'a [u8],
    /// That flag of the entry.
    pub requires_hwauth: bool,
    /// Now.
    pub now: UtcDateTime,
    /// How far clocks may be apart: `clockskew` of krb5.conf.
    pub skew: Duration,
}

impl Door<'_> {
    /// Checks one change, whoever asks for it: `value` is the new value of the attribute `name`, `None` removes it. Attributes that
    /// are none of ours pass. Gives the record that is stored, if it is one.
    ///
    /// # Errors
    /// [`Refusal`], all but [`Refusal::Own`].
    pub fn check(&self, name: &[u8], value: Option<&[u8]>) -> Result<Option<CredentialRecord>, Refusal> {
        let Some(value) = value else {
            return Ok(None);
        };
        if !is_key(name) {
            return check_setting(name, value).map(|()| None).map_err(Refusal::from);
        }
        let label = parse_label(name)?;
        let record = parse_record(value)?;
        self.check_record(&label, &record)?;
        Ok(Some(record))
    }

    fn check_record(&self, label: &Label, record: &CredentialRecord) -> Result<(), Refusal> {
        // Whoever stores at the same time under the same label must not take a key away.
        if self.holds_another(label, record) {
            return Err(Refusal::LabelTaken(label.clone()));
        }
        let known = self.find_same_id(record);
        if let Some((known_as, known)) = known {
            if !is_same_key(known, record) {
                return Err(Refusal::IdTaken(known_as.clone()));
            }
            // A key that was taken once stays: administrators disable it under a policy that would not take it now.
            return match known.registration() == record.registration() {
                true => Ok(()),
                false => self.check_registration(record),
            };
        }
        let max = self.realm.admission.max_credentials;
        if self.count_besides(label) >= max {
            return Err(Refusal::TooMany(max));
        }
        self.check_registration(record)
    }

    fn check_registration(&self, record: &CredentialRecord) -> Result<(), Refusal> {
        Ok(check_registration(
            record,
            self.principal,
            self.attestation,
            self.now,
        )?)
    }

    fn find_same_id(&self, record: &CredentialRecord) -> Option<&(Label, CredentialRecord)> {
        let mut credentials = self.enrolment.credentials().iter();
        credentials.find(|(_, known)| known.id() == record.id())
    }

    fn holds_another(&self, label: &Label, record: &CredentialRecord) -> bool {
        let mut credentials = self.enrolment.credentials().iter();
        credentials.any(|(known_as, known)| known_as == label && known.id() != record.id())
    }

    /// The keys, readable or not, without the attribute of one label. A key under two labels, as while one is renamed, is one.
    fn count_besides(&self, label: &Label) -> usize {
        let credentials = self.enrolment.credentials().iter();
        let ids: HashSet<&[u8]> = credentials
            .filter(|(known_as, _)| known_as != label)
            .map(|(_, record)| record.id())
            .collect();
        let name = label.attribute_name();
        let garbled = self.enrolment.garbled().iter();
        let garbled = garbled.filter(|garbled| garbled.attribute != name.as_bytes());
        ids.len().saturating_add(garbled.count())
    }

    fn subject(&self, for_kadmin: bool) -> Subject<'_> {
        Subject {
            settings: &self.realm.settings,
            enrolment: self.enrolment,
            name: super::policy::without_realm(self.principal),
            for_kadmin,
            requires_hwauth: self.requires_hwauth,
            now: self.now,
        }
    }
}

/// Whether two records are of one credential.
fn is_same_key(one: &CredentialRecord, other: &CredentialRecord) -> bool {
    one.id() == other.id() && one.public_key() == other.public_key() && one.rp_id() == other.rp_id()
}

fn parse_label(name: &[u8]) -> Result<Label, Error> {
    let name = str::from_utf8(name).map_err(|_| Error::MalformedLabel)?;
    Label::parse_attribute_name(name)
}

fn parse_record(value: &[u8]) -> Result<CredentialRecord, Error> {
    let value = str::from_utf8(value).map_err(|_| Error::RecordNotObject)?;
    CredentialRecord::parse(value)
}

/// Refuses a setting that nobody could log in with, and an invitation that would invite nobody.
fn check_setting(name: &[u8], value: &[u8]) -> Result<(), Error> {
    let text = str::from_utf8(value).unwrap_or_default();
    match str::from_utf8(name).unwrap_or_default() {
        ATTRIBUTE_POLICY => Policy::parse(text).map(drop),
        ATTRIBUTE_USER_VERIFICATION => UserVerification::parse(text).map(drop),
        ATTRIBUTE_INDICATOR => parse_indicators(text).map(drop),
        ATTRIBUTE_INVITE => Invitation::parse(text).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
