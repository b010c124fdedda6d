//! Authenticator data (WebAuthn Level 3 section 6.1): what a security key signs together with the client data hash.

use core::fmt;

use super::cbor::split_map;
use crate::{Error, registry::CREDENTIAL_ID_MAX};

/// The flags byte (WebAuthn Level 3 section 6.1). Reserved and backup bits are carried along unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// UP: the key was touched.
    pub const fn is_user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// UV: the key checked a PIN or a fingerprint.
    pub const fn is_user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// AT: a new credential follows.
    const fn has_attested_credential(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// ED: extension outputs follow.
    pub const fn has_extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// The 37 bytes that all authenticator data begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatorData {
    /// SHA-256 of the rpId or appId.
    pub rp_id_hash: [u8; 32],
    /// What happened at the key.
    pub flags: Flags,
    /// The signature counter; 0 if the key has none.
    pub counter: u32,
}

/// A new credential (WebAuthn Level 3 section 6.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedCredential<'a> {
    /// The model of the authenticator.
    pub aaguid: Aaguid,
    /// The credential id, 1 to 1023 bytes.
    pub id: &'a [u8],
    /// The public key: a well-formed CBOR map, to be read by [`super::cose::PublicKey::parse`].
    pub public_key: &'a [u8],
}

/// Reads the authenticator data of an assertion: 37 bytes and, with ED, exactly one CBOR map.
///
/// # Errors
/// [`Error::MalformedAuthenticatorData`], also if it attests a new credential.
pub fn parse_assertion(bytes: &[u8]) -> Result<AuthenticatorData, Error> {
    parse_assertion_parts(bytes).ok_or(Error::MalformedAuthenticatorData)
}

/// Reads the authenticator data of a registration: 37 bytes, the new credential and, with ED, exactly one CBOR map.
///
/// # Errors
/// [`Error::MalformedAuthenticatorData`], also if it attests no credential.
pub fn parse_registration(bytes: &[u8]) -> Result<(AuthenticatorData, AttestedCredential<'_>), Error> {
    parse_registration_parts(bytes).ok_or(Error::MalformedAuthenticatorData)
}

fn parse_assertion_parts(bytes: &[u8]) -> Option<AuthenticatorData> {
    let (data, rest) = parse_head(bytes)?;
    if data.flags.has_attested_credential() {
        return None;
    }
    parse_extensions(data.flags, rest)?;
    Some(data)
}

fn parse_registration_parts(bytes: &[u8]) -> Option<(AuthenticatorData, AttestedCredential<'_>)> {
    let (data, rest) = parse_head(bytes)?;
    if !data.flags.has_attested_credential() {
        return None;
    }
    let (aaguid, rest) = rest.split_first_chunk()?;
    let (id_length, rest) = rest.split_first_chunk()?;
    let id_length = usize::from(u16::from_be_bytes(*id_length));
    if !(1..=CREDENTIAL_ID_MAX).contains(&id_length) {
        return None;
    }
    let (id, rest) = rest.split_at_checked(id_length)?;
    let (public_key, rest) = split_map(rest)?;
    parse_extensions(data.flags, rest)?;
    let credential = AttestedCredential {
        aaguid: Aaguid(*aaguid),
        id,
        public_key,
    };
    Some((data, credential))
}

fn parse_head(bytes: &[u8]) -> Option<(AuthenticatorData, &[u8])> {
    let (rp_id_hash, rest) = bytes.split_first_chunk()?;
    let (flags, rest) = rest.split_first()?;
    let (counter, rest) = rest.split_first_chunk()?;
    let data = AuthenticatorData {
        rp_id_hash: *rp_id_hash,
        flags: Flags(*flags),
        counter: u32::from_be_bytes(*counter),
    };
    Some((data, rest))
}

fn parse_extensions(flags: Flags, bytes: &[u8]) -> Option<()> {
    let trailing = if flags.has_extensions() {
        split_map(bytes)?.1
    } else {
        bytes
    };
    trailing.is_empty().then_some(())
}

/// The model of an authenticator: a UUID (WebAuthn Level 3 section 6.5.1), all zero for a U2F key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aaguid(pub [u8; 16]);

