//! The KDC's passes (RFC 9588 section 4).
//!
//! An exchange lives in these types, between requests in a cookie that the KDC keeps secret and authentic:
//!
//! - [`make_challenge`] sends the challenge;
//! - [`ChallengeSent`] takes the response and becomes [`Answered`];
//! - [`Answered`] opens the client's factor, which proves the password, and becomes one of [`Opened`];
//! - [`FidoHello`] sends a factor message;
//! - [`FactorSent`] takes the answer to it and becomes [`FidoAssertion`];
//! - [`ReplyKeys`], [`FidoAssertion`] and a verified factor give `K'[0]`.

use super::{
    Event, Group, Observer, PassResult, SpakeError,
    cookie::{ChallengeCookie, FactorCookie, FidoRecord, Offered},
    derive::{KeySchedule, derive_multiplier},
    factor::{open, seal},
    group::{PrivateScalar, Role},
    message::{EncryptedData, PaSpake, SecondFactor},
    transcript::Transcript,
};
use crate::{
    Error, VerifiedFactor,
    kerberos::{Key, Random},
    registry::{CLEAR_FACTOR_MAX, FIDO_NONCE_LEN, SF_FIDO, SF_NONE},
    secret::SecretBytes,
};

pub use super::cookie::Mode;

/// Chooses the group: the client's first that is permitted (RFC 9588 section 4.2).
pub fn select_group(supported: &[i32], permitted: &[Group]) -> Option<Group> {
    let known = supported.iter().filter_map(|id| Group::from_id(*id));
    known.into_iter().find(|group| permitted.contains(group))
}

/// The factors that a client may choose from.
pub enum Offer {
    /// SF-NONE: the password alone.
    None,
    /// SF-FIDO.
    Fido(FidoOffer),
    /// SF-FIDO or SF-NONE.
    FidoOrNone(FidoOffer),
}

/// SF-FIDO as it is offered.
pub struct FidoOffer {
    /// The nonce that the client's assertion will be bound to; random.
    pub nonce: [u8; FIDO_NONCE_LEN],
    /// The DER of a FidoChallenge, sent in the clear. Without it the exchange is in mode [`Mode::Encrypted`].
    pub challenge: Option<Vec<u8>>,
}

impl Offer {
    const fn none(&self) -> bool {
        matches!(self, Self::None | Self::FidoOrNone(_))
    }

    const fn fido(&self) -> Option<&FidoOffer> {
        match self {
            Self::None => None,
            Self::Fido(offer) | Self::FidoOrNone(offer) => Some(offer),
        }
    }

    fn factors(&self) -> Vec<SecondFactor> {
        let fido = self.fido().map(|offer| SecondFactor {
            factor_type: SF_FIDO,
            data: offer.challenge.clone(),
        });
        let none = self.none().then_some(SecondFactor {
            factor_type: SF_NONE,
            data: None,
        });
        fido.into_iter().chain(none).collect()
    }

    fn record(&self) -> Offered {
        Offered {
            none: self.none(),
            fido: self.fido().map(|offer| FidoRecord {
                mode: match offer.challenge {
                    Some(_) => Mode::Clear,
                    None => Mode::Encrypted,
                },
                nonce: offer.nonce,
            }),
        }
    }
}

/// A message to the client and the cookie to go with it.
pub struct Reply {
    /// A PA-SPAKE message in DER.
    pub message: Vec<u8>,
    /// The plain text of the secure cookie.
    pub cookie: SecretBytes,
}

/// Makes a challenge (RFC 9588 section 4.2). `support` is the client's support message as received, and empty for an
/// optimistic challenge.
///
/// Observed: the public key.
///
/// # Errors
/// [`SpakeError::Kerberos`]; [`Error::NoUsableScalar`] from a broken random source.
pub fn make_challenge<K: Key>(
    group: Group,
    initial_key: &K,
    support: &[u8],
    offer: &Offer,
    random: &mut impl Random<Error = K::Error>,
    observe: &mut Observer<'_, K>,
) -> PassResult<Reply, K> {
    let multiplier = derive_multiplier(group, initial_key).map_err(SpakeError::Kerberos)?;
    let private = PrivateScalar::generate(group, random).map_err(SpakeError::Kerberos)??;
    let public = group.public_element(Role::Kdc, &multiplier, &private)?;
    observe(Event::PublicKey(&public));

    let message = PaSpake::Challenge {
        group: group.id(),
        public,
        factors: offer.factors(),
    }
    .encode()?;
    let mut transcript = Transcript::new(group);
    transcript.update(support, &message);
    let cookie = ChallengeCookie {
        group,
        private,
        transcript,
        offered: offer.record(),
    }
    .encode()?;
    Ok(Reply { message, cookie })
}

