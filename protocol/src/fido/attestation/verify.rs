//! Verification of attestation statements (WebAuthn Level 3 sections 8.2, 8.3, 8.6 and 8.7).

use sha2::{Digest, Sha256, Sha384};

use super::{
    AttestationObject, Statement,
    certificate::Certificate,
    refusal::StatementError,
    tpm::{Certified, PublicArea},
};
use crate::{
    Error,
    fido::{
        cose::{Algorithm, Parameters, PublicKey},
        verify::{UNCOMPRESSED, verify_signature},
    },
    registry::{CERTIFICATES_MAX, COSE_EDDSA},
};

/// Who vouches for a credential, according to a statement that verifies. Whether to believe it is what
/// [`AttestationPolicy`](super::AttestationPolicy) decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attested<'a> {
    /// Nobody: every AAGUID may stand there.
    None,
    /// The credential itself: every AAGUID may stand there.
    SelfSigned,
    /// Whoever has the key of a certificate.
    Certified(Chain<'a>),
}

/// The certificates of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    /// The attestation certificate, whose key made the signature.
    pub certificate: Certificate,
    /// Its DER.
    pub der: &'a [u8],
    /// Those behind it, in any order, each of at most [`crate::registry::CERTIFICATE_MAX`] bytes; not read yet.
    pub issuers: Vec<&'a [u8]>,
}

impl<'a> Chain<'a> {
    fn parse(certificates: &[&'a [u8]]) -> Result<Self, StatementError> {
        if certificates.len() > CERTIFICATES_MAX {
            return Err(StatementError::TooManyCertificates);
        }
        let (der, issuers) = certificates
            .split_first()
            .ok_or(StatementError::MalformedCertificate(1))?;
        for (position, issuer) in (2..).zip(issuers) {
            Certificate::parse(issuer, position)?;
        }
        Ok(Self {
            certificate: Certificate::parse(der, 1)?,
            der,
            issuers: issuers.to_vec(),
        })
    }

    /// "Verify that sig is a valid signature using the attestation public key in attestnCert with the algorithm
    /// specified in alg."
    fn check_signature(
        &self,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), StatementError> {
        check_signature(&self.certificate.public_key(algorithm)?, signed, signature)
    }
}

impl<'a> AttestationObject<'a> {
    /// Verifies the statement over these authenticator data and `client_data_hash`, with the demands of its format on the
    /// attestation certificate. Neither dates nor issuers are looked at.
    ///
    /// The AAGUID of a `fido-u2f` statement is not demanded to be zero: it is not signed, and the test vector of WebAuthn
    /// Level 3 has another.
    ///
    /// # Errors
    /// Those of [`StatementError`] up to [`StatementError::AikUsage`], in the order of the steps of the specification.
    pub fn verify(&self, client_data_hash: &[u8; 32]) -> Result<Attested<'a>, StatementError> {
        let signed = [self.authenticator_data, client_data_hash].concat();
        match &self.statement {
            Statement::None => Ok(Attested::None),
            Statement::PackedSelf { algorithm, signature } => {
                // "Validate that alg matches the algorithm of the credentialPublicKey in authenticatorData."
                if *algorithm != self.public_key.algorithm().identifier() {
                    return Err(StatementError::AlgorithmMismatch);
                }
                check_signature(&self.public_key, &signed, signature)?;
                Ok(Attested::SelfSigned)
            }
            Statement::Packed {
                algorithm,
                signature,
                certificates,
            } => {
                let chain = Chain::parse(certificates)?;
                chain.check_signature(find_algorithm(*algorithm)?, &signed, signature)?;
                chain.certificate.check_packed(self.credential.aaguid)?;
                Ok(Attested::Certified(chain))
            }
            Statement::Tpm {
                algorithm,
                signature,
                certificates,
                certified,
                public_area,
            } => {
                let algorithm = find_algorithm(*algorithm)?;
                self.check_tpm(certified, public_area, &hash_for(algorithm, &signed)?)?;
                let chain = Chain::parse(certificates)?;
                chain.check_signature(algorithm, certified, signature)?;
                chain.certificate.check_aik(self.credential.aaguid)?;
                Ok(Attested::Certified(chain))
            }
            Statement::FidoU2f {
                signature,
                certificate,
            } => {
                let chain = Chain::parse(&[certificate])?;
                let signed = self.u2f_registration(client_data_hash)?;
                chain.check_signature(Algorithm::Es256, &signed, signature)?;
                Ok(Attested::Certified(chain))
            }
        }
    }

    /// The steps of section 8.3 before the signature.
    fn check_tpm(
        &self,
        certified: &[u8],
        public_area: &[u8],
        extra_data: &[u8],
    ) -> Result<(), StatementError> {
        // "Verify that the public key specified by the parameters and unique fields of pubArea is identical to the
        // credentialPublicKey in the attestedCredentialData in authenticatorData."
        let area = PublicArea::parse(public_area)?;
        if area.key != self.public_key {
            return Err(StatementError::TpmKey);
        }
        // "Verify that magic is set to TPM_GENERATED_VALUE", and type to TPM_ST_ATTEST_CERTIFY.
        let certified = Certified::parse(certified)?;
        // "Verify that extraData is set to the hash of attToBeSigned using the hash algorithm employed in alg."
        if certified.extra_data != extra_data {
            return Err(StatementError::TpmExtraData);
        }
        // "Verify that attested contains a TPMS_CERTIFY_INFO structure", with a valid name for pubArea.
        if certified.name != area.name(public_area)? {
            return Err(StatementError::TpmName);
        }
        Ok(())
    }

    /// What a U2F key signs at registration (section 8.6; FIDO U2F Raw Message Formats section 4.3).
    fn u2f_registration(&self, client_data_hash: &[u8; 32]) -> Result<Vec<u8>, StatementError> {
        let Parameters::Es256 { x, y } = self.public_key.parameters() else {
            return Err(StatementError::U2fCredential);
        };
        let parts = [
            &[0][..],
            &self.data.rp_id_hash,
            client_data_hash,
            self.credential.id,
            UNCOMPRESSED,
            x,
            y,
        ];
        Ok(parts.concat())
    }
}

impl<'a> Statement<'a> {
    /// The attestation certificate, for display: nothing is verified.
    ///
    /// # Errors
    /// [`StatementError::CertificateTooLong`], [`StatementError::MalformedCertificate`].
    pub fn certificate(&self) -> Result<Option<Certificate>, StatementError> {
        let certificate = match self {
            Self::None | Self::PackedSelf { .. } => None,
            Self::Packed { certificates, .. } | Self::Tpm { certificates, .. } => certificates.first(),
            Self::FidoU2f { certificate, .. } => Some(certificate),
        };
        certificate.map(|der| Certificate::parse(der, 1)).transpose()
    }
}

fn find_algorithm(identifier: i64) -> Result<Algorithm, StatementError> {
    Algorithm::from_identifier(identifier).map_err(StatementError::Algorithm)
}

fn check_signature(key: &PublicKey, signed: &[u8], signature: &[u8]) -> Result<(), StatementError> {
    verify_signature(key, signed, signature).map_err(|_| StatementError::BadSignature)
}

/// The hash that `algorithm` employs; no TPM has Ed25519, which hashes otherwise.
fn hash_for(algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, StatementError> {
    match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 => Ok(Sha256::digest(data).to_vec()),
        Algorithm::Es384 => Ok(Sha384::digest(data).to_vec()),
        Algorithm::EdDsa => Err(StatementError::Algorithm(Error::UnsupportedAlgorithm(COSE_EDDSA))),
    }
}
