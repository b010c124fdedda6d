//! Out of the test vectors of Web Authentication Level 3 and recordings of hardware keys.

use krb5_fido_protocol::fido::{
    attestation::AttestationObject,
    record::{CredentialRecord, NewCredential},
};
use serde_json::{Value, json};
use time::UtcDateTime;

use super::Seed;
use crate::attestation::{HARDWARE_KEYS, Registration, WEBAUTHN, bytes, read};

pub(super) fn seeds() -> Vec<Seed> {
    let (webauthn, recorded) = (read(WEBAUTHN), read(HARDWARE_KEYS));
    let vectors = webauthn["vectors"].as_array().expect("a list");
    let mut seeds: Vec<Seed> = vectors.iter().flat_map(of_webauthn).collect();
    let registration = bytes(&recorded["registrations"][0]["authenticator_data"]);
    seeds.push(Seed::new(
        "authenticator_data",
        "recorded-registration",
        registration,
    ));
    let assertion = bytes(&recorded["assertions"][1]["authenticator_data"]);
    seeds.push(Seed::new("authenticator_data", "recorded-assertion", assertion));
    let attested = Registration::recorded(&recorded).to_bytes();
    seeds.push(Seed::new(
        "attestation_statement",
        "recorded-registration",
        attested,
    ));
    let without_model = of_u2f_without_model(vectors).to_bytes();
    seeds.push(Seed::new(
        "attestation_statement",
        "fido-u2f-without-model",
        without_model,
    ));
    let uuid = "2fc0579f-8113-47ea-b116-bb5a8db9202a";
    seeds.push(Seed::new("authenticator_data", "uuid", uuid));
    let with_extensions = [&[7; 32][..], b"\x81\0\0\0\x01\xa1\x6bhmac-secret\x41\0"].concat();
    seeds.push(Seed::new("authenticator_data", "extensions", with_extensions));
    seeds
}

/// The U2F key of the vectors as a U2F key registers: with an AAGUID of zeros, which it does not sign.
fn of_u2f_without_model(vectors: &[Value]) -> Registration {
    let is_u2f = |vector: &&Value| vector["name"] == "fido-u2f-es256";
    let vector = vectors.iter().find(is_u2f).expect("a vector");
    let mut registration = Registration::of_webauthn(vector);
    let model = bytes(&vector["registration"]["aaguid"]);
    let mut places = registration.object.windows(16);
    let start = places.position(|bytes| bytes == model).expect("it stands there");
    registration.object[start..start + 16].fill(0);
    registration
}

fn of_webauthn(vector: &Value) -> Vec<Seed> {
    let name = vector["name"].as_str().expect("a name");
    let registration = Registration::of_webauthn(vector);
    let object = registration.object.clone();
    let assertion = bytes(&vector["authentication"]["authenticator_data"]);
    let mut seeds = vec![
        Seed::new("authenticator_data", format!("{name}-assertion"), assertion),
        Seed::new("attestation_object", name, object.clone()),
        Seed::new("attestation_statement", name, registration.to_bytes()),
    ];
    if let Ok(object) = AttestationObject::parse(&object) {
        let data = object.authenticator_data;
        seeds.push(Seed::new(
            "authenticator_data",
            format!("{name}-registration"),
            data,
        ));
        seeds.push(Seed::new("cose_key", name, object.credential.public_key));
        seeds.push(Seed::new("record", name, record(&object)));
    }
    seeds
}

/// With every member that a record can have, and some that it does not know.
fn record(object: &AttestationObject<'_>) -> String {
    let record = CredentialRecord::new(&NewCredential {
        rp_id: "example.org",
        id: object.credential.id,
        public_key: &object.public_key,
        aaguid: object.credential.aaguid,
        format: object.statement.format(),
        transports: &["usb", "nfc"],
        counter: object.data.counter,
        created: UtcDateTime::UNIX_EPOCH,
        by: "admin/admin@EXAMPLE.COM",
        registration: None,
    });
    let text = record.and_then(|record| record.encode()).expect("a sound record");
    let mut members = read(&text);
    members["uv"] = json!("required");
    members["uv_enrolled"] = json!(true);
    members["not_after"] = json!("2030-01-01T00:00:00Z");
    members["disabled"] = json!(true);
    members["reg"] = json!({"nonce": "AA", "att": "AAAA"});
    members["later"] = json!([{"a": 1.5e3, "b": -7}, "\u{e9}\n", null, 18_446_744_073_709_551_615_u64]);
    members.to_string()
}