/// A challenge was sent: what its cookie says.
pub struct ChallengeSent(ChallengeCookie);

impl ChallengeSent {
    /// Takes up the exchange from the cookie that came with a response.
    ///
    /// # Errors
    /// [`Error::UnknownCookieVersion`], [`Error::WrongCookieStage`], [`Error::UnknownGroup`], [`Error::InvalidScalar`],
    /// [`Error::RepeatedFactor`], [`Error::MalformedCookie`].
    pub fn parse_cookie(cookie: &[u8]) -> Result<Self, Error> {
        ChallengeCookie::parse(cookie).map(Self)
    }

    /// How SF-FIDO was offered, if it was. In mode [`Mode::Clear`] a wrong password must take as long as a verification.
    pub fn fido_mode(&self) -> Option<Mode> {
        self.0.offered.mode()
    }

    /// Computes the SPAKE result from the client's public key (RFC 9588 section 4.3). If it is the identity element, the
    /// client has guessed the password and not made its key by the rules: [`Answered::open_factor`] refuses that, no sooner
    /// than it would refuse a wrong password.
    ///
    /// Observed: the transcript, the result.
    ///
    /// # Errors
    /// [`Error::InvalidPublicKey`], [`SpakeError::Kerberos`].
    pub fn process_response<'k, K: Key>(
        self,
        initial_key: &'k K,
        public: &[u8],
        observe: &mut Observer<'_, K>,
    ) -> PassResult<Answered<'k, K>, K> {
        let ChallengeCookie {
            group,
            private,
            mut transcript,
            offered,
        } = self.0;
        transcript.update(public, &[]);
        observe(Event::Transcript(transcript.as_bytes()));

        let multiplier = derive_multiplier(group, initial_key).map_err(SpakeError::Kerberos)?;
        let (result, refused) = match group.result(Role::Kdc, &multiplier, &private, public) {
            Err(cause @ Error::IdentityElement) => {
                (SecretBytes::new(vec![0; group.element_len()]), Some(cause))
            }
            result => (result?, None),
        };
        observe(Event::Result);
        let schedule = KeySchedule {
            group,
            multiplier,
            result,
            transcript,
        };
        Ok(Answered {
            offered,
            keys: Keys {
                initial_key,
                schedule,
            },
            refused,
        })
    }
}

struct Keys<'k, K> {
    initial_key: &'k K,
    schedule: KeySchedule,
}

impl<K: Key> Keys<'_, K> {
    fn derive(&self, number: u32, body: &[u8], observe: &mut Observer<'_, K>) -> PassResult<K, K> {
        self.schedule.derive(self.initial_key, number, body, observe)
    }
}

/// The client has answered the challenge; whether with the right password is not known yet.
pub struct Answered<'k, K> {
    offered: Offered,
    keys: Keys<'k, K>,
    refused: Option<Error>,
}

