//! Keys, Kerberos cryptography and randomness through libk5crypto.
//!
//! Invariants:
//! 1. A [`KeyBlock`] owns its key bytes, which are wiped on drop; C sees them only through a [`RawKey`] that borrows it.
//! 2. The krb5_c_ functions get a NULL context: libk5crypto takes one for the sake of the interface and cannot look into
//!    it, as krb5's own tests of them rely on. So a key outlives the callback it came from without any context.

use core::{ffi::CStr, marker::PhantomData, ptr};

use krb5_fido_protocol::{
    kerberos::{Key, Random},
    secret::SecretBytes,
};
use krb5_sys::{KV5M_ENC_DATA, KV5M_KEYBLOCK, krb5_enc_data, krb5_keyblock};

use crate::{
    Error, Result,
    data::{self, Buffer, View},
};

/// A Kerberos protocol key of some encryption type.
pub struct KeyBlock {
    enctype: i32,
    contents: SecretBytes,
}

/// A krb5_keyblock over a key of ours, for calls that only read it.
pub(crate) struct RawKey<'a> {
    raw: krb5_keyblock,
    owner: PhantomData<&'a KeyBlock>,
}

impl RawKey<'_> {
    pub(crate) fn as_ptr(&self) -> *const krb5_keyblock {
        &raw const self.raw
    }
}

impl KeyBlock {
    /// A key from its bytes.
    pub fn new(enctype: i32, contents: &[u8]) -> Self {
        Self {
            enctype,
            contents: contents.into(),
        }
    }

    /// The key's bytes.
    pub fn expose(&self) -> &[u8] {
        self.contents.expose()
    }

    /// A copy of a key that krb5 owns; none where the pointer is NULL.
    ///
    /// # Safety
    /// `raw` is NULL or a live key block.
    pub(crate) unsafe fn copy_raw(raw: *const krb5_keyblock) -> Option<Self> {
        // SAFETY: the caller vouches for the pointer.
        let raw = unsafe { raw.as_ref() }?;
        // SAFETY: a live key block has `length` bytes at `contents`.
        let contents = unsafe { data::bytes(raw.contents, raw.length) };
        Some(Self::new(raw.enctype, contents))
    }

    pub(crate) fn as_raw(&self) -> Result<RawKey<'_>> {
        let contents = self.contents.expose();
        let raw = krb5_keyblock {
            magic: KV5M_KEYBLOCK,
            enctype: self.enctype,
            length: u32::try_from(contents.len()).map_err(|_| Error::INVALID)?,
            contents: contents.as_ptr().cast_mut(),
        };
        Ok(RawKey {
            raw,
            owner: PhantomData,
        })
    }

    fn lengths(&self) -> Result<(usize, usize)> {
        let (mut seed, mut key) = (0, 0);
        // SAFETY: both out parameters are valid (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_c_keylengths(ptr::null_mut(), self.enctype, &raw mut seed, &raw mut key)
        })?;
        Ok((seed, key))
    }
}

impl Key for KeyBlock {
    type Error = Error;

    fn enctype(&self) -> i32 {
        self.enctype
    }