impl Aaguid {
    /// Reads a UUID in lower case with its four hyphens (RFC 9562 section 4); `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let hexadecimal: String = text.split('-').collect();
        let value = u128::from_str_radix(&hexadecimal, 16).ok()?;
        let aaguid = Self(value.to_be_bytes());
        (aaguid.to_string() == text).then_some(aaguid)
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                formatter.write_str("-")?;
            }
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";

    fn head(flags: u8) -> Vec<u8> {
        [&[7; 32][..], &[flags], b"\x01\x02\x03\x04"].concat()
    }

    fn attested(id_length: u16) -> Vec<u8> {
        let id = vec![9; usize::from(id_length)];
        [&[5; 16][..], &id_length.to_be_bytes(), &id, b"\xa1\x01\x02"].concat()
    }

    fn registration(flags: u8, id_length: u16) -> Vec<u8> {
        [head(flags), attested(id_length)].concat()
    }

    fn assert_every_truncation_refused(bytes: &[u8]) {
        for end in 0..bytes.len() {
            assert!(parse_assertion(&bytes[..end]).is_err(), "{end} bytes");
            assert!(parse_registration(&bytes[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn reads_an_assertion() {
        let data = parse_assertion(&head(0x05)).unwrap();
        assert_eq!(data.rp_id_hash, [7; 32]);
        assert_eq!(data.counter, 0x0102_0304);
        assert!(data.flags.is_user_present() && data.flags.is_user_verified());
        assert!(!data.flags.has_extensions());
        assert_every_truncation_refused(&head(0x05));
    }

    #[test]
    fn reads_flags_one_by_one() {
        let flags = |byte| parse_assertion(&head(byte)).unwrap().flags;
        assert!(flags(0x01).is_user_present() && !flags(0x3e).is_user_present());
        assert!(flags(0x04).is_user_verified() && !flags(0x3b).is_user_verified());
        assert!(!flags(0x3f).has_extensions());
    }

    #[test]
    fn reads_an_assertion_with_extensions() {
        let bytes = [head(0x81), b"\xa1\x6bhmac-secret\x41\x00".to_vec()].concat();
        assert!(parse_assertion(&bytes).unwrap().flags.has_extensions());
        assert_every_truncation_refused(&bytes);
    }

    #[test]
    fn refuses_an_assertion_that_attests_a_credential() {
        assert_eq!(
            parse_assertion(&registration(0x41, 16)),
            Err(Error::MalformedAuthenticatorData)
        );
        assert_eq!(
            parse_assertion(&head(0x41)),
            Err(Error::MalformedAuthenticatorData)
        );
    }

    #[test]
    fn refuses_trailing_bytes_after_an_assertion() {
        for (flags, trailing) in [
            (0x01, &b"\x00"[..]),
            (0x01, b"\xa0"),
            (0x81, b"\xa0\x00"),
            (0x81, b"\xa0\xa0"),
        ] {
            let bytes = [&head(flags), trailing].concat();
            assert_eq!(parse_assertion(&bytes), Err(Error::MalformedAuthenticatorData));
        }
    }

    #[test]
    fn refuses_extensions_that_are_no_map() {
        for extensions in [&b""[..], b"\x80", b"\x01", b"\xbf\xff", b"\xa1\x01"] {
            let bytes = [&head(0x81), extensions].concat();
            assert_eq!(parse_assertion(&bytes), Err(Error::MalformedAuthenticatorData));
        }
    }

    #[test]
    fn reads_a_registration() {
        let bytes = registration(0x45, 16);
        let (data, credential) = parse_registration(&bytes).unwrap();
        assert_eq!(data.counter, 0x0102_0304);
        assert_eq!(credential.aaguid, Aaguid([5; 16]));
        assert_eq!(credential.id, [9; 16]);
        assert_eq!(credential.public_key, b"\xa1\x01\x02");
        assert_every_truncation_refused(&bytes);
    }

    #[test]
    fn reads_a_registration_with_extensions() {
        let bytes = [registration(0xc1, 1), b"\xa1\x6bcredProtect\x02".to_vec()].concat();
        assert!(parse_registration(&bytes).unwrap().0.flags.has_extensions());
        assert_every_truncation_refused(&bytes);
    }

    #[test]
    fn refuses_a_registration_without_credential() {
        assert_eq!(
            parse_registration(&head(0x01)),
            Err(Error::MalformedAuthenticatorData)
        );
        assert_eq!(
            parse_registration(&registration(0x01, 16)),
            Err(Error::MalformedAuthenticatorData)
        );
    }

    #[test]
    fn limits_credential_ids_to_1023_bytes() {
        assert!(parse_registration(&registration(0x41, 1)).is_ok());
        assert!(parse_registration(&registration(0x41, 1023)).is_ok());
        for length in [0, 1024, u16::MAX] {
            assert!(parse_registration(&registration(0x41, length)).is_err());
        }
    }

    #[test]
    fn refuses_trailing_bytes_after_a_registration() {
        for (flags, trailing) in [(0x41, &b"\x00"[..]), (0x41, b"\xa0"), (0xc1, b"\xa0\x00")] {
            let bytes = [&registration(flags, 16), trailing].concat();
            assert!(parse_registration(&bytes).is_err());
        }
    }

    #[test]
    fn reads_and_writes_uuids() {
        let aaguid = Aaguid::parse(UUID).unwrap();
        assert_eq!(aaguid.0[..3], [0x2f, 0xc0, 0x57]);
        assert_eq!(aaguid.to_string(), UUID);
        assert_eq!(
            Aaguid([0; 16]).to_string(),
            "00000000-0000-0000-0000-000000000000"
        );
    }

    #[test]
    fn refuses_other_spellings_of_uuids() {
        for text in [
            "",
            "-",
            &UUID.to_uppercase(),
            &UUID.replace('-', ""),
            &UUID[1..],
            &UUID.replace("2f", "+f"),
            &format!("{UUID}0"),
            &format!("{{{UUID}}}"),
            "2fc0579f8-113-47ea-b116-bb5a8db9202a",
        ] {
            assert_eq!(Aaguid::parse(text), None, "{text}");
        }
    }
}