impl<'k, K: Key> Answered<'k, K> {
    /// Opens the client's factor under `K'[1]` and so proves the password. `body` is the request's KDC-REQ-BODY. In mode
    /// [`Mode::Clear`] a factor of more than [`CLEAR_FACTOR_MAX`] bytes is not opened: what is read after the password was
    /// proved takes its time.
    ///
    /// Observed: `K'[1]`.
    ///
    /// # Errors
    /// [`Error::WrongPassword`]; [`Error::IdentityElement`]; [`Error::MessageTooLong`], [`Error::EnctypeMismatch`], [`Error::MalformedDer`],
    /// [`Error::FactorNotOffered`], [`Error::UnexpectedFactorData`], [`Error::MissingFactorData`];
    /// [`SpakeError::Kerberos`].
    pub fn open_factor(
        self,
        body: &[u8],
        encrypted: &EncryptedData,
        observe: &mut Observer<'_, K>,
    ) -> PassResult<Opened<'k, K>, K> {
        if self.offered.mode() == Some(Mode::Clear) && encrypted.cipher.len() > CLEAR_FACTOR_MAX {
            return Err(Error::MessageTooLong.into());
        }
        let key = self.keys.derive(1, body, observe)?;
        let opened = open(&key, encrypted, Error::WrongPassword);
        if let Some(cause) = self.refused {
            return Err(cause.into());
        }
        let factor = opened?;
        match (factor.factor_type, self.offered.fido) {
            // SF-NONE is sent without data (RFC 9588 section 4.3).
            (SF_NONE, _) if self.offered.none => match factor.data {
                None => Ok(Opened::None(VerifiedFactor::none(), ReplyKeys(self.keys))),
                Some(_) => Err(Error::UnexpectedFactorData.into()),
            },
            (SF_FIDO, Some(record)) => {
                let data = factor.data.ok_or(Error::MissingFactorData)?;
                let message = FidoMessage {
                    nonce: record.nonce,
                    data,
                    keys: self.keys,
                };
                Ok(match record.mode {
                    Mode::Encrypted => Opened::Hello(FidoHello(message)),
                    Mode::Clear => Opened::Assertion(FidoAssertion(message)),
                })
            }
            _ => Err(Error::FactorNotOffered.into()),
        }
    }
}

/// The password is proved, by this factor.
pub enum Opened<'k, K> {
    /// SF-NONE: nothing else is needed.
    None(VerifiedFactor, ReplyKeys<'k, K>),
    /// SF-FIDO in mode [`Mode::Encrypted`]: a factor message is due.
    Hello(FidoHello<'k, K>),
    /// SF-FIDO in mode [`Mode::Clear`]: to be verified.
    Assertion(FidoAssertion<'k, K>),
}

/// The keys of an exchange without a further factor.
pub struct ReplyKeys<'k, K>(Keys<'k, K>);

impl<K: Key> ReplyKeys<'_, K> {
    /// `K'[0]` for the request with this KDC-REQ-BODY.
    ///
    /// Observed: `K'[0]`.
    ///
    /// # Errors
    /// [`Error::WrongVerifiedFactor`] if the factor is not SF-NONE; [`SpakeError::Kerberos`].
    pub fn derive_reply_key(
        &self,
        verified: &VerifiedFactor,
        body: &[u8],
        observe: &mut Observer<'_, K>,
    ) -> PassResult<K, K> {
        match verified.is_hardware() {
            false => self.0.derive(0, body, observe),
            true => Err(Error::WrongVerifiedFactor.into()),
        }
    }
}

struct FidoMessage<'k, K> {
    nonce: [u8; FIDO_NONCE_LEN],
    data: Vec<u8>,
    keys: Keys<'k, K>,
}

/// SF-FIDO under `K'[1]`, in an exchange that keeps the factor's challenge until the password is proved.
pub struct FidoHello<'k, K>(FidoMessage<'k, K>);

impl<K: Key> FidoHello<'_, K> {
    /// The factor's data, in DER.
    pub fn data(&self) -> &[u8] {
        &self.0.data
    }

    /// The nonce of this exchange.
    pub const fn nonce(&self) -> &[u8; FIDO_NONCE_LEN] {
        &self.0.nonce
    }

    /// Sends SF-FIDO data under `K'[2]`, and the cookie for the answer. `body` is the KDC-REQ-BODY of the request that is
    /// being answered.
    ///
    /// Observed: `K'[2]`.
    ///
    /// # Errors
    /// [`SpakeError::Kerberos`].
    pub fn send_challenge(
        self,
        body: &[u8],
        data: Vec<u8>,
        observe: &mut Observer<'_, K>,
    ) -> PassResult<Reply, K> {
        let KeySchedule {
            group,
            result,
            transcript,
            ..
        } = &self.0.keys.schedule;
        let cookie = FactorCookie::encode(*group, result, transcript, self.0.nonce)?;
        let message = self.send_notice(body, data, observe)?;
        Ok(Reply { message, cookie })
    }

    /// Sends SF-FIDO data under `K'[2]` that no answer is expected to. `body` is as for [`Self::send_challenge`].
    ///
    /// Observed: `K'[2]`.
    ///
    /// # Errors
    /// [`SpakeError::Kerberos`].
    pub fn send_notice(
        self,
        body: &[u8],
        data: Vec<u8>,
        observe: &mut Observer<'_, K>,
    ) -> PassResult<Vec<u8>, K> {
        let key = self.0.keys.derive(2, body, observe)?;
        let factor = SecondFactor {
            factor_type: SF_FIDO,
            data: Some(data),
        };
        Ok(PaSpake::EncData(seal(&key, &factor)?).encode()?)
    }
}

