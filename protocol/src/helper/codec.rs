//! Messages to CBOR and back.

use core::{convert::Infallible, num::TryFromIntError};

use minicbor::{Decoder, Encoder, data::Type};

use super::{
    Assert, AttachedKey, BODY_MAX, Choice, Failure, KeyState, Message, PIN_MAX, PinReason, PinWanted, VERSION,
};
use crate::{
    Error,
    fido::{
        client_settings::{ClientSettings, Facets},
        factor::{CredentialRef, FidoAssertion, RelyingParty, UserVerification},
    },
    registry::CREDENTIAL_ID_MAX,
    secret::SecretBytes,
};

const TYPE_ASSERT: u8 = 1;
const TYPE_PIN: u8 = 2;
const TYPE_PIN_WANTED: u8 = 3;
const TYPE_TOUCH_NOW: u8 = 4;
const TYPE_ASSERTION: u8 = 5;
const TYPE_FAILED: u8 = 6;
const TYPE_PROBE: u8 = 7;
const TYPE_ATTACHED: u8 = 8;
const TYPE_SKIPPED: u8 = 9;
const TYPE_WAITING: u8 = 10;
const TYPE_CHOOSE: u8 = 11;
const TYPE_FACETS_UNUSED: u8 = 12;

/// Enough for a frame with a PIN, which must not leave copies behind when a buffer grows.
const FIRST_CAPACITY: usize = 512;

/// The frame of `message`, length prefix included. Secret, since it may hold a PIN.
///
/// # Errors
/// [`Error::MessageTooLong`]: the body has more than [`BODY_MAX`] bytes. [`Error::MalformedFrame`]: a PIN that is empty, not
/// UTF-8, or longer than [`PIN_MAX`] bytes.
pub fn encode(message: &Message) -> Result<SecretBytes, Error> {
    let mut frame = Vec::with_capacity(FIRST_CAPACITY);
    frame.extend_from_slice(&[0; 4]);
    encode_body(message, &mut Encoder::new(&mut frame)).map_err(|refused| refused.0)?;
    let mut frame = SecretBytes::new(frame);
    let (prefix, body) = frame.expose_mut().split_at_mut(4);
    if body.len() > BODY_MAX {
        return Err(Error::MessageTooLong);
    }
    prefix.copy_from_slice(
        &u32::try_from(body.len())
            .map_err(|_| Error::MessageTooLong)?
            .to_be_bytes(),
    );
    Ok(frame)
}

/// How many bytes follow a length prefix: at most [`BODY_MAX`].
///
/// # Errors
/// [`Error::MessageTooLong`].
pub fn decode_length(prefix: [u8; 4]) -> Result<usize, Error> {
    let length = usize::try_from(u32::from_be_bytes(prefix)).map_err(|_| Error::MessageTooLong)?;
    if length > BODY_MAX {
        return Err(Error::MessageTooLong);
    }
    Ok(length)
}

/// The message in the body of a frame, without its length prefix.
///
/// # Errors
/// [`Error::MessageTooLong`], [`Error::UnknownFrameVersion`], [`Error::UnknownMessage`], [`Error::MalformedFrame`].
pub fn decode(body: &[u8]) -> Result<Message, Error> {
    if body.len() > BODY_MAX {
        return Err(Error::MessageTooLong);
    }
    decode_body(body).map_err(|refused| refused.0)
}

