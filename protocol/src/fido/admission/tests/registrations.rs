//! Records that carry their registration.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use minicbor::Encoder;
use sha2::{Digest, Sha256};

use super::*;
use crate::fido::{
    attestation::StatementError,
    authenticator_data::Aaguid,
    client_data::{FidoClientData, Purpose},
    cose::PublicKey,
    record::NewCredential,
};

const NONCE: [u8; 32] = [5; 32];
const AAGUID: Aaguid = Aaguid([3; 16]);

/// The certificate of somebody who vouches for keys: that of WebAuthn Level 3's test vectors.
const ROOT: &str = "-----BEGIN CERTIFICATE-----\n\
MIICBzCCAa2gAwIBAgIRAO1/kF2L0LQU0XhJExcKkLYwCgYIKoZIzj0EAwIwYjEe\n\
MBwGA1UEAwwVV2ViQXV0aG4gdGVzdCB2ZWN0b3JzMQwwCgYDVQQKDANXM0MxJTAj\n\
BgNVBAsMHEF1dGhlbnRpY2F0b3IgQXR0ZXN0YXRpb24gQ0ExCzAJBgNVBAYTAkFB\n\
MCAXDTI0MDEwMTAwMDAwMFoYDzMwMjQwMTAxMDAwMDAwWjBiMR4wHAYDVQQDDBVX\n\
ZWJBdXRobiB0ZXN0IHZlY3RvcnMxDDAKBgNVBAoMA1czQzElMCMGA1UECwwcQXV0\n\
aGVudGljYXRvciBBdHRlc3RhdGlvbiBDQTELMAkGA1UEBhMCQUEwWTATBgcqhkjO\n\
PQIBBggqhkjOPQMBBwNCAAQyaTAOX/e2mQFfcM+AqHY79wW8LirwwbOc/3GLfDWI\n\
DKMPMZB42RsDOJoAb9/IodzYTt+gfTCqE0dKJIoNq1uqo0IwQDAPBgNVHRMBAf8E\n\
BTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQURa/3FbDdeGdB/umW68Fl\n\
R6OTGx4wCgYIKoZIzj0EAwIDSAAwRQIgSDBjtrsI3Mg9ozoCwR0vQiAxdok1VNE4\n\
xhSjaQhyTMgCIQD17yyRLUUAs+L1tZHQYiSR6fIg39H5c07EhLt+kIh2Yw==\n\
-----END CERTIFICATE-----\n\n";

/// What a key does at its registration, and what it is asked for.
struct Making {
    pair: EcdsaKeyPair,
    principal: &'static [u8],
    rp_id: &'static str,
    nonce: [u8; 32],
    flags: u8,
    id: u8,
    format: &'static str,
    spoil_signature: bool,
}

impl Making {
    fn proper() -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            principal: PRINCIPAL.as_bytes(),
            rp_id: "r.org",
            nonce: NONCE,
            flags: 0x41,
            id: 1,
            format: "packed",
            spoil_signature: false,
        }
    }

    fn public_key(&self) -> PublicKey {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let cose = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat();
        PublicKey::parse(&cose).unwrap()
    }

    /// The attestation object, with self attestation.
    fn attestation_object(&self) -> Vec<u8> {
        let data = [
            &Sha256::digest(self.rp_id)[..],
            &[self.flags, 0, 0, 0, 0],
            &AAGUID.0,
            &[0, 1, self.id],
            &self.public_key().encode(),
        ]
        .concat();
        let hash = FidoClientData {
            principal: self.principal,
            rp_id: self.rp_id,
            nonce: &self.nonce,
            purpose: Purpose::Registration,
        }
        .hash()
        .unwrap();
        let signed = self.pair.sign(&SystemRandom::new(), &[&data[..], &hash].concat());
        let mut signature = signed.unwrap().as_ref().to_vec();
        *signature.last_mut().unwrap() ^= u8::from(self.spoil_signature);
        let mut object = Vec::new();
        let mut encoder = Encoder::new(&mut object);
        encoder
            .map(3)
            .unwrap()
            .str("fmt")
            .unwrap()
            .str(self.format)
            .unwrap();
        encoder.str("attStmt").unwrap().map(2).unwrap();
        encoder.str("alg").unwrap().i8(-7).unwrap();
        encoder.str("sig").unwrap().bytes(&signature).unwrap();
        encoder.str("authData").unwrap().bytes(&data).unwrap();
        object
    }

    /// Its record, which says what the proper one would say.
    fn record(&self) -> String {
        record_with(Some(&self.attestation_object()), &self.public_key())
    }
}

fn record_with(object: Option<&[u8]>, public_key: &PublicKey) -> String {
    let record = CredentialRecord::new(&NewCredential {
        rp_id: "r.org",
        id: &[1],
        public_key,
        aaguid: AAGUID,
        format: "packed",
        transports: &[],
        counter: 0,
        created: NOW,
        by: "admin/admin@R.ORG",
        registration: object.map(|object| (&NONCE, object)),
    });
    record.unwrap().encode().unwrap()
}

fn ask(record: &str) -> Result<(), Refusal> {
    Scene::new().ask("fido:a", Some(record))
}

fn refused(cause: impl Into<Unregistered>) -> Result<(), Refusal> {
    Err(Refusal::Unregistered(cause.into()))
}

/// Only this model, whoever says so.
fn only(aaguid: Aaguid) -> Scene {
    let mut scene = Scene::new();
    scene.attestation.aaguids = Some(vec![aaguid]);
    scene
}

#[test]
fn registration_is_verified_again() {
    assert_eq!(ask(&Making::proper().record()), Ok(()));
}

