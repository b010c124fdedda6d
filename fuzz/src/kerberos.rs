//! Kerberos cryptography for whole passes: sound as far as integrity goes, and fast.

use core::{convert::Infallible, ffi::CStr};

use krb5_fido_protocol::{
    Error,
    kerberos::{Key, Random},
    registry::KEY_USAGE_SPAKE,
    secret::SecretBytes,
    spake::{
        Group, SpakeError,
        message::{EncryptedData, SecondFactor},
    },
};
use sha2::{Digest, Sha256, Sha384, Sha512};

const DIGEST_LEN: usize = 32;

/// Authenticates with a digest in front of the plain text, and does not conceal it: what is fuzzed must not depend on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToyKey([u8; DIGEST_LEN]);

impl ToyKey {
    pub(crate) fn from_password(password: &str) -> Self {
        Self(Sha256::digest(password).into())
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
        let mut hash = Sha256::new_with_prefix(self.0);
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// A factor as a peer that has this key encrypts it.
    pub(crate) fn seal(&self, factor: &SecondFactor) -> EncryptedData {
        let plain = factor.encode().expect("a factor is not too long");
        let Ok(cipher) = self.encrypt(KEY_USAGE_SPAKE, &plain);
        EncryptedData {
            etype: self.enctype(),
            kvno: None,
            cipher,
        }
    }
}

impl Key for ToyKey {
    type Error = Infallible;

    fn enctype(&self) -> i32 {
        18
    }

    fn prf_plus(&self, input: &[u8], output: &mut [u8]) -> Result<(), Infallible> {
        for (counter, block) in (0_u8..).zip(output.chunks_mut(DIGEST_LEN)) {
            let digest = self.digest(&[b"prf", input, &[counter]]);
            block.copy_from_slice(&digest[..block.len()]);
        }
        Ok(())
    }

    fn seed_length(&self) -> Result<usize, Infallible> {
        Ok(DIGEST_LEN)
    }

    fn random_to_key(&self, seed: &[u8]) -> Result<Self, Infallible> {
        Ok(Self(self.digest(&[b"random", seed])))
    }

    fn fx_cf2(&self, pepper: &CStr, other: &Self, other_pepper: &CStr) -> Result<Self, Infallible> {
        let (pepper, other_pepper) = (pepper.to_bytes(), other_pepper.to_bytes());
        Ok(Self(self.digest(&[b"cf2", pepper, &other.0, other_pepper])))
    }

    fn encrypt(&self, usage: i32, plain: &[u8]) -> Result<Vec<u8>, Infallible> {
        let digest = self.digest(&[b"encrypt", &usage.to_be_bytes(), plain]);
        Ok([&digest, plain].concat())
    }

    /// Compares in constant time, so that the engine does not learn digests from its trace of comparisons.
    fn decrypt(&self, usage: i32, cipher: &[u8]) -> Result<Option<SecretBytes>, Infallible> {
        let Some((digest, plain)) = cipher.split_at_checked(DIGEST_LEN) else {
            return Ok(None);
        };
        let expected = SecretBytes::from(&self.digest(&[b"encrypt", &usage.to_be_bytes(), plain])[..]);
        Ok(expected.matches(digest).then(|| SecretBytes::from(plain)))
    }
}

/// Random bytes that are the same in each run.
#[derive(Default)]
pub(crate) struct Reproducible(u32);

impl Random for Reproducible {
    type Error = Infallible;

    fn fill(&mut self, output: &mut [u8]) -> Result<(), Infallible> {
        for block in output.chunks_mut(DIGEST_LEN) {
            self.0 += 1;
            let digest = Sha256::digest(self.0.to_be_bytes());
            block.copy_from_slice(&digest[..block.len()]);
        }
        Ok(())
    }
}

/// The group's hash, as the transcript is made with it (RFC 9588 section 6).
pub(crate) fn hash(group: Group, parts: &[&[u8]]) -> Vec<u8> {
    let input = parts.concat();
    match group {
        Group::Edwards25519 | Group::P256 => Sha256::digest(input).to_vec(),
        Group::P384 => Sha384::digest(input).to_vec(),
        Group::P521 => Sha512::digest(input).to_vec(),
    }
}

/// The cause for which a pass failed: this cryptography does not.
pub(crate) fn cause(error: SpakeError<Infallible>) -> Error {
    match error {
        SpakeError::Protocol(cause) => cause,
        SpakeError::Kerberos(never) => match never {},
    }
}
