//! What each format has, and has not.

use super::*;

fn packed(certificates: &[u8]) -> Vec<u8> {
    map(&[("alg", b"\x26"), ("sig", b"\x41\x01"), ("x5c", certificates)])
}

fn u2f(certificates: &[u8]) -> Vec<u8> {
    map(&[("sig", b"\x41\x01"), ("x5c", certificates)])
}

fn tpm_members() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("ver", text("2.0")),
        ("alg", b"\x39\x01\x00".to_vec()),
        ("sig", bytes(b"signature")),
        ("x5c", chain(&[b"one", b"two"])),
        ("certInfo", bytes(b"certified")),
        ("pubArea", bytes(b"public")),
    ]
}

fn tpm(members: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let members = members.iter().map(|(name, value)| (*name, value.as_slice()));
    map(&members.collect::<Vec<_>>())
}

#[test]
fn none() {
    assert_eq!(statement("none", b"\xa0"), Ok(Statement::None));
    assert_eq!(Statement::None.format(), "none");
}

#[test]
fn none_has_no_members() {
    for map in [PACKED_SELF, b"\xa1\x60\xf6", b"\xa1\x01\x02"] {
        assert_malformed_statement("none", map);
    }
}

#[test]
fn packed_without_certificates() {
    let parsed = statement("packed", PACKED_SELF).unwrap();
    let expected = Statement::PackedSelf {
        algorithm: -7,
        signature: &[1, 2],
    };
    assert_eq!((parsed.format(), parsed), ("packed", expected));
}

#[test]
fn packed_with_certificates() {
    let map = packed(&chain(&[b"leaf", b"root"]));
    let parsed = statement("packed", &map).unwrap();
    let expected = Statement::Packed {
        algorithm: -7,
        signature: &[1],
        certificates: vec![b"leaf", b"root"],
    };
    assert_eq!((parsed.format(), parsed), ("packed", expected));
}

#[test]
fn packed_needs_algorithm_and_signature() {
    assert_malformed_statement("packed", &map(&[]));
    assert_malformed_statement("packed", &map(&[("alg", b"\x26")]));
    assert_malformed_statement("packed", &map(&[("sig", b"\x41\x01")]));
    assert_malformed_statement("packed", &map(&[("x5c", &chain(&[b"leaf"]))]));
}

#[test]
fn packed_with_an_empty_chain_is_not_one_without() {
    for certificates in [&b"\x80"[..], b"\xf6", b"\x40", b"\xa0", b"\x81\xf6", b"\x81\x40"] {
        assert_malformed_statement("packed", &packed(certificates));
    }
}

#[test]
fn certificates_are_bytes() {
    for certificates in [&b"\x81\x61a"[..], b"\x82\x41\x01\x01", b"\x81\x81\x41\x01"] {
        assert_malformed_statement("packed", &packed(certificates));
        assert_malformed_statement("fido-u2f", &u2f(certificates));
    }
}

#[test]
fn algorithms_are_integers() {
    for algorithm in [
        &b"\x65ES256"[..],
        b"\x41\x26",
        b"\xf6",
        b"\xf9\xc7\x00",
        b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let map = map(&[("alg", algorithm), ("sig", b"\x41\x01")]);
        assert_malformed_statement("packed", &map);
    }
}

#[test]
fn signatures_are_bytes() {
    for signature in [&b"\x61a"[..], b"\x01", b"\xf6", b"\x81\x41\x01"] {
        let with = map(&[("alg", b"\x26"), ("sig", signature)]);
        assert_malformed_statement("packed", &with);
        let with = map(&[("sig", signature), ("x5c", &chain(&[b"leaf"]))]);
        assert_malformed_statement("fido-u2f", &with);
    }
}

#[test]
fn packed_of_earlier_levels_is_refused() {
    let map = map(&[
        ("alg", b"\x26"),
        ("sig", b"\x41\x01"),
        ("ecdaaKeyId", b"\x41\x01"),
    ]);
    assert_malformed_statement("packed", &map);
}

#[test]
fn members_stand_once() {
    for (format, repeated) in [
        ("packed", "alg"),
        ("packed", "sig"),
        ("fido-u2f", "sig"),
        ("tpm", "ver"),
    ] {
        let map = map(&[(repeated, b"\x26"), (repeated, b"\x26")]);
        assert_eq!(
            statement(format, &map),
            Err(Error::AttestationMemberRepeated.into())
        );
    }
}

#[test]
fn tpm_with_all_its_members() {
    let map = tpm(&tpm_members());
    let parsed = statement("tpm", &map).unwrap();
    let expected = Statement::Tpm {
        algorithm: -257,
        signature: b"signature",
        certificates: vec![b"one", b"two"],
        certified: b"certified",
        public_area: b"public",
    };
    assert_eq!((parsed.format(), parsed), ("tpm", expected));
}

#[test]
fn tpm_needs_every_member() {
    for missing in 0..tpm_members().len() {
        let mut members = tpm_members();
        members.remove(missing);
        assert_malformed_statement("tpm", &tpm(&members));
    }
}

#[test]
fn tpm_has_members_of_these_types() {
    for index in 0..tpm_members().len() {
        for other in [&b"\xf6"[..], b"\xa0", b"\xf5"] {
            let mut members = tpm_members();
            members[index].1 = other.to_vec();
            assert_malformed_statement("tpm", &tpm(&members));
        }
    }
}

#[test]
fn tpm_of_other_versions_is_refused() {
    for version in ["1.2", "2", "2.00", "", "2.0 "] {
        let mut members = tpm_members();
        members[0].1 = text(version);
        assert_malformed_statement("tpm", &tpm(&members));
    }
}

#[test]
fn tpm_with_a_member_of_another_name_is_refused() {
    let mut members = tpm_members();
    members.push(("ecdaaKeyId", bytes(b"id")));
    assert_malformed_statement("tpm", &tpm(&members));
}

#[test]
fn fido_u2f_with_its_certificate() {
    let map = u2f(&chain(&[b"leaf"]));
    let parsed = statement("fido-u2f", &map).unwrap();
    let expected = Statement::FidoU2f {
        signature: &[1],
        certificate: b"leaf",
    };
    assert_eq!((parsed.format(), parsed), ("fido-u2f", expected));
}

#[test]
fn fido_u2f_has_exactly_one_certificate() {
    for certificates in [&[][..], &[&b"leaf"[..], b"root"]] {
        assert_malformed_statement("fido-u2f", &u2f(&chain(certificates)));
    }
    assert_malformed_statement("fido-u2f", &map(&[("sig", b"\x41\x01")]));
    assert_malformed_statement("fido-u2f", &map(&[("x5c", &chain(&[b"leaf"]))]));
}

#[test]
fn fido_u2f_names_no_algorithm() {
    let chain = chain(&[b"leaf"]);
    let map = map(&[("alg", b"\x26"), ("sig", b"\x41\x01"), ("x5c", &chain)]);
    assert_malformed_statement("fido-u2f", &map);
}