#[test]
fn registration_with_a_wrong_challenge() {
    let made = Making {
        nonce: [6; 32],
        ..Making::proper()
    };
    assert_eq!(ask(&made.record()), refused(StatementError::BadSignature));
}

#[test]
fn registration_of_another_principal_replayed() {
    let made = Making {
        principal: b"bob@R.ORG",
        ..Making::proper()
    };
    assert_eq!(ask(&made.record()), refused(StatementError::BadSignature));
}

#[test]
fn registration_for_another_relying_party() {
    let made = Making {
        rp_id: "s.org",
        ..Making::proper()
    };
    assert_eq!(ask(&made.record()), refused(Error::RpIdMismatch));
}

#[test]
fn registration_without_a_touch() {
    let made = Making {
        flags: 0x40,
        ..Making::proper()
    };
    assert_eq!(ask(&made.record()), refused(Error::UserNotPresent));
}

#[test]
fn registration_of_another_credential() {
    let made = Making {
        id: 2,
        ..Making::proper()
    };
    assert_eq!(ask(&made.record()), refused(Unregistered::Other("id")));
}

#[test]
fn registration_of_another_public_key() {
    let object = Making::proper().attestation_object();
    let record = record_with(Some(&object), &Making::proper().public_key());
    assert_eq!(ask(&record), refused(Unregistered::Other("pk")));
}

#[test]
fn registration_of_another_model() {
    let record = Making::proper()
        .record()
        .replace(&AAGUID.to_string(), &Aaguid([4; 16]).to_string());
    assert_eq!(ask(&record), refused(Unregistered::Other("aaguid")));
}

#[test]
fn registration_with_another_signature() {
    let made = Making {
        spoil_signature: true,
        ..Making::proper()
    };
    assert_eq!(ask(&made.record()), refused(StatementError::BadSignature));
}

#[test]
fn attestation_by_another_key() {
    // The statement of another key over its own data, with the credential of this one.
    let (mine, other) = (Making::proper(), Making::proper());
    let object = other.attestation_object();
    let (mine_cose, other_cose) = (mine.public_key().encode(), other.public_key().encode());
    let place = object
        .windows(other_cose.len())
        .position(|window| window == other_cose);
    let mut object = object;
    let place = place.unwrap();
    object[place..place + mine_cose.len()].copy_from_slice(&mine_cose);
    let record = record_with(Some(&object), &mine.public_key());
    assert_eq!(ask(&record), refused(StatementError::BadSignature));
}

#[test]
fn registration_in_an_unknown_format() {
    let made = Making {
        format: "apple",
        ..Making::proper()
    };
    assert_eq!(
        ask(&made.record()),
        refused(Unregistered::UnsupportedFormat("apple".to_owned()))
    );
}

#[test]
fn registration_that_is_garbled() {
    let record = record_with(Some(b"\xa0"), &Making::proper().public_key());
    assert_eq!(ask(&record), refused(Error::MalformedAttestation));
}

#[test]
fn record_without_a_registration_where_nobody_has_to_vouch() {
    let bare = record_with(None, &Making::proper().public_key());
    assert_eq!(ask(&bare), Ok(()));
    assert_eq!(
        only(AAGUID).ask("fido:a", Some(&bare)),
        refused(Unregistered::Missing)
    );
}

#[test]
fn models_that_are_not_allowed() {
    let record = Making::proper().record();
    assert_eq!(only(AAGUID).ask("fido:a", Some(&record)), Ok(()));
    let cause = StatementError::AaguidNotAllowed(AAGUID);
    assert_eq!(only(Aaguid([4; 16])).ask("fido:a", Some(&record)), refused(cause));
}

#[test]
fn self_attestation_where_somebody_has_to_vouch() {
    let mut scene = Scene::new();
    scene.attestation.roots = Some(AttestationRoots::parse_pem(ROOT).unwrap());
    let record = Making::proper().record();
    assert_eq!(
        scene.ask("fido:a", Some(&record)),
        refused(StatementError::SelfAttested)
    );
}

#[test]
fn key_that_was_taken_once_can_be_disabled_under_any_policy() {
    let made = Making::proper();
    let record = made.record();
    let scene = only(Aaguid([4; 16])).with("fido:a", &record);
    let mut disabled = CredentialRecord::parse(&record).unwrap();
    disabled.disable(NOW);
    assert_eq!(scene.ask("fido:a", Some(&disabled.encode().unwrap())), Ok(()));
    // But not with a registration that it did not come with.
    let bare = record_with(None, &made.public_key());
    assert_eq!(scene.ask("fido:a", Some(&bare)), refused(Unregistered::Missing));
}

#[test]
fn roots_are_read_from_all_files() {
    let admission = |paths: &[&str]| Admission {
        attestation_roots: paths.iter().map(PathBuf::from).collect(),
        ..Admission::default()
    };
    let read = |paths: &[&str]| {
        read_policy(&admission(paths), |path| match path.to_str() {
            Some("/root.pem") => Ok(ROOT.to_owned()),
            Some("/other") => Ok("no certificate".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    };
    assert!(read(&[]).unwrap().roots.is_none());
    assert_eq!(
        read(&["/root.pem", "/root.pem"])
            .unwrap()
            .roots
            .unwrap()
            .descriptions()
            .count(),
        2
    );
    let missing = read(&["/root.pem", "/missing"]).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "fido_attestation_roots: /missing: entity not found"
    );
    let other = read(&["/other"]).unwrap_err();
    assert!(
        other.to_string().starts_with("fido_attestation_roots: /other: "),
        "{other}"
    );
}
