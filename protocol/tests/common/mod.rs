//! What the SPAKE tests share.

#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only #[test] functions of an integration test for test code"
)]

use krb5_fido_protocol::{
    kerberos::{Key, Random},
    registry::KEY_USAGE_SPAKE,
    spake::{
        Event, Group,
        message::{EncryptedData, SecondFactor},
    },
};
use krb5_plugin::{Error, KeyBlock};

/// A random source that gives these bytes, over and over.
pub(crate) struct Script(pub(crate) Vec<u8>);

impl Random for Script {
    type Error = Error;

    fn fill(&mut self, output: &mut [u8]) -> Result<(), Error> {
        output.copy_from_slice(&self.0);
        Ok(())
    }
}

/// The random bytes that make a private scalar of these marshalled bytes.
pub(crate) fn script(group: Group, scalar: &[u8]) -> Script {
    match group {
        Group::Edwards25519 => {
            let mut quotient = scalar.to_vec();
            let mut carry = 0;
            for byte in quotient.iter_mut().rev() {
                (*byte, carry) = (*byte >> 3 | carry << 5, *byte & 7);
            }
            quotient.resize(64, 0);
            Script(quotient)
        }
        Group::P256 | Group::P384 | Group::P521 => Script(scalar.to_vec()),
    }
}

/// What was observed, written down.
pub(crate) fn written(event: &Event<'_, KeyBlock>) -> String {
    match event {
        Event::PublicKey(public) => format!("public key {}", hex::encode(public)),
        Event::Result => "result".to_owned(),
        Event::Transcript(hash) => format!("transcript {}", hex::encode(hash)),
        Event::Key { number, key } => format!("K'[{number}] {}", hex::encode(key.expose())),
    }
}

/// A second factor as the other side would encrypt it.
pub(crate) fn sealed(key: &KeyBlock, factor_type: i32, data: Option<&[u8]>) -> EncryptedData {
    let factor = SecondFactor {
        factor_type,
        data: data.map(<[u8]>::to_vec),
    };
    EncryptedData {
        etype: key.enctype(),
        kvno: None,
        cipher: key.encrypt(KEY_USAGE_SPAKE, &factor.encode().unwrap()).unwrap(),
    }
}
