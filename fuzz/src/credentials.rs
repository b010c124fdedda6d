//! What security keys return, and what is kept of it.

use core::str;

use krb5_fido_protocol::fido::{
    attestation::{AttestationObject, Statement},
    authenticator_data::{Aaguid, Flags, parse_assertion, parse_registration},
    cose::{Algorithm, PublicKey},
    record::CredentialRecord,
};
use minicbor::{Decoder, Encoder, data::Type};
use serde_json::Value;
use time::UtcDateTime;

/// Bytes in front of a new credential or of extensions.
const HEAD_LEN: usize = 37;

/// Authenticator data of assertions and registrations, and UUIDs of authenticators.
///
/// # Panics
/// If the parts are not what the data are made of, or if both readers take the same data.
pub fn authenticator_data(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data)
        && let Some(aaguid) = Aaguid::parse(text)
    {
        assert_eq!(aaguid.to_string(), text);
    }
    if let Ok(parsed) = parse_assertion(data) {
        assert!(parse_registration(data).is_err());
        let extensions = assert_head(data, &parsed.rp_id_hash, parsed.flags, parsed.counter);
        assert_eq!(data[32] & 0x40, 0);
        assert_extensions(parsed.flags, extensions);
    }
    if let Ok((parsed, credential)) = parse_registration(data) {
        let rest = assert_head(data, &parsed.rp_id_hash, parsed.flags, parsed.counter);
        assert_ne!(data[32] & 0x40, 0);
        let length = u16::try_from(credential.id.len()).expect("at most 1023 bytes");
        let parts = [
            &credential.aaguid.0[..],
            &length.to_be_bytes(),
            credential.id,
            credential.public_key,
        ];
        let extensions = rest.strip_prefix(parts.concat().as_slice());
        assert_extensions(parsed.flags, extensions.expect("the credential stands there"));
        assert!((1..=1023).contains(&length));
        assert_eq!(
            Aaguid::parse(&credential.aaguid.to_string()),
            Some(credential.aaguid)
        );
    }
}

fn assert_head<'a>(data: &'a [u8], rp_id_hash: &[u8], flags: Flags, counter: u32) -> &'a [u8] {
    let (head, rest) = data.split_at(HEAD_LEN);
    assert!(head.starts_with(rp_id_hash) && head.ends_with(&counter.to_be_bytes()));
    assert_eq!(flags.is_user_present(), head[32] & 1 != 0);
    assert_eq!(flags.is_user_verified(), head[32] & 4 != 0);
    assert_eq!(flags.has_extensions(), head[32] & 0x80 != 0);
    rest
}

/// One map with ED, nothing without.
fn assert_extensions(flags: Flags, extensions: &[u8]) {
    let mut decoder = Decoder::new(extensions);
    let is_map = decoder.datatype().is_ok_and(|kind| kind == Type::Map);
    let is_one_map = is_map && decoder.skip().is_ok() && decoder.position() == extensions.len();
    assert_eq!(is_one_map, flags.has_extensions());
    assert_eq!(extensions.is_empty(), !flags.has_extensions());
}

/// COSE keys.
///
/// # Panics
/// If a key is not written byte for byte as it was read.
pub fn cose_key(data: &[u8]) {
    let Ok(key) = PublicKey::parse(data) else {
        return;
    };
    assert_eq!(key.encode(), data);
    let algorithm = key.algorithm();
    assert!(Algorithm::ALL.contains(&algorithm));
    assert_eq!(Algorithm::parse_list(algorithm.name()), Ok(vec![algorithm]));
    assert_eq!(find_algorithm(data), Some(algorithm.identifier()));
}

/// The member 3 of a COSE_Key.
fn find_algorithm(key: &[u8]) -> Option<i64> {
    let mut decoder = Decoder::new(key);
    for _ in 0..decoder.map().ok()?? {
        if decoder.i64().ok()? == 3 {
            return decoder.i64().ok();
        }
        decoder.skip().ok()?;
    }
    None
}

/// Attestation objects.
///
/// # Panics
/// If an object made of the parts is not read as the same.
pub fn attestation_object(data: &[u8]) {
    let Ok(object) = AttestationObject::parse(data) else {
        return;
    };
    let (parsed, credential) = parse_registration(object.authenticator_data).expect("it was read before");
    assert_eq!((parsed, &credential), (object.data, &object.credential));
    assert_eq!(object.public_key.encode(), credential.public_key);

    let written = encode(&object);
    assert!(written.len() <= data.len());
    assert_eq!(AttestationObject::parse(&written).as_ref(), Ok(&object));
}

