//! The messages of SF-FIDO, carried DER-encoded in SPAKESecondFactor.data (RFC 9588 section 4.2).
//!
//! ```text
//! FidoFactor ::= CHOICE {
//!     hello        [0] FidoHello,        -- client, in SPAKEResponse, when the challenge carried no data
//!     challenge    [1] FidoChallenge,    -- KDC
//!     assertion    [2] FidoAssertion,    -- client
//!     notice       [3] FidoNotice,       -- KDC, instead of a challenge: the exchange ends here
//!     ...
//! }
//! FidoHello ::= SEQUENCE {
//!     versions     [0] SEQUENCE (SIZE(1..8)) OF INTEGER (1..127), ...
//! }
//! FidoChallenge ::= SEQUENCE {
//!     version      [0] INTEGER (1),
//!     nonce        [1] OCTET STRING (SIZE(32)),
//!     parties      [2] SEQUENCE (SIZE(1..MAX)) OF FidoRelyingParty,
//!     facetsUrl    [3] UTF8String OPTIONAL,
//!     padding      [4] OCTET STRING OPTIONAL, ...
//! }
//! FidoRelyingParty ::= SEQUENCE {
//!     rpId         [0] UTF8String,
//!     credentials  [1] SEQUENCE (SIZE(1..MAX)) OF FidoCredentialRef, ...
//! }
//! FidoCredentialRef ::= SEQUENCE {
//!     id           [0] OCTET STRING (SIZE(1..1023)),
//!     uv           [1] ENUMERATED { discouraged(0), preferred(1), required(2) }, ...
//! }
//! FidoAssertion ::= SEQUENCE {
//!     credentialId      [0] OCTET STRING (SIZE(1..1023)),
//!     authenticatorData [1] OCTET STRING,
//!     signature         [2] OCTET STRING, ...
//! }
//! FidoNotice ::= SEQUENCE {
//!     code         [0] ENUMERATED { enrolRequired(0), noneUsable(1) },
//!     enrolUrl     [1] UTF8String OPTIONAL, ...
//! }
//! ```

use crate::{
    Error,
    asn1::{self, Input, Output},
    registry::{CREDENTIAL_ID_MAX, FIDO_CHALLENGE_MULTIPLE, FIDO_NONCE_LEN, FIDO_VERSION, MESSAGE_MAX},
};

/// The most versions that a hello may list.
const HELLO_VERSIONS_MAX: usize = 8;

/// By how many bytes padding makes a challenge longer than itself, at most: two headers of its own, and two that grow.
const PADDING_HEADERS_MAX: usize = 16;

/// One message of SF-FIDO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FidoFactor {
    /// The client's answer to an offer without data.
    Hello(FidoHello),
    /// What the KDC wants signed, and by which credentials.
    Challenge(FidoChallenge),
    /// What a security key signed.
    Assertion(FidoAssertion),
    /// Why there is no challenge.
    Notice(FidoNotice),
}

impl FidoFactor {
    /// Reads one message of at most 64 KiB, strictly.
    ///
    /// # Errors
    /// [`Error::MessageTooLong`], [`Error::MalformedDer`], [`Error::ValueOutOfRange`], [`Error::UnknownMessage`],
    /// [`Error::UnknownEnumerated`] and [`Error::UnsupportedFactorVersion`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        asn1::decode(bytes, |input| {
            let (alternative, mut content) = input.choice()?;
            let message = match alternative {
                0 => Self::Hello(FidoHello::decode(&mut content)?),
                1 => Self::Challenge(FidoChallenge::decode(&mut content)?),
                2 => Self::Assertion(FidoAssertion::decode(&mut content)?),
                3 => Self::Notice(FidoNotice::decode(&mut content)?),
                _ => return Err(Error::UnknownMessage),
            };
            if content.is_finished() {
                Ok(message)
            } else {
                Err(Error::MalformedDer)
            }
        })
    }

    /// Reads a challenge that stands in the clear: it names no facet list.
    ///
    /// # Errors
    /// Those of [`Self::decode`]; [`Error::UnexpectedMessage`] for another message; [`Error::FacetsUrlInClear`].
    pub fn decode_clear_challenge(bytes: &[u8]) -> Result<FidoChallenge, Error> {
        match Self::decode(bytes)? {
            Self::Challenge(challenge) if challenge.facets_url.is_some() => Err(Error::FacetsUrlInClear),
            Self::Challenge(challenge) => Ok(challenge),
            Self::Hello(_) | Self::Assertion(_) | Self::Notice(_) => Err(Error::UnexpectedMessage),
        }
    }

    /// Writes the message; a challenge is always padded.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] and [`Error::MessageTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Hello(hello) => encode_message(0, |content| hello.encode(content)),
            Self::Challenge(challenge) => challenge.encode_padded(0),
            Self::Assertion(assertion) => encode_message(2, |content| assertion.encode(content)),
            Self::Notice(notice) => encode_message(3, |content| notice.encode(content)),
        }
    }
}

