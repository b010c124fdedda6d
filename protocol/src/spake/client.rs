//! The client's passes (RFC 9588 section 4).
//!
//! - [`encode_support`] opens the exchange, unless the KDC sent an optimistic challenge;
//! - [`process_challenge`] gives [`Agreed`], which responds with a factor and becomes [`Responded`];
//! - [`Responded`] opens the KDC's factor message and becomes [`Asked`], which answers it.
//!
//! `K'[0]` is bound to the request that the KDC grants: it is derived for each request that could be the last.

use super::{
    Event, Group, Observer, PassResult, SpakeError,
    derive::{KeySchedule, derive_multiplier},
    factor::{open, seal},
    group::{PrivateScalar, Role},
    message::{EncryptedData, PaSpake, SecondFactor},
    transcript::Transcript,
};
use crate::{
    Error,
    kerberos::{Key, Random},
};

/// The support message (RFC 9588 section 4.1), the preferred group first.
///
/// # Errors
/// [`Error::NoGroup`] without a group.
pub fn encode_support(groups: &[Group]) -> Result<Vec<u8>, Error> {
    match groups {
        [] => Err(Error::NoGroup),
        _ => PaSpake::Support {
            groups: groups.iter().map(|group| group.id()).collect(),
        }
        .encode(),
    }
}

/// Computes the SPAKE result from a challenge (RFC 9588 section 4.3). `support` is the support message that was sent, or
/// empty; `challenge` is the message as received. That its group is permitted is the caller's to check: another may be
/// answered with a support message, once.
///
/// Observed: the public key, the result, the transcript.
///
/// # Errors
/// Those of [`PaSpake::decode`]; [`Error::UnexpectedMessage`] for another message; [`Error::UnknownGroup`],
/// [`Error::InvalidPublicKey`], [`Error::IdentityElement`], [`Error::NoUsableScalar`]; [`SpakeError::Kerberos`].
pub fn process_challenge<K: Key>(
    initial_key: K,
    support: &[u8],
    challenge: &[u8],
    random: &mut impl Random<Error = K::Error>,
    observe: &mut Observer<'_, K>,
) -> PassResult<Agreed<K>, K> {
    let PaSpake::Challenge {
        group,
        public: peer,
        factors: offered,
    } = PaSpake::decode(challenge)?
    else {
        return Err(Error::UnexpectedMessage.into());
    };
    let group = Group::from_id(group).ok_or(Error::UnknownGroup)?;
    let mut transcript = Transcript::new(group);
    transcript.update(support, challenge);

    let multiplier = derive_multiplier(group, &initial_key).map_err(SpakeError::Kerberos)?;
    let private = PrivateScalar::generate(group, random).map_err(SpakeError::Kerberos)??;
    let public = group.public_element(Role::Client, &multiplier, &private)?;
    observe(Event::PublicKey(&public));
    let result = group.result(Role::Client, &multiplier, &private, &peer)?;
    observe(Event::Result);
    transcript.update(&public, &[]);
    observe(Event::Transcript(transcript.as_bytes()));

    let schedule = KeySchedule {
        group,
        multiplier,
        result,
        transcript,
    };
    Ok(Agreed {
        offered,
        public,
        keys: Keys {
            initial_key,
            schedule,
        },
    })
}

struct Keys<K> {
    initial_key: K,
    schedule: KeySchedule,
}

impl<K: Key> Keys<K> {
    fn derive(&self, number: u32, body: &[u8], observe: &mut Observer<'_, K>) -> PassResult<K, K> {
        self.schedule.derive(&self.initial_key, number, body, observe)
    }
}

/// The SPAKE result is there; nothing was sent yet.
pub struct Agreed<K> {
    offered: Vec<SecondFactor>,
    public: Vec<u8>,
    keys: Keys<K>,
}

impl<K: Key> Agreed<K> {
    /// The factors that the KDC offers.
    pub fn offered(&self) -> &[SecondFactor] {
        &self.offered
    }

    /// The final transcript hash.
    pub fn transcript(&self) -> &[u8] {
        self.keys.schedule.transcript.as_bytes()
    }

