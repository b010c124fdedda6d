//! Whether a new record may be stored: one place for every command that stores some.

use std::{collections::HashSet, fs};

use krb5_fido_protocol::fido::{
    admission::{check_registration, read_policy},
    attestation::AttestationPolicy,
    label::Label,
    record::CredentialRecord,
};
use time::UtcDateTime;

use crate::{
    Error, Keys,
    store::{Place, Store},
};

/// What is demanded of new keys.
pub(crate) struct Gate {
    /// How many a principal may have.
    max: usize,
    /// Who has to vouch for them.
    attestation: AttestationPolicy,
    /// Registrations are not verified again.
    passes_registered: bool,
}

impl Gate {
    /// Where kadmind is asked, it sees to everything itself.
    pub(crate) fn of(keys: &Keys<'_>) -> Result<Self, Error> {
        match keys.place {
            Place::Kdc(store) => Self::read(store),
            Place::Kadmind { .. } => Ok(Self {
                max: usize::MAX,
                attestation: AttestationPolicy::default(),
                passes_registered: false,
            }),
        }
    }

    fn read(store: &Store) -> Result<Self, Error> {
        let admission = store.settings()?.admission;
        let attestation = read_policy(&admission, |path| fs::read_to_string(path))?;
        Ok(Self {
            max: admission.max_credentials,
            attestation,
            passes_registered: false,
        })
    }

    /// The same for records that were registered before, perhaps under another name of the principal: where nobody has to vouch
    /// for keys, what they carry is not looked at.
    pub(crate) fn of_registered(keys: &Keys<'_>) -> Result<Self, Error> {
        let gate = Self::of(keys)?;
        let passes_registered = gate.attestation.takes_all();
        Ok(Self {
            passes_registered,
            ..gate
        })
    }

    /// Refuses a record that its principal must not have besides the `others`, which are all the readable records that it has
    /// then, and as many as are `garbled`; and one that nobody vouches for who counts.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`], [`Error::TooManyKeys`], [`Error::NotAttested`].
    pub(crate) fn admit<'a>(
        &self,
        principal: &str,
        record: &CredentialRecord,
        others: impl IntoIterator<Item = &'a (Label, CredentialRecord)>,
        garbled: usize,
    ) -> Result<(), Error> {
        let mut ids = HashSet::new();
        for (label, other) in others {
            if other.id() == record.id() {
                return Err(Error::AlreadyRegistered {
                    principal: principal.to_owned(),
                    label: label.to_string(),
                });
            }
            ids.insert(other.id());
        }
        if ids.len().saturating_add(garbled) >= self.max {
            return Err(Error::TooManyKeys {
                principal: principal.to_owned(),
                max: self.max,
            });
        }
        if self.passes_registered {
            return Ok(());
        }
        check_registration(
            record,
            principal.as_bytes(),
            &self.attestation,
            UtcDateTime::now(),
        )
        .map_err(|cause| Error::NotAttested { cause })
    }
}
