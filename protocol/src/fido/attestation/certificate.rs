//! Attestation certificates: what WebAuthn demands of them, and what people want to see of them.

use core::{fmt, time::Duration};

use x509_cert::{
    TbsCertificate,
    certificate::Version,
    der::{
        Decode, Sequence,
        asn1::{ObjectIdentifier, OctetStringRef, UintRef},
    },
    ext::{
        Extension,
        pkix::{
            BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
            name::{DirectoryString, GeneralName},
        },
    },
    name::Name,
};

use super::refusal::StatementError;
use crate::{
    fido::{
        authenticator_data::Aaguid,
        cose::{Algorithm, PublicKey},
        verify::UNCOMPRESSED,
    },
    registry::{CERTIFICATE_MAX, CERTIFICATES_MAX},
};

/// id-fido-gen-ce-aaguid (WebAuthn Level 3 section 8.2.1).
const AAGUID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");

// RFC 5280 section 4.2.1.
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

/// tcg-kp-AIKCertificate (WebAuthn Level 3 section 8.3.1).
const AIK_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.8.3");

/// Attributes of a TPM (TCG EK Credential Profile 2.0 section 3.2.9), and what messages call them.
const TPM_ATTRIBUTES: [(ObjectIdentifier, &str); 3] = [
    (ObjectIdentifier::new_unwrap("2.23.133.2.1"), "manufacturer"),
    (ObjectIdentifier::new_unwrap("2.23.133.2.2"), "model"),
    (ObjectIdentifier::new_unwrap("2.23.133.2.3"), "version"),
];

// Attributes of names (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// The unit of every `packed` attestation certificate (WebAuthn Level 3 section 8.2.1).
const ATTESTATION_UNIT: &str = "Authenticator Attestation";

// Keys (RFC 3279 section 2.3, RFC 5480 section 2.1.1, RFC 8410 section 3).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Characters of a common name that are shown (RFC 5280 appendix A.1, ub-common-name).
const COMMON_NAME_MAX: usize = 64;

/// A certificate, taken apart. Displays subject and issuer by their common names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Box<x509_cert::Certificate>);

impl Certificate {
    /// Reads a certificate of at most [`CERTIFICATE_MAX`] bytes, the one at `position` in its statement. Strict DER: the
    /// U2F certificates with wrong unused bits, which were made before 2014, are malformed.
    ///
    /// # Errors
    /// [`StatementError::CertificateTooLong`], [`StatementError::MalformedCertificate`].
    pub fn parse(der: &[u8], position: usize) -> Result<Self, StatementError> {
        if der.len() > CERTIFICATE_MAX {
            return Err(StatementError::CertificateTooLong(position));
        }
        let certificate = x509_cert::Certificate::from_der(der);
        let certificate = certificate.map_err(|_| StatementError::MalformedCertificate(position))?;
        Ok(Self(Box::new(certificate)))
    }

    /// When it begins to be valid and when it ends, since 1970.
    pub(super) fn validity(&self) -> (Duration, Duration) {
        let validity = self.fields().validity();
        (
            validity.not_before.to_unix_duration(),
            validity.not_after.to_unix_duration(),
        )
    }

    /// How many certificates may stand between it and an attestation certificate; `None` if it must not certify others.
    pub(super) fn path_length(&self) -> Option<usize> {
        let constraints: BasicConstraints = self.decode_extension(BASIC_CONSTRAINTS).ok()??;
        let usage: Option<KeyUsage> = self.decode_extension(KEY_USAGE).ok()?;
        let may_certify = constraints.ca && usage.is_none_or(|usage| usage.key_cert_sign());
        let length = constraints
            .path_len_constraint
            .map_or(CERTIFICATES_MAX, usize::from);
        may_certify.then_some(length)
    }

