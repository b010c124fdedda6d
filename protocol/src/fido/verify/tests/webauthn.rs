//! The authentication half of the test vectors of Web Authentication Level 3: `protocol/tests/vectors/webauthn.json`.

use minicbor::Decoder;

use super::*;

fn vectors() -> Vec<Value> {
    let text = include_str!("../../../../tests/vectors/webauthn.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

struct Vector(Value);

impl Vector {
    fn load(name: &str) -> Self {
        let is_wanted = |vector: &Value| vector["name"] == name;
        Self(vectors().into_iter().find(is_wanted).unwrap())
    }

    fn bytes(&self, half: &str, member: &str) -> Vec<u8> {
        hex::decode(self.0[half][member].as_str().unwrap()).unwrap()
    }

    /// `fmt` and `authData` of the attestation object (WebAuthn Level 3 section 6.5.4).
    fn attestation(&self) -> (String, Vec<u8>) {
        let object = self.bytes("registration", "attestation_object");
        let mut decoder = Decoder::new(&object);
        let (mut format, mut data) = (None, None);
        for _ in 0..decoder.map().unwrap().unwrap() {
            match decoder.str().unwrap() {
                "fmt" => format = Some(decoder.str().unwrap().to_owned()),
                "authData" => data = Some(decoder.bytes().unwrap().to_vec()),
                _ => decoder.skip().unwrap(),
            }
        }
        (format.unwrap(), data.unwrap())
    }

    /// The outcome of what the enrolment tool checks.
    fn register(&self) -> Result<(), Error> {
        let (_, data) = self.attestation();
        let context = RegistrationContext {
            rp_id: "example.org",
            algorithms: Algorithm::ALL,
            registered: &[],
        };
        let registration = verify_registration(&data, &context)?;
        assert_eq!(registration.id, self.bytes("registration", "credential_id"));
        let aaguid = self.bytes("registration", "aaguid");
        assert_eq!(registration.aaguid.0[..], aaguid);
        Ok(())
    }

    fn record(&self) -> CredentialRecord {
        let (format, data) = self.attestation();
        let (_, credential) = parse_registration(&data).unwrap();
        let key = PublicKey::parse(credential.public_key).unwrap();
        assert_eq!(key.encode(), credential.public_key);
        record_for(
            &key,
            json!({
                "rp": "example.org",
                "id": Base64UrlUnpadded::encode_string(credential.id),
                "alg": key.algorithm().identifier(),
                "fmt": format,
            }),
        )
    }

    fn assertion(&self) -> FidoAssertion {
        FidoAssertion {
            credential_id: self.bytes("registration", "credential_id"),
            authenticator_data: self.bytes("authentication", "authenticator_data"),
            signature: self.bytes("authentication", "signature"),
        }
    }

    /// What a browser signs in place of our client data hash.
    fn client_data_hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes("authentication", "client_data_json")).into()
    }
}

fn verify(
    record: &CredentialRecord,
    required: &Requirements<'_>,
    assertion: &FidoAssertion,
    hash: &[u8; 32],
) -> Result<AuthenticatorData, Error> {
    let uv = record.check_usable(required)?;
    verify_signed_data(record, uv, assertion, hash)
}

/// The vector verifies by `algorithm`, and by nothing else; what was changed does not.
fn assert_vector(name: &str, algorithm: Algorithm, user_verified: bool) {
    let vector = Vector::load(name);
    assert_eq!(vector.register(), Ok(()));
    let (record, assertion, hash) = (vector.record(), vector.assertion(), vector.client_data_hash());
    let required = Requirements {
        algorithms: &[algorithm],
        ..REQUIRED
    };
    let data = verify(&record, &required, &assertion, &hash).unwrap();
    assert_eq!(data.flags.is_user_verified(), user_verified);

    assert_changes_refused(&record, &required, &assertion, hash);
    let with_uv = Requirements {
        uv: UserVerification::Required,
        ..required
    };
    let refused = match record.format() {
        Some("fido-u2f") => Some(Error::CannotVerifyUser),
        _ => (!user_verified).then_some(Error::UserNotVerified),
    };
    assert_eq!(verify(&record, &with_uv, &assertion, &hash).err(), refused);
    let others: Vec<_> = Algorithm::ALL
        .iter()
        .copied()
        .filter(|other| *other != algorithm)
        .collect();
    let others = Requirements {
        algorithms: &others,
        ..required
    };
    assert_eq!(
        verify(&record, &others, &assertion, &hash),
        Err(Error::AlgorithmNotAllowed)
    );
}

