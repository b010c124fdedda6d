//! Which attestations a realm trusts: roots and models.

use core::time::Duration;

use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime, pem::PemObject,
};
use time::UtcDateTime;
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath, anchor_from_trusted_cert,
    aws_lc_rs as algorithms,
};

use super::{
    AttestationObject, Statement,
    certificate::Certificate,
    refusal::{RootsError, StatementError},
    verify::{Attested, Chain},
};
use crate::fido::authenticator_data::Aaguid;

/// Signatures in chains: ECDSA, Ed25519, and RSA with 2048 bits or more. No SHA-1.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// The AAGUID of authenticators that have none.
const NO_MODEL: Aaguid = Aaguid([0; 16]);

/// The certificates that may vouch for authenticators. None of them trusts nobody.
#[derive(Clone, Debug, Default)]
pub struct AttestationRoots(Vec<Root>);

#[derive(Clone, Debug)]
struct Root {
    der: CertificateDer<'static>,
    certificate: Certificate,
    anchor: TrustAnchor<'static>,
}

impl AttestationRoots {
    /// Reads a file of certificates in PEM; text between them, and what is no certificate, is passed over. Those of
    /// certificate authorities are roots; any may be an attestation certificate that is trusted by itself.
    ///
    /// # Errors
    /// [`RootsError`].
    pub fn parse_pem(text: &str) -> Result<Self, RootsError> {
        let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
        let roots: Vec<Root> = (1..)
            .zip(certificates)
            .map(|(position, der)| Root::parse(der.map_err(|_| RootsError::Pem(position))?, position))
            .collect::<Result<_, _>>()?;
        match roots.is_empty() {
            true => Err(RootsError::Empty),
            false => Ok(Self(roots)),
        }
    }

    /// Takes those of another file along.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// One line for each, in the order of the files.
    pub fn descriptions(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|root| root.certificate.to_string())
    }

    /// Whether the chain leads to one of them.
    fn check(&self, chain: &Chain<'_>, now: Duration) -> Result<(), StatementError> {
        if self.0.iter().any(|root| root.der.as_ref() == chain.der) {
            return check_validity(&chain.certificate, now);
        }
        let der = CertificateDer::from(chain.der);
        let certificate = EndEntityCert::try_from(&der).map_err(|cause| translate(&cause))?;
        let anchors: Vec<_> = self.0.iter().map(|root| root.anchor.clone()).collect();
        let issuers: Vec<_> = chain.issuers.iter().copied().map(CertificateDer::from).collect();
        let check_path = |path: &VerifiedPath<'_>| self.check_path(path, now);
        let path = certificate.verify_for_usage(
            ALGORITHMS,
            &anchors,
            &issuers,
            UnixTime::since_unix_epoch(now),
            AnyUsage,
            None,
            Some(&check_path),
        );
        path.map(drop).map_err(|cause| translate(&cause))
    }

    /// What webpki leaves to others: dates and constraints of the root, key usages of everything above the first.
    fn check_path(&self, path: &VerifiedPath<'_>, now: Duration) -> Result<(), webpki::Error> {
        for issuer in path.intermediate_certificates() {
            let issuer = Certificate::parse(&issuer.der(), 0).map_err(|_| webpki::Error::BadDer)?;
            issuer.path_length().ok_or(webpki::Error::EndEntityUsedAsCa)?;
        }
        let length = path.intermediate_certificates().count();
        let roots = self.0.iter().filter(|root| root.anchor == *path.anchor());
        roots
            .map(|root| root.check(length, now))
            .reduce(Result::or)
            .unwrap_or(Err(webpki::Error::UnknownIssuer))
    }
}

impl Root {
    fn parse(der: CertificateDer<'static>, position: usize) -> Result<Self, RootsError> {
        let malformed = RootsError::Certificate(position);
        let certificate = Certificate::parse(&der, position).map_err(|_| malformed)?;
        let anchor = anchor_from_trusted_cert(&der).map_err(|_| malformed)?.to_owned();
        Ok(Self {
            der,
            certificate,
            anchor,
        })
    }

