//! The registration half of the test vectors of Web Authentication Level 3, `protocol/tests/vectors/webauthn.json`, and the
//! registration of a hardware key, `protocol/tests/vectors/hardware-keys.json`.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;

/// What kind of statement, with how many certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    PackedSelf,
    Packed(usize),
    Tpm(usize),
    FidoU2f,
}

impl Kind {
    fn of(statement: &Statement<'_>) -> Self {
        match statement {
            Statement::None => Self::None,
            Statement::PackedSelf { .. } => Self::PackedSelf,
            Statement::Packed { certificates, .. } => Self::Packed(certificates.len()),
            Statement::Tpm { certificates, .. } => Self::Tpm(certificates.len()),
            Statement::FidoU2f { .. } => Self::FidoU2f,
        }
    }
}

fn file() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/webauthn.json")).unwrap()
}

fn registration(name: &str) -> Value {
    let file = file();
    let vectors = file["vectors"].as_array().unwrap();
    let vector = vectors.iter().find(|vector| vector["name"] == name).unwrap();
    vector["registration"].clone()
}

fn hexadecimal(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn assert_vector(name: &str, algorithm: Algorithm, kind: Kind) {
    let registration = registration(name);
    let object = hexadecimal(&registration["attestation_object"]);
    let parsed = AttestationObject::parse(&object).unwrap();
    assert_eq!(Kind::of(&parsed.statement), kind);
    assert_eq!(parsed.credential.id, hexadecimal(&registration["credential_id"]));
    assert_eq!(
        parsed.credential.aaguid.0[..],
        hexadecimal(&registration["aaguid"])
    );
    assert_eq!(parsed.public_key.algorithm(), algorithm);
    assert!(object.ends_with(parsed.authenticator_data));
    let hash = Sha256::digest(hexadecimal(&registration["client_data_json"])).into();
    assert_verifies(&parsed, kind, &hash);
    assert_chain(&parsed, kind, &hash);
}

fn assert_verifies(object: &AttestationObject<'_>, kind: Kind, hash: &[u8; 32]) {
    let attested = object.verify(hash).unwrap();
    let expected = match kind {
        Kind::None => matches!(attested, Attested::None),
        Kind::PackedSelf => matches!(attested, Attested::SelfSigned),
        Kind::Packed(_) | Kind::Tpm(_) | Kind::FidoU2f => matches!(attested, Attested::Certified(_)),
    };
    assert!(expected, "{attested:?}");
    let refused = match kind {
        Kind::None => None,
        Kind::Tpm(_) => Some(StatementError::TpmExtraData),
        _ => Some(StatementError::BadSignature),
    };
    assert_eq!(object.verify(&[0; 32]).err(), refused);
}

/// Under the root of the vectors, and under that of the recorded key.
fn assert_chain(object: &AttestationObject<'_>, kind: Kind, hash: &[u8; 32]) {
    let verify = |root: &[u8]| roots_policy(&[root]).verify(object, hash, NOW).err();
    let refused = match kind {
        Kind::None => Some(StatementError::NotAttested),
        Kind::PackedSelf => Some(StatementError::SelfAttested),
        // Its AAGUID is not zero.
        Kind::FidoU2f => Some(StatementError::UnattestedAaguid),
        Kind::Packed(_) | Kind::Tpm(_) => None,
    };
    assert_eq!(verify(&hexadecimal(&file()["attestation_root"])), refused);
    let refused = refused.filter(|_| kind != Kind::FidoU2f);
    let refused = refused.unwrap_or(StatementError::UnknownRoot);
    assert_eq!(verify(&recorded_certificate()), Some(refused));
}

fn recorded() -> Value {
    let text = include_str!("../../../../tests/vectors/hardware-keys.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["registrations"][0].clone()
}

fn recorded_certificate() -> Vec<u8> {
    hexadecimal(&recorded()["attestation_statement"]["x5c"][0])
}

fn assert_refused(name: &str, cause: &str) {
    let object = hexadecimal(&registration(name)["attestation_object"]);
    let refused = AttestationObject::parse(&object).unwrap_err();
    assert_eq!(refused.to_string(), cause);
}

#[test]
fn none_es256() {
    assert_vector("none-es256", Algorithm::Es256, Kind::None);
}

#[test]
fn packed_self_es256() {
    assert_vector("packed-self-es256", Algorithm::Es256, Kind::PackedSelf);
}

#[test]
fn none_es256_cross_origin() {
    assert_vector("none-es256-crossOrigin", Algorithm::Es256, Kind::None);
}

#[test]
fn none_es256_top_origin() {
    assert_vector("none-es256-topOrigin", Algorithm::Es256, Kind::None);
}

#[test]
fn none_es256_long_credential_id() {
    assert_vector("none-es256-long-credential-id", Algorithm::Es256, Kind::None);
}

#[test]
fn packed_es256() {
    assert_vector("packed-es256", Algorithm::Es256, Kind::Packed(1));
}

#[test]
fn packed_es384() {
    assert_vector("packed-es384", Algorithm::Es384, Kind::Packed(1));
}

#[test]
fn packed_es512() {
    assert_refused("packed-es512", "ES512 is never allowed");
}

#[test]
fn packed_rs256() {
    assert_vector("packed-rs256", Algorithm::Rs256, Kind::Packed(1));
}

#[test]
fn packed_eddsa() {
    assert_vector("packed-eddsa", Algorithm::EdDsa, Kind::Packed(1));
}

#[test]
fn packed_ed448() {
    assert_refused("packed-ed448", "Ed448 is never allowed");
}

#[test]
fn tpm_es256() {
    assert_vector("tpm-es256", Algorithm::Es256, Kind::Tpm(1));
}

#[test]
fn android_key_es256() {
    let refused = "attestation statement format android-key is not supported by this version";
    assert_refused("android-key-es256", refused);
}

#[test]
fn apple_es256() {
    let refused = "attestation statement format apple is not supported by this version";
    assert_refused("apple-es256", refused);
}

#[test]
fn fido_u2f_es256() {
    assert_vector("fido-u2f-es256", Algorithm::Es256, Kind::FidoU2f);
}

#[test]
fn register_ipa() {
    let recorded = recorded();
    let members = &recorded["attestation_statement"];
    let (signature, certificate) = (hexadecimal(&members["sig"]), hexadecimal(&members["x5c"][0]));
    let statement = map(&[
        ("alg", b"\x26"),
        ("sig", &bytes(&signature)),
        ("x5c", &chain(&[&certificate])),
    ]);
    let data = hexadecimal(&recorded["authenticator_data"]);
    let object = map(&[
        ("fmt", &text("packed")),
        ("attStmt", &statement),
        ("authData", &bytes(&data)),
    ]);
    let parsed = AttestationObject::parse(&object).unwrap();
    let expected = Statement::Packed {
        algorithm: -7,
        signature: &signature,
        certificates: vec![&certificate],
    };
    assert_eq!(parsed.statement, expected);
    assert_eq!(parsed.authenticator_data, data);
    assert_eq!((parsed.credential.id.len(), parsed.data.counter), (64, 2));

    let hash = hexadecimal(&recorded["client_data_hash"]).try_into().unwrap();
    assert_verifies(&parsed, Kind::Packed(1), &hash);
    let shown = parsed.statement.certificate().unwrap().unwrap().to_string();
    let names = r#""Yubico U2F EE Serial 925514160", issued by "Yubico U2F Root CA Serial 457200631""#;
    assert_eq!(shown, names);
    let verify = |root: &[u8]| roots_policy(&[root]).verify(&parsed, &hash, NOW).err();
    assert_eq!(verify(&certificate), None);
    let other = hexadecimal(&file()["attestation_root"]);
    assert_eq!(verify(&other), Some(StatementError::UnknownRoot));
}