    /// `K'[0]` for the request with this KDC-REQ-BODY.
    ///
    /// Observed: `K'[0]`.
    ///
    /// # Errors
    /// [`SpakeError::Kerberos`].
    pub fn derive_reply_key(&self, body: &[u8], observe: &mut Observer<'_, K>) -> PassResult<K, K> {
        self.keys.derive(0, body, observe)
    }

    /// The response message, for the request with this KDC-REQ-BODY: `factor` under `K'[1]`.
    ///
    /// Observed: `K'[1]`.
    ///
    /// # Errors
    /// [`Error::FactorNotOffered`]; [`SpakeError::Kerberos`].
    pub fn respond(
        self,
        body: &[u8],
        factor: &SecondFactor,
        observe: &mut Observer<'_, K>,
    ) -> PassResult<(Responded<K>, Vec<u8>), K> {
        let factor_type = factor.factor_type;
        if !self
            .offered
            .iter()
            .any(|offered| offered.factor_type == factor_type)
        {
            return Err(Error::FactorNotOffered.into());
        }
        let key = self.keys.derive(1, body, observe)?;
        let message = PaSpake::Response {
            public: self.public,
            factor: seal(&key, factor)?,
        }
        .encode()?;
        let responded = Responded {
            factor_type,
            body: body.to_vec(),
            keys: self.keys,
        };
        Ok((responded, message))
    }
}

/// The response was sent.
pub struct Responded<K> {
    factor_type: i32,
    body: Vec<u8>,
    keys: Keys<K>,
}

impl<K: Key> Responded<K> {
    /// Opens the KDC's factor message under `K'[2]`, bound to the request that carried the response, and gives its data.
    ///
    /// Observed: `K'[2]`.
    ///
    /// # Errors
    /// [`Error::FactorIntegrity`], [`Error::EnctypeMismatch`], [`Error::MalformedDer`]; [`Error::FactorNotOffered`] if it
    /// is of another type than the response; [`Error::MissingFactorData`]; [`SpakeError::Kerberos`].
    pub fn open_factor(
        self,
        encrypted: &EncryptedData,
        observe: &mut Observer<'_, K>,
    ) -> PassResult<(Asked<K>, Vec<u8>), K> {
        let key = self.keys.derive(2, &self.body, observe)?;
        let factor = open(&key, encrypted, Error::FactorIntegrity)?;
        if factor.factor_type != self.factor_type {
            return Err(Error::FactorNotOffered.into());
        }
        let data = factor.data.ok_or(Error::MissingFactorData)?;
        let asked = Asked {
            factor_type: self.factor_type,
            keys: self.keys,
        };
        Ok((asked, data))
    }
}

/// The KDC has asked for the factor.
pub struct Asked<K> {
    factor_type: i32,
    keys: Keys<K>,
}

impl<K: Key> Asked<K> {
    /// The final transcript hash.
    pub fn transcript(&self) -> &[u8] {
        self.keys.schedule.transcript.as_bytes()
    }

    /// `K'[0]` for the request with this KDC-REQ-BODY.
    ///
    /// Observed: `K'[0]`.
    ///
    /// # Errors
    /// [`SpakeError::Kerberos`].
    pub fn derive_reply_key(&self, body: &[u8], observe: &mut Observer<'_, K>) -> PassResult<K, K> {
        self.keys.derive(0, body, observe)
    }

    /// The answer, for the request with this KDC-REQ-BODY: `data` under `K'[3]`.
    ///
    /// Observed: `K'[3]`.
    ///
    /// # Errors
    /// [`SpakeError::Kerberos`].
    pub fn answer(self, body: &[u8], data: Vec<u8>, observe: &mut Observer<'_, K>) -> PassResult<Vec<u8>, K> {
        let key = self.keys.derive(3, body, observe)?;
        let factor = SecondFactor {
            factor_type: self.factor_type,
            data: Some(data),
        };
        Ok(PaSpake::EncData(seal(&key, &factor)?).encode()?)
    }
}
