//! Codes of invitations: 128 random bits that whoever invites hands over, and that a record proves without holding them.
//!
//! A code stands for an Ed25519 key pair (RFC 8032): its seed is SHA-256("krb5-fido invitation code v1" || id || code). The
//! invitation keeps SHA-256 of the public key. A record made under it has a member `invite_proof`, an object of `key`, the
//! public key, and `sig`, the signature over
//!
//! ```text
//! "krb5-fido invitation proof v1" || id || SHA-256(principal) || SHA-256(credential id) || SHA-256(COSE_Key)
//! ```
//!
//! so that whoever reads attributes, records and logs can neither have the code nor prove it for another key.

use core::fmt::Write;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Invitation, InvitationId, InvitationProof};
use crate::{
    Error,
    fido::record::CredentialRecord,
    registry::{INVITATION_CODE_LEN, LABEL_INVITATION_CODE, LABEL_INVITATION_PROOF},
    secret::SecretBytes,
};

/// Hexadecimal digits in each group of a code that is shown.
const GROUP: usize = 4;

/// The code of an invitation.
pub struct InvitationCode(SecretBytes);

impl InvitationCode {
    /// Makes a code of random bytes.
    pub fn new(random: [u8; INVITATION_CODE_LEN]) -> Self {
        Self(SecretBytes::from(&random[..]))
    }

    /// Reads 32 hexadecimal digits, whatever hyphens and white space are between them.
    ///
    /// # Errors
    /// [`Error::MalformedInvitationCode`].
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let malformed = Error::MalformedInvitationCode;
        let mut code = SecretBytes::zeroed(INVITATION_CODE_LEN);
        let mut digits = text
            .iter()
            .filter(|byte| **byte != b'-' && !byte.is_ascii_whitespace())
            .map(|byte| char::from(*byte).to_digit(16));
        for byte in code.expose_mut() {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(malformed);
            };
            *byte = u8::try_from(high << 4 | low).map_err(|_| malformed)?;
        }
        match digits.next() {
            None => Ok(Self(code)),
            Some(_) => Err(malformed),
        }
    }

    /// The code as it is shown: eight groups of four digits. It is a secret.
    pub fn text(&self) -> SecretBytes {
        // As much as it takes, so that no copy of a part is left behind.
        let mut text = String::with_capacity(INVITATION_CODE_LEN * 2 + INVITATION_CODE_LEN * 2 / GROUP);
        for (place, byte) in self.0.expose().iter().enumerate() {
            if place > 0 && place % (GROUP / 2) == 0 {
                text.push('-');
            }
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        SecretBytes::new(text.into_bytes())
    }

    /// What the invitation keeps of it.
    ///
    /// # Errors
    /// [`Error::MalformedInvitationCode`] if no key pair can be made.
    pub fn hash(&self, id: InvitationId) -> Result<[u8; 32], Error> {
        let pair = self.key_pair(id)?;
        Ok(Sha256::digest(pair.public_key().as_ref()).into())
    }

    /// Proves it for one record of one principal, under the invitation with this id.
    ///
    /// # Errors
    /// [`Error::MalformedInvitationCode`] if no key pair can be made.
    pub fn prove(
        &self,
        id: InvitationId,
        principal: &[u8],
        record: &CredentialRecord,
    ) -> Result<InvitationProof, Error> {
        let malformed = Error::MalformedInvitationCode;
        let pair = self.key_pair(id)?;
        let signature = pair.sign(&message(id, principal, record));
        Ok(InvitationProof {
            key: pair.public_key().as_ref().try_into().map_err(|_| malformed)?,
            signature: signature.as_ref().try_into().map_err(|_| malformed)?,
        })
    }

    fn key_pair(&self, id: InvitationId) -> Result<Ed25519KeyPair, Error> {
        let seed = Sha256::new()
            .chain_update(LABEL_INVITATION_CODE)
            .chain_update(id.0)
            .chain_update(self.0.expose())
            .finalize();
        let seed = SecretBytes::from(seed.as_slice());
        Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::MalformedInvitationCode)
    }
}

impl Invitation {
    /// Whether a record proves the code, if there is one to prove.
    ///
    /// # Errors
    /// [`Error::InvitationCodeMissing`], [`Error::InvitationCodeWrong`].
    pub fn check_code(&self, principal: &[u8], record: &CredentialRecord) -> Result<(), Error> {
        let Some(hash) = self.code() else {
            return Ok(());
        };
        let proof = record.invitation_proof().ok_or(Error::InvitationCodeMissing)?;
        let is_key: bool = Sha256::digest(proof.key).as_slice().ct_eq(hash).into();
        let message = message(self.id(), principal, record);
        let signed = UnparsedPublicKey::new(&ED25519, proof.key).verify(&message, &proof.signature);
        match (is_key, signed) {
            (true, Ok(())) => Ok(()),
            _ => Err(Error::InvitationCodeWrong),
        }
    }
}

fn message(id: InvitationId, principal: &[u8], record: &CredentialRecord) -> Vec<u8> {
    let mut message = LABEL_INVITATION_PROOF.to_vec();
    message.extend(id.0);
    for part in [principal, record.id(), &record.public_key().encode()] {
        message.extend(Sha256::digest(part));
    }
    message
}

#[cfg(test)]
mod tests;