/// A factor message was sent: what its cookie says.
pub struct FactorSent(FactorCookie);

impl FactorSent {
    /// Takes up the exchange from the cookie that came with the answer to a factor message.
    ///
    /// # Errors
    /// [`Error::UnknownCookieVersion`], [`Error::WrongCookieStage`], [`Error::UnknownGroup`], [`Error::RepeatedFactor`],
    /// [`Error::MalformedCookie`].
    pub fn parse_cookie(cookie: &[u8]) -> Result<Self, Error> {
        FactorCookie::parse(cookie).map(Self)
    }

    /// Opens the answer under `K'[3]`. `body` is the KDC-REQ-BODY of the request that it came in.
    ///
    /// Observed: `K'[3]`.
    ///
    /// # Errors
    /// [`Error::FactorIntegrity`], [`Error::EnctypeMismatch`], [`Error::MalformedDer`], [`Error::FactorNotOffered`],
    /// [`Error::MissingFactorData`]; [`SpakeError::Kerberos`].
    pub fn open_factor<'k, K: Key>(
        self,
        initial_key: &'k K,
        body: &[u8],
        encrypted: &EncryptedData,
        observe: &mut Observer<'_, K>,
    ) -> PassResult<FidoAssertion<'k, K>, K> {
        let FactorCookie {
            group,
            result,
            transcript,
            nonce,
        } = self.0;
        let multiplier = derive_multiplier(group, initial_key).map_err(SpakeError::Kerberos)?;
        let schedule = KeySchedule {
            group,
            multiplier,
            result,
            transcript,
        };
        let keys = Keys {
            initial_key,
            schedule,
        };
        let key = keys.derive(3, body, observe)?;
        let factor = open(&key, encrypted, Error::FactorIntegrity)?;
        if factor.factor_type != SF_FIDO {
            return Err(Error::FactorNotOffered.into());
        }
        let data = factor.data.ok_or(Error::MissingFactorData)?;
        Ok(FidoAssertion(FidoMessage { nonce, data, keys }))
    }
}

/// The answer to the factor's challenge, to be verified.
pub struct FidoAssertion<'k, K>(FidoMessage<'k, K>);

impl<K: Key> FidoAssertion<'_, K> {
    /// The factor's data, in DER.
    pub fn data(&self) -> &[u8] {
        &self.0.data
    }

    /// The nonce that the assertion must be bound to.
    pub const fn nonce(&self) -> &[u8; FIDO_NONCE_LEN] {
        &self.0.nonce
    }

    /// The final transcript hash that the assertion must be bound to.
    pub fn transcript(&self) -> &[u8] {
        self.0.keys.schedule.transcript.as_bytes()
    }

    /// `K'[0]` for the request with this KDC-REQ-BODY.
    ///
    /// Observed: `K'[0]`.
    ///
    /// # Errors
    /// [`Error::WrongVerifiedFactor`] if the factor is not SF-FIDO; [`SpakeError::Kerberos`].
    pub fn derive_reply_key(
        &self,
        verified: &VerifiedFactor,
        body: &[u8],
        observe: &mut Observer<'_, K>,
    ) -> PassResult<K, K> {
        match verified.is_hardware() {
            true => self.0.keys.derive(0, body, observe),
            false => Err(Error::WrongVerifiedFactor.into()),
        }
    }
}
