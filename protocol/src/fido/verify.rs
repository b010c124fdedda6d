//! What the KDC checks in an assertion, and the enrolment tool in a registration.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use sha2::{Digest, Sha256};

use super::{
    authenticator_data::{Aaguid, AuthenticatorData, Flags, parse_assertion, parse_registration},
    client_data::{FidoClientData, Purpose},
    cose::{Algorithm, Parameters, PublicKey},
    counter::{self, CounterPolicy, LastUse, Progress},
    factor::{FidoAssertion, UserVerification},
    label::Label,
    record::{CredentialRecord, Requirements},
};
use crate::{Error, VerifiedFactor, registry::FIDO_NONCE_LEN};

/// First byte of an uncompressed point (SEC 1 section 2.3.3).
pub(super) const UNCOMPRESSED: &[u8] = b"\x04";

/// The login that an assertion has to be made for.
#[derive(Clone, Debug)]
pub struct AssertionContext<'a> {
    /// The client principal of the request, unparsed.
    pub principal: &'a [u8],
    /// The nonce of the challenge.
    pub nonce: &'a [u8; FIDO_NONCE_LEN],
    /// The final SPAKE transcript hash.
    pub transcript: &'a [u8],
    /// SHA-256 of the KDC-REQ-BODY that carried the assertion, the inner one under FAST.
    pub request_hash: [u8; 32],
    /// What the credential must satisfy.
    pub required: Requirements<'a>,
}

/// An assertion that passed all checks but that of its counter.
pub struct Signed {
    public_key: Vec<u8>,
    label: Label,
    aaguid: Option<Aaguid>,
    flags: Flags,
    /// The counter of the record.
    recorded: u32,
    received: LastUse,
}

impl Signed {
    /// The public key that it verifies with, as a COSE_Key.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Judges the counter, the last check. `last` is the credential's last use at this KDC; what that is from now on is to be
    /// stored before anything else comes of the assertion.
    ///
    /// # Errors
    /// [`Error::CounterNotIncreased`].
    pub fn judge(&self, policy: CounterPolicy, last: Option<&LastUse>) -> Result<(Accepted, LastUse), Error> {
        let (progress, last) = counter::judge(policy, self.recorded, last, &self.received)?;
        let accepted = Accepted {
            factor: VerifiedFactor::fido(self.flags.is_user_verified()),
            label: self.label.clone(),
            aaguid: self.aaguid,
            counter: self.received.counter,
            progress,
            flags: self.flags,
        };
        Ok((accepted, last))
    }
}

/// An assertion that passed all checks.
pub struct Accepted {
    /// What `K'[0]` is derived from; it also tells whether the key verified its user.
    pub factor: VerifiedFactor,
    /// The credential that was used.
    pub label: Label,
    /// The model of its key, if the record tells.
    pub aaguid: Option<Aaguid>,
    /// The signature counter received.
    pub counter: u32,
    /// What it says.
    pub progress: Progress,
    /// The flags that the key signed.
    pub flags: Flags,
}

/// What can be said of an assertion that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// The credential, if the principal has it.
    pub label: Option<Label>,
    /// The model of its key, if the record tells.
    pub aaguid: Option<Aaguid>,
    /// What the authenticator data claim, if they can be read.
    pub flags: Option<Flags>,
    /// The counter in them.
    pub counter: Option<u32>,
}

impl Presented {
    /// Looks at an assertion, without believing it.
    pub fn of(credentials: &[(Label, CredentialRecord)], assertion: &FidoAssertion) -> Self {
        let mut credentials = credentials.iter();
        let known = credentials.find(|(_, record)| record.id() == assertion.credential_id);
        let data = parse_assertion(&assertion.authenticator_data).ok();
        Self {
            label: known.map(|(label, _)| label.clone()),
            aaguid: known.and_then(|(_, record)| record.aaguid()),
            flags: data.as_ref().map(|data| data.flags),
            counter: data.map(|data| data.counter),
        }
    }
}

/// Verifies an assertion against all credentials of the principal, usable or not, and its counter against that of the record.
///
/// # Errors
/// Those of [`verify_signed`], then [`Error::CounterNotIncreased`].
pub fn verify_assertion(
    credentials: &[(Label, CredentialRecord)],
    assertion: &FidoAssertion,
    context: &AssertionContext<'_>,
) -> Result<Accepted, Error> {
    let signed = verify_signed(credentials, assertion, context)?;
    signed
        .judge(CounterPolicy::Strict, None)
        .map(|(accepted, _)| accepted)
}

