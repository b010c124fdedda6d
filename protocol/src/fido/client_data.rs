//! What a security key signs over besides its authenticator data: FidoClientData.
//!
//! ```text
//! FidoClientData ::= SEQUENCE {
//!     context      [0] UTF8String,
//!     principal    [1] OCTET STRING,
//!     rpId         [2] UTF8String,
//!     nonce        [3] OCTET STRING (SIZE(32)),
//!     transcript   [4] OCTET STRING OPTIONAL,
//!     request      [5] OCTET STRING (SIZE(32)) OPTIONAL
//! }
//! ```

use sha2::{Digest, Sha256};

use crate::{
    Error,
    asn1::Output,
    registry::{CONTEXT_ASSERTION, CONTEXT_REGISTRATION, FIDO_NONCE_LEN},
};

/// What binds an assertion to a request: SHA-256 of the KDC-REQ-BODY that carries it, the inner one under FAST.
pub fn hash_request(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// Client data of one login or one enrolment.
#[derive(Clone, Debug)]
pub struct FidoClientData<'a> {
    /// The client principal, unparsed; at enrolment that of the KDB entry.
    pub principal: &'a [u8],
    /// The rpId or appId signed for.
    pub rp_id: &'a str,
    /// The nonce of the KDC, or of the enrolment tool.
    pub nonce: &'a [u8; FIDO_NONCE_LEN],
    /// What is signed.
    pub purpose: Purpose<'a>,
}

/// What an assertion or registration is worth.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// One login.
    Assertion {
        /// The final SPAKE transcript hash (RFC 9588 section 6).
        transcript: &'a [u8],
        /// SHA-256 of the KDC-REQ-BODY that carries the assertion.
        request: &'a [u8; 32],
    },
    /// An enrolment.
    Registration,
}

impl FidoClientData<'_> {
    /// clientDataHash: SHA-256 of the DER encoding.
    ///
    /// # Errors
    /// [`Error::MalformedDer`] if a member is longer than DER lengths go.
    pub fn hash(&self) -> Result<[u8; 32], Error> {
        Ok(Sha256::digest(self.encode()?).into())
    }

    /// The DER encoding.
    ///
    /// # Errors
    /// [`Error::MalformedDer`] if a member is longer than DER lengths go.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut output = Output::default();
        output.sequence(|fields| {
            fields.tagged(0, |field| field.utf8(self.purpose.context()))?;
            fields.tagged(1, |field| field.octets(self.principal))?;
            fields.tagged(2, |field| field.utf8(self.rp_id))?;
            fields.tagged(3, |field| field.octets(self.nonce))?;
            if let Purpose::Assertion { transcript, request } = self.purpose {
                fields.tagged(4, |field| field.octets(transcript))?;
                fields.tagged(5, |field| field.octets(request))?;
            }
            Ok(())
        })?;
        Ok(output.into_bytes())
    }
}

impl Purpose<'_> {
    const fn context(self) -> &'static str {
        match self {
            Self::Assertion { .. } => CONTEXT_ASSERTION,
            Self::Registration => CONTEXT_REGISTRATION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSERTION: FidoClientData<'_> = FidoClientData {
        principal: b"u@R",
        rp_id: "r.org",
        nonce: &[1; 32],
        purpose: Purpose::Assertion {
            transcript: &[2; 3],
            request: &[3; 32],
        },
    };

    #[test]
    fn encodes_an_assertion() {
        let expected = [
            &b"\x30\x79\xa0\x18\x0c\x16krb5-fido assertion v1\xa1\x05\x04\x03u@R\xa2\x07\x0c\x05r.org"[..],
            b"\xa3\x22\x04\x20",
            &[1; 32],
            b"\xa4\x05\x04\x03\x02\x02\x02\xa5\x22\x04\x20",
            &[3; 32],
        ]
        .concat();
        assert_eq!(ASSERTION.encode().unwrap(), expected);
    }

    #[test]
    fn encodes_a_registration() {
        let data = FidoClientData {
            purpose: Purpose::Registration,
            ..ASSERTION
        };
        let expected = [
            &b"\x30\x51\xa0\x1b\x0c\x19krb5-fido registration v1\xa1\x05\x04\x03u@R\xa2\x07\x0c\x05r.org"[..],
            b"\xa3\x22\x04\x20",
            &[1; 32],
        ]
        .concat();
        assert_eq!(data.encode().unwrap(), expected);
    }

    #[test]
    fn hashes_the_encoding() {
        let expected = "08c878be9b0a70a59a65a18526095bacfd6262a8699101324fe19385c615331c";
        assert_eq!(hex::encode(ASSERTION.hash().unwrap()), expected);
    }

    #[test]
    fn every_member_changes_the_hash() {
        let purpose = |transcript, request| Purpose::Assertion { transcript, request };
        let others = [
            FidoClientData {
                principal: b"v@R",
                ..ASSERTION
            },
            FidoClientData {
                rp_id: "s.org",
                ..ASSERTION
            },
            FidoClientData {
                nonce: &[9; 32],
                ..ASSERTION
            },
            FidoClientData {
                purpose: purpose(&[9; 3], &[3; 32]),
                ..ASSERTION
            },
            FidoClientData {
                purpose: purpose(&[2; 3], &[9; 32]),
                ..ASSERTION
            },
            FidoClientData {
                purpose: Purpose::Registration,
                ..ASSERTION
            },
        ];
        for other in others {
            assert_ne!(other.hash().unwrap(), ASSERTION.hash().unwrap());
        }
    }
}
