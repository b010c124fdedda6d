//! `tpm` statements, each with one requirement of WebAuthn Level 3 section 8.3 broken.

use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P384_SHA384};
use sha2::{Digest, Sha256, Sha384};

use super::{made::*, *};
use crate::fido::authenticator_data::Aaguid;

const SUBJECT_ALTERNATIVE_NAME: &[u64] = &[2, 5, 29, 17];
const AIK_CERTIFICATE: &[u64] = &[2, 23, 133, 8, 3];

/// Last arcs of 2.23.133.2: manufacturer, model, version.
const TPM_ATTRIBUTES: [u8; 3] = [1, 2, 3];

/// A TPM2B.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A DER value of less than 256 bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x81, u8::try_from(content.len()).unwrap()], content].concat()
}

fn short_der(tag: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128);
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A directoryName with these attributes of a TPM, each a relative name of its own.
fn alternative_name(attributes: &[(u8, &str)]) -> Vec<u8> {
    let relative = attributes.iter().map(|(last, value)| {
        let kind = short_der(6, &[0x67, 0x81, 0x05, 2, *last]);
        let pair = short_der(0x30, &[kind, short_der(12, value.as_bytes())].concat());
        short_der(0x31, &pair)
    });
    let name = short_der(0x30, &relative.collect::<Vec<_>>().concat());
    short_der(0x30, &short_der(0xa4, &name))
}

fn with_alternative_name(wanted: &mut CertificateParams, value: Vec<u8>) {
    let mut extension = CustomExtension::from_oid_content(SUBJECT_ALTERNATIVE_NAME, value);
    extension.set_criticality(true);
    wanted.custom_extensions = vec![extension];
}

/// The certificate of an attestation key that breaks no rule.
fn aik_certificate() -> CertificateParams {
    let mut wanted = attestation_certificate();
    wanted.distinguished_name = subject(&[]);
    with_alternative_name(
        &mut wanted,
        alternative_name(&TPM_ATTRIBUTES.map(|last| (last, "id:1"))),
    );
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(AIK_CERTIFICATE.to_vec())];
    wanted
}

/// What a TPM and its client make, in the parts that can be wrong.
struct Made {
    attester: Attester,
    algorithm: i64,
    data: Vec<u8>,
    public_area: Vec<u8>,
    magic: u32,
    kind: u16,
    extra_data: Vec<u8>,
    name: Vec<u8>,
}

impl Made {
    fn sound() -> Self {
        let attester = Attester::issued_by(&root(), &aik_certificate());
        Self::by(attester)
    }

    fn by(attester: Attester) -> Self {
        let credential = key();
        let public_area = public_area(0x000b, &credential);
        let data = data_of(MODEL, &credential);
        Self {
            attester,
            algorithm: ES256,
            extra_data: Sha256::digest([&data[..], &HASH].concat()).to_vec(),
            data,
            magic: 0xff54_4347,
            kind: 0x8017,
            name: [&b"\0\x0b"[..], &Sha256::digest(&public_area)].concat(),
            public_area,
        }
    }

    fn certified(&self) -> Vec<u8> {
        let parts = [
            self.magic.to_be_bytes().to_vec(),
            self.kind.to_be_bytes().to_vec(),
            sized(b"signer"),
            sized(&self.extra_data),
            vec![9; 17 + 8],
            sized(&self.name),
            sized(b"qualified"),
        ];
        parts.concat()
    }

    fn object(&self) -> Vec<u8> {
        self.object_with(&self.certified())
    }

    fn object_with(&self, certified: &[u8]) -> Vec<u8> {
        let signature = sign(&self.attester.key, &[certified]);
        let statement = map(&[
            ("ver", &text("2.0")),
            ("alg", &minicbor::to_vec(self.algorithm).unwrap()),
            ("sig", &bytes(&signature)),
            ("x5c", &chain(&[&self.attester.der])),
            ("certInfo", &bytes(certified)),
            ("pubArea", &bytes(&self.public_area)),
        ]);
        object_over("tpm", &statement, &self.data)
    }
}

/// The TPMT_PUBLIC of this key, with a name made by that hash.
fn public_area(name_algorithm: u16, key: &KeyPair) -> Vec<u8> {
    let (x, y) = rcgen::PublicKeyData::der_bytes(key)[1..].split_at(32);
    let hash = name_algorithm.to_be_bytes();
    let head = [
        &b"\0\x23"[..],
        &hash,
        b"\0\x04\0\0",
        b"\0\0",
        b"\0\x10\0\x10\0\x03\0\x10",
    ];
    [head.concat(), sized(x), sized(y)].concat()
}

fn refused_after(change: impl FnOnce(&mut Made)) -> Option<StatementError> {
    let mut made = Made::sound();
    change(&mut made);
    refused(&made.object())
}