fn decode_body(body: &[u8]) -> Result<Message, Refused> {
    let mut fields = Fields::open(body)?;
    if fields.next()?.u8()? != VERSION {
        return Err(Error::UnknownFrameVersion.into());
    }
    let message = match fields.next()?.u8()? {
        TYPE_ASSERT => Message::Assert(Box::new(decode_assert(&mut fields)?)),
        TYPE_PIN => Message::Pin(pin(fields.next()?)?),
        TYPE_PIN_WANTED => Message::PinWanted(PinWanted {
            product: text(fields.next()?)?,
            retries: fields.next()?.decode()?,
            reason: PinReason::from_number(fields.next()?.u8()?).ok_or(Error::MalformedFrame)?,
        }),
        TYPE_TOUCH_NOW => Message::TouchNow(nonempty(list(fields.next()?, text)?)?),
        TYPE_ASSERTION => Message::Assertion(FidoAssertion {
            credential_id: credential_id(fields.next()?)?,
            authenticator_data: fields.next()?.bytes()?.to_vec(),
            signature: fields.next()?.bytes()?.to_vec(),
        }),
        TYPE_FAILED => Message::Failed(decode_failure(&mut fields)?),
        TYPE_PROBE => Message::Probe(list(fields.next()?, text)?),
        TYPE_ATTACHED => Message::Attached(list(fields.next()?, attached_key)?),
        TYPE_SKIPPED => Message::Skipped(text(fields.next()?)?),
        TYPE_WAITING => Message::Waiting(decode_failure(&mut fields)?),
        TYPE_CHOOSE => Message::Choose(Choice {
            device: fields.next()?.decode()?,
            pin: optional(fields.next()?, pin)?,
        }),
        TYPE_FACETS_UNUSED => Message::FacetsUnused(text(fields.next()?)?),
        _ => return Err(Error::UnknownMessage.into()),
    };
    fields.close()?;
    Ok(message)
}

/// The entries of the map, in the order of their keys.
struct Fields<'a> {
    decoder: Decoder<'a>,
    count: u64,
    key: u8,
}

impl<'a> Fields<'a> {
    fn open(body: &'a [u8]) -> Result<Self, Refused> {
        let mut decoder = Decoder::new(body);
        let count = decoder.map()?.ok_or(Error::MalformedFrame)?;
        Ok(Self {
            decoder,
            count,
            key: 0,
        })
    }

    /// The decoder, standing before the next value.
    fn next(&mut self) -> Result<&mut Decoder<'a>, Refused> {
        if u64::from(self.key) >= self.count || self.decoder.u8()? != self.key {
            return Err(Error::MalformedFrame.into());
        }
        self.key = self.key.saturating_add(1);
        Ok(&mut self.decoder)
    }

    fn close(self) -> Result<(), Refused> {
        if u64::from(self.key) != self.count || self.decoder.position() != self.decoder.input().len() {
            return Err(Error::MalformedFrame.into());
        }
        Ok(())
    }
}

fn decode_assert(fields: &mut Fields<'_>) -> Result<Assert, Refused> {
    Ok(Assert {
        realm: text(fields.next()?)?,
        settings: settings(fields.next()?)?,
        kdc_facets_url: fields.next()?.decode()?,
        timeout_seconds: fields.next()?.u32()?,
        principal: fields.next()?.bytes()?.to_vec(),
        nonce: octets(fields.next()?)?,
        transcript: fields.next()?.bytes()?.to_vec(),
        request_hash: octets(fields.next()?)?,
        parties: nonempty(list(fields.next()?, relying_party)?)?,
    })
}

fn settings(decoder: &mut Decoder<'_>) -> Result<ClientSettings, Refused> {
    structure(decoder, 5)?;
    Ok(ClientSettings {
        rp_id: decoder.decode()?,
        public_suffix_list: decoder.decode()?,
        facets_url: decoder.decode()?,
        facets: Facets::from_number(decoder.u8()?).ok_or(Error::MalformedFrame)?,
        devices: list(decoder, text)?,
    })
}

fn attached_key(decoder: &mut Decoder<'_>) -> Result<AttachedKey, Refused> {
    structure(decoder, 3)?;
    Ok(AttachedKey {
        path: text(decoder)?,
        product: text(decoder)?,
        state: optional(decoder, key_state)?,
    })
}

fn key_state(decoder: &mut Decoder<'_>) -> Result<KeyState, Refused> {
    structure(decoder, 3)?;
    Ok(KeyState {
        pin_set: decoder.bool()?,
        pin_retries: decoder.decode()?,
        builtin_uv: decoder.bool()?,
    })
}

fn relying_party(decoder: &mut Decoder<'_>) -> Result<RelyingParty, Refused> {
    structure(decoder, 2)?;
    Ok(RelyingParty {
        rp_id: text(decoder)?,
        credentials: nonempty(list(decoder, credential)?)?,
    })
}

