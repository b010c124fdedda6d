//! The registration that a record carries, verified again.

use time::UtcDateTime;

use crate::{
    Error,
    fido::{
        attestation::{AttestationError, AttestationObject, AttestationPolicy, StatementError},
        client_data::{FidoClientData, Purpose},
        record::CredentialRecord,
        verify::check_presence,
    },
};

/// Why a registration is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unregistered {
    /// The realm asks for it, and the record has none.
    #[error("fido_attestation_roots or fido_aaguids are set, and the record has no member reg")]
    Missing,
    /// The record says something else than the key did.
    #[error("the registration in the record is of another {0}")]
    Other(&'static str),
    /// It cannot be read, or the key was not touched.
    #[error("the registration in the record: {0}")]
    Refused(#[from] Error),
    /// Its statement has a format that is not known: 1 to 32 printable ASCII characters.
    #[error("attestation statement format {0} is not supported by this version")]
    UnsupportedFormat(String),
    /// Its statement does not verify, or nobody vouches for it who counts.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl From<AttestationError<'_>> for Unregistered {
    fn from(error: AttestationError<'_>) -> Self {
        match error {
            AttestationError::UnsupportedFormat(format) => Self::UnsupportedFormat(format.to_owned()),
            AttestationError::Protocol(cause) => Self::Refused(cause),
        }
    }
}

/// Verifies what a key returned when it was registered for `principal`, as far as the record carries it: client data, relying party,
/// presence, statement; that the record is of that credential; and that `policy` takes it. A record without it passes where the
/// policy takes all.
///
/// # Errors
/// [`Unregistered`].
pub fn check_registration(
    record: &CredentialRecord,
    principal: &[u8],
    policy: &AttestationPolicy,
    now: UtcDateTime,
) -> Result<(), Unregistered> {
    let Some(registration) = record.registration() else {
        return match policy.takes_all() {
            true => Ok(()),
            false => Err(Unregistered::Missing),
        };
    };
    let hash = FidoClientData {
        principal,
        rp_id: record.rp_id(),
        nonce: &registration.nonce,
        purpose: Purpose::Registration,
    }
    .hash()?;
    let object = AttestationObject::parse(&registration.attestation_object)?;
    check_presence(&object.data, record.rp_id())?;
    let members = [
        ("id", object.credential.id == record.id()),
        ("pk", &object.public_key == record.public_key()),
        (
            "aaguid",
            record
                .aaguid()
                .is_none_or(|aaguid| aaguid == object.credential.aaguid),
        ),
        (
            "fmt",
            record
                .format()
                .is_none_or(|format| format == object.statement.format()),
        ),
    ];
    if let Some((name, _)) = members.iter().find(|(_, is_same)| !is_same) {
        return Err(Unregistered::Other(name));
    }
    policy.verify(&object, &hash, now)?;
    Ok(())
}
