//! The Kerberos cryptography that SPAKE preauthentication stands on (RFC 3961, RFC 6113), brought in by the caller.

use core::ffi::CStr;

use crate::secret::SecretBytes;

/// A Kerberos protocol key of some encryption type. Its implementation wipes the key on drop.
pub trait Key: Sized {
    /// What the implementation fails with.
    type Error;

    /// The encryption type number (RFC 3961 section 8).
    fn enctype(&self) -> i32;

    /// PRF+ of RFC 6113 section 5.1: fills `output` from `input`.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn prf_plus(&self, input: &[u8], output: &mut [u8]) -> Result<(), Self::Error>;

    /// The key-generation seed length of this key's encryption type, in bytes (RFC 3961 section 3).
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn seed_length(&self) -> Result<usize, Self::Error>;

    /// random-to-key of this key's encryption type (RFC 3961 section 3); `seed` has [`Self::seed_length`] bytes.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn random_to_key(&self, seed: &[u8]) -> Result<Self, Self::Error>;

    /// KRB-FX-CF2 of RFC 6113 section 5.1 over `self` with `pepper` and `other` with `other_pepper`.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn fx_cf2(&self, pepper: &CStr, other: &Self, other_pepper: &CStr) -> Result<Self, Self::Error>;

    /// The encryption function of RFC 3961 section 3 under a key usage number.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn encrypt(&self, usage: i32, plain: &[u8]) -> Result<Vec<u8>, Self::Error>;

    /// The decryption function of RFC 3961 section 3 under a key usage number. Some encryption types leave padding
    /// behind the plain text. `None` means that the integrity check failed.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn decrypt(&self, usage: i32, cipher: &[u8]) -> Result<Option<SecretBytes>, Self::Error>;
}

/// A source of cryptographically secure random bytes.
pub trait Random {
    /// What the source fails with.
    type Error;

    /// Fills `output`.
    ///
    /// # Errors
    /// Whatever the source fails with.
    fn fill(&mut self, output: &mut [u8]) -> Result<(), Self::Error>;
}