/// The object in canonical form.
fn encode(object: &AttestationObject<'_>) -> Vec<u8> {
    let mut statement = Encoder::new(Vec::new());
    let written = match &object.statement {
        Statement::None => statement.map(0).is_ok(),
        Statement::PackedSelf { algorithm, signature } => {
            statement.map(2).is_ok() && put_signature(&mut statement, Some(*algorithm), signature)
        }
        Statement::Packed {
            algorithm,
            signature,
            certificates,
        } => {
            statement.map(3).is_ok()
                && put_signature(&mut statement, Some(*algorithm), signature)
                && put_certificates(&mut statement, certificates)
        }
        Statement::Tpm {
            algorithm,
            signature,
            certificates,
            certified,
            public_area,
        } => {
            statement.map(6).is_ok()
                && put_signature(&mut statement, Some(*algorithm), signature)
                && statement.str("ver").and_then(|map| map.str("2.0")).is_ok()
                && put_certificates(&mut statement, certificates)
                && put_bytes(&mut statement, "pubArea", public_area)
                && put_bytes(&mut statement, "certInfo", certified)
        }
        Statement::FidoU2f {
            signature,
            certificate,
        } => {
            statement.map(2).is_ok()
                && put_signature(&mut statement, None, signature)
                && put_certificates(&mut statement, &[certificate])
        }
    };
    assert!(written, "a vector takes everything");

    let mut whole = Encoder::new(Vec::new());
    let format = object.statement.format();
    let head = whole
        .map(3)
        .and_then(|map| map.str("fmt")?.str(format)?.str("attStmt"));
    assert!(head.is_ok());
    whole.writer_mut().extend(statement.into_writer());
    assert!(put_bytes(&mut whole, "authData", object.authenticator_data));
    whole.into_writer()
}

fn put_signature(map: &mut Encoder<Vec<u8>>, algorithm: Option<i64>, signature: &[u8]) -> bool {
    algorithm.is_none_or(|number| map.str("alg").and_then(|map| map.i64(number)).is_ok())
        && put_bytes(map, "sig", signature)
}

fn put_bytes(map: &mut Encoder<Vec<u8>>, name: &str, bytes: &[u8]) -> bool {
    map.str(name).and_then(|map| map.bytes(bytes)).is_ok()
}

fn put_certificates(map: &mut Encoder<Vec<u8>>, certificates: &[&[u8]]) -> bool {
    let count = u64::try_from(certificates.len()).expect("a short list");
    map.str("x5c").and_then(|map| map.array(count)).is_ok()
        && certificates
            .iter()
            .all(|certificate| map.bytes(certificate).is_ok())
}

/// Credential records.
///
/// # Panics
/// If a member is lost or changed, or if disabling is not undone by enabling.
pub fn record(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(record) = CredentialRecord::parse(text) else {
        return;
    };
    // What grows when it is written again may have been near the limit.
    let Ok(written) = record.encode() else {
        return;
    };
    assert_eq!(CredentialRecord::parse(&written).as_ref(), Ok(&record));
    assert_eq!(record.encode().as_ref(), Ok(&written));
    let members: Value = serde_json::from_str(text).expect("it was read before");
    assert_eq!(
        serde_json::from_str::<Value>(&written).ok(),
        Some(members.clone())
    );
    assert_eq!(
        PublicKey::parse(&record.public_key().encode()).as_ref(),
        Ok(record.public_key())
    );

    let mut changed = record.clone();
    changed.disable(UtcDateTime::UNIX_EPOCH);
    assert!(changed.is_disabled());
    if let Ok(written) = changed.encode() {
        let disabled = CredentialRecord::parse(&written).expect("it is a record");
        assert!(disabled.is_disabled() && disabled == changed);
    }
    changed.enable();
    assert!(!changed.is_disabled());
    let Ok(written) = changed.encode() else {
        return;
    };
    let mut without = members;
    without.as_object_mut().map(|members| {
        (
            members.shift_remove("disabled"),
            members.shift_remove("disabled_at"),
        )
    });
    assert_eq!(serde_json::from_str(&written).ok(), Some(without));
}
