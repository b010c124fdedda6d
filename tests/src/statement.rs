//! What a key signs at login, and who signs it.

use std::time::Duration;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use krb5_fido_keys::{AssertionRequest, Device, DeviceSpec, Verification, discover};
use krb5_fido_protocol::{
    fido::{
        authenticator_data::Aaguid,
        client_data::{FidoClientData, Purpose},
        cose::PublicKey,
        factor::FidoAssertion,
        record::{CredentialRecord, NewCredential},
    },
    registry::FIDO_NONCE_LEN,
};
use krb5_testrealm::SoftKey;
use sha2::{Digest, Sha256};
use time::UtcDateTime;

/// How long a software key may take to sign.
const SIGN_LIMIT: Duration = Duration::from_secs(10);

/// UP, user present: the one flag of an assertion after a touch (WebAuthn Level 3 section 6.1).
pub const USER_PRESENT: u8 = 0x01;

/// All that an assertion is bound to.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The credential that signs.
    pub credential_id: Vec<u8>,
    /// The relying party, in client data and authenticator data.
    pub rp_id: String,
    /// The client principal.
    pub principal: String,
    /// The KDC's nonce.
    pub nonce: [u8; FIDO_NONCE_LEN],
    /// The final SPAKE transcript hash.
    pub transcript: Vec<u8>,
    /// SHA-256 of the KDC-REQ-BODY.
    pub request_hash: [u8; 32],
}

impl Statement {
    /// The hash that is signed besides the authenticator data.
    pub fn hash(&self) -> [u8; 32] {
        let data = FidoClientData {
            principal: self.principal.as_bytes(),
            rp_id: &self.rp_id,
            nonce: &self.nonce,
            purpose: Purpose::Assertion {
                transcript: &self.transcript,
                request: &self.request_hash,
            },
        };
        data.hash().unwrap()
    }
}

/// Has a software key sign, with a touch.
pub fn sign(key: &SoftKey, statement: &Statement) -> FidoAssertion {
    let found = discover(&[DeviceSpec::parse(&key.device()).unwrap()]).unwrap();
    let assertion = Device::open(&found[0])
        .unwrap()
        .get_assertion(&AssertionRequest {
            rp_id: &statement.rp_id,
            client_data_hash: &statement.hash(),
            credential_id: &statement.credential_id,
            verification: Verification::None,
            timeout: SIGN_LIMIT,
        })
        .unwrap();
    FidoAssertion {
        credential_id: assertion.credential_id,
        authenticator_data: assertion.authenticator_data,
        signature: assertion.signature,
    }
}

/// A credential whose private key lies open: it signs any authenticator data, as no real key would.
pub struct PaperKey {
    pair: EcdsaKeyPair,
    id: Vec<u8>,
}

impl PaperKey {
    /// A new key pair.
    pub fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let id = Sha256::digest(pair.public_key()).to_vec();
        Self { pair, id }
    }

    /// The same key under a credential id of `length` bytes, of which the first tell keys apart.
    pub fn with_id_length(mut self, length: usize) -> Self {
        self.id.resize(length, 0);
        self
    }

    /// The same key under this credential id.
    pub fn with_id(mut self, id: &[u8]) -> Self {
        self.id = id.to_vec();
        self
    }

    /// The credential id.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The credential record, without a signature counter.
    pub fn record(&self, rp_id: &str) -> String {
        let credential = NewCredential {
            rp_id,
            id: &self.id,
            public_key: &self.public_key(),
            aaguid: Aaguid([0; 16]),
            format: "none",
            transports: &[],
            counter: 0,
            created: UtcDateTime::now(),
            by: "nobody",
            registration: None,
        };
        CredentialRecord::new(&credential).unwrap().encode().unwrap()
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let cose = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat();
        PublicKey::parse(&cose).unwrap()
    }

    /// Signs as a key would after a touch, with a counter of 0.
    pub fn sign(&self, statement: &Statement) -> FidoAssertion {
        let data = authenticator_data(&statement.rp_id, USER_PRESENT, 0);
        self.sign_data(&data, &statement.hash())
    }

    /// Signs as another credential, whose key this is not.
    pub fn sign_as(&self, credential_id: &[u8], statement: &Statement) -> FidoAssertion {
        FidoAssertion {
            credential_id: credential_id.to_vec(),
            ..self.sign(statement)
        }
    }

    /// Signs any authenticator data and client data hash.
    pub fn sign_data(&self, authenticator_data: &[u8], client_data_hash: &[u8; 32]) -> FidoAssertion {
        let signed = [authenticator_data, client_data_hash].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        FidoAssertion {
            credential_id: self.id.clone(),
            authenticator_data: authenticator_data.to_vec(),
            signature: signature.as_ref().to_vec(),
        }
    }
}

/// Authenticator data of an assertion without extensions.
pub fn authenticator_data(rp_id: &str, flags: u8, counter: u32) -> Vec<u8> {
    [&Sha256::digest(rp_id)[..], &[flags], &counter.to_be_bytes()].concat()
}