fn encode_message(
    alternative: u32,
    write: impl FnOnce(&mut Output) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let mut output = Output::default();
    output.tagged(alternative, write)?;
    let bytes = output.into_bytes();
    if bytes.len() > MESSAGE_MAX {
        return Err(Error::MessageTooLong);
    }
    Ok(bytes)
}

/// The versions of SF-FIDO that a client speaks: one to eight, each from 1 to 127.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FidoHello {
    /// In no particular order.
    pub versions: Vec<u8>,
}

impl FidoHello {
    /// Whether the client speaks `version`. If none is common the KDC answers KDC_ERR_PREAUTH_FAILED.
    pub fn supports(&self, version: u8) -> bool {
        self.versions.contains(&version)
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            let versions = fields.required(0, |field| field.sequence_of(decode_version))?;
            fields.skip_extensions(0)?;
            check_range(versions.len(), 1, HELLO_VERSIONS_MAX)?;
            Ok(Self { versions })
        })
    }

    fn encode(&self, output: &mut Output) -> Result<(), Error> {
        check_range(self.versions.len(), 1, HELLO_VERSIONS_MAX)?;
        output.sequence(|fields| {
            fields.tagged(0, |field| {
                field.sequence(|list| self.versions.iter().try_for_each(|v| encode_version(*v, list)))
            })
        })
    }
}

fn decode_version(input: &mut Input<'_>) -> Result<u8, Error> {
    let version = u8::try_from(input.integer()?).map_err(|_| Error::ValueOutOfRange)?;
    check_range(version, 1, 127)?;
    Ok(version)
}

fn encode_version(version: u8, output: &mut Output) -> Result<(), Error> {
    check_range(version, 1, 127)?;
    output.integer(version.into())
}

/// What the KDC wants signed, and by which credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FidoChallenge {
    /// Fresh for each exchange.
    pub nonce: [u8; FIDO_NONCE_LEN],
    /// At least one.
    pub parties: Vec<RelyingParty>,
    /// A facet list; never in a challenge that is sent in clear.
    pub facets_url: Option<String>,
}

impl FidoChallenge {
    /// Writes the whole message, [`FidoFactor`] included, with the least padding that makes its length a multiple of
    /// 1024 bytes, and at least `minimum` bytes.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] for a list without element or a credential id of impossible length,
    /// [`Error::MessageTooLong`] for a message over 64 KiB.
    pub fn encode_padded(&self, minimum: usize) -> Result<Vec<u8>, Error> {
        let mut fields = Output::default();
        self.encode_fields(&mut fields)?;
        let encoded = fields.into_bytes();
        let padding = find_padding(encoded.len(), minimum).ok_or(Error::MessageTooLong)?;
        encode_message(1, |content| {
            content.sequence(|fields| {
                fields.raw(&encoded);
                padding.map_or(Ok(()), |length| {
                    fields.tagged(4, |field| field.octets(&vec![0; length]))
                })
            })
        })
    }

    fn encode_fields(&self, fields: &mut Output) -> Result<(), Error> {
        fields.tagged(0, |field| field.integer(FIDO_VERSION.into()))?;
        fields.tagged(1, |field| field.octets(&self.nonce))?;
        fields.tagged(2, |field| {
            encode_sequence_of(&self.parties, field, RelyingParty::encode)
        })?;
        encode_optional_utf8(3, self.facets_url.as_deref(), fields)
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            if fields.required(0, Input::integer)? != i32::from(FIDO_VERSION) {
                return Err(Error::UnsupportedFactorVersion);
            }
            let nonce = fields.required(1, Input::octets)?;
            let parties = fields.required(2, |field| field.sequence_of(RelyingParty::decode))?;
            let facets_url = fields.optional(3, Input::utf8)?;
            fields.optional(4, Input::octets)?;
            fields.skip_extensions(4)?;
            Ok(Self {
                nonce: nonce.try_into().map_err(|_| Error::ValueOutOfRange)?,
                parties,
                facets_url: facets_url.map(str::to_owned),
            })
        })
    }
}

