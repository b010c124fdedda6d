//! Entries, as they lie in the file: a [`credential_key`], and what follows, integers big-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of the entry: 1 |
//! | 4 | the highest counter |
//! | 8 | when it was used last, in seconds since 1970, signed |
//! | 1 | 1 if its user was verified then, else 0 |
//! | 32 | digest of the assertion with the highest counter |

use sha2::{Digest, Sha256};
use time::UtcDateTime;

/// Bytes of a [`CredentialKey`].
pub const CREDENTIAL_LEN: usize = 32;

/// What stands for a credential. Whoever reads the store learns no credential id.
pub type CredentialKey = [u8; CREDENTIAL_LEN];

/// The key of a credential's entry: SHA-256 over the SHA-256 of its id, and its public key (COSE_Key). An id alone is whatever an
/// authenticator says: somebody else's could name it, and drive its counter up.
pub fn credential_key(credential_id: &[u8], public_key: &[u8]) -> CredentialKey {
    Sha256::new()
        .chain_update(Sha256::digest(credential_id))
        .chain_update(public_key)
        .finalize()
        .into()
}

const VERSION: u8 = 1;

/// Bytes of an entry.
const LENGTH: usize = 46;

/// The last use of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The highest counter so far.
    pub counter: u32,
    /// Of the assertion that brought it.
    pub digest: [u8; 32],
    /// When the credential was used last, in whole seconds.
    pub time: UtcDateTime,
    /// Whether its user was verified then.
    pub user_verified: bool,
}

impl Use {
    pub(crate) fn encode(&self) -> [u8; LENGTH] {
        let mut entry = [0; LENGTH];
        let parts: [&[u8]; 5] = [
            &[VERSION],
            &self.counter.to_be_bytes(),
            &self.time.unix_timestamp().to_be_bytes(),
            &[self.user_verified.into()],
            &self.digest,
        ];
        entry
            .iter_mut()
            .zip(parts.into_iter().flatten())
            .for_each(|(place, byte)| *place = *byte);
        entry
    }

    /// `None` for what this program does not write.
    pub(crate) fn parse(entry: &[u8]) -> Option<Self> {
        let (version, rest) = entry.split_first()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (user_verified, digest) = rest.split_first()?;
        if *version != VERSION || *user_verified > 1 {
            return None;
        }
        Some(Self {
            counter: u32::from_be_bytes(*counter),
            digest: digest.try_into().ok()?,
            time: UtcDateTime::from_unix_timestamp(i64::from_be_bytes(*time)).ok()?,
            user_verified: *user_verified == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Use {
        Use {
            counter: 0x0102_0304,
            digest: [7; 32],
            time: UtcDateTime::from_unix_timestamp(0x0a0b_0c0d).unwrap(),
            user_verified: true,
        }
    }

    #[test]
    fn layout_is_fixed() {
        let head = b"\x01\x01\x02\x03\x04\0\0\0\0\x0a\x0b\x0c\x0d\x01";
        let entry = sample().encode();
        assert_eq!(entry, *[&head[..], &[7; 32]].concat());
        assert_eq!(Use::parse(&entry), Some(sample()));
    }

    #[test]
    fn anything_else_is_refused() {
        let entry = sample().encode();
        for length in 0..LENGTH {
            assert_eq!(Use::parse(&entry[..length]), None, "{length}");
        }
        assert_eq!(Use::parse(&[&entry[..], &[0]].concat()), None);
        for (place, byte) in [(0, 0), (0, 2), (5, 0x80), (13, 2)] {
            let mut other = entry;
            other[place] = byte;
            assert_eq!(Use::parse(&other), None, "{place}: {byte}");
        }
    }
}