fn refused_certificate(change: impl FnOnce(&mut CertificateParams)) -> Option<StatementError> {
    let mut wanted = aik_certificate();
    change(&mut wanted);
    let made = Made::by(Attester::issued_by(&root(), &wanted));
    refused(&made.object())
}

#[test]
fn a_tpm_vouches_for_its_key() {
    assert_eq!(refused_after(|_| ()), None);
}

#[test]
fn chains_lead_to_a_root() {
    let root = root();
    let made = Made::by(Attester::issued_by(&root, &aik_certificate()));
    assert_eq!(
        refused_by(&roots_policy(&[root.der()]), &made.object(), NOW),
        None
    );
    let other = root_with(authority_certificate("Other"));
    assert_eq!(
        refused_by(&roots_policy(&[other.der()]), &made.object(), NOW),
        Some(StatementError::UnknownRoot)
    );
}

#[test]
fn what_is_signed_begins_as_a_tpm_begins_it() {
    for magic in [0, 0xff54_4346, 0x4743_54ff] {
        let refused = refused_after(|made| made.magic = magic);
        assert_eq!(refused, Some(StatementError::TpmMagic));
    }
}

#[test]
fn what_is_signed_certifies_a_key() {
    // Quote, creation, time.
    for kind in [0x8018, 0x801a, 0x8019, 0] {
        let refused = refused_after(|made| made.kind = kind);
        assert_eq!(refused, Some(StatementError::TpmType));
    }
}

#[test]
fn what_is_signed_is_for_this_registration() {
    let other = Some(StatementError::TpmExtraData);
    assert_eq!(refused_after(|made| made.extra_data.clear()), other);
    assert_eq!(refused_after(|made| made.extra_data[0] ^= 1), other);
    assert_eq!(refused_after(|made| made.extra_data.push(0)), other);
    assert_eq!(refused_after(|made| made.data[33] ^= 1), other);
    let hashed_otherwise = |made: &mut Made| {
        made.extra_data = Sha384::digest([&made.data[..], &HASH].concat()).to_vec();
    };
    assert_eq!(refused_after(hashed_otherwise), other);
}

#[test]
fn what_is_signed_names_the_key() {
    let other = Some(StatementError::TpmName);
    assert_eq!(refused_after(|made| made.name.clear()), other);
    assert_eq!(refused_after(|made| made.name[1] = 0x0c), other);
    assert_eq!(refused_after(|made| made.name[2] ^= 1), other);
    assert_eq!(refused_after(|made| made.name.push(0)), other);
    // Another object with the same key.
    assert_eq!(refused_after(|made| made.public_area[7] ^= 1), other);
}

#[test]
fn the_key_is_the_credential_s() {
    let another = |made: &mut Made| {
        made.public_area = public_area(0x000b, &key());
        made.name = [&b"\0\x0b"[..], &Sha256::digest(&made.public_area)].concat();
    };
    assert_eq!(refused_after(another), Some(StatementError::TpmKey));
}

#[test]
fn names_are_made_by_sha_2() {
    let credential = key();
    for (algorithm, cause) in [
        (0x000c, StatementError::TpmName),
        (0x0004, StatementError::TpmNameAlgorithm(4)),
        (0x0012, StatementError::TpmNameAlgorithm(0x12)),
    ] {
        let with_algorithm = |made: &mut Made| {
            made.data = data_of(MODEL, &credential);
            made.extra_data = Sha256::digest([&made.data[..], &HASH].concat()).to_vec();
            made.public_area = public_area(algorithm, &credential);
        };
        assert_eq!(refused_after(with_algorithm), Some(cause));
    }
    let by_sha384 = |made: &mut Made| {
        made.data = data_of(MODEL, &credential);
        made.extra_data = Sha256::digest([&made.data[..], &HASH].concat()).to_vec();
        made.public_area = public_area(0x000c, &credential);
        made.name = [&b"\0\x0c"[..], &Sha384::digest(&made.public_area)].concat();
    };
    assert_eq!(refused_after(by_sha384), None);
}

#[test]
fn the_certificate_s_key_signs() {
    let refused = refused_after(|made| made.attester.key = key());
    assert_eq!(refused, Some(StatementError::BadSignature));
}

#[test]
fn extra_data_are_hashed_as_the_algorithm_has_it() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut made = Made::by(Attester::with_key(&root(), &aik_certificate(), key));
    made.algorithm = -35;
    assert_eq!(refused(&made.object()), Some(StatementError::TpmExtraData));
    made.extra_data = Sha384::digest([&made.data[..], &HASH].concat()).to_vec();
    assert_eq!(refused(&made.object()), None);
}

