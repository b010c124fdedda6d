//! Second factors under `K'[n]` (RFC 9588 section 4.3).

use super::{
    PassResult, SpakeError,
    message::{EncryptedData, SecondFactor},
};
use crate::{Error, kerberos::Key, registry::KEY_USAGE_SPAKE, secret::SecretBytes};

/// Encrypts a factor under `K'[n]`.
pub(super) fn seal<K: Key>(key: &K, factor: &SecondFactor) -> PassResult<EncryptedData, K> {
    let plain = SecretBytes::new(factor.encode()?);
    let cipher = key
        .encrypt(KEY_USAGE_SPAKE, plain.expose())
        .map_err(SpakeError::Kerberos)?;
    Ok(EncryptedData {
        etype: key.enctype(),
        kvno: None,
        cipher,
    })
}

/// Decrypts a factor under `K'[n]`. `integrity` is what a failed integrity check means here.
pub(super) fn open<K: Key>(
    key: &K,
    encrypted: &EncryptedData,
    integrity: Error,
) -> PassResult<SecondFactor, K> {
    if encrypted.etype != key.enctype() {
        return Err(Error::EnctypeMismatch.into());
    }
    let plain = key
        .decrypt(KEY_USAGE_SPAKE, &encrypted.cipher)
        .map_err(SpakeError::Kerberos)?
        .ok_or(integrity)?;
    Ok(SecondFactor::decode_padded(plain.expose())?)
}