    /// Its key, if that is one of `algorithm`.
    ///
    /// # Errors
    /// [`StatementError::CertificateKey`].
    pub(super) fn public_key(&self, algorithm: Algorithm) -> Result<PublicKey, StatementError> {
        let key = match algorithm {
            Algorithm::Es256 => self
                .point(P256)
                .and_then(|(x, y)| PublicKey::from_point(algorithm, x, y)),
            Algorithm::Es384 => self
                .point(P384)
                .and_then(|(x, y)| PublicKey::from_point(algorithm, x, y)),
            Algorithm::EdDsa => self.key_bits(ED25519).and_then(PublicKey::from_ed25519),
            Algorithm::Rs256 => self.key_bits(RSA).and_then(parse_rsa),
        };
        key.ok_or(StatementError::CertificateKey)
    }

    fn fields(&self) -> &TbsCertificate {
        self.0.tbs_certificate()
    }

    fn key_bits(&self, algorithm: ObjectIdentifier) -> Option<&[u8]> {
        let key = self.fields().subject_public_key_info();
        let bits = key.subject_public_key.as_bytes();
        bits.filter(|_| key.algorithm.oid == algorithm)
    }

    /// The coordinates of a point of this curve.
    fn point(&self, curve: ObjectIdentifier) -> Option<(&[u8], &[u8])> {
        let parameters = self
            .fields()
            .subject_public_key_info()
            .algorithm
            .parameters
            .as_ref()?;
        if parameters.decode_as::<ObjectIdentifier>().ok()? != curve {
            return None;
        }
        let coordinates = self.key_bits(EC)?.strip_prefix(UNCOMPRESSED)?;
        coordinates.split_at_checked(coordinates.len() / 2)
    }

    /// The requirements of `packed` (WebAuthn Level 3 section 8.2.1).
    pub(super) fn check_packed(&self, aaguid: Aaguid) -> Result<(), StatementError> {
        // "Version MUST be set to 3."
        self.check_version()?;
        // "Subject field MUST be set to": C, O, OU and CN.
        let subject = self.fields().subject();
        let country = first_text(subject, COUNTRY);
        if !country.is_some_and(|country| {
            country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic())
        }) {
            return Err(StatementError::Subject("country"));
        }
        first_text(subject, ORGANIZATION).ok_or(StatementError::Subject("organization"))?;
        first_text(subject, COMMON_NAME).ok_or(StatementError::Subject("common name"))?;
        if !texts(subject, UNIT).any(|unit| unit == ATTESTATION_UNIT) {
            return Err(StatementError::SubjectUnit);
        }
        // "The Basic Constraints extension MUST have the CA component set to false."
        self.check_no_ca()?;
        // "If the related attestation root certificate is used for multiple authenticator models": checked if it is there.
        self.check_aaguid(aaguid)
    }

    /// The requirements of `tpm` (WebAuthn Level 3 section 8.3.1).
    pub(super) fn check_aik(&self, aaguid: Aaguid) -> Result<(), StatementError> {
        // "Version MUST be set to 3."
        self.check_version()?;
        // "Subject field MUST be set to empty."
        if !self.fields().subject().is_empty() {
            return Err(StatementError::AikSubject);
        }
        // "The Subject Alternative Name extension MUST be set as defined in [TPMv2-EK-Profile] section 3.2.9."
        let names: Option<SubjectAltName> = self.decode_extension(SUBJECT_ALTERNATIVE_NAME)?;
        let names = names.map_or_else(Vec::new, |names| names.0);
        for (attribute, description) in TPM_ATTRIBUTES {
            if !names.iter().any(|name| has_attribute(name, attribute)) {
                return Err(StatementError::AikName(description));
            }
        }
        // "The Extended Key Usage extension MUST contain the OID 2.23.133.8.3."
        let usages: Option<ExtendedKeyUsage> = self.decode_extension(EXTENDED_KEY_USAGE)?;
        if !usages.is_some_and(|usages| usages.0.contains(&AIK_CERTIFICATE)) {
            return Err(StatementError::AikUsage);
        }
        // "The Basic Constraints extension MUST have the CA component set to false."
        self.check_no_ca()?;
        // "If attestnCert contains an extension with OID id-fido-gen-ce-aaguid": section 8.3, at the end of the procedure.
        self.check_aaguid(aaguid)
    }

    fn check_version(&self) -> Result<(), StatementError> {
        match self.fields().version() {
            Version::V3 => Ok(()),
            Version::V1 | Version::V2 => Err(StatementError::CertificateVersion),
        }
    }

    fn check_no_ca(&self) -> Result<(), StatementError> {
        let constraints: Option<BasicConstraints> = self.decode_extension(BASIC_CONSTRAINTS)?;
        match constraints {
            Some(constraints) if constraints.ca => Err(StatementError::CertificateIsCa),
            _ => Ok(()),
        }
    }

    fn check_aaguid(&self, aaguid: Aaguid) -> Result<(), StatementError> {
        let Some(extension) = self.extension(AAGUID)? else {
            return Ok(());
        };
        // "The extension MUST NOT be marked as critical."
        if extension.critical {
            return Err(StatementError::AaguidCritical);
        }
        let malformed = StatementError::MalformedCertificate(1);
        let value = <&OctetStringRef>::from_der(extension.extn_value.as_bytes()).map_err(|_| malformed)?;
        let value = Aaguid(value.as_bytes().try_into().map_err(|_| malformed)?);
        if value != aaguid {
            return Err(StatementError::AaguidMismatch(value));
        }
        Ok(())
    }

    fn decode_extension<'a, T: Decode<'a>>(
        &'a self,
        identifier: ObjectIdentifier,
    ) -> Result<Option<T>, StatementError> {
        let Some(extension) = self.extension(identifier)? else {
            return Ok(None);
        };
        let decoded = T::from_der(extension.extn_value.as_bytes());
        decoded
            .map(Some)
            .map_err(|_| StatementError::MalformedCertificate(1))
    }

    /// "A certificate MUST NOT include more than one instance of a particular extension." (RFC 5280 section 4.2)
    fn extension(&self, identifier: ObjectIdentifier) -> Result<Option<&Extension>, StatementError> {
        let extensions = self.fields().extensions().into_iter().flatten();
        let mut wanted = extensions.filter(|extension| extension.extn_id == identifier);
        match (wanted.next(), wanted.next()) {
            (_, Some(_)) => Err(StatementError::MalformedCertificate(1)),
            (found, None) => Ok(found),
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_common_name(formatter, self.fields().subject())?;
        formatter.write_str(", issued by ")?;
        write_common_name(formatter, self.fields().issuer())
    }
}

