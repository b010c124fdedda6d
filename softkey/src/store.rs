//! The memory of a key, version 1.
//!
//! All numbers are big-endian.
//!
//! | bytes | content |
//! |---|---|
//! | 2 | version: 1 |
//! | 32 | sealing key, random, drawn when the file is made |
//! | 2 | number of entries |
//! | | entries, by growing number, each: number (2 bytes), length of the value (2 bytes), value |
//! | 32 | SHA-256 of everything before |
//!
//! Entries are numbered and encoded as opensk does (`opensk::api::persist::keys`), but for the last two of these. The
//! first three are there from the first U2F registration on, and outlive a reset:
//!
//! | number | value |
//! |---|---|
//! | 1, U2F attestation key | P-256 private key, 32 bytes |
//! | 2, U2F attestation certificate | X.509, DER |
//! | 4, kind of attestation | 1 |
//! | 2045, PIN | length of the PIN in code points (1 byte), IV (16 bytes), AES-256-CBC of LEFT(SHA-256(PIN), 16) under the sealing key (16 bytes) |
//! | 2047, signature counter | 4 bytes, big-endian |
//!
//! What protects the file is its mode. It holds the private keys of resident credentials and the master keys that
//! open all the others. The sealing key lies beside what it seals: it keeps the hash of a PIN, which people use
//! elsewhere too, from a casual look and from a search for known hashes, and from nobody who sets out to undo it.
//!
//! Every change is on the disk before it returns, and so before the client has its answer: a signature counter or
//! a number of PIN attempts that has been seen never comes back.

use std::collections::BTreeMap;

use opensk::{
    api::{
        crypto::{
            aes256::Aes256,
            sha256::Sha256,
            software_crypto::{SoftwareAes256, SoftwareSha256},
        },
        persist::{AAGUID_LENGTH, AttestationId, Persist, PersistIter, keys},
    },
    ctap::{
        PIN_AUTH_LENGTH,
        status_code::{Ctap2StatusCode, CtapResult},
    },
};
use zeroize::Zeroizing;

use crate::{
    Error,
    attestation::Attestation,
    directory::{Directory, MAX_STATE_LENGTH},
    messages,
};

/// The model of this authenticator (WebAuthn Level 2 section 6.5.1): 7ff419a9-b01a-4cbd-84e9-ead7753e8e60.
pub const AAGUID: [u8; AAGUID_LENGTH] = [
    0x7f, 0xf4, 0x19, 0xa9, 0xb0, 0x1a, 0x4c, 0xbd, 0x84, 0xe9, 0xea, 0xd7, 0x75, 0x3e, 0x8e, 0x60,
];

const VERSION: u16 = 1;
const SEALING_KEY_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 32;
const IV_LENGTH: usize = 16;
/// `AttestationId::Batch` of opensk.
const BATCH_ATTESTATION: u8 = 1;
const FIRST_SIGNATURE_COUNTER: u32 = 1;

/// An entry's value: wiped on drop.
struct Value(Zeroizing<Vec<u8>>);

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

/// An entry's number, and its new value or `None` for no entry.
type Change = (u16, Option<Value>);

struct Content {
    sealing_key: Zeroizing<[u8; SEALING_KEY_LENGTH]>,
    entries: BTreeMap<u16, Value>,
}

/// The memory of the key in one directory.
pub(crate) struct Store {
    directory: Directory,
    content: Content,
}

impl Store {
    /// Reads the state in `directory`, or makes an empty one if there is none.
    ///
    /// # Errors
    /// The file cannot be read, is not private, damaged, of another version; a new one cannot be written.
    pub(crate) fn open(directory: Directory) -> Result<Self, Error> {
        if let Some(bytes) = directory.read_state()? {
            let content = parse_state(&bytes).map_err(|fault| fault.at(&directory))?;
            return Ok(Self { directory, content });
        }
        let mut sealing_key = Zeroizing::new([0; SEALING_KEY_LENGTH]);
        getrandom::fill(sealing_key.as_mut_slice()).map_err(Error::Randomness)?;
        let store = Self {
            directory,
            content: Content {
                sealing_key,
                entries: BTreeMap::new(),
            },
        };
        store.write()?;
        messages::new_key(&store.directory.state_path());
        Ok(store)
    }

    /// Makes all of `changes`, or none of them.
    ///
    /// # Errors
    /// CTAP2_ERR_KEY_STORE_FULL if the state grows too long, CTAP2_ERR_VENDOR_HARDWARE_FAILURE if it cannot be written.
    fn change(&mut self, changes: Vec<Change>) -> CtapResult<()> {
        let previous = self.content.apply(changes);
        let Err(error) = self.write() else { return Ok(()) };
        self.content.apply(previous);
        messages::change_lost(&error);
        Err(match error {
            Error::StateFull { .. } => Ctap2StatusCode::CTAP2_ERR_KEY_STORE_FULL,
            _ => Ctap2StatusCode::CTAP2_ERR_VENDOR_HARDWARE_FAILURE,
        })
    }

