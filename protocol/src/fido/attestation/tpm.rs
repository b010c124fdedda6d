//! What a TPM 2.0 writes (Trusted Platform Module Library, part 2): TPMS_ATTEST and TPMT_PUBLIC.
//!
//! ```text
//! TPMS_ATTEST     magic u32 | type u16 | qualifiedSigner 2B | extraData 2B | clockInfo 17 | firmwareVersion 8
//!                 | attested: name 2B | qualifiedName 2B
//! TPMT_PUBLIC     type u16 | nameAlg u16 | objectAttributes u32 | authPolicy 2B | symmetric u16 | scheme | …
//!   RSA           keyBits u16 | exponent u32 | modulus 2B
//!   ECC           curve u16 | kdf u16 | x 2B | y 2B
//! scheme          u16, with a hash u16 behind it unless it is TPM_ALG_NULL
//! 2B              length u16 | that many bytes
//! ```
//!
//! All numbers are big-endian, and nothing follows.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::refusal::StatementError;
use crate::fido::cose::{Algorithm, PublicKey};

/// TPM_GENERATED_VALUE: in front of what only a TPM makes.
const GENERATED: u32 = 0xff54_4347;

/// TPM_ST_ATTEST_CERTIFY: a key is vouched for.
const ATTEST_CERTIFY: u16 = 0x8017;

/// Bytes of TPMS_CLOCK_INFO and of a firmware version.
const CLOCK_AND_FIRMWARE_LEN: usize = 17 + 8;

const ALG_RSA: u16 = 0x0001;
const ALG_SHA256: u16 = 0x000b;
const ALG_SHA384: u16 = 0x000c;
const ALG_SHA512: u16 = 0x000d;
const ALG_NULL: u16 = 0x0010;
const ALG_RSASSA: u16 = 0x0014;
const ALG_ECDSA: u16 = 0x0018;
const ALG_ECC: u16 = 0x0023;
const CURVE_P256: u16 = 0x0003;
const CURVE_P384: u16 = 0x0004;

/// What an exponent of 0 stands for.
const EXPONENT_DEFAULT: u32 = 65_537;

/// What a TPM says of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certified<'a> {
    /// What it was given to sign along.
    pub(super) extra_data: &'a [u8],
    /// A hash algorithm and the hash of the key's TPMT_PUBLIC.
    pub(super) name: &'a [u8],
}

impl<'a> Certified<'a> {
    /// Reads a TPMS_ATTEST.
    ///
    /// # Errors
    /// [`StatementError::TpmMagic`], [`StatementError::TpmType`], [`StatementError::TpmMalformedCertified`].
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, StatementError> {
        let malformed = StatementError::TpmMalformedCertified;
        let mut reader = Reader(bytes);
        if reader.u32().ok_or(malformed)? != GENERATED {
            return Err(StatementError::TpmMagic);
        }
        if reader.u16().ok_or(malformed)? != ATTEST_CERTIFY {
            return Err(StatementError::TpmType);
        }
        reader.certified().ok_or(malformed)
    }
}

/// The public area of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PublicArea {
    name_algorithm: u16,
    /// The key, as a credential has it.
    pub(super) key: PublicKey,
}

impl PublicArea {
    /// Reads the TPMT_PUBLIC of a signature key of ES256, ES384 or RS256.
    ///
    /// # Errors
    /// [`StatementError::TpmMalformedPublicArea`].
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let area = Reader(bytes).public_area();
        area.ok_or(StatementError::TpmMalformedPublicArea)
    }

    /// The name of the object with this public area, whose encoding is `bytes` (part 1, section "Names").
    ///
    /// # Errors
    /// [`StatementError::TpmNameAlgorithm`] if it is not made by SHA-256, SHA-384 or SHA-512.
    pub(super) fn name(&self, bytes: &[u8]) -> Result<Vec<u8>, StatementError> {
        let digest = match self.name_algorithm {
            ALG_SHA256 => Sha256::digest(bytes).to_vec(),
            ALG_SHA384 => Sha384::digest(bytes).to_vec(),
            ALG_SHA512 => Sha512::digest(bytes).to_vec(),
            other => return Err(StatementError::TpmNameAlgorithm(other)),
        };
        Ok([&self.name_algorithm.to_be_bytes(), digest.as_slice()].concat())
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.try_into().ok()?;
        Some(u16::from_be_bytes(bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }

    /// A TPM2B.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn expect(&mut self, number: u16) -> Option<()> {
        (self.u16()? == number).then_some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// A TPMS_ATTEST from its qualifiedSigner on.
    fn certified(&mut self) -> Option<Certified<'a>> {
        self.sized()?;
        let extra_data = self.sized()?;
        self.take(CLOCK_AND_FIRMWARE_LEN)?;
        let name = self.sized()?;
        self.sized()?;
        self.end()?;
        Some(Certified { extra_data, name })
    }

    fn public_area(&mut self) -> Option<PublicArea> {
        let kind = self.u16()?;
        let name_algorithm = self.u16()?;
        self.u32()?;
        self.sized()?;
        // A signature key encrypts nothing.
        self.expect(ALG_NULL)?;
        let key = match kind {
            ALG_RSA => self.rsa_key()?,
            ALG_ECC => self.ecc_key()?,
            _ => return None,
        };
        self.end()?;
        Some(PublicArea { name_algorithm, key })
    }

    fn scheme(&mut self, allowed: u16) -> Option<()> {
        match self.u16()? {
            ALG_NULL => Some(()),
            // With its hash.
            scheme if scheme == allowed => self.u16().map(drop),
            _ => None,
        }
    }

    fn rsa_key(&mut self) -> Option<PublicKey> {
        self.scheme(ALG_RSASSA)?;
        self.u16()?;
        let exponent = match self.u32()? {
            0 => EXPONENT_DEFAULT,
            other => other,
        };
        let exponent = exponent.to_be_bytes();
        let leading_zeros = exponent.iter().take_while(|byte| **byte == 0).count();
        PublicKey::from_rsa(self.sized()?, exponent.get(leading_zeros..)?)
    }

    fn ecc_key(&mut self) -> Option<PublicKey> {
        self.scheme(ALG_ECDSA)?;
        let (algorithm, length) = match self.u16()? {
            CURVE_P256 => (Algorithm::Es256, 32),
            CURVE_P384 => (Algorithm::Es384, 48),
            _ => return None,
        };
        self.expect(ALG_NULL)?;
        let x = pad(self.sized()?, length)?;
        let y = pad(self.sized()?, length)?;
        PublicKey::from_point(algorithm, &x, &y)
    }
}

/// A number of `length` bytes: some TPMs leave leading zeros out.
fn pad(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(number.len())?;
    Some([&vec![0; zeros], number].concat())
}

#[cfg(test)]
mod tests;
