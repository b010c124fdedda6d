//! `packed` statements, each with one requirement of WebAuthn Level 3 section 8.2 broken.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    PKCS_RSA_SHA256, SigningKey,
};

use super::{made::*, *};
use crate::fido::authenticator_data::Aaguid;

fn refused_self(algorithm: i64, signature: &[u8], data: &[u8]) -> Option<StatementError> {
    let algorithm = minicbor::to_vec(algorithm).unwrap();
    let statement = map(&[("alg", &algorithm), ("sig", &bytes(signature))]);
    refused(&object_over("packed", &statement, data))
}

/// One whose signature is by a key of another kind, with the algorithm that it says.
fn refused_with_key(algorithm: i64, key: KeyPair) -> Option<StatementError> {
    let data = data();
    let attester = Attester::with_key(&root(), &attestation_certificate(), key);
    let signature = attester.key.sign(&[&data[..], &HASH].concat()).unwrap();
    refused(&packed_object(algorithm, &data, &signature, &[&attester.der]))
}

#[test]
fn self_attestation_is_by_the_credential_itself() {
    let credential = key();
    let data = data_of(MODEL, &credential);
    let signature = sign(&credential, &[&data, &HASH]);
    assert_eq!(refused_self(ES256, &signature, &data), None);
    let by_another = sign(&key(), &[&data, &HASH]);
    assert_eq!(
        refused_self(ES256, &by_another, &data),
        Some(StatementError::BadSignature)
    );
    let over_another = sign(&credential, &[&data, &[4; 32]]);
    assert_eq!(
        refused_self(ES256, &over_another, &data),
        Some(StatementError::BadSignature)
    );
    assert_eq!(
        refused_self(ES256, &[], &data),
        Some(StatementError::BadSignature)
    );
}

#[test]
fn self_attestation_has_the_algorithm_of_the_credential() {
    let credential = key();
    let data = data_of(MODEL, &credential);
    let signature = sign(&credential, &[&data, &HASH]);
    for algorithm in [-8, -35, -36, -257, -65535, 0, i64::MIN] {
        let refused = refused_self(algorithm, &signature, &data);
        assert_eq!(refused, Some(StatementError::AlgorithmMismatch), "{algorithm}");
    }
}

#[test]
fn the_certificate_s_key_signs_data_and_hash() {
    let (attester, data) = (Attester::with(|_| ()), data());
    assert_eq!(refused(&attester.packed(&data, &[])), None);
    let bad = Some(StatementError::BadSignature);
    for parts in [[&data[..], &[4; 32]], [&data[1..], &HASH], [&HASH, &data]] {
        let signature = sign(&attester.key, &parts);
        let object = packed_object(ES256, &data, &signature, &[&attester.der]);
        assert_eq!(refused(&object), bad);
    }
    let by_another = sign(&key(), &[&data, &HASH]);
    assert_eq!(
        refused(&packed_object(ES256, &data, &by_another, &[&attester.der])),
        bad
    );
}

#[test]
fn the_statement_of_another_credential_is_refused() {
    let attester = Attester::with(|_| ());
    let object = attester.packed(&data(), &[]);
    let parsed = AttestationObject::parse(&object).unwrap();
    let Statement::Packed { signature, .. } = parsed.statement else {
        unreachable!()
    };
    let moved = packed_object(ES256, &data(), signature, &[&attester.der]);
    assert_eq!(refused(&moved), Some(StatementError::BadSignature));
}

#[test]
fn certificates_may_have_keys_of_every_algorithm_that_credentials_have() {
    let generate = |algorithm| KeyPair::generate_for(algorithm).unwrap();
    assert_eq!(refused_with_key(-35, generate(&PKCS_ECDSA_P384_SHA384)), None);
    assert_eq!(refused_with_key(-8, generate(&PKCS_ED25519)), None);
    assert_eq!(refused_with_key(-257, generate(&PKCS_RSA_SHA256)), None);
}

#[test]
fn the_statement_names_the_algorithm_of_the_certificate_s_key() {
    for algorithm in [-8, -35, -257] {
        let refused = refused_with_key(algorithm, key());
        assert_eq!(refused, Some(StatementError::CertificateKey), "{algorithm}");
    }
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(
        refused_with_key(ES256, p384),
        Some(StatementError::CertificateKey)
    );
}

#[test]
fn other_algorithms_are_refused_by_name_or_number() {
    for (algorithm, cause) in [
        (-36, Error::ForbiddenAlgorithm("ES512")),
        (-37, Error::UnsupportedAlgorithm(-37)),
        (-65535, Error::UnsupportedAlgorithm(-65535)),
    ] {
        let refused = refused_with_key(algorithm, key());
        assert_eq!(refused, Some(StatementError::Algorithm(cause)));
    }
}