    fn write(&self) -> Result<(), Error> {
        let state = encode_state(&self.content).ok_or_else(|| Error::StateFull {
            path: self.directory.state_path(),
        })?;
        self.directory.replace_state(&state)
    }

    /// Whether U2F registrations can be signed.
    pub(crate) fn has_attestation(&self) -> bool {
        matches!(self.get_attestation(AttestationId::Batch), Ok(Some(_)))
    }

    /// Stores key and certificate of U2F at once.
    ///
    /// # Errors
    /// Those of every change.
    pub(crate) fn write_attestation(&mut self, attestation: &Attestation) -> CtapResult<()> {
        let kind = [BATCH_ATTESTATION];
        self.change(vec![
            (
                entry_number(keys::ATTESTATION_PRIVATE_KEY)?,
                Some(Value::from(attestation.private_key.as_slice())),
            ),
            (
                entry_number(keys::ATTESTATION_CERTIFICATE)?,
                Some(Value::from(attestation.certificate.as_slice())),
            ),
            (entry_number(keys::ATTESTATION_ID)?, Some(Value::from(&kind[..]))),
        ])
    }

    fn value(&self, number: usize) -> Option<&[u8]> {
        let number = u16::try_from(number).ok()?;
        self.content.entries.get(&number).map(|value| value.0.as_slice())
    }
}

impl Content {
    /// Makes `changes` and returns those that undo them.
    fn apply(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let mut undo: Vec<Change> = changes
            .into_iter()
            .map(|(number, value)| {
                let previous = match value {
                    Some(value) => self.entries.insert(number, value),
                    None => self.entries.remove(&number),
                };
                (number, previous)
            })
            .collect();
        undo.reverse();
        undo
    }
}

impl Persist for Store {
    fn find(&self, key: usize) -> CtapResult<Option<Vec<u8>>> {
        Ok(self.value(key).map(<[u8]>::to_vec))
    }

    fn insert(&mut self, key: usize, value: &[u8]) -> CtapResult<()> {
        self.change(vec![(entry_number(key)?, Some(Value::from(value)))])
    }

    fn remove(&mut self, key: usize) -> CtapResult<()> {
        if self.value(key).is_none() {
            return Ok(());
        }
        self.change(vec![(entry_number(key)?, None)])
    }

    fn iter(&self) -> CtapResult<PersistIter<'_>> {
        Ok(Box::new(
            self.content.entries.keys().map(|number| Ok(usize::from(*number))),
        ))
    }

    fn global_signature_counter(&self) -> CtapResult<u32> {
        match self.value(keys::GLOBAL_SIGNATURE_COUNTER) {
            None => Ok(FIRST_SIGNATURE_COUNTER),
            Some(value) => value
                .try_into()
                .map(u32::from_be_bytes)
                .map_err(|_| Ctap2StatusCode::CTAP2_ERR_VENDOR_INTERNAL_ERROR),
        }
    }

    /// Unlike opensk's own, refuses to start again at zero.
    fn incr_global_signature_counter(&mut self, increment: u32) -> CtapResult<()> {
        let counter = self
            .global_signature_counter()?
            .checked_add(increment)
            .ok_or(Ctap2StatusCode::CTAP2_ERR_LIMIT_EXCEEDED)?;
        self.insert(keys::GLOBAL_SIGNATURE_COUNTER, &counter.to_be_bytes())
    }

    fn pin_hash(&self) -> CtapResult<Option<[u8; PIN_AUTH_LENGTH]>> {
        let Some(value) = self.value(keys::PIN_PROPERTIES) else {
            return Ok(None);
        };
        let (_length, sealed) = value
            .split_first()
            .ok_or(Ctap2StatusCode::CTAP2_ERR_VENDOR_INTERNAL_ERROR)?;
        unseal(&self.content.sealing_key, sealed)
            .map(Some)
            .ok_or(Ctap2StatusCode::CTAP2_ERR_VENDOR_INTERNAL_ERROR)
    }

    fn set_pin(&mut self, pin_hash: &[u8; PIN_AUTH_LENGTH], pin_code_point_length: u8) -> CtapResult<()> {
        let mut value = vec![pin_code_point_length];
        value.extend(seal(&self.content.sealing_key, pin_hash)?);
        self.change(vec![
            (
                entry_number(keys::PIN_PROPERTIES)?,
                Some(Value::from(value.as_slice())),
            ),
            (entry_number(keys::FORCE_PIN_CHANGE)?, None),
        ])
    }

    /// Forgets everything at once: after a power failure the key is either reset or not.
    fn reset(&mut self) -> CtapResult<()> {
        let forgotten = self.content.entries.keys().copied();
        self.change(
            forgotten
                .filter(|number| usize::from(*number) >= keys::NUM_PERSISTENT_KEYS)
                .map(|number| (number, None))
                .collect(),
        )
    }

    fn aaguid(&self) -> CtapResult<[u8; AAGUID_LENGTH]> {
        Ok(AAGUID)
    }
}

