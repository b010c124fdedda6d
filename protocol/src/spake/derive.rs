//! What is derived from the client's key: the multiplier w (RFC 9588 section 5) and the keys `K'[n]` (section 7).

use super::{Event, Group, Observer, PassResult, SpakeError, transcript::Transcript};
use crate::{
    Error,
    kerberos::Key,
    registry::{LABEL_KEY, LABEL_W, PEPPER_KEYDERIV, PEPPER_SPAKE},
    secret::SecretBytes,
};

/// The bytes of w before they are reduced modulo the group order: that is how they go into `K'[n]`.
pub(super) fn derive_multiplier<K: Key>(group: Group, initial_key: &K) -> Result<SecretBytes, K::Error> {
    let mut multiplier = SecretBytes::zeroed(group.scalar_len());
    let input = [LABEL_W, &group.id().to_be_bytes()].concat();
    initial_key.prf_plus(&input, multiplier.expose_mut())?;
    Ok(multiplier)
}

/// Everything that `K'[n]` is derived from, but n, the client's key and the request.
pub(super) struct KeySchedule {
    pub(super) group: Group,
    pub(super) multiplier: SecretBytes,
    pub(super) result: SecretBytes,
    pub(super) transcript: Transcript,
}

impl KeySchedule {
    /// `K'[number]` for a request with this KDC-REQ-BODY.
    pub(super) fn derive<K: Key>(
        &self,
        initial_key: &K,
        number: u32,
        body: &[u8],
        observe: &mut Observer<'_, K>,
    ) -> PassResult<K, K> {
        let seed_length = initial_key.seed_length().map_err(SpakeError::Kerberos)?;
        let mut seed = SecretBytes::zeroed(seed_length);
        let mut blocks = seed.expose_mut().chunks_mut(self.group.hash_len());
        for (counter, block) in (1..=u8::MAX).zip(blocks.by_ref()) {
            let hash = self.group.hash(&[
                LABEL_KEY,
                &self.group.id().to_be_bytes(),
                &initial_key.enctype().to_be_bytes(),
                self.multiplier.expose(),
                self.result.expose(),
                self.transcript.as_bytes(),
                body,
                &number.to_be_bytes(),
                &[counter],
            ]);
            for (byte, hashed) in block.iter_mut().zip(hash.expose()) {
                *byte = *hashed;
            }
        }
        if blocks.next().is_some() {
            return Err(Error::SeedTooLong.into());
        }
        let key = initial_key
            .random_to_key(seed.expose())
            .and_then(|hash_key| initial_key.fx_cf2(PEPPER_SPAKE, &hash_key, PEPPER_KEYDERIV))
            .map_err(SpakeError::Kerberos)?;
        observe(Event::Key { number, key: &key });
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use core::{convert::Infallible, ffi::CStr};

    use super::*;

    /// Writes down what it is asked for, where a key has its bytes.
    struct Recorder {
        seed_length: usize,
        record: Vec<u8>,
    }

    impl Recorder {
        fn with_seed(seed_length: usize) -> Self {
            Self {
                seed_length,
                record: b"initial".to_vec(),
            }
        }

        fn derived(&self, record: Vec<u8>) -> Self {
            Self {
                seed_length: self.seed_length,
                record,
            }
        }
    }

    impl Key for Recorder {
        type Error = Infallible;

        fn enctype(&self) -> i32 {
            -2
        }

        fn prf_plus(&self, input: &[u8], output: &mut [u8]) -> Result<(), Infallible> {
            assert_eq!(input, b"SPAKEsecret\0\0\0\x04");
            output.fill(0xaa);
            Ok(())
        }

        fn seed_length(&self) -> Result<usize, Infallible> {
            Ok(self.seed_length)
        }

        fn random_to_key(&self, seed: &[u8]) -> Result<Self, Infallible> {
            Ok(self.derived(seed.to_vec()))
        }

        fn fx_cf2(&self, pepper: &CStr, other: &Self, other_pepper: &CStr) -> Result<Self, Infallible> {
            let peppers = [pepper.to_bytes(), other_pepper.to_bytes()].concat();
            Ok(self.derived([self.record.as_slice(), &peppers, &other.record].concat()))
        }

        fn encrypt(&self, _: i32, _: &[u8]) -> Result<Vec<u8>, Infallible> {
            unreachable!("nothing is encrypted here")
        }

        fn decrypt(&self, _: i32, _: &[u8]) -> Result<Option<SecretBytes>, Infallible> {
            unreachable!("nothing is decrypted here")
        }
    }

    fn schedule(group: Group) -> KeySchedule {
        KeySchedule {
            group,
            multiplier: SecretBytes::new(b"<w>".to_vec()),
            result: SecretBytes::new(b"<K>".to_vec()),
            transcript: Transcript::new(group),
        }
    }

    fn block(group: Group, counter: u8) -> SecretBytes {
        let zeros = vec![0; group.hash_len()];
        let group_number: &[u8] = match group {
            Group::P521 => b"\0\0\0\x04",
            _ => b"\0\0\0\x01",
        };
        group.hash(&[
            b"SPAKEkey",
            group_number,
            b"\xff\xff\xff\xfe",
            b"<w><K>",
            &zeros,
            b"body\0\0\0\x07",
            &[counter],
        ])
    }

    #[test]
    fn the_multiplier_is_as_long_as_a_scalar() {
        let multiplier = derive_multiplier(Group::P521, &Recorder::with_seed(32)).unwrap();
        assert!(multiplier.matches(&[0xaa; 66]));
    }

    #[test]
    fn a_short_seed_is_the_head_of_one_block() {
        let key = schedule(Group::P521)
            .derive(&Recorder::with_seed(16), 7, b"body", &mut |_| {})
            .unwrap();
        let block = block(Group::P521, 1);
        assert_eq!(
            key.record,
            [b"initialSPAKEkeyderiv", &block.expose()[..16]].concat()
        );
    }

    #[test]
    fn a_long_seed_takes_numbered_blocks() {
        let key = schedule(Group::Edwards25519)
            .derive(&Recorder::with_seed(72), 7, b"body", &mut |_| {})
            .unwrap();
        let blocks = [1, 2, 3].map(|counter| block(Group::Edwards25519, counter).expose().to_vec());
        let seed = blocks.concat();
        assert_eq!(key.record, [b"initialSPAKEkeyderiv", &seed[..72]].concat());
    }

    #[test]
    fn the_block_counter_does_not_wrap() {
        let longest = 255 * Group::Edwards25519.hash_len();
        let derive = |seed_length| {
            schedule(Group::Edwards25519).derive(&Recorder::with_seed(seed_length), 0, b"", &mut |_| {})
        };
        assert!(derive(longest).is_ok());
        let refused = derive(longest + 1).err();
        assert_eq!(refused, Some(SpakeError::Protocol(Error::SeedTooLong)));
    }

    #[test]
    fn the_observer_is_told_number_and_key() {
        let mut told = Vec::new();
        let mut observe = |event: Event<'_, Recorder>| {
            if let Event::Key { number, key } = event {
                told.push((number, key.record.clone()));
            }
        };
        let key = schedule(Group::P256)
            .derive(&Recorder::with_seed(32), 3, b"body", &mut observe)
            .unwrap();
        assert_eq!(told, [(3, key.record)]);
    }
}