fn credential(decoder: &mut Decoder<'_>) -> Result<CredentialRef, Refused> {
    structure(decoder, 2)?;
    Ok(CredentialRef {
        id: credential_id(decoder)?,
        uv: UserVerification::from_number(decoder.u8()?).map_err(|_| Error::MalformedFrame)?,
    })
}

fn pin(decoder: &mut Decoder<'_>) -> Result<SecretBytes, Refused> {
    Ok(SecretBytes::from(verify_pin(decoder.bytes()?)?))
}

fn verify_pin(pin: &[u8]) -> Result<&[u8], Refused> {
    if pin.is_empty() || pin.len() > PIN_MAX || core::str::from_utf8(pin).is_err() {
        return Err(Error::MalformedFrame.into());
    }
    Ok(pin)
}

fn decode_failure(fields: &mut Fields<'_>) -> Result<Failure, Refused> {
    let cause = fields.next()?.u8()?;
    let decoder = fields.next()?;
    let count = decoder.array()?.ok_or(Error::MalformedFrame)?;
    let failure = match (cause, count) {
        (0, 0) => Failure::NoKey,
        (1, 1) => Failure::WrongKey {
            product: text(decoder)?,
        },
        (2, 1) => Failure::Declined {
            product: text(decoder)?,
        },
        (3, 0) => Failure::TimedOut,
        (4, 0) => Failure::Cancelled,
        (5, 1) => Failure::PinRequiredNotSet {
            product: text(decoder)?,
        },
        (6, 2) => Failure::PinInvalid {
            product: text(decoder)?,
            retries: decoder.decode()?,
        },
        (7, 1) => Failure::PinBlocked {
            product: text(decoder)?,
        },
        (8, 1) => Failure::PinAuthBlocked {
            product: text(decoder)?,
        },
        (9, 0) => Failure::NoAcceptedRelyingParty,
        (10, 2) => Failure::DeviceUnavailable {
            device: text(decoder)?,
            reason: text(decoder)?,
        },
        (11, 2) => Failure::InvalidConfiguration {
            relation: text(decoder)?,
            value: text(decoder)?,
        },
        (12, 1) => Failure::U2fOnly {
            product: text(decoder)?,
        },
        (13, 3) => Failure::Device {
            product: text(decoder)?,
            code: decoder.i32()?,
            text: text(decoder)?,
        },
        (14, 0) => Failure::Internal,
        (15, 1) => Failure::FacetsUnused {
            reason: text(decoder)?,
        },
        _ => return Err(Error::MalformedFrame.into()),
    };
    Ok(failure)
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, Refused> {
    Ok(decoder.str()?.to_owned())
}

/// A value, or null for an absent one.
fn optional<'a, T>(
    decoder: &mut Decoder<'a>,
    value: impl FnOnce(&mut Decoder<'a>) -> Result<T, Refused>,
) -> Result<Option<T>, Refused> {
    if decoder.datatype()? == Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    value(decoder).map(Some)
}

fn octets<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], Refused> {
    Ok(decoder.bytes()?.try_into().map_err(|_| Error::MalformedFrame)?)
}

fn credential_id(decoder: &mut Decoder<'_>) -> Result<Vec<u8>, Refused> {
    let id = decoder.bytes()?;
    if id.is_empty() || id.len() > CREDENTIAL_ID_MAX {
        return Err(Error::MalformedFrame.into());
    }
    Ok(id.to_vec())
}

/// The start of an array of exactly `count` elements.
fn structure(decoder: &mut Decoder<'_>, count: u64) -> Result<(), Refused> {
    if decoder.array()? != Some(count) {
        return Err(Error::MalformedFrame.into());
    }
    Ok(())
}

/// An array; the claimed number of elements is not believed before they are there.
fn list<'a, T>(
    decoder: &mut Decoder<'a>,
    mut element: impl FnMut(&mut Decoder<'a>) -> Result<T, Refused>,
) -> Result<Vec<T>, Refused> {
    let count = decoder.array()?.ok_or(Error::MalformedFrame)?;
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(element(decoder)?);
    }
    Ok(elements)
}

