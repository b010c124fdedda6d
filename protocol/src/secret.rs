//! Bytes that are wiped when they are dropped.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret bytes: wiped on drop, never printed, compared in constant time only.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// `length` zero bytes, to be filled in place.
    pub fn zeroed(length: usize) -> Self {
        Self(Zeroizing::new(vec![0; length]))
    }

    /// Takes over `bytes` without a copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes themselves, to be filled in.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Whether both hold the same bytes; the time taken depends on the lengths alone.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }
}
