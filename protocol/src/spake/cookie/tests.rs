use super::*;

const NONCE: [u8; FIDO_NONCE_LEN] = [7; FIDO_NONCE_LEN];

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn record(factor_type: i32, data: &[u8]) -> Vec<u8> {
    [factor_type.to_be_bytes().to_vec(), field(data)].concat()
}

fn fido(mode: u8) -> Vec<u8> {
    record(SF_FIDO, &[&[mode], NONCE.as_slice()].concat())
}

/// edwards25519, a scalar of 64 or an element of ones.
fn cookie(version: u16, stage: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut scalar = [0; 32];
    scalar[0] = 64;
    let value = if stage == 0 { scalar } else { [1; 32] };
    let mut cookie = [version.to_be_bytes(), stage.to_be_bytes()].concat();
    cookie.extend(1_i32.to_be_bytes());
    cookie.extend(field(&value));
    cookie.extend(field(&[2; 32]));
    cookie.extend(records.concat());
    cookie
}

fn refused_challenge(cookie: &[u8]) -> Error {
    ChallengeCookie::parse(cookie).err().unwrap()
}

fn refused_factor(cookie: &[u8]) -> Error {
    FactorCookie::parse(cookie).err().unwrap()
}

#[test]
fn version_1_is_that_of_the_stock_module() {
    let stock = cookie(1, 0, &[]);
    let parsed = ChallengeCookie::parse(&stock).unwrap();
    assert!(parsed.offered.none && parsed.offered.fido.is_none());
    assert_eq!(parsed.group, Group::Edwards25519);
    assert_eq!(parsed.transcript.as_bytes(), [2; 32]);
    assert!(parsed.encode().unwrap().matches(&stock));
}

#[test]
fn version_2_has_a_record_for_each_factor() {
    for (mode, number) in [(Mode::Encrypted, 0), (Mode::Clear, 1)] {
        for none in [vec![], vec![record(SF_NONE, &[])]] {
            let cookie = cookie(2, 0, &[vec![fido(number)], none.clone()].concat());
            let parsed = ChallengeCookie::parse(&cookie).unwrap();
            assert_eq!(parsed.offered.none, !none.is_empty());
            let record = parsed.offered.fido.unwrap();
            assert_eq!((record.mode, record.nonce), (mode, NONCE));
            assert!(parsed.encode().unwrap().matches(&cookie));
        }
    }
}

#[test]
fn stage_1_has_the_result_and_the_nonce() {
    let bytes = cookie(2, 1, &[fido(0)]);
    let parsed = FactorCookie::parse(&bytes).unwrap();
    assert!(parsed.result.matches(&[1; 32]));
    assert_eq!(parsed.nonce, NONCE);
    let encoded = FactorCookie::encode(parsed.group, &parsed.result, &parsed.transcript, NONCE);
    assert!(encoded.unwrap().matches(&bytes));
}

#[test]
fn no_memory_is_given_back_unwiped() {
    for group in Group::ALL {
        let value = SecretBytes::zeroed(group.element_len());
        let mut writer = Writer::new(2, 0, group, &value, &Transcript::new(group)).unwrap();
        let before = writer.0.capacity();
        let record = FidoRecord {
            mode: Mode::Clear,
            nonce: NONCE,
        };
        writer.fido(record).unwrap();
        writer.none().unwrap();
        assert_eq!((writer.0.capacity(), writer.0.len()), (before, before));
    }
}

#[test]
fn refuses_other_versions() {
    for version in [0, 3, 0x0100, 0xffff] {
        assert_eq!(
            refused_challenge(&cookie(version, 0, &[])),
            Error::UnknownCookieVersion
        );
        assert_eq!(
            refused_factor(&cookie(version, 1, &[fido(0)])),
            Error::UnknownCookieVersion
        );
    }
}

#[test]
fn refuses_other_stages() {
    for version in [1, 2] {
        for stage in [1, 2, 0x0100, 0xffff] {
            let cookie = cookie(version, stage, &[fido(0)]);
            assert_eq!(refused_challenge(&cookie), Error::WrongCookieStage);
        }
        for stage in [0, 2, 0x0100, 0xffff] {
            let cookie = cookie(version, stage, &[fido(0)]);
            assert_eq!(refused_factor(&cookie), Error::WrongCookieStage);
        }
    }
}

#[test]
fn version_1_has_no_stage_1() {
    assert_eq!(refused_factor(&cookie(1, 1, &[])), Error::WrongCookieStage);
    assert_eq!(refused_factor(&cookie(1, 1, &[fido(0)])), Error::WrongCookieStage);
}