fn nonempty<T>(elements: Vec<T>) -> Result<Vec<T>, Refused> {
    if elements.is_empty() {
        return Err(Error::MalformedFrame.into());
    }
    Ok(elements)
}

/// Writes the map, and the keys that [`Fields`] expects.
struct Entries<'a, 'b> {
    encoder: &'a mut Encoder<&'b mut Vec<u8>>,
    key: u8,
}

impl<'b> Entries<'_, 'b> {
    /// The encoder, standing before the next value.
    fn next(&mut self) -> Result<&mut Encoder<&'b mut Vec<u8>>, Refused> {
        self.encoder.u8(self.key)?;
        self.key = self.key.saturating_add(1);
        Ok(self.encoder)
    }
}

fn encode_body(message: &Message, encoder: &mut Encoder<&mut Vec<u8>>) -> Result<(), Refused> {
    let (kind, fields) = match message {
        Message::Assert(_) => (TYPE_ASSERT, 9),
        Message::Pin(_) => (TYPE_PIN, 1),
        Message::PinWanted(_) => (TYPE_PIN_WANTED, 3),
        Message::TouchNow(_) => (TYPE_TOUCH_NOW, 1),
        Message::Assertion(_) => (TYPE_ASSERTION, 3),
        Message::Failed(_) => (TYPE_FAILED, 2),
        Message::Probe(_) => (TYPE_PROBE, 1),
        Message::Attached(_) => (TYPE_ATTACHED, 1),
        Message::Skipped(_) => (TYPE_SKIPPED, 1),
        Message::Waiting(_) => (TYPE_WAITING, 2),
        Message::Choose(_) => (TYPE_CHOOSE, 2),
        Message::FacetsUnused(_) => (TYPE_FACETS_UNUSED, 1),
    };
    encoder.map(2 + fields)?;
    let mut entries = Entries { encoder, key: 0 };
    entries.next()?.u8(VERSION)?;
    entries.next()?.u8(kind)?;
    match message {
        Message::Assert(assert) => encode_assert(assert, &mut entries)?,
        Message::Pin(pin) => {
            entries.next()?.bytes(verify_pin(pin.expose())?)?;
        }
        Message::PinWanted(wanted) => {
            entries.next()?.str(&wanted.product)?;
            entries.next()?.encode(wanted.retries)?;
            entries.next()?.u8(wanted.reason.number())?;
        }
        Message::Skipped(text) | Message::FacetsUnused(text) => {
            entries.next()?.str(text)?;
        }
        Message::Assertion(assertion) => {
            entries.next()?.bytes(&assertion.credential_id)?;
            entries.next()?.bytes(&assertion.authenticator_data)?;
            entries.next()?.bytes(&assertion.signature)?;
        }
        Message::Failed(failure) | Message::Waiting(failure) => encode_failure(failure, &mut entries)?,
        Message::Probe(texts) | Message::TouchNow(texts) => {
            entries.next()?.encode(texts)?;
        }
        Message::Attached(keys) => encode_attached(keys, entries.next()?)?,
        Message::Choose(choice) => encode_choice(choice, &mut entries)?,
    }
    Ok(())
}

fn encode_assert(assert: &Assert, entries: &mut Entries<'_, '_>) -> Result<(), Refused> {
    entries.next()?.str(&assert.realm)?;
    encode_settings(&assert.settings, entries.next()?)?;
    entries.next()?.encode(assert.kdc_facets_url.as_deref())?;
    entries.next()?.u32(assert.timeout_seconds)?;
    entries.next()?.bytes(&assert.principal)?;
    entries.next()?.bytes(&assert.nonce)?;
    entries.next()?.bytes(&assert.transcript)?;
    entries.next()?.bytes(&assert.request_hash)?;
    let encoder = entries.next()?;
    encoder.array(u64::try_from(assert.parties.len())?)?;
    for party in &assert.parties {
        encoder.array(2)?.str(&party.rp_id)?;
        encoder.array(u64::try_from(party.credentials.len())?)?;
        for credential in &party.credentials {
            encoder
                .array(2)?
                .bytes(&credential.id)?
                .u8(credential.uv.number())?;
        }
    }
    Ok(())
}