/// In quotation marks, with what is not printable escaped.
fn write_common_name(formatter: &mut fmt::Formatter<'_>, name: &Name) -> fmt::Result {
    let Some(name) = first_text(name, COMMON_NAME) else {
        return formatter.write_str("no common name");
    };
    let shown: String = name.chars().take(COMMON_NAME_MAX).collect();
    let rest = if shown.len() < name.len() { "..." } else { "" };
    write!(formatter, "{shown:?}{rest}")
}

/// An RSAPublicKey (RFC 8017 appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn parse_rsa(key: &[u8]) -> Option<PublicKey> {
    let key = RsaPublicKey::from_der(key).ok()?;
    PublicKey::from_rsa(key.modulus.as_bytes(), key.exponent.as_bytes())
}

fn has_attribute(name: &GeneralName, attribute: ObjectIdentifier) -> bool {
    match name {
        GeneralName::DirectoryName(name) => first_text(name, attribute).is_some(),
        _ => false,
    }
}

/// The first value of this attribute, unless it is empty or no text.
fn first_text(name: &Name, attribute: ObjectIdentifier) -> Option<String> {
    texts(name, attribute).next().filter(|text| !text.is_empty())
}

fn texts(name: &Name, attribute: ObjectIdentifier) -> impl Iterator<Item = String> {
    let values = name.iter().filter(move |value| value.oid == attribute);
    values.filter_map(|value| {
        let text = value.value.decode_as::<DirectoryString>().ok()?;
        Some(text.value().into_owned())
    })
}
