//! Attestations that are made for a test, so that each can break one rule.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData, SigningKey, date_time_ymd,
};

use super::*;
use crate::fido::authenticator_data::Aaguid;

pub(super) const HASH: [u8; 32] = [3; 32];
pub(super) const MODEL: Aaguid = Aaguid([5; 16]);
pub(super) const ES256: i64 = -7;

/// id-fido-gen-ce-aaguid.
const AAGUID_EXTENSION: &[u64] = &[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// A key of P-256.
pub(super) fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// Its COSE_Key.
pub(super) fn cose(key: &KeyPair) -> Vec<u8> {
    let (x, y) = key.der_bytes()[1..].split_at(32);
    PublicKey::from_point(Algorithm::Es256, x, y).unwrap().encode()
}

/// Authenticator data that attest this key.
pub(super) fn data_of(aaguid: Aaguid, key: &KeyPair) -> Vec<u8> {
    let parts = [
        &[7; 32][..],
        b"\x41\0\0\0\x05",
        &aaguid.0,
        b"\0\x03key",
        &cose(key),
    ];
    parts.concat()
}

/// Those of a new credential of the usual model.
pub(super) fn data() -> Vec<u8> {
    data_of(MODEL, &key())
}

pub(super) fn sign(key: &KeyPair, parts: &[&[u8]]) -> Vec<u8> {
    key.sign(&parts.concat()).unwrap()
}

/// Subject, dates and constraints of an attestation certificate that breaks no rule.
pub(super) fn attestation_certificate() -> CertificateParams {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name = subject(&[
        (DnType::CountryName, "SE"),
        (DnType::OrganizationName, "Example"),
        (DnType::OrganizationalUnitName, "Authenticator Attestation"),
        (DnType::CommonName, "Example Key"),
    ]);
    wanted.is_ca = IsCa::ExplicitNoCa;
    valid(&mut wanted, 2020, 2040);
    wanted
}

pub(super) fn subject(attributes: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (attribute, value) in attributes {
        name.push(attribute.clone(), *value);
    }
    name
}

/// From the first day of a year to that of another.
pub(super) fn valid(wanted: &mut CertificateParams, from: i32, until: i32) {
    wanted.not_before = date_time_ymd(from, 1, 1);
    wanted.not_after = date_time_ymd(until, 1, 1);
}

pub(super) fn aaguid_extension(value: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(AAGUID_EXTENSION, value.to_vec())
}

/// What a certificate authority's certificate has.
pub(super) fn authority_certificate(name: &str) -> CertificateParams {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name = subject(&[(DnType::CommonName, name)]);
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wanted.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    valid(&mut wanted, 2020, 2040);
    wanted
}

pub(super) fn root() -> Authority {
    root_with(authority_certificate("Example Root"))
}

pub(super) fn root_with(wanted: CertificateParams) -> Authority {
    CertifiedIssuer::self_signed(wanted, key()).unwrap()
}

pub(super) fn between(wanted: CertificateParams, issuer: &Authority) -> Authority {
    CertifiedIssuer::signed_by(wanted, key(), issuer).unwrap()
}

/// An attestation certificate and its key.
pub(super) struct Attester {
    pub(super) der: Vec<u8>,
    pub(super) key: KeyPair,
}

impl Attester {
    pub(super) fn issued_by(issuer: &Authority, wanted: &CertificateParams) -> Self {
        Self::with_key(issuer, wanted, key())
    }

    pub(super) fn with_key(issuer: &Authority, wanted: &CertificateParams, key: KeyPair) -> Self {
        let der = wanted.signed_by(&key, issuer).unwrap().der().to_vec();
        Self { der, key }
    }

    /// By a root that nobody asks for.
    pub(super) fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut wanted = attestation_certificate();
        change(&mut wanted);
        Self::issued_by(&root(), &wanted)
    }

    /// A `packed` attestation of these data, with these certificates behind the own one.
    pub(super) fn packed(&self, data: &[u8], issuers: &[&[u8]]) -> Vec<u8> {
        packed_object(
            ES256,
            data,
            &sign(&self.key, &[data, &HASH]),
            &[&[&*self.der], issuers].concat(),
        )
    }
}

pub(super) fn packed_object(
    algorithm: i64,
    data: &[u8],
    signature: &[u8],
    certificates: &[&[u8]],
) -> Vec<u8> {
    let statement = map(&[
        ("alg", &minicbor::to_vec(algorithm).unwrap()),
        ("sig", &bytes(signature)),
        ("x5c", &chain(certificates)),
    ]);
    object_over("packed", &statement, data)
}

/// Why an object is refused, if it is, by nothing but its statement.
pub(super) fn refused(object: &[u8]) -> Option<StatementError> {
    AttestationObject::parse(object).unwrap().verify(&HASH).err()
}

/// The same by a realm's policy.
pub(super) fn refused_by(
    policy: &AttestationPolicy,
    object: &[u8],
    now: UtcDateTime,
) -> Option<StatementError> {
    let object = AttestationObject::parse(object).unwrap();
    policy.verify(&object, &HASH, now).err()
}
