//! Attestation objects (WebAuthn Level 3 section 6.5.4): what a registration gives.
//!
//! ```text
//! {"fmt": text, "attStmt": map, "authData": bytes}
//! ```
//!
//! Members may come in any order, and numbers and lengths in any size; what has another type, stands twice, is not known
//! or follows behind is refused. Statements are taken apart here. [`AttestationObject::verify`] looks at signature and
//! attestation certificate, and [`AttestationPolicy::verify`] also at who issued it.

mod certificate;
mod refusal;
mod tpm;
mod trust;
mod verify;

use minicbor::Decoder;

use super::{
    authenticator_data::{AttestedCredential, AuthenticatorData, parse_registration},
    cbor::{DEPTH_MAX, skip_value, split_map},
    cose::PublicKey,
};
use crate::{
    Error,
    registry::{ATTESTATION_MAX, FORMAT_FIDO_U2F, FORMAT_NONE, FORMAT_PACKED, FORMAT_TPM},
};

pub use certificate::Certificate;
pub use refusal::{RootsError, StatementError};
pub use trust::{AttestationPolicy, AttestationRoots};
pub use verify::{Attested, Chain};

/// The one `ver` of a TPM statement (WebAuthn Level 3 section 8.3).
const TPM_VERSION: &str = "2.0";

/// Why an attestation object was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError<'a> {
    /// Its format is another than those of [`Statement`]: 1 to 32 printable ASCII characters.
    #[error("attestation statement format {0} is not supported by this version")]
    UnsupportedFormat(&'a str),
    /// It is malformed, or its credential refused.
    #[error(transparent)]
    Protocol(#[from] Error),
}

/// An attestation object, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationObject<'a> {
    /// The authenticator data as they were signed, with the client data hash behind them.
    pub authenticator_data: &'a [u8],
    /// Their first 37 bytes.
    pub data: AuthenticatorData,
    /// The new credential.
    pub credential: AttestedCredential<'a>,
    /// Its public key.
    pub public_key: PublicKey,
    /// Who vouches for it.
    pub statement: Statement<'a>,
}

/// An attestation statement, one variant per format. Algorithms are numbers of the IANA COSE registry: a certificate's key
/// may have one that no credential may have, which
/// [`AttestationObject::verify`] refuses. Certificates are DER, the attestation certificate first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement<'a> {
    /// `none` (WebAuthn Level 3 section 8.7): nobody.
    None,
    /// `packed` without certificates (section 8.2): the credential itself.
    PackedSelf {
        /// The algorithm of the signature, which has to be the credential's.
        algorithm: i64,
        /// Over authenticator data and client data hash, with the credential's own key.
        signature: &'a [u8],
    },
    /// `packed` with certificates (section 8.2).
    Packed {
        /// The algorithm of the signature.
        algorithm: i64,
        /// Over authenticator data and client data hash.
        signature: &'a [u8],
        /// At least one.
        certificates: Vec<&'a [u8]>,
    },
    /// `tpm` of version 2.0 (section 8.3).
    Tpm {
        /// The algorithm of the signature.
        algorithm: i64,
        /// Over `certified`, as in the other formats: the specification calls it a TPMT_SIGNATURE, and its vectors have none.
        signature: &'a [u8],
        /// At least one.
        certificates: Vec<&'a [u8]>,
        /// `certInfo`, a TPMS_ATTEST.
        certified: &'a [u8],
        /// `pubArea`, the TPMT_PUBLIC of the credential's key.
        public_area: &'a [u8],
    },
    /// `fido-u2f` (section 8.6).
    FidoU2f {
        /// Over the registration data of U2F, of ES256.
        signature: &'a [u8],
        /// The only one.
        certificate: &'a [u8],
    },
}

impl<'a> AttestationObject<'a> {
    /// Reads an attestation object of at most [`ATTESTATION_MAX`] bytes.
    ///
    /// # Errors
    /// In the order of the checks: [`Error::AttestationTooLong`]; [`Error::MalformedAttestation`],
    /// [`Error::AttestationMemberRepeated`]; [`AttestationError::UnsupportedFormat`]; [`Error::MalformedStatement`];
    /// [`Error::MalformedAuthenticatorData`], also if they attest no credential; those of [`PublicKey::parse`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AttestationError<'a>> {
        if bytes.len() > ATTESTATION_MAX {
            return Err(Error::AttestationTooLong.into());
        }
        let malformed = Error::MalformedAttestation;
        let (object, trailing) = split_map(bytes).ok_or(malformed)?;
        if !trailing.is_empty() {
            return Err(malformed.into());
        }
        let [format, statement, data] = read_members(object, ["fmt", "attStmt", "authData"], malformed)?;
        let format = format.and_then(read_text).ok_or(malformed)?;
        let statement = statement.filter(|value| is_map(value)).ok_or(malformed)?;
        let authenticator_data = data.and_then(read_bytes).ok_or(malformed)?;

        let statement = Statement::parse(format, statement)?;
        let (data, credential) = parse_registration(authenticator_data)?;
        Ok(Self {
            authenticator_data,
            data,
            public_key: PublicKey::parse(credential.public_key)?,
            credential,
            statement,
        })
    }
}