fn encode_settings(settings: &ClientSettings, encoder: &mut Encoder<&mut Vec<u8>>) -> Result<(), Refused> {
    encoder
        .array(5)?
        .encode(settings.rp_id.as_deref())?
        .encode(settings.public_suffix_list.as_deref())?
        .encode(settings.facets_url.as_deref())?
        .u8(settings.facets.number())?
        .encode(&settings.devices)?;
    Ok(())
}

fn encode_attached(keys: &[AttachedKey], encoder: &mut Encoder<&mut Vec<u8>>) -> Result<(), Refused> {
    encoder.array(u64::try_from(keys.len())?)?;
    for key in keys {
        encoder.array(3)?.str(&key.path)?.str(&key.product)?;
        match key.state {
            None => encoder.null()?,
            Some(state) => encoder
                .array(3)?
                .bool(state.pin_set)?
                .encode(state.pin_retries)?
                .bool(state.builtin_uv)?,
        };
    }
    Ok(())
}

fn encode_choice(choice: &Choice, entries: &mut Entries<'_, '_>) -> Result<(), Refused> {
    entries.next()?.encode(choice.device.as_deref())?;
    let encoder = entries.next()?;
    match &choice.pin {
        None => encoder.null()?,
        Some(pin) => encoder.bytes(verify_pin(pin.expose())?)?,
    };
    Ok(())
}

fn encode_failure(failure: &Failure, entries: &mut Entries<'_, '_>) -> Result<(), Refused> {
    let (cause, count) = match failure {
        Failure::NoKey => (0, 0),
        Failure::WrongKey { .. } => (1, 1),
        Failure::Declined { .. } => (2, 1),
        Failure::TimedOut => (3, 0),
        Failure::Cancelled => (4, 0),
        Failure::PinRequiredNotSet { .. } => (5, 1),
        Failure::PinInvalid { .. } => (6, 2),
        Failure::PinBlocked { .. } => (7, 1),
        Failure::PinAuthBlocked { .. } => (8, 1),
        Failure::NoAcceptedRelyingParty => (9, 0),
        Failure::DeviceUnavailable { .. } => (10, 2),
        Failure::InvalidConfiguration { .. } => (11, 2),
        Failure::U2fOnly { .. } => (12, 1),
        Failure::Device { .. } => (13, 3),
        Failure::Internal => (14, 0),
        Failure::FacetsUnused { .. } => (15, 1),
    };
    entries.next()?.u8(cause)?;
    let encoder = entries.next()?.array(count)?;
    match failure {
        Failure::NoKey
        | Failure::TimedOut
        | Failure::Cancelled
        | Failure::NoAcceptedRelyingParty
        | Failure::Internal => encoder,
        Failure::WrongKey { product }
        | Failure::Declined { product }
        | Failure::PinRequiredNotSet { product }
        | Failure::PinBlocked { product }
        | Failure::PinAuthBlocked { product }
        | Failure::U2fOnly { product } => encoder.str(product)?,
        Failure::PinInvalid { product, retries } => encoder.str(product)?.encode(retries)?,
        Failure::DeviceUnavailable { device, reason } => encoder.str(device)?.str(reason)?,
        Failure::InvalidConfiguration { relation, value } => encoder.str(relation)?.str(value)?,
        Failure::FacetsUnused { reason } => encoder.str(reason)?,
        Failure::Device { product, code, text } => encoder.str(product)?.i32(*code)?.str(text)?,
    };
    Ok(())
}

/// Why a message cannot be encoded or decoded. A type of its own, so that `?` means the same for every CBOR error here.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<minicbor::decode::Error> for Refused {
    fn from(_: minicbor::decode::Error) -> Self {
        Self(Error::MalformedFrame)
    }
}

impl From<minicbor::encode::Error<Infallible>> for Refused {
    fn from(_: minicbor::encode::Error<Infallible>) -> Self {
        Self(Error::MalformedFrame)
    }
}

impl From<TryFromIntError> for Refused {
    fn from(_: TryFromIntError) -> Self {
        Self(Error::MessageTooLong)
    }
}