fn assert_changes_refused(
    record: &CredentialRecord,
    required: &Requirements<'_>,
    assertion: &FidoAssertion,
    hash: [u8; 32],
) {
    let mut other_hash = hash;
    other_hash[31] ^= 1;
    let mut other_signature = assertion.clone();
    *other_signature.signature.last_mut().unwrap() ^= 1;
    let mut other_counter = assertion.clone();
    *other_counter.authenticator_data.last_mut().unwrap() ^= 1;
    for (assertion, hash) in [
        (assertion, other_hash),
        (&other_signature, hash),
        (&other_counter, hash),
    ] {
        assert_eq!(
            verify(record, required, assertion, &hash),
            Err(Error::BadSignature)
        );
    }
    let mut untouched = assertion.clone();
    untouched.authenticator_data[32] &= !1;
    assert_eq!(
        verify(record, required, &untouched, &hash),
        Err(Error::UserNotPresent)
    );
}

/// The vector's key is refused by the name of its algorithm, at registration and in a record.
fn assert_never_allowed(name: &str, algorithm: &'static str) {
    let vector = Vector::load(name);
    let forbidden = Error::ForbiddenAlgorithm(algorithm);
    assert_eq!(vector.register(), Err(forbidden));
    let (_, data) = vector.attestation();
    let (_, credential) = parse_registration(&data).unwrap();
    assert_eq!(PublicKey::parse(credential.public_key), Err(forbidden));
    let pk = Base64UrlUnpadded::encode_string(credential.public_key);
    let record = record_json("example.org", credential.id, &json!({"pk": pk}));
    assert_eq!(CredentialRecord::parse(&record), Err(forbidden));
}

#[test]
fn none_es256() {
    assert_vector("none-es256", Algorithm::Es256, false);
}

#[test]
fn packed_self_es256() {
    assert_vector("packed-self-es256", Algorithm::Es256, false);
}

#[test]
fn none_es256_cross_origin() {
    assert_vector("none-es256-crossOrigin", Algorithm::Es256, true);
}

#[test]
fn none_es256_top_origin() {
    assert_vector("none-es256-topOrigin", Algorithm::Es256, true);
}

#[test]
fn none_es256_long_credential_id() {
    assert_vector("none-es256-long-credential-id", Algorithm::Es256, true);
}

#[test]
fn packed_es256() {
    assert_vector("packed-es256", Algorithm::Es256, true);
}

#[test]
fn packed_es384() {
    assert_vector("packed-es384", Algorithm::Es384, true);
}

#[test]
fn packed_es512() {
    assert_never_allowed("packed-es512", "ES512");
}

#[test]
fn packed_rs256() {
    assert_vector("packed-rs256", Algorithm::Rs256, false);
}

#[test]
fn packed_eddsa() {
    assert_vector("packed-eddsa", Algorithm::EdDsa, false);
}

#[test]
fn packed_ed448() {
    assert_never_allowed("packed-ed448", "Ed448");
}

#[test]
fn tpm_es256() {
    assert_vector("tpm-es256", Algorithm::Es256, true);
}

#[test]
fn android_key_es256() {
    assert_vector("android-key-es256", Algorithm::Es256, false);
}

#[test]
fn apple_es256() {
    assert_vector("apple-es256", Algorithm::Es256, false);
}

#[test]
fn fido_u2f_es256() {
    assert_vector("fido-u2f-es256", Algorithm::Es256, false);
}

#[test]
fn every_vector_has_a_test() {
    assert_eq!(vectors().len(), 15);
}