impl<'a> Statement<'a> {
    /// The format, as `fmt` and records have it.
    pub const fn format(&self) -> &'static str {
        match self {
            Self::None => FORMAT_NONE,
            Self::PackedSelf { .. } | Self::Packed { .. } => FORMAT_PACKED,
            Self::Tpm { .. } => FORMAT_TPM,
            Self::FidoU2f { .. } => FORMAT_FIDO_U2F,
        }
    }

    fn parse(format: &'a str, map: &'a [u8]) -> Result<Self, AttestationError<'a>> {
        let statement = match format {
            FORMAT_NONE => parse_none(map),
            FORMAT_PACKED => parse_packed(map),
            FORMAT_TPM => parse_tpm(map),
            FORMAT_FIDO_U2F => parse_fido_u2f(map),
            other if is_format_name(other) => return Err(AttestationError::UnsupportedFormat(other)),
            _ => Err(Error::MalformedAttestation),
        };
        Ok(statement?)
    }
}

fn parse_none(map: &[u8]) -> Result<Statement<'_>, Error> {
    let [] = read_members(map, [], Error::MalformedStatement(FORMAT_NONE))?;
    Ok(Statement::None)
}

fn parse_packed(map: &[u8]) -> Result<Statement<'_>, Error> {
    let malformed = Error::MalformedStatement(FORMAT_PACKED);
    let [algorithm, signature, certificates] = read_members(map, ["alg", "sig", "x5c"], malformed)?;
    let algorithm = algorithm.and_then(read_integer).ok_or(malformed)?;
    let signature = signature.and_then(read_bytes).ok_or(malformed)?;
    match certificates {
        None => Ok(Statement::PackedSelf { algorithm, signature }),
        Some(certificates) => Ok(Statement::Packed {
            algorithm,
            signature,
            certificates: read_certificates(certificates).ok_or(malformed)?,
        }),
    }
}

fn parse_tpm(map: &[u8]) -> Result<Statement<'_>, Error> {
    let malformed = Error::MalformedStatement(FORMAT_TPM);
    let names = ["ver", "alg", "sig", "x5c", "certInfo", "pubArea"];
    let [
        version,
        algorithm,
        signature,
        certificates,
        certified,
        public_area,
    ] = read_members(map, names, malformed)?;
    if version.and_then(read_text) != Some(TPM_VERSION) {
        return Err(malformed);
    }
    Ok(Statement::Tpm {
        algorithm: algorithm.and_then(read_integer).ok_or(malformed)?,
        signature: signature.and_then(read_bytes).ok_or(malformed)?,
        certificates: certificates.and_then(read_certificates).ok_or(malformed)?,
        certified: certified.and_then(read_bytes).ok_or(malformed)?,
        public_area: public_area.and_then(read_bytes).ok_or(malformed)?,
    })
}

fn parse_fido_u2f(map: &[u8]) -> Result<Statement<'_>, Error> {
    let malformed = Error::MalformedStatement(FORMAT_FIDO_U2F);
    let [signature, certificates] = read_members(map, ["sig", "x5c"], malformed)?;
    let signature = signature.and_then(read_bytes).ok_or(malformed)?;
    // "Check that x5c has exactly one element."
    match certificates.and_then(read_certificates).as_deref() {
        Some([certificate]) => Ok(Statement::FidoU2f {
            signature,
            certificate,
        }),
        _ => Err(malformed),
    }
}

/// The values of the members with these names, each as it is encoded, if it is there. `malformed` is what any other member
/// means.
fn read_members<'a, const COUNT: usize>(
    map: &'a [u8],
    names: [&str; COUNT],
    malformed: Error,
) -> Result<[Option<&'a [u8]>; COUNT], Error> {
    let mut decoder = Decoder::new(map);
    let count = decoder.map().ok().flatten().ok_or(malformed)?;
    let mut values = [None; COUNT];
    for _ in 0..count {
        let name = decoder.str().map_err(|_| malformed)?;
        let value = read_value(&mut decoder).ok_or(malformed)?;
        let mut slots = names.iter().zip(&mut values);
        let (_, slot) = slots.find(|(known, _)| **known == name).ok_or(malformed)?;
        if slot.replace(value).is_some() {
            return Err(Error::AttestationMemberRepeated);
        }
    }
    Ok(values)
}

/// The encoding of the value that comes next.
fn read_value<'a>(decoder: &mut Decoder<'a>) -> Option<&'a [u8]> {
    let start = decoder.position();
    skip_value(decoder, DEPTH_MAX)?;
    decoder.input().get(start..decoder.position())
}

fn is_map(value: &[u8]) -> bool {
    split_map(value).is_some()
}

fn read_text(value: &[u8]) -> Option<&str> {
    Decoder::new(value).str().ok()
}

fn read_bytes(value: &[u8]) -> Option<&[u8]> {
    Decoder::new(value).bytes().ok()
}

fn read_integer(value: &[u8]) -> Option<i64> {
    Decoder::new(value).i64().ok()
}

/// An `x5c`: byte strings, at least one, none of them empty.
fn read_certificates(value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut decoder = Decoder::new(value);
    let count = decoder.array().ok()??;
    let mut certificate = || decoder.bytes().ok().filter(|bytes| !bytes.is_empty());
    let certificates: Vec<_> = (0..count).map(|_| certificate()).collect::<Option<_>>()?;
    (!certificates.is_empty()).then_some(certificates)
}

/// The longest name of a format, in bytes (WebAuthn Level 3 section 8.1).
const FORMAT_NAME_MAX: usize = 32;

/// Printable ASCII without blank, quotation mark and backslash (section 8.1): such a name may be shown.
fn is_format_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=FORMAT_NAME_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
