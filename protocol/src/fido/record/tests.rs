#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::json;

use super::*;

pub(in crate::fido) const NOW: UtcDateTime = match UtcDateTime::from_unix_timestamp(1_790_000_000) {
    Ok(now) => now,
    Err(_) => UtcDateTime::UNIX_EPOCH,
};

/// A COSE key of ES256 whose point is not on the curve.
pub(in crate::fido) fn key() -> PublicKey {
    let cose = [
        &b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..],
        &[1; 32],
        b"\x22\x58\x20",
        &[2; 32],
    ]
    .concat();
    PublicKey::parse(&cose).unwrap()
}

/// A well-formed key of `algorithm`, of no use.
pub(in crate::fido) fn cose_of(algorithm: Algorithm) -> Vec<u8> {
    match algorithm {
        Algorithm::Es256 => key().encode(),
        Algorithm::EdDsa => [&b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20"[..], &[1; 32]].concat(),
        Algorithm::Es384 => [
            &b"\xa5\x01\x02\x03\x38\x22\x20\x02\x21\x58\x30"[..],
            &[1; 48],
            b"\x22\x58\x30",
            &[2; 48],
        ]
        .concat(),
        Algorithm::Rs256 => [
            &b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00"[..],
            &[0x81; 256],
            b"\x21\x43\x01\x00\x01",
        ]
        .concat(),
    }
}

/// A record for `rp_id` with the further members `more`.
pub(in crate::fido) fn record_json(rp_id: &str, id: &[u8], more: &Value) -> String {
    let record = CredentialRecord::new(&NewCredential {
        rp_id,
        id,
        public_key: &key(),
        aaguid: Aaguid([3; 16]),
        format: "packed",
        transports: &["usb"],
        counter: 4,
        created: NOW,
        by: "admin/admin@R.ORG",
        registration: None,
    })
    .unwrap();
    let mut members = record.members;
    members.extend(more.as_object().unwrap().clone());
    Value::Object(members).to_string()
}

/// A record of ES256.
pub(in crate::fido) fn es256() -> CredentialRecord {
    CredentialRecord::parse(&record_json("r.org", &[9; 16], &json!({}))).unwrap()
}

/// Another one.
pub(in crate::fido) fn other_es256() -> CredentialRecord {
    CredentialRecord::parse(&record_json("r.org", &[8; 16], &json!({}))).unwrap()
}

fn json_with(more: &Value) -> String {
    record_json("r.org", &[9; 16], more)
}

fn parse_with(more: &Value) -> Result<CredentialRecord, Error> {
    CredentialRecord::parse(&json_with(more))
}

fn without(name: &str) -> String {
    let mut value: Value = serde_json::from_str(&json_with(&serde_json::json!({}))).unwrap();
    value.as_object_mut().unwrap().shift_remove(name).unwrap();
    value.to_string()
}

/// One record in which `member` has `value`.
fn assert_malformed(member: &'static str, value: Value) {
    let mut more = Map::new();
    more.insert(member.to_owned(), value);
    let more = Value::Object(more);
    assert_eq!(
        parse_with(&more),
        Err(Error::RecordMemberMalformed(member)),
        "{more}"
    );
}

#[test]
fn new_record_is_written_and_read() {
    let json = json_with(&json!({}));
    let pk = Base64UrlUnpadded::encode_string(&key().encode());
    assert_eq!(
        json,
        format!(r#"{{"v":1,"rp":"r.org","id":"CQkJCQkJCQkJCQkJCQkJCQ","pk":"{pk}","alg":-7,"#,)
            + r#""created":"2026-09-21T14:13:20Z","aaguid":"03030303-0303-0303-0303-030303030303","#
            + r#""fmt":"packed","transports":["usb"],"counter":4,"by":"admin/admin@R.ORG"}"#
    );
    let record = CredentialRecord::parse(&json).unwrap();
    assert_eq!(record.encode().unwrap(), json);
    assert_eq!(record.rp_id(), "r.org");
    assert_eq!(record.id(), [9; 16]);
    assert_eq!(record.public_key(), &key());
    assert_eq!(record.created(), NOW);
    assert_eq!(record.aaguid(), Some(Aaguid([3; 16])));
    assert_eq!(record.format(), Some("packed"));
    assert_eq!(record.by(), Some("admin/admin@R.ORG"));
    assert_eq!(
        (record.counter(), record.uv(), record.not_after()),
        (4, None, None)
    );
    assert!(!record.is_disabled());
}

/// What the least of authenticators gives.
fn new_credential(public_key: &PublicKey) -> NewCredential<'_> {
    NewCredential {
        rp_id: "r.org",
        id: &[1],
        public_key,
        aaguid: Aaguid([0; 16]),
        format: "none",
        transports: &[],
        counter: 0,
        created: NOW,
        by: "u@R.ORG",
        registration: None,
    }
}

#[test]
fn created_is_cut_to_the_second() {
    let record = CredentialRecord::new(&NewCredential {
        created: NOW.replace_nanosecond(999_999_999).unwrap(),
        ..new_credential(&key())
    })
    .unwrap();
    assert_eq!(record.created(), NOW);
    assert!(!record.encode().unwrap().contains("transports"));
}

#[test]
fn new_record_is_checked_like_a_read_one() {
    let key = key();
    let new = |rp_id, id| {
        CredentialRecord::new(&NewCredential {
            rp_id,
            id,
            ..new_credential(&key)
        })
    };
    assert_eq!(new("", &[1]), Err(Error::RecordMemberMalformed("rp")));
    assert_eq!(new("r.org", &[]), Err(Error::RecordMemberMalformed("id")));
    assert_eq!(new("r.org", &[0; 1024]), Err(Error::RecordMemberMalformed("id")));
}

#[test]
fn registration_is_kept_and_read() {
    let key = key();
    let with = |registration| {
        let record = CredentialRecord::new(&NewCredential {
            registration,
            ..new_credential(&key)
        });
        CredentialRecord::parse(&record.unwrap().encode().unwrap()).unwrap()
    };
    assert_eq!(with(None).registration(), None);
    let expected = RecordedRegistration {
        nonce: [7; 32],
        attestation_object: vec![0xa0],
    };
    assert_eq!(with(Some((&[7; 32], &[0xa0]))).registration(), Some(expected));
    let short = parse_with(&json!({"reg": {"nonce": "AA", "att": "oA"}})).unwrap();
    assert_eq!(short.registration(), None);
}

#[test]
fn only_required_members_are_needed() {
    for name in ["aaguid", "fmt", "transports", "counter", "by"] {
        assert!(CredentialRecord::parse(&without(name)).is_ok(), "{name}");
    }
    assert_eq!(CredentialRecord::parse(&without("counter")).unwrap().counter(), 0);
    for name in ["v", "rp", "id", "pk", "alg", "created"] {
        let error = CredentialRecord::parse(&without(name)).unwrap_err();
        assert_eq!(error, Error::RecordMemberMissing(name));
    }
}

#[test]
fn malformed_invitations_are_refused() {
    for value in [json!("i"), json!(1), json!("AQEB")] {
        assert_malformed("invite", value);
    }
    for value in [json!("i"), json!({}), json!({"key": "AQ", "sig": "AQ"})] {
        assert_malformed("invite_proof", value);
    }
}

#[test]
fn unknown_members_are_kept_in_their_place() {
    let more = json!({"x": {"deep": [1, null]}, "disabled": true, "note": "i", "y": "\u{0}\\\":"});
    let mut record = parse_with(&more).unwrap();
    assert_eq!(record.encode().unwrap(), json_with(&more));
    assert_eq!(record.unknown_members().collect::<Vec<_>>(), ["x", "note", "y"]);
    assert_eq!(record.member("note"), Some(&json!("i")));
    assert_eq!(record.member("z"), None);
    record.enable();
    let rest = json!({"x": {"deep": [1, null]}, "note": "i", "y": "\u{0}\\\":"});
    assert_eq!(record.encode().unwrap(), json_with(&rest));
}

#[test]
fn numbers_of_unknown_members_lose_no_digit() {
    let numbers = "[18446744073759154615,1.844674407375915e+19,1.10,1e+2,-0,1e+400,-1e-400]";
    let text = json_with(&json!({"x": []})).replace("[]", numbers);
    let mut record = CredentialRecord::parse(&text).unwrap();
    assert_eq!(record.encode().unwrap(), text);
    record.disable(NOW);
    record.enable();
    assert_eq!(record.encode().unwrap(), text);
}

#[test]
fn disabling_is_written_and_undone() {
    let mut record = parse_with(&json!({})).unwrap();
    record.disable(NOW);
    assert!(record.is_disabled());
    let disabled = CredentialRecord::parse(&record.encode().unwrap()).unwrap();
    assert!(disabled.is_disabled());
    record.enable();
    assert_eq!(record.encode().unwrap(), json_with(&json!({})));
}

#[test]
fn other_versions_are_an_error_of_their_own() {
    for version in [0, 2, u64::MAX] {
        let error = parse_with(&json!({"v": version})).unwrap_err();
        assert_eq!(error, Error::UnsupportedRecordVersion);
    }
    for version in [json!("1"), json!(1.0), json!(-1), json!(null), json!([1])] {
        assert_malformed("v", version);
    }
}

#[test]
fn malformed_required_members() {
    for rp in [
        json!(""),
        json!(1),
        json!("r\u{0}.org"),
        json!("r\n.org"),
        json!(null),
    ] {
        assert_malformed("rp", rp);
    }
    let long_id = Base64UrlUnpadded::encode_string(&[0; 1024]);
    for id in [
        json!(""),
        json!(1),
        json!("A"),
        json!("AA=="),
        json!("+/+/"),
        json!("AB"),
        json!(long_id),
    ] {
        assert_malformed("id", id);
    }
    for pk in [json!(1), json!("!"), json!([])] {
        assert_malformed("pk", pk);
    }
    for alg in [json!("-7"), json!(-7.0), json!(u64::MAX)] {
        assert_malformed("alg", alg);
    }
    for created in [
        json!(1),
        json!("2026-09-21"),
        json!("2026-13-21T14:13:20Z"),
        json!("2026-09-21T14:13:20"),
    ] {
        assert_malformed("created", created);
    }
}

#[test]
fn malformed_optional_members() {
    for aaguid in [
        json!(1),
        json!("03030303-0303-0303-0303-03030303030G"),
        json!(""),
        json!(null),
    ] {
        assert_malformed("aaguid", aaguid);
    }
    for uv in [json!(1), json!("always"), json!("Required"), json!(null)] {
        assert_malformed("uv", uv);
    }
    for counter in [json!(-1), json!(1.5), json!("1"), json!(4_294_967_296_u64)] {
        assert_malformed("counter", counter);
    }
    for disabled in [json!("false"), json!(0), json!(null)] {
        assert_malformed("disabled", disabled);
    }
    for reg in [
        json!(1),
        json!({}),
        json!({"nonce": "AA"}),
        json!({"nonce": "AA", "att": "="}),
    ] {
        assert_malformed("reg", reg);
    }
    assert_malformed("not_after", json!("never"));
    assert_malformed("fmt", json!(1));
    assert_malformed("by", json!(["u"]));
    assert_malformed("uv_enrolled", json!("true"));
    assert_malformed("transports", json!("usb"));
    assert_malformed("transports", json!(["usb", 1]));
}

#[test]
fn well_formed_optional_members() {
    let record = parse_with(&json!({
        "uv": "required", "uv_enrolled": true, "counter": u32::MAX, "transports": [],
        "not_after": "2026-09-21T16:13:20+02:00", "reg": {"nonce": "AA", "att": "AA"}
    }))
    .unwrap();
    assert_eq!(record.uv(), Some(UserVerification::Required));
    assert_eq!(record.counter(), u32::MAX);
    assert_eq!(record.not_after(), Some(NOW));
}

#[test]
fn credential_ids_up_to_their_limit() {
    for length in [1, 1023] {
        let json = record_json("r.org", &vec![5; length], &json!({}));
        assert_eq!(CredentialRecord::parse(&json).unwrap().id().len(), length);
    }
}

#[test]
fn key_and_algorithm_must_agree() {
    let mismatch = parse_with(&json!({"alg": -8})).unwrap_err();
    assert_eq!(mismatch, Error::RecordAlgorithmMismatch);
    let ed25519 = Base64UrlUnpadded::encode_string(b"\xa2\x01\x01\x03\x32");
    let unsupported = parse_with(&json!({"pk": ed25519, "alg": -19})).unwrap_err();
    assert_eq!(unsupported, Error::UnsupportedAlgorithm(-19));
    let es512 = Base64UrlUnpadded::encode_string(b"\xa2\x01\x02\x03\x38\x23");
    let never = parse_with(&json!({"pk": es512, "alg": -36})).unwrap_err();
    assert_eq!(never, Error::ForbiddenAlgorithm("ES512"));
    let malformed = parse_with(&json!({"pk": "AA"})).unwrap_err();
    assert_eq!(malformed, Error::MalformedPublicKey);
}

#[test]
fn text_that_is_no_object() {
    for text in [
        "",
        "[]",
        "1",
        "null",
        "{",
        "{}x",
        "{} {}",
        "{\"v\":1,}",
        "{\"v\":1}\0",
        "\u{feff}{}",
    ] {
        assert_eq!(
            CredentialRecord::parse(text),
            Err(Error::RecordNotObject),
            "{text:?}"
        );
    }
    let json = json_with(&json!({}));
    for end in 0..json.len() {
        assert_eq!(CredentialRecord::parse(&json[..end]), Err(Error::RecordNotObject));
    }
    let deep = format!("{{\"x\":{}", "[".repeat(60_000));
    assert_eq!(CredentialRecord::parse(&deep), Err(Error::RecordNotObject));
}

#[test]
fn repeated_members_at_any_depth() {
    let json = json_with(&json!({}));
    for insert in [
        r#"{"v":1,"#,
        r#"{"\u0076":1,"#,
        r#"{"x":[{"y":1,"y":1}],"#,
        r#"{"x":":","x":"\":","#,
    ] {
        let repeated = json.replacen('{', insert, 1);
        assert_eq!(
            CredentialRecord::parse(&repeated),
            Err(Error::RecordMemberRepeated),
            "{repeated}"
        );
    }
}

#[test]
fn colons_and_quotes_inside_strings_are_no_members() {
    assert!(parse_with(&json!({"x": "a:b", "y:": "\":\"", "z": "\\", "w": ["\\\":"]})).is_ok());
}

#[test]
fn records_up_to_their_longest() {
    let bare = json_with(&json!({"x": ""})).len();
    let longest = json_with(&json!({"x": "x".repeat(RECORD_MAX - bare)}));
    let mut record = CredentialRecord::parse(&longest).unwrap();
    assert_eq!(record.encode().unwrap().len(), RECORD_MAX);
    record.disable(NOW);
    assert_eq!(record.encode(), Err(Error::RecordTooLong));
    let error = parse_with(&json!({"x": "x".repeat(RECORD_MAX - bare + 1)})).unwrap_err();
    assert_eq!(error, Error::RecordTooLong);
}

#[test]
fn usability() {
    let usable = |more: Value, algorithms: &[Algorithm]| {
        let required = Requirements {
            now: NOW,
            algorithms,
            uv: UserVerification::Preferred,
        };
        parse_with(&more).unwrap().check_usable(&required)
    };
    let es256 = &[Algorithm::Es256];
    assert_eq!(usable(json!({}), es256), Ok(UserVerification::Preferred));
    assert_eq!(
        usable(json!({"disabled": true}), es256),
        Err(Error::CredentialDisabled)
    );
    assert_eq!(
        usable(json!({"not_after": "2026-09-21T14:13:20Z"}), es256),
        Ok(UserVerification::Preferred)
    );
    let expired = json!({"not_after": "2026-09-21T14:13:19Z"});
    assert_eq!(usable(expired, es256), Err(Error::CredentialExpired));
    for others in [&[][..], &[Algorithm::EdDsa, Algorithm::Es384, Algorithm::Rs256]] {
        assert_eq!(usable(json!({}), others), Err(Error::AlgorithmNotAllowed));
    }
}

#[test]
fn records_only_tighten_user_verification() {
    use UserVerification::{Discouraged, Preferred, Required};
    let verification = |more: Value, uv| {
        let required = Requirements {
            now: NOW,
            algorithms: Algorithm::ALL,
            uv,
        };
        parse_with(&more).unwrap().check_usable(&required)
    };
    for uv in [Discouraged, Preferred, Required] {
        assert_eq!(verification(json!({}), uv), Ok(uv));
        assert_eq!(verification(json!({"uv": "discouraged"}), uv), Ok(uv));
        assert_eq!(
            verification(json!({"uv": "preferred"}), uv),
            Ok(uv.max(Preferred))
        );
        assert_eq!(verification(json!({"uv": "required"}), uv), Ok(Required));
    }
    for uv in [Discouraged, Preferred] {
        assert_eq!(verification(json!({"fmt": "fido-u2f"}), uv), Ok(uv));
        assert_eq!(
            verification(json!({"fmt": "fido-u2f", "uv": "required"}), uv),
            Err(Error::CannotVerifyUser)
        );
    }
    for u2f in [
        json!({"fmt": "fido-u2f"}),
        json!({"fmt": "fido-u2f", "uv": "discouraged"}),
    ] {
        assert_eq!(verification(u2f, Required), Err(Error::CannotVerifyUser));
    }
}

#[test]
fn every_supported_algorithm_is_read() {
    for (pk, algorithm) in [
        (cose_of(Algorithm::Es256), Algorithm::Es256),
        (cose_of(Algorithm::EdDsa), Algorithm::EdDsa),
        (cose_of(Algorithm::Es384), Algorithm::Es384),
        (cose_of(Algorithm::Rs256), Algorithm::Rs256),
    ] {
        let pk = Base64UrlUnpadded::encode_string(&pk);
        let record = parse_with(&json!({"pk": pk, "alg": algorithm.identifier()})).unwrap();
        assert_eq!(record.public_key().algorithm(), algorithm);
        let allowed = Requirements {
            now: NOW,
            algorithms: &[algorithm],
            uv: UserVerification::Discouraged,
        };
        assert!(record.check_usable(&allowed).is_ok());
        let others: Vec<_> = Algorithm::ALL
            .iter()
            .copied()
            .filter(|other| *other != algorithm)
            .collect();
        let others = Requirements {
            algorithms: &others,
            ..allowed
        };
        assert_eq!(record.check_usable(&others), Err(Error::AlgorithmNotAllowed));
    }
}