/// The length of the padding with which a challenge, whose other fields take `fields` bytes, is a multiple of 1024 bytes
/// and has at least `minimum`: the inner `None` is no padding at all, the outer one no solution.
fn find_padding(fields: usize, minimum: usize) -> Option<Option<usize>> {
    let length_with = |padding: Option<usize>| {
        let element = padding.map_or(0, |length| encoded_length(encoded_length(length)));
        encoded_length(encoded_length(fields + element))
    };
    let bare = length_with(None);
    let least = bare.max(minimum).next_multiple_of(FIDO_CHALLENGE_MULTIPLE);
    if bare == least {
        return Some(None);
    }
    // The length octets of the enclosing values jump as they grow: not every multiple can be hit.
    [least, least + FIDO_CHALLENGE_MULTIPLE]
        .into_iter()
        .find_map(|target| {
            let room = target - bare;
            (room.saturating_sub(PADDING_HEADERS_MAX)..room)
                .find(|padding| length_with(Some(*padding)) == target)
                .map(Some)
        })
}

/// Bytes of a DER value of `content` bytes under a one-byte tag.
const fn encoded_length(content: usize) -> usize {
    let header = match content {
        0..0x80 => 2,
        0x80..0x100 => 3,
        0x100..0x1_0000 => 4,
        _ => 5,
    };
    header + content
}

/// The credentials that were registered for one rpId.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The rpId or appId: whatever was hashed at registration.
    pub rp_id: String,
    /// At least one.
    pub credentials: Vec<CredentialRef>,
}

impl RelyingParty {
    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            let rp_id = fields.required(0, Input::utf8)?;
            let credentials = fields.required(1, |field| field.sequence_of(CredentialRef::decode))?;
            fields.skip_extensions(1)?;
            Ok(Self {
                rp_id: rp_id.to_owned(),
                credentials,
            })
        })
    }

    fn encode(&self, output: &mut Output) -> Result<(), Error> {
        output.sequence(|fields| {
            fields.tagged(0, |field| field.utf8(&self.rp_id))?;
            fields.tagged(1, |field| {
                encode_sequence_of(&self.credentials, field, CredentialRef::encode)
            })
        })
    }
}

/// A credential that may sign, and what it must check before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRef {
    /// The credential id or key handle, 1 to 1023 bytes.
    pub id: Vec<u8>,
    /// Whether the key is to verify its user.
    pub uv: UserVerification,
}

impl CredentialRef {
    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            let id = fields.required(0, decode_credential_id)?;
            let uv = fields.required(1, Input::enumerated)?;
            fields.skip_extensions(1)?;
            Ok(Self {
                id,
                uv: UserVerification::from_number(uv)?,
            })
        })
    }

    fn encode(&self, output: &mut Output) -> Result<(), Error> {
        output.sequence(|fields| {
            fields.tagged(0, |field| encode_credential_id(&self.id, field))?;
            fields.tagged(1, |field| field.enumerated(self.uv.number()))
        })
    }
}

/// Whether a key checks a PIN or a fingerprint, from the loosest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserVerification {
    /// Not unless the key insists.
    Discouraged,
    /// If the key can.
    Preferred,
    /// Or the assertion is refused.
    Required,
}

impl UserVerification {
    /// Reads the word that records, `fido_uv` and the string attribute `fido_uv` use.
    ///
    /// # Errors
    /// [`Error::UnknownUserVerification`].
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "discouraged" => Ok(Self::Discouraged),
            "preferred" => Ok(Self::Preferred),
            "required" => Ok(Self::Required),
            _ => Err(Error::UnknownUserVerification),
        }
    }

    /// The word that records and configuration use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discouraged => "discouraged",
            Self::Preferred => "preferred",
            Self::Required => "required",
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Discouraged => 0,
            Self::Preferred => 1,
            Self::Required => 2,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Result<Self, Error> {
        match number {
            0 => Ok(Self::Discouraged),
            1 => Ok(Self::Preferred),
            2 => Ok(Self::Required),
            _ => Err(Error::UnknownEnumerated),
        }
    }
}

