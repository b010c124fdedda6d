//! What kadmind lets a principal do with its own keys, as far as its entry tells: kadmind gives no reason.

use krb5_fido_protocol::{
    fido::{
        admission::{Door, own::Refusal},
        attestation::AttestationPolicy,
        kdc_settings::KdcSettings,
        record::CredentialRecord,
    },
    registry::ATTRIBUTE_PREFIX,
};
use krb5_plugin::{Context, Profile, clock_skew};
use time::{Duration, UtcDateTime};

use crate::{Error, KadmindError, Listed};

/// What kadmind is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Attempted<'a> {
    /// To store a record.
    Add(&'a CredentialRecord),
    /// To give a key another label.
    Rename {
        /// The label that it has.
        old: &'a str,
        /// The one that it is to have.
        new: &'a str,
    },
    /// To remove a key.
    Remove {
        /// Its label.
        label: &'a str,
    },
}

/// The caller, whose own keys they are, and the rules of kadmind's module with a realm's default settings: those of the realm
/// itself are not known here.
pub struct OwnKeys<'a> {
    listed: &'a Listed,
    /// The name in the ticket.
    caller: &'a str,
    skew: Duration,
}

impl<'a> OwnKeys<'a> {
    /// Reads the clock skew that krb5.conf allows.
    ///
    /// # Errors
    /// [`Error::ClientConfiguration`].
    pub fn of(listed: &'a Listed, caller: &'a str, context: Context<'_>) -> Result<Self, Error> {
        let skew = Profile::of(context).and_then(|profile| clock_skew(&profile));
        let skew = skew.map_err(|error| Error::ClientConfiguration { text: error.text() })?;
        Ok(Self {
            listed,
            caller,
            skew: Duration::seconds(skew.into()),
        })
    }

    /// Refuses, before anybody touches a key, what kadmind would refuse for the time being.
    ///
    /// # Errors
    /// [`KadmindError::TooEarly`].
    pub fn check_not_held(&self) -> Result<(), Error> {
        let held = self.with_door(|door| door.check_factor());
        match held {
            Err(cause @ Refusal::TooEarly(_)) => Err(KadmindError::TooEarly { cause }.into()),
            _ => Ok(()),
        }
    }

    /// Why kadmind refuses, if that can be seen from here.
    pub fn explain(&self, attempted: Attempted<'_>) -> Option<String> {
        let attribute = |label: &str| format!("{ATTRIBUTE_PREFIX}{label}");
        let credentials = self.listed.enrolment.credentials();
        let refused = self.with_door(|door| {
            let caller = self.caller.as_bytes();
            match attempted {
                Attempted::Add(record) => door.check_new(caller, record),
                Attempted::Remove { label } => door.check_own(caller, attribute(label).as_bytes(), None),
                Attempted::Rename { old, new } => {
                    let known = credentials.iter().find(|(label, _)| label.to_string() == old);
                    let Some((_, record)) = known else { return Ok(()) };
                    door.check_own(caller, attribute(new).as_bytes(), Some(record))?;
                    door.check_own(caller, attribute(old).as_bytes(), None)
                }
            }
        });
        match refused.err()? {
            // With the password alone the reason is another one.
            Refusal::NotInvited(_) if !self.listed.enrolment.is_enrolled() => Some(
                "there is no open invitation, which it takes unless fido_self_enrol of the realm is password; if it is, \
                 kadmind's log on the KDC says why"
                    .to_owned(),
            ),
            cause => Some(cause.to_string()),
        }
    }

    fn with_door<T>(&self, ask: impl FnOnce(&Door<'_>) -> T) -> T {
        ask(&Door {
            realm: &KdcSettings::default(),
            attestation: &AttestationPolicy::default(),
            enrolment: &self.listed.enrolment,
            principal: self.listed.principal.as_bytes(),
            requires_hwauth: self.listed.flags.requires_hwauth,
            now: UtcDateTime::now(),
            skew: self.skew,
        })
    }
}