fn entry_number(key: usize) -> CtapResult<u16> {
    u16::try_from(key).map_err(|_| Ctap2StatusCode::CTAP2_ERR_VENDOR_INTERNAL_ERROR)
}

fn seal(key: &[u8; SEALING_KEY_LENGTH], plain: &[u8; PIN_AUTH_LENGTH]) -> CtapResult<Vec<u8>> {
    let mut iv = [0; IV_LENGTH];
    getrandom::fill(&mut iv).map_err(|_| Ctap2StatusCode::CTAP2_ERR_VENDOR_HARDWARE_FAILURE)?;
    let mut block = *plain;
    SoftwareAes256::new(key).encrypt_cbc(&iv, &mut block);
    Ok([iv, block].concat())
}

fn unseal(key: &[u8; SEALING_KEY_LENGTH], sealed: &[u8]) -> Option<[u8; PIN_AUTH_LENGTH]> {
    let (iv, block) = sealed.split_first_chunk::<IV_LENGTH>()?;
    let mut block: [u8; PIN_AUTH_LENGTH] = block.try_into().ok()?;
    SoftwareAes256::new(key).decrypt_cbc(iv, &mut block);
    Some(block)
}

/// What is wrong with a state file.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Version(u16),
    Damaged,
}

impl Fault {
    fn at(self, directory: &Directory) -> Error {
        let path = directory.state_path();
        match self {
            Self::Version(version) => Error::UnknownVersion { path, version },
            Self::Damaged => Error::Damaged { path },
        }
    }
}

/// `None` if the state would be too long to be read again.
fn encode_state(content: &Content) -> Option<Zeroizing<Vec<u8>>> {
    let entries = content
        .entries
        .values()
        .map(|value| 4 + value.0.len())
        .sum::<usize>();
    let length = 2 + SEALING_KEY_LENGTH + 2 + entries + CHECKSUM_LENGTH;
    if length > MAX_STATE_LENGTH {
        return None;
    }
    // Its final length at once: a vector that grows leaves copies of the secrets behind.
    let mut state = Zeroizing::new(Vec::with_capacity(length));
    state.extend(VERSION.to_be_bytes());
    state.extend_from_slice(content.sealing_key.as_slice());
    state.extend(u16::try_from(content.entries.len()).ok()?.to_be_bytes());
    for (number, Value(value)) in &content.entries {
        state.extend(number.to_be_bytes());
        state.extend(u16::try_from(value.len()).ok()?.to_be_bytes());
        state.extend_from_slice(value);
    }
    let checksum = SoftwareSha256::digest(&state);
    state.extend(checksum);
    Some(state)
}

fn parse_state(bytes: &[u8]) -> Result<Content, Fault> {
    // The version comes before the checksum: a later one may have moved it.
    let (version, _) = bytes.split_first_chunk().ok_or(Fault::Damaged)?;
    let version = u16::from_be_bytes(*version);
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let (body, checksum) = bytes
        .split_last_chunk::<CHECKSUM_LENGTH>()
        .ok_or(Fault::Damaged)?;
    if SoftwareSha256::digest(body) != *checksum {
        return Err(Fault::Damaged);
    }
    parse_body(body.get(2..).unwrap_or_default()).ok_or(Fault::Damaged)
}

fn parse_body(bytes: &[u8]) -> Option<Content> {
    let (sealing_key, bytes) = bytes.split_first_chunk::<SEALING_KEY_LENGTH>()?;
    let (count, mut bytes) = bytes.split_first_chunk()?;
    let mut entries = BTreeMap::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (number, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let number = u16::from_be_bytes(*number);
        if entries.last_key_value().is_some_and(|(last, _)| *last >= number) {
            return None;
        }
        entries.insert(number, Value::from(value));
        bytes = rest;
    }
    bytes.is_empty().then(|| Content {
        sealing_key: Zeroizing::new(*sealing_key),
        entries,
    })
}

#[cfg(test)]
mod tests;