/// The longest address of a page that is shown to people, in bytes.
const PAGE_MAX: usize = 1024;

/// Whether a text is the address of a page that may be shown to people: https, printable ASCII, of bounded length. The
/// other side's word is not printed otherwise.
pub fn is_page(text: &str) -> bool {
    text.starts_with("https://") && text.len() <= PAGE_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a security key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FidoAssertion {
    /// The credential id or key handle, 1 to 1023 bytes.
    pub credential_id: Vec<u8>,
    /// As in WebAuthn; rebuilt from the answer of a U2F key.
    pub authenticator_data: Vec<u8>,
    /// Over the authenticator data and the client data hash.
    pub signature: Vec<u8>,
}

impl FidoAssertion {
    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            let credential_id = fields.required(0, decode_credential_id)?;
            let authenticator_data = fields.required(1, Input::octets)?;
            let signature = fields.required(2, Input::octets)?;
            fields.skip_extensions(2)?;
            Ok(Self {
                credential_id,
                authenticator_data: authenticator_data.to_vec(),
                signature: signature.to_vec(),
            })
        })
    }

    fn encode(&self, output: &mut Output) -> Result<(), Error> {
        output.sequence(|fields| {
            fields.tagged(0, |field| encode_credential_id(&self.credential_id, field))?;
            fields.tagged(1, |field| field.octets(&self.authenticator_data))?;
            fields.tagged(2, |field| field.octets(&self.signature))
        })
    }
}

/// Why there is no challenge. The exchange ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FidoNotice {
    /// The reason.
    pub code: NoticeCode,
    /// Where the user can enrol a key.
    pub enrol_url: Option<String>,
}

/// The reason of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeCode {
    /// The principal needs a key and has none.
    EnrolRequired,
    /// The principal has keys, and none of them may be used.
    NoneUsable,
}

impl FidoNotice {
    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            let code = match fields.required(0, Input::enumerated)? {
                0 => NoticeCode::EnrolRequired,
                1 => NoticeCode::NoneUsable,
                _ => return Err(Error::UnknownEnumerated),
            };
            let enrol_url = fields.optional(1, Input::utf8)?.map(str::to_owned);
            fields.skip_extensions(1)?;
            Ok(Self { code, enrol_url })
        })
    }

    fn encode(&self, output: &mut Output) -> Result<(), Error> {
        let code = match self.code {
            NoticeCode::EnrolRequired => 0,
            NoticeCode::NoneUsable => 1,
        };
        output.sequence(|fields| {
            fields.tagged(0, |field| field.enumerated(code))?;
            encode_optional_utf8(1, self.enrol_url.as_deref(), fields)
        })
    }
}

fn decode_credential_id(input: &mut Input<'_>) -> Result<Vec<u8>, Error> {
    let id = input.octets()?;
    check_range(id.len(), 1, CREDENTIAL_ID_MAX)?;
    Ok(id.to_vec())
}

fn encode_credential_id(id: &[u8], output: &mut Output) -> Result<(), Error> {
    check_range(id.len(), 1, CREDENTIAL_ID_MAX)?;
    output.octets(id)
}

fn encode_sequence_of<T>(
    elements: &[T],
    output: &mut Output,
    encode: impl Fn(&T, &mut Output) -> Result<(), Error>,
) -> Result<(), Error> {
    check_range(elements.len(), 1, usize::MAX)?;
    output.sequence(|list| elements.iter().try_for_each(|element| encode(element, list)))
}

fn encode_optional_utf8(number: u32, text: Option<&str>, fields: &mut Output) -> Result<(), Error> {
    text.map_or(Ok(()), |text| fields.tagged(number, |field| field.utf8(text)))
}

fn check_range<T: PartialOrd>(value: T, lowest: T, highest: T) -> Result<(), Error> {
    if value < lowest || value > highest {
        return Err(Error::ValueOutOfRange);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