#[test]
fn other_algorithms_are_refused() {
    for (algorithm, cause) in [
        (-8, Error::UnsupportedAlgorithm(-8)),
        (-36, Error::ForbiddenAlgorithm("ES512")),
        (-65535, Error::UnsupportedAlgorithm(-65535)),
    ] {
        let refused = refused_after(|made| made.algorithm = algorithm);
        assert_eq!(refused, Some(StatementError::Algorithm(cause)));
    }
    let refused = refused_after(|made| made.algorithm = -257);
    assert_eq!(refused, Some(StatementError::CertificateKey));
}

#[test]
fn truncations_are_refused() {
    let made = Made::sound();
    let certified = made.certified();
    for end in 0..certified.len() {
        let refused = refused(&made.object_with(&certified[..end]));
        assert_eq!(refused, Some(StatementError::TpmMalformedCertified), "{end}");
    }
    let longer = [&certified[..], &[0]].concat();
    assert_eq!(
        refused(&made.object_with(&longer)),
        Some(StatementError::TpmMalformedCertified)
    );
    for end in 0..made.public_area.len() {
        let refused = refused_after(|made| made.public_area.truncate(end));
        assert_eq!(refused, Some(StatementError::TpmMalformedPublicArea), "{end}");
    }
    let refused = refused_after(|made| made.public_area.push(0));
    assert_eq!(refused, Some(StatementError::TpmMalformedPublicArea));
}

#[test]
fn the_certificate_is_of_version_3() {
    let version = [0xa0, 3, 2, 1, 2];
    let refused = refused_after(|made| {
        let position = made.attester.der.windows(5).position(|bytes| bytes == version);
        made.attester.der[position.unwrap() + 4] = 1;
    });
    assert_eq!(refused, Some(StatementError::CertificateVersion));
}

#[test]
fn the_certificate_s_subject_is_empty() {
    let refused =
        refused_certificate(|wanted| wanted.distinguished_name.push(rcgen::DnType::CommonName, "TPM"));
    assert_eq!(refused, Some(StatementError::AikSubject));
}

#[test]
fn the_alternative_name_has_manufacturer_model_and_version() {
    let missing = refused_certificate(|wanted| wanted.custom_extensions.clear());
    assert_eq!(missing, Some(StatementError::AikName("manufacturer")));
    for (last, name) in [(1, "manufacturer"), (2, "model"), (3, "version")] {
        let others: Vec<_> = TPM_ATTRIBUTES
            .iter()
            .filter(|other| **other != last)
            .map(|other| (*other, "id:1"))
            .collect();
        let without = refused_certificate(|wanted| with_alternative_name(wanted, alternative_name(&others)));
        assert_eq!(without, Some(StatementError::AikName(name)));
        let empty = [&others[..], &[(last, "")]].concat();
        let empty = refused_certificate(|wanted| with_alternative_name(wanted, alternative_name(&empty)));
        assert_eq!(empty, Some(StatementError::AikName(name)));
    }
}

#[test]
fn other_alternative_names_are_none_of_a_tpm() {
    let dns = short_der(0x30, &short_der(0x82, b"example.org"));
    let refused = refused_certificate(|wanted| with_alternative_name(wanted, dns));
    assert_eq!(refused, Some(StatementError::AikName("manufacturer")));
}

#[test]
fn malformed_alternative_names_are_refused() {
    let sound = alternative_name(&TPM_ATTRIBUTES.map(|last| (last, "id:1")));
    for end in 0..sound.len() {
        let refused = refused_certificate(|wanted| with_alternative_name(wanted, sound[..end].to_vec()));
        assert_eq!(refused, Some(StatementError::MalformedCertificate(1)), "{end}");
    }
    // A length in more bytes than it needs.
    let refused = refused_certificate(|wanted| with_alternative_name(wanted, der(0x30, &sound[2..])));
    assert_eq!(refused, Some(StatementError::MalformedCertificate(1)));
}

#[test]
fn the_certificate_is_for_attestation_keys() {
    let none = refused_certificate(|wanted| wanted.extended_key_usages.clear());
    assert_eq!(none, Some(StatementError::AikUsage));
    // tcg-kp-EKCertificate
    let other = ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 1]);
    let refused = refused_certificate(|wanted| wanted.extended_key_usages = vec![other.clone()]);
    assert_eq!(refused, Some(StatementError::AikUsage));
    assert_eq!(
        refused_certificate(|wanted| wanted.extended_key_usages.push(other)),
        None
    );
}

#[test]
fn the_certificate_is_no_authority_s() {
    let refused = refused_certificate(|wanted| {
        wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert_eq!(refused, Some(StatementError::CertificateIsCa));
}

#[test]
fn the_certificate_s_aaguid_is_the_credential_s() {
    let with = |aaguid: Aaguid| {
        let value = [&[4, 16][..], &aaguid.0].concat();
        refused_certificate(|wanted| wanted.custom_extensions.push(aaguid_extension(&value)))
    };
    assert_eq!(with(MODEL), None);
    let other = Aaguid([6; 16]);
    assert_eq!(with(other), Some(StatementError::AaguidMismatch(other)));
}
