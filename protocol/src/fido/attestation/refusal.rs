//! Why an attestation was refused.

use crate::{
    Error,
    fido::authenticator_data::Aaguid,
    registry::{CERTIFICATE_MAX, CERTIFICATES_MAX},
};

/// One variant per cause. The texts are for logs: none carries anything unbounded. Certificates are counted from 1, the
/// attestation certificate being the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The algorithm of the statement is unknown, or known and never allowed.
    #[error("attestation signature: {0}")]
    Algorithm(Error),
    /// Self attestation whose algorithm is not that of the credential.
    #[error("self attestation names another algorithm than its credential's")]
    AlgorithmMismatch,
    /// The signature does not verify.
    #[error("attestation signature does not verify: other data, or another key")]
    BadSignature,

    /// More than [`CERTIFICATES_MAX`].
    #[error("attestation statement with more than {CERTIFICATES_MAX} certificates")]
    TooManyCertificates,
    /// More than [`CERTIFICATE_MAX`] bytes.
    #[error("certificate {0} of the attestation statement has more than {CERTIFICATE_MAX} bytes")]
    CertificateTooLong(usize),
    /// Not strict DER of a certificate, or with an extension that is malformed or stands twice.
    #[error("certificate {0} of the attestation statement is malformed")]
    MalformedCertificate(usize),
    /// Not of version 3 (WebAuthn Level 3 sections 8.2.1 and 8.3.1).
    #[error("attestation certificate is not of version 3")]
    CertificateVersion,
    /// Its key is not one of the statement's algorithm.
    #[error("attestation certificate's key is not one of the statement's algorithm")]
    CertificateKey,
    /// The subject has no country of two letters, organization or common name, or an empty one (section 8.2.1).
    #[error("attestation certificate's subject has no {0}")]
    Subject(&'static str),
    /// The subject's unit is not "Authenticator Attestation" (section 8.2.1).
    #[error("attestation certificate's subject does not have the unit Authenticator Attestation")]
    SubjectUnit,
    /// It may certify others (sections 8.2.1 and 8.3.1).
    #[error("attestation certificate is one of a certificate authority")]
    CertificateIsCa,
    /// The extension with the AAGUID is critical (section 8.2.1).
    #[error("attestation certificate marks the AAGUID as critical")]
    AaguidCritical,
    /// The extension with the AAGUID has another than the authenticator data.
    #[error("attestation certificate is for authenticator model {0}, which is not the credential's")]
    AaguidMismatch(Aaguid),

    /// The credential of a `fido-u2f` statement is not one of P-256.
    #[error("U2F attestation of a credential that is not ES256")]
    U2fCredential,

    /// `certInfo` is no TPMS_ATTEST.
    #[error("TPM attestation: malformed certInfo")]
    TpmMalformedCertified,
    /// `pubArea` is no TPMT_PUBLIC of a signature key whose algorithm and parameters a credential may have.
    #[error("TPM attestation: malformed or unsupported pubArea")]
    TpmMalformedPublicArea,
    /// What was signed does not begin as what a TPM makes itself.
    #[error("TPM attestation: certInfo was not made by a TPM")]
    TpmMagic,
    /// A TPM vouches for something else than a key.
    #[error("TPM attestation: certInfo does not certify a key")]
    TpmType,
    /// The TPM was given other data to sign along.
    #[error("TPM attestation: certInfo is for another registration")]
    TpmExtraData,
    /// The hash algorithm of the name is unknown or too weak.
    #[error("TPM attestation: names made by hash algorithm {0:#06x} are not supported by this version")]
    TpmNameAlgorithm(u16),
    /// The TPM vouches for another key than that of `pubArea`.
    #[error("TPM attestation: certInfo certifies another key than that of pubArea")]
    TpmName,
    /// The key of `pubArea` is not the credential's.
    #[error("TPM attestation: pubArea has another key than the credential")]
    TpmKey,
    /// The certificate of the attestation key names a subject (WebAuthn Level 3 section 8.3.1).
    #[error("TPM attestation: the certificate's subject is not empty")]
    AikSubject,
    /// It names no manufacturer, model or version of a TPM as alternative name.
    #[error("TPM attestation: the certificate's alternative name has no TPM {0}")]
    AikName(&'static str),
    /// It is not for attestation keys: tcg-kp-AIKCertificate is not among its extended key usages.
    #[error("TPM attestation: the certificate is not one for attestation keys")]
    AikUsage,

    /// Roots are set, and nobody vouches for the credential.
    #[error("no attestation, and the realm demands one that a trusted root vouches for")]
    NotAttested,
    /// Roots are set, and the credential vouches for itself.
    #[error("self attestation, and the realm demands one that a trusted root vouches for")]
    SelfAttested,
    /// The chain ends in none of the roots, or a certificate between is missing.
    #[error("attestation certificate does not chain to a trusted root")]
    UnknownRoot,
    /// A certificate of the chain, or its root, has expired.
    #[error("a certificate of the attestation chain, or its root, has expired")]
    Expired,
    /// A certificate of the chain, or its root, is not valid yet.
    #[error("a certificate of the attestation chain, or its root, is not valid yet")]
    NotYetValid,
    /// A certificate between was not signed by the next.
    #[error("a signature in the attestation chain does not verify")]
    ChainSignature,
    /// SHA-1, RSA below 2048 bits, and what else is not supported.
    #[error("a signature algorithm in the attestation chain is not supported by this version")]
    ChainAlgorithm,
    /// A certificate in the chain, or the root, must not certify others.
    #[error("a certificate of the attestation chain was issued by one that is no certificate authority's")]
    IssuerNotCa,
    /// More certificates between than one of the chain, the root, or webpki allows.
    #[error("attestation chain longer than allowed")]
    ChainTooLong,
    /// A critical extension that is not understood.
    #[error(
        "a certificate of the attestation chain has a critical extension that is not supported by this version"
    )]
    CriticalExtension,
    /// A name constraint violated, a search too long, or something malformed further up.
    #[error("attestation chain is malformed or violates its own constraints")]
    Chain,
    /// AAGUIDs are set, and this is none of them.
    #[error("authenticator model {0} is not among those that the realm allows")]
    AaguidNotAllowed(Aaguid),
    /// A U2F key has no AAGUID, and what it signs holds none.
    #[error("U2F attestation names an authenticator model, which nobody vouches for")]
    UnattestedAaguid,
}

/// Why a file of roots was refused. Certificates are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// A line `-----BEGIN CERTIFICATE-----` without its end, or not base64 between.
    #[error("certificate {0} is not PEM")]
    Pem(usize),
    /// More than [`CERTIFICATE_MAX`] bytes, or not strict DER of a certificate.
    #[error("certificate {0} is malformed or has more than {CERTIFICATE_MAX} bytes")]
    Certificate(usize),
    /// No certificate at all.
    #[error("no certificate in it")]
    Empty,
}