    fn prf_plus(&self, input: &[u8], output: &mut [u8]) -> Result<()> {
        let (key, input, mut output) = (self.as_raw()?, View::new(input)?, Buffer::new(output)?);
        // SAFETY: all three live for the call; exactly output's length is written (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_c_prfplus(ptr::null_mut(), key.as_ptr(), input.as_ptr(), output.as_mut_ptr())
        })
    }

    fn seed_length(&self) -> Result<usize> {
        Ok(self.lengths()?.0)
    }

    fn random_to_key(&self, seed: &[u8]) -> Result<Self> {
        let mut seed = SecretBytes::from(seed);
        let mut contents = SecretBytes::zeroed(self.lengths()?.1);
        let mut raw = krb5_keyblock {
            magic: KV5M_KEYBLOCK,
            enctype: self.enctype,
            length: u32::try_from(contents.expose().len()).map_err(|_| Error::INVALID)?,
            contents: contents.expose_mut().as_mut_ptr(),
        };
        let mut seed = Buffer::new(seed.expose_mut())?;
        // SAFETY: the key block has room for a key of its type, which the call demands (krb5.h); the seed's length is
        // checked by the call.
        Error::check(unsafe {
            krb5_sys::krb5_c_random_to_key(ptr::null_mut(), self.enctype, seed.as_mut_ptr(), &raw mut raw)
        })?;
        Ok(Self {
            enctype: self.enctype,
            contents,
        })
    }

    fn fx_cf2(&self, pepper: &CStr, other: &Self, other_pepper: &CStr) -> Result<Self> {
        let (first, second) = (self.as_raw()?, other.as_raw()?);
        let mut combined = ptr::null_mut();
        // SAFETY: keys and peppers live for the call; the result is ours to free (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_c_fx_cf2_simple(
                ptr::null_mut(),
                first.as_ptr(),
                pepper.as_ptr(),
                second.as_ptr(),
                other_pepper.as_ptr(),
                &raw mut combined,
            )
        })?;
        // SAFETY: a live key block on success.
        let key = unsafe { Self::copy_raw(combined) };
        // SAFETY: ours, freed once; the call wipes it.
        unsafe { krb5_sys::krb5_free_keyblock(ptr::null_mut(), combined) };
        key.ok_or(Error::INTERNAL)
    }

    fn encrypt(&self, usage: i32, plain: &[u8]) -> Result<Vec<u8>> {
        let mut length = 0;
        // SAFETY: the out parameter is valid (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_c_encrypt_length(ptr::null_mut(), self.enctype, plain.len(), &raw mut length)
        })?;
        let mut cipher = vec![0; length];
        let (key, plain) = (self.as_raw()?, View::new(plain)?);
        let mut encrypted = enc_data(self.enctype, Buffer::new(&mut cipher)?);
        // SAFETY: all live for the call; the cipher text has the room that krb5_c_encrypt_length asked for.
        Error::check(unsafe {
            krb5_sys::krb5_c_encrypt(
                ptr::null_mut(),
                key.as_ptr(),
                usage,
                ptr::null(),
                plain.as_ptr(),
                &raw mut encrypted,
            )
        })?;
        Ok(cipher)
    }

    fn decrypt(&self, usage: i32, cipher: &[u8]) -> Result<Option<SecretBytes>> {
        let mut copy = cipher.to_vec();
        let mut plain = SecretBytes::zeroed(cipher.len());
        let key = self.as_raw()?;
        let encrypted = enc_data(self.enctype, Buffer::new(&mut copy)?);
        let mut output = Buffer::new(plain.expose_mut())?;
        // SAFETY: all live for the call; the plain text is never longer than the cipher text (krb5.h).
        let code = unsafe {
            krb5_sys::krb5_c_decrypt(
                ptr::null_mut(),
                key.as_ptr(),
                usage,
                ptr::null(),
                &raw const encrypted,
                output.as_mut_ptr(),
            )
        };
        let length = output.length();
        match Error::check(code) {
            Ok(()) => Ok(plain.expose().get(..length).map(SecretBytes::from)),
            // A cipher text shorter than the encryption type allows was not made under this key either.
            Err(Error::BAD_INTEGRITY | Error::BAD_MESSAGE_SIZE) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn enc_data(enctype: i32, cipher: Buffer<'_>) -> krb5_enc_data {
    krb5_enc_data {
        magic: KV5M_ENC_DATA,
        enctype,
        kvno: 0,
        ciphertext: cipher.into_raw(),
    }
}

/// libk5crypto's random number generator, seeded by the operating system.
pub struct SystemRandom;

impl Random for SystemRandom {
    type Error = Error;

    fn fill(&mut self, output: &mut [u8]) -> Result<()> {
        let mut output = Buffer::new(output)?;
        // SAFETY: a buffer of that length (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_c_random_make_octets(ptr::null_mut(), output.as_mut_ptr()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AES256: i32 = 18;

    fn key(byte: u8) -> KeyBlock {
        KeyBlock::new(AES256, &[byte; 32])
    }

    #[test]
    fn decrypts_what_it_encrypted() {
        let cipher = key(1).encrypt(65, b"factor").unwrap();
        let plain = key(1).decrypt(65, &cipher).unwrap().unwrap();
        assert_eq!(plain.expose(), b"factor");
    }

    #[test]
    fn refuses_another_key_usage_and_damage() {
        let mut cipher = key(1).encrypt(65, b"factor").unwrap();
        assert!(key(2).decrypt(65, &cipher).unwrap().is_none());
        assert!(key(1).decrypt(66, &cipher).unwrap().is_none());
        cipher[0] ^= 1;
        assert!(key(1).decrypt(65, &cipher).unwrap().is_none());
        assert!(key(1).decrypt(65, &[]).unwrap().is_none());
    }

    #[test]
    fn an_unknown_enctype_is_an_error() {
        assert!(KeyBlock::new(9999, &[0; 16]).encrypt(65, b"x").is_err());
        assert!(KeyBlock::new(9999, &[0; 16]).seed_length().is_err());
    }

    #[test]
    fn random_bytes_differ() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        SystemRandom.fill(&mut first).unwrap();
        SystemRandom.fill(&mut second).unwrap();
        assert_ne!(first, second);
    }
}