    /// Whether a path with so many certificates between may end here.
    fn check(&self, between: usize, now: Duration) -> Result<(), webpki::Error> {
        let allowed = self.certificate.path_length();
        if between > allowed.ok_or(webpki::Error::EndEntityUsedAsCa)? {
            return Err(webpki::Error::PathLenConstraintViolated);
        }
        let (time, (not_before, not_after)) = (unix_time(now), self.certificate.validity());
        match check_validity(&self.certificate, now) {
            Ok(()) => Ok(()),
            Err(StatementError::NotYetValid) => Err(webpki::Error::CertNotValidYet {
                time,
                not_before: unix_time(not_before),
            }),
            Err(_) => Err(webpki::Error::CertExpired {
                time,
                not_after: unix_time(not_after),
            }),
        }
    }
}

/// Attestation certificates have no usage of their own: that of TPM certificates is checked with their statement.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// What a realm demands of new credentials.
#[derive(Clone, Debug, Default)]
pub struct AttestationPolicy {
    /// Somebody whom one of these vouches for must vouch for the authenticator.
    pub roots: Option<AttestationRoots>,
    /// The models that are allowed. Without `roots` that is what the client says: nobody vouches for it.
    pub aaguids: Option<Vec<Aaguid>>,
}

impl AttestationPolicy {
    /// Whether nobody has to vouch for a key, and every model is taken.
    pub const fn takes_all(&self) -> bool {
        self.roots.is_none() && self.aaguids.is_none()
    }

    /// Verifies the statement of a registration, and whether it is enough at this time.
    ///
    /// # Errors
    /// Those of [`AttestationObject::verify`], then [`StatementError`] from [`StatementError::NotAttested`] on.
    pub fn verify<'a>(
        &self,
        object: &AttestationObject<'a>,
        client_data_hash: &[u8; 32],
        now: UtcDateTime,
    ) -> Result<Attested<'a>, StatementError> {
        let attested = object.verify(client_data_hash)?;
        if let Some(roots) = &self.roots {
            let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
            match &attested {
                Attested::None => return Err(StatementError::NotAttested),
                Attested::SelfSigned => return Err(StatementError::SelfAttested),
                Attested::Certified(chain) => roots.check(chain, Duration::from_secs(seconds))?,
            }
        }
        self.check_model(object)?;
        Ok(attested)
    }

    fn check_model(&self, object: &AttestationObject<'_>) -> Result<(), StatementError> {
        let aaguid = object.credential.aaguid;
        let is_u2f = matches!(object.statement, Statement::FidoU2f { .. });
        let is_restricted = self.roots.is_some() || self.aaguids.is_some();
        if is_u2f && is_restricted && aaguid != NO_MODEL {
            return Err(StatementError::UnattestedAaguid);
        }
        match &self.aaguids {
            Some(allowed) if !allowed.contains(&aaguid) => Err(StatementError::AaguidNotAllowed(aaguid)),
            _ => Ok(()),
        }
    }
}

fn check_validity(certificate: &Certificate, now: Duration) -> Result<(), StatementError> {
    let (not_before, not_after) = certificate.validity();
    if now < not_before {
        return Err(StatementError::NotYetValid);
    }
    if now > not_after {
        return Err(StatementError::Expired);
    }
    Ok(())
}

const fn unix_time(since_epoch: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(since_epoch)
}

fn translate(cause: &webpki::Error) -> StatementError {
    use webpki::Error;
    match cause {
        Error::UnknownIssuer => StatementError::UnknownRoot,
        Error::CertExpired { .. } => StatementError::Expired,
        Error::CertNotValidYet { .. } => StatementError::NotYetValid,
        Error::InvalidSignatureForPublicKey => StatementError::ChainSignature,
        Error::CaUsedAsEndEntity => StatementError::CertificateIsCa,
        Error::EndEntityUsedAsCa => StatementError::IssuerNotCa,
        Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => StatementError::ChainTooLong,
        Error::UnsupportedCriticalExtension => StatementError::CriticalExtension,
        Error::UnsupportedCertVersion => StatementError::CertificateVersion,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => StatementError::ChainAlgorithm,
        _ => StatementError::Chain,
    }
}