/// Verifies all but the counter.
///
/// # Errors
/// In the order of the checks: [`Error::UnknownCredential`]; [`Error::CredentialDisabled`],
/// [`Error::CredentialExpired`], [`Error::AlgorithmNotAllowed`], [`Error::CannotVerifyUser`];
/// [`Error::MalformedAuthenticatorData`]; [`Error::RpIdMismatch`]; [`Error::UserNotPresent`];
/// [`Error::UserNotVerified`]; [`Error::BadSignature`].
pub fn verify_signed(
    credentials: &[(Label, CredentialRecord)],
    assertion: &FidoAssertion,
    context: &AssertionContext<'_>,
) -> Result<Signed, Error> {
    let (label, record) = credentials
        .iter()
        .find(|(_, record)| record.id() == assertion.credential_id)
        .ok_or(Error::UnknownCredential)?;
    let uv = check_all_usable(credentials, record.id(), &context.required)?;
    let client_data = FidoClientData {
        principal: context.principal,
        rp_id: record.rp_id(),
        nonce: context.nonce,
        purpose: Purpose::Assertion {
            transcript: context.transcript,
            request: &context.request_hash,
        },
    };
    let hash = client_data.hash()?;
    let data = verify_signed_data(record, uv, assertion, &hash)?;
    Ok(Signed {
        public_key: record.public_key().encode(),
        label: label.clone(),
        aaguid: record.aaguid(),
        flags: data.flags,
        recorded: record.counter(),
        received: LastUse {
            counter: data.counter,
            digest: counter::digest(&hash, assertion),
        },
    })
}

/// Checks every record of a credential: one of them may disable it, or be the strictest.
///
/// # Errors
/// Those of [`CredentialRecord::check_usable`].
fn check_all_usable(
    credentials: &[(Label, CredentialRecord)],
    id: &[u8],
    required: &Requirements<'_>,
) -> Result<UserVerification, Error> {
    let records = credentials.iter().filter(|(_, record)| record.id() == id);
    records
        .map(|(_, record)| record.check_usable(required))
        .try_fold(required.uv, |strictest, uv| Ok(strictest.max(uv?)))
}

/// The checks on what the key signed, with the client data hash at hand.
fn verify_signed_data(
    record: &CredentialRecord,
    uv: UserVerification,
    assertion: &FidoAssertion,
    client_data_hash: &[u8; 32],
) -> Result<AuthenticatorData, Error> {
    let data = parse_assertion(&assertion.authenticator_data)?;
    check_presence(&data, record.rp_id())?;
    if uv == UserVerification::Required && !data.flags.is_user_verified() {
        return Err(Error::UserNotVerified);
    }
    let signed = [&assertion.authenticator_data, &client_data_hash[..]].concat();
    verify_signature(record.public_key(), &signed, &assertion.signature)?;
    Ok(data)
}

pub(super) fn check_presence(data: &AuthenticatorData, rp_id: &str) -> Result<(), Error> {
    if data.rp_id_hash[..] != Sha256::digest(rp_id)[..] {
        return Err(Error::RpIdMismatch);
    }
    if !data.flags.is_user_present() {
        return Err(Error::UserNotPresent);
    }
    Ok(())
}

pub(super) fn verify_signature(
    public_key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let verify = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
        UnparsedPublicKey::new(algorithm, key).verify(message, signature)
    };
    match public_key.parameters() {
        Parameters::Es256 { x, y } => verify(&ECDSA_P256_SHA256_ASN1, [UNCOMPRESSED, x, y].concat()),
        Parameters::Es384 { x, y } => verify(&ECDSA_P384_SHA384_ASN1, [UNCOMPRESSED, x, y].concat()),
        Parameters::EdDsa { x } => verify(&ED25519, x.to_vec()),
        Parameters::Rs256 { modulus, exponent } => RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
    }
    .map_err(|_| Error::BadSignature)
}

/// The enrolment that a registration has to be made for.
#[derive(Clone, Debug)]
pub struct RegistrationContext<'a> {
    /// The rpId that was registered for.
    pub rp_id: &'a str,
    /// The algorithms that the realm accepts.
    pub algorithms: &'a [Algorithm],
    /// The credentials that the principal has already.
    pub registered: &'a [(Label, CredentialRecord)],
}

/// The parts of a registration that go into a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration<'a> {
    /// The credential id, 1 to 1023 bytes.
    pub id: &'a [u8],
    /// The public key.
    pub public_key: PublicKey,
    /// The model of the authenticator.
    pub aaguid: Aaguid,
    /// The signature counter.
    pub counter: u32,
    /// What happened at the key.
    pub flags: Flags,
}

/// Checks the authenticator data of a registration. The attestation statement, which signs them, is checked by
/// [`AttestationPolicy::verify`](super::attestation::AttestationPolicy::verify).
///
/// # Errors
/// In the order of the checks: [`Error::MalformedAuthenticatorData`], also for a credential id of more than 1023 bytes;
/// [`Error::RpIdMismatch`]; [`Error::UserNotPresent`]; those of [`PublicKey::parse`]; [`Error::AlgorithmNotAllowed`];
/// [`Error::CredentialAlreadyRegistered`].
pub fn verify_registration<'a>(
    authenticator_data: &'a [u8],
    context: &RegistrationContext<'_>,
) -> Result<Registration<'a>, Error> {
    let (data, credential) = parse_registration(authenticator_data)?;
    check_presence(&data, context.rp_id)?;
    let public_key = PublicKey::parse(credential.public_key)?;
    if !context.algorithms.contains(&public_key.algorithm()) {
        return Err(Error::AlgorithmNotAllowed);
    }
    if context
        .registered
        .iter()
        .any(|(_, record)| record.id() == credential.id)
    {
        return Err(Error::CredentialAlreadyRegistered);
    }
    Ok(Registration {
        id: credential.id,
        public_key,
        aaguid: credential.aaguid,
        counter: data.counter,
        flags: data.flags,
    })
}

#[cfg(test)]
mod tests;