#[test]
fn versions_do_not_pass_for_each_other() {
    assert_eq!(
        refused_challenge(&cookie(1, 0, &[fido(0)])),
        Error::MalformedCookie
    );
    assert_eq!(refused_challenge(&cookie(2, 0, &[])), Error::MalformedCookie);
    assert_eq!(refused_factor(&cookie(2, 1, &[])), Error::MalformedCookie);
}

#[test]
fn refuses_unknown_groups() {
    for group in [0, 5, 0xff] {
        let mut challenge = cookie(2, 0, &[fido(0)]);
        challenge[7] = group;
        assert_eq!(refused_challenge(&challenge), Error::UnknownGroup);
        let mut factor = cookie(2, 1, &[fido(0)]);
        factor[7] = group;
        assert_eq!(refused_factor(&factor), Error::UnknownGroup);
    }
}

#[test]
fn refuses_values_of_another_group() {
    for group in [2, 3, 4] {
        let mut challenge = cookie(2, 0, &[fido(0)]);
        challenge[7] = group;
        // A scalar of 32 bytes is one of P-256 too, and a cookie is only as honest as the KDC that made it.
        let refused = ChallengeCookie::parse(&challenge).err();
        assert_eq!(refused, (group != 2).then_some(Error::InvalidScalar));
        let mut factor = cookie(2, 1, &[fido(0)]);
        factor[7] = group;
        assert_eq!(refused_factor(&factor), Error::MalformedCookie);
    }
}

#[test]
fn refuses_a_scalar_out_of_range() {
    for scalar in [0, 65, 66, 68] {
        let mut cookie = cookie(1, 0, &[]);
        cookie[12] = scalar;
        assert_eq!(refused_challenge(&cookie), Error::InvalidScalar);
    }
}

#[test]
fn refuses_repeated_factors() {
    let none = record(SF_NONE, &[]);
    for records in [
        [fido(0), fido(0), none.clone()],
        [fido(0), none.clone(), fido(1)],
        [none.clone(), none, fido(0)],
    ] {
        assert_eq!(refused_challenge(&cookie(2, 0, &records)), Error::RepeatedFactor);
        assert_eq!(refused_factor(&cookie(2, 1, &records)), Error::RepeatedFactor);
    }
}

#[test]
fn refuses_factors_that_are_unknown_or_malformed() {
    let short = NONCE[1..].to_vec();
    for records in [
        vec![record(SF_NONE, &[])],
        vec![record(2, &[])],
        vec![fido(0), record(2, &[])],
        vec![fido(2)],
        vec![fido(0xff)],
        vec![fido(0), record(SF_NONE, &[0])],
        vec![record(SF_FIDO, &[])],
        vec![record(SF_FIDO, &[0])],
        vec![record(SF_FIDO, &[vec![0], short].concat())],
        vec![record(SF_FIDO, &[0; 34])],
    ] {
        assert_eq!(refused_challenge(&cookie(2, 0, &records)), Error::MalformedCookie);
        assert_eq!(refused_factor(&cookie(2, 1, &records)), Error::MalformedCookie);
    }
}

#[test]
fn stage_1_has_the_encrypted_factor_alone() {
    let clear = cookie(2, 1, &[fido(1)]);
    assert_eq!(refused_factor(&clear), Error::MalformedCookie);
    let both = cookie(2, 1, &[fido(0), record(SF_NONE, &[])]);
    assert_eq!(refused_factor(&both), Error::MalformedCookie);
}

#[test]
fn refuses_cookies_cut_anywhere_and_trailing_bytes() {
    for whole in [cookie(1, 0, &[]), cookie(2, 0, &[fido(0)])] {
        assert!(ChallengeCookie::parse(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(ChallengeCookie::parse(&whole[..length]).is_err());
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(refused_challenge(&longer), Error::MalformedCookie);
    }
    let whole = cookie(2, 1, &[fido(0)]);
    for length in 0..whole.len() {
        assert!(FactorCookie::parse(&whole[..length]).is_err());
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(refused_factor(&longer), Error::MalformedCookie);
}

#[test]
fn lengths_beyond_the_cookie_are_refused() {
    for offset in [8, 44] {
        let mut cookie = cookie(1, 0, &[]);
        cookie[offset..offset + 4].fill(0xff);
        assert_eq!(refused_challenge(&cookie), Error::MalformedCookie);
    }
}

#[test]
fn what_parses_encodes_to_the_same_bytes() {
    for whole in [cookie(1, 0, &[]), cookie(2, 0, &[fido(0), record(SF_NONE, &[])])] {
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(parsed) = ChallengeCookie::parse(&damaged) {
                assert!(parsed.encode().unwrap().matches(&damaged));
            }
        }
    }
}
