//! Who vouches for a security key, and whether that is believed.

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use krb5_fido_protocol::fido::{
    attestation::{AttestationObject, AttestationPolicy, AttestationRoots, Attested, StatementError},
    authenticator_data::Aaguid,
};
use minicbor::Encoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::UtcDateTime;

/// Test vectors of Web Authentication Level 3.
pub(crate) const WEBAUTHN: &str = include_str!("../../protocol/tests/vectors/webauthn.json");

/// Recordings of hardware keys.
pub(crate) const HARDWARE_KEYS: &str = include_str!("../../protocol/tests/vectors/hardware-keys.json");

/// In 2026, when all certificates of the vectors are valid.
const NOW: i64 = 1_780_000_000;

/// What a client sends at a registration, and what it was asked to sign.
pub(crate) struct Registration {
    hash: [u8; 32],
    pub(crate) object: Vec<u8>,
}

impl Registration {
    pub(crate) fn of_webauthn(vector: &Value) -> Self {
        let registration = &vector["registration"];
        Self {
            hash: Sha256::digest(bytes(&registration["client_data_json"])).into(),
            object: bytes(&registration["attestation_object"]),
        }
    }

    /// The first of the recorded registrations.
    pub(crate) fn recorded(recordings: &Value) -> Self {
        let registration = &recordings["registrations"][0];
        let statement = &registration["attestation_statement"];
        let mut object = Encoder::new(Vec::new());
        let written = object.map(3).and_then(|map| {
            map.str("fmt")?.str("packed")?.str("attStmt")?.map(3)?;
            map.str("alg")?
                .i64(-7)?
                .str("sig")?
                .bytes(&bytes(&statement["sig"]))?;
            map.str("x5c")?.array(1)?.bytes(&bytes(&statement["x5c"][0]))?;
            map.str("authData")?
                .bytes(&bytes(&registration["authenticator_data"]))
        });
        assert!(written.is_ok(), "a vector takes everything");
        Self {
            hash: bytes(&registration["client_data_hash"])
                .try_into()
                .expect("32 bytes"),
            object: object.into_writer(),
        }
    }

    /// What the target is given.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [&self.hash, self.object.as_slice()].concat()
    }
}

pub(crate) fn read(file: &str) -> Value {
    serde_json::from_str(file).expect("JSON")
}

pub(crate) fn bytes(hexadecimal: &Value) -> Vec<u8> {
    hex::decode(hexadecimal.as_str().expect("a string")).expect("hexadecimal")
}

/// What every format signs of a registration.
#[derive(PartialEq, Eq)]
struct Signed {
    client_data_hash: [u8; 32],
    rp_id_hash: [u8; 32],
    id: Vec<u8>,
    public_key: Vec<u8>,
}

impl Signed {
    fn of(object: &AttestationObject<'_>, client_data_hash: &[u8; 32]) -> Self {
        Self {
            client_data_hash: *client_data_hash,
            rp_id_hash: object.data.rp_id_hash,
            id: object.credential.id.to_vec(),
            public_key: object.credential.public_key.to_vec(),
        }
    }
}

/// A realm, and all that was ever signed for it.
struct Realm {
    policy: AttestationPolicy,
    signed: Vec<Signed>,
}

/// With the root of the vectors, and the recorded key's own certificate.
static REALM: LazyLock<Realm> = LazyLock::new(|| {
    let (webauthn, recorded) = (read(WEBAUTHN), read(HARDWARE_KEYS));
    let certificate = &recorded["registrations"][0]["attestation_statement"]["x5c"][0];
    let roots = [pem(&webauthn["attestation_root"]), pem(certificate)].concat();
    let vectors = webauthn["vectors"].as_array().expect("a list");
    let mut registrations: Vec<_> = vectors.iter().map(Registration::of_webauthn).collect();
    registrations.push(Registration::recorded(&recorded));
    let signed = registrations.iter().filter_map(|registration| {
        let object = AttestationObject::parse(&registration.object).ok()?;
        Some(Signed::of(&object, &registration.hash))
    });
    Realm {
        policy: AttestationPolicy {
            roots: Some(AttestationRoots::parse_pem(&roots).expect("certificates")),
            aaguids: None,
        },
        signed: signed.collect(),
    }
});

fn pem(der: &Value) -> String {
    let text = Base64::encode_string(&bytes(der));
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// A client data hash and an attestation object; the verdict of a realm with roots, if it is one.
///
/// # Panics
/// If the realm trusts what none of its keys signed, if its verdict contradicts that of a realm without demands, or if
/// something unprintable is shown.
pub fn attestation_statement(data: &[u8]) -> Option<Result<(), StatementError>> {
    let (hash, object) = data.split_first_chunk()?;
    let object = AttestationObject::parse(object).ok()?;
    if let Ok(Some(certificate)) = object.statement.certificate() {
        assert!(!certificate.to_string().contains(char::is_control));
    }
    let now = UtcDateTime::from_unix_timestamp(NOW).expect("a time");
    let verified = object.verify(hash);
    let mut policy = AttestationPolicy::default();
    assert_eq!(policy.verify(&object, hash, now), verified);
    policy.aaguids = Some(vec![Aaguid([0xff; 16])]);
    let listed = policy.verify(&object, hash, now);
    assert!(listed.is_err() || object.credential.aaguid.0 == [0xff; 16]);

    let trusted = REALM.policy.verify(&object, hash, now);
    match &trusted {
        Ok(attested) => {
            assert!(matches!(attested, Attested::Certified(_)));
            assert_eq!(trusted, verified);
            assert!(REALM.signed.contains(&Signed::of(&object, hash)));
        }
        Err(cause) => assert!(verified.is_ok() || verified == Err(*cause)),
    }
    Some(trusted.map(drop))
}
