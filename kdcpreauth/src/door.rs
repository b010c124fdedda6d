//! What kadmind asks before it sets or removes a string attribute.

use core::{ffi::CStr, str};
use std::{collections::HashMap, fs};

use krb5_fido_protocol::fido::{
    admission::{self, Refusal},
    attestation::AttestationPolicy,
    kdc_settings::{KdcConfiguration, KdcSettings},
    policy::Enrolment,
    record::CredentialRecord,
};
use krb5_plugin::{
    Context, Error, Failure, Profile, clock_skew,
    kadm5_auth::{Module, StringChange, Verdict},
    kdb::OwnedEntry,
};
use time::{Duration, UtcDateTime};

use crate::{config::read_configuration, log};

/// Lets changes of keys in, or not.
pub(crate) struct Door {
    configuration: KdcConfiguration,
    attestation: HashMap<Vec<u8>, AttestationPolicy>,
    takes_all: AttestationPolicy,
    skew: Duration,
}

impl Module for Door {
    const NAME: &'static CStr = c"fido";

    /// kadmind does not start with an impossible configuration, nor without the certificates that it names.
    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let read = || {
            let profile = Profile::of(context)?;
            Self::read(&profile)
        };
        read().inspect_err(log::door_closed)
    }

    fn set_string(&self, context: Context<'_>, change: &StringChange<'_>) -> Result<Verdict, Failure> {
        if !admission::is_ours(change.name) {
            return Ok(Verdict::Undecided);
        }
        let entry = OwnedEntry::find(context, change.target)?.ok_or(Error::NO_ENTRY)?;
        let name = entry.get().principal().unparse()?;
        let caller = change.client.unparse()?;
        let enrolment = Enrolment::from_attributes(entry.get().strings()?);
        let door = admission::Door {
            realm: self.configuration.realm(change.target.realm()),
            attestation: self.attestation_of(change.target.realm()),
            enrolment: &enrolment,
            principal: &name,
            requires_hwauth: entry.get().requires_hardware(),
            now: UtcDateTime::now(),
            skew: self.skew,
        };
        // By an alias or by the entry's name.
        let is_own = change.client.is_same(&change.target) || caller == name;
        let checked = check(&door, change, is_own, &caller);
        let offered = change
            .value
            .and_then(|value| CredentialRecord::parse(str::from_utf8(value).ok()?).ok());
        let event = log::DoorEvent {
            caller: &caller,
            principal: &name,
            attribute: change.name,
            record: find_record(&door, change, offered.as_ref()),
            is_removal: change.value.is_none(),
        };
        match &checked {
            Ok(_) => log::let_in(&event),
            Err(refusal) => log::kept_out(&event, refusal),
        }
        match checked {
            Err(refusal) => Err(Failure::new(Error::NOT_PERMITTED, refusal.to_string())),
            // One's own settings and invitations are for the access control list, too.
            Ok(_) if is_own && admission::is_key(change.name) => Ok(Verdict::Authorized),
            Ok(_) => Ok(Verdict::Undecided),
        }
    }
}

impl Door {
    fn read(profile: &Profile) -> Result<Self, Failure> {
        let configuration = read_configuration(profile)?;
        let mut attestation = HashMap::new();
        for (realm, settings) in configuration.realms() {
            attestation.insert(realm.to_vec(), read_attestation(realm, settings)?);
        }
        let skew = clock_skew(profile)
            .map_err(|error| Failure::new(error, "[libdefaults] clockskew is no duration"))?;
        Ok(Self {
            configuration,
            attestation,
            takes_all: AttestationPolicy::default(),
            skew: Duration::seconds(skew.into()),
        })
    }

    fn attestation_of(&self, realm: &[u8]) -> &AttestationPolicy {
        self.attestation.get(realm).unwrap_or(&self.takes_all)
    }
}

fn read_attestation(realm: &[u8], settings: &KdcSettings) -> Result<AttestationPolicy, Failure> {
    let read = admission::read_policy(&settings.admission, |path| fs::read_to_string(path));
    read.map_err(|unreadable| {
        let realm = str::from_utf8(realm).unwrap_or_default();
        Failure::new(Error::INVALID, format!("[realms] {realm}: {unreadable}"))
    })
}

/// Whether the change is let in.
fn check(
    door: &admission::Door<'_>,
    change: &StringChange<'_>,
    is_own: bool,
    caller: &[u8],
) -> Result<(), Refusal> {
    let stored = door.check(change.name, change.value)?;
    if is_own && admission::is_key(change.name) {
        door.check_own(caller, change.name, stored.as_ref())?;
    }
    Ok(())
}

/// The key that comes, or that goes.
fn find_record<'a>(
    door: &admission::Door<'a>,
    change: &StringChange<'_>,
    offered: Option<&'a CredentialRecord>,
) -> Option<&'a CredentialRecord> {
    if change.value.is_some() {
        return offered.filter(|_| admission::is_key(change.name));
    }
    let mut credentials = door.enrolment.credentials().iter();
    let found = credentials.find(|(label, _)| label.attribute_name().as_bytes() == change.name);
    found.map(|(_, record)| record)
}