fn refused_certificate(change: impl FnOnce(&mut CertificateParams)) -> Option<StatementError> {
    refused(&Attester::with(change).packed(&data(), &[]))
}

#[test]
fn the_certificate_is_of_version_3() {
    let mut attester = Attester::with(|_| ());
    let version = [0xa0, 3, 2, 1, 2];
    let position = attester.der.windows(5).position(|bytes| bytes == version);
    attester.der[position.unwrap() + 4] = 1;
    let refused = refused(&attester.packed(&data(), &[]));
    assert_eq!(refused, Some(StatementError::CertificateVersion));
}

#[test]
fn the_subject_has_country_organization_and_common_name() {
    for (attribute, name) in [
        (DnType::CountryName, "country"),
        (DnType::OrganizationName, "organization"),
        (DnType::CommonName, "common name"),
    ] {
        let missing = refused_certificate(|wanted| {
            wanted.distinguished_name.remove(attribute.clone());
        });
        assert_eq!(missing, Some(StatementError::Subject(name)));
        let empty = refused_certificate(|wanted| wanted.distinguished_name.push(attribute, ""));
        assert_eq!(empty, Some(StatementError::Subject(name)));
    }
}

#[test]
fn the_country_has_two_letters() {
    for country in ["S", "SWE", "S1", "\u{e9}"] {
        let refused =
            refused_certificate(|wanted| wanted.distinguished_name.push(DnType::CountryName, country));
        assert_eq!(refused, Some(StatementError::Subject("country")), "{country}");
    }
}

#[test]
fn the_unit_is_authenticator_attestation() {
    let unit = DnType::OrganizationalUnitName;
    let missing = refused_certificate(|wanted| {
        wanted.distinguished_name.remove(unit.clone());
    });
    assert_eq!(missing, Some(StatementError::SubjectUnit));
    for other in [
        "",
        "authenticator attestation",
        "Authenticator Attestation ",
        "Authenticator",
    ] {
        let refused = refused_certificate(|wanted| wanted.distinguished_name.push(unit.clone(), other));
        assert_eq!(refused, Some(StatementError::SubjectUnit), "{other}");
    }
}

#[test]
fn the_certificate_is_no_authority_s() {
    let refused = refused_certificate(|wanted| wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(refused, Some(StatementError::CertificateIsCa));
    assert_eq!(refused_certificate(|wanted| wanted.is_ca = IsCa::NoCa), None);
}

/// With the extension, if it has this value.
fn refused_aaguid(value: &[u8]) -> Option<StatementError> {
    refused_certificate(|wanted| wanted.custom_extensions.push(aaguid_extension(value)))
}

#[test]
fn the_certificate_s_aaguid_is_the_credential_s() {
    assert_eq!(refused_aaguid(&[&[4, 16][..], &MODEL.0].concat()), None);
    let other = Aaguid([6; 16]);
    assert_eq!(
        refused_aaguid(&[&[4, 16][..], &other.0].concat()),
        Some(StatementError::AaguidMismatch(other))
    );
}

#[test]
fn malformed_aaguids_are_refused() {
    for value in [
        &[][..],
        &MODEL.0,
        &[&[4, 15][..], &MODEL.0[1..]].concat(),
        &[&[4, 17][..], &MODEL.0, &[0]].concat(),
        &[&[4, 16][..], &MODEL.0, &[0]].concat(),
        &[&[3, 16][..], &MODEL.0].concat(),
    ] {
        assert_eq!(
            refused_aaguid(value),
            Some(StatementError::MalformedCertificate(1))
        );
    }
}

#[test]
fn the_aaguid_is_not_critical_and_stands_once() {
    let value = [&[4, 16][..], &MODEL.0].concat();
    let critical = refused_certificate(|wanted| {
        let mut extension = aaguid_extension(&value);
        extension.set_criticality(true);
        wanted.custom_extensions.push(extension);
    });
    assert_eq!(critical, Some(StatementError::AaguidCritical));
    let twice = refused_certificate(|wanted| wanted.custom_extensions = vec![aaguid_extension(&value); 2]);
    assert_eq!(twice, Some(StatementError::MalformedCertificate(1)));
}

#[test]
fn keys_of_curves_as_long_as_p_256_are_refused() {
    let mut attester = Attester::with(|_| ());
    let p256 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let position = attester.der.windows(8).position(|bytes| bytes == p256).unwrap();
    // prime239v3
    attester.der[position + 7] = 6;
    let refused = refused(&attester.packed(&data(), &[]));
    assert_eq!(refused, Some(StatementError::CertificateKey));
}
