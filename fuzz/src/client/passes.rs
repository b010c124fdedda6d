//! The client: the stages of the exchange and the rpId rules, put together as the client module and its helper do it.

use krb5_fido_protocol::{
    Error,
    fido::{
        client_data::hash_request,
        factor::{FidoAssertion, FidoChallenge, FidoFactor, FidoHello},
        rp_id::RpIdRules,
    },
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    spake::{
        Group,
        client::{Asked, Responded, encode_support, process_challenge},
        message::{EncryptedData, PaSpake, SecondFactor},
    },
};

use crate::{
    kerberos::{Reproducible, ToyKey, cause},
    security_key::Login,
};

/// What the security key was asked to sign.
pub(crate) struct Signed {
    pub(crate) rp_id: String,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) login: Login,
}

/// One login.
pub(crate) struct Client {
    pub(crate) key: ToyKey,
    pub(crate) groups: Vec<Group>,
    pub(crate) rules: RpIdRules,
    pub(crate) is_key_attached: bool,
    pub(crate) random: Reproducible,
    pub(crate) support: Vec<u8>,
    pub(crate) responded: Option<Responded<ToyKey>>,
    pub(crate) has_responded: bool,
    /// `K'[0]` of the last request, if it may be the last.
    pub(crate) reply_key: Option<ToyKey>,
    /// All that the security key has signed in this login.
    pub(crate) signed: Vec<Signed>,
}

impl Client {
    /// Answers the KDC's message, in a request of this body.
    pub(crate) fn process(&mut self, message: &[u8], body: &[u8]) -> Result<Vec<u8>, Error> {
        if message.is_empty() {
            return self.send_support();
        }
        match PaSpake::decode(message)? {
            PaSpake::Challenge { group, .. } if !self.permits(group) => self.send_support(),
            PaSpake::Challenge { factors, .. } => self.respond(message, &factors, body),
            PaSpake::EncData(factor) => self.answer(&factor, body),
            PaSpake::Support { .. } | PaSpake::Response { .. } => Err(Error::UnexpectedMessage),
        }
    }

    fn permits(&self, group: i32) -> bool {
        self.groups.iter().any(|permitted| permitted.id() == group)
    }

    fn send_support(&mut self) -> Result<Vec<u8>, Error> {
        if !self.support.is_empty() || self.has_responded {
            return Err(Error::UnexpectedMessage);
        }
        self.support = encode_support(&self.groups)?;
        Ok(self.support.clone())
    }

    fn respond(&mut self, message: &[u8], offered: &[SecondFactor], body: &[u8]) -> Result<Vec<u8>, Error> {
        if self.has_responded {
            return Err(Error::UnexpectedMessage);
        }
        let offers = |wanted| offered.iter().any(|factor| factor.factor_type == wanted);
        let factor = match (offers(SF_FIDO), offers(SF_NONE)) {
            (true, none) if self.is_key_attached || !none => {
                let versions = vec![FIDO_VERSION];
                SecondFactor {
                    factor_type: SF_FIDO,
                    data: Some(FidoFactor::Hello(FidoHello { versions }).encode()?),
                }
            }
            (_, true) => SecondFactor {
                factor_type: SF_NONE,
                data: None,
            },
            (_, false) => return Err(Error::FactorNotOffered),
        };
        let random = &mut self.random;
        let agreed = process_challenge(self.key.clone(), &self.support, message, random, &mut |_| {})
            .map_err(cause)?;
        self.reply_key = Some(agreed.derive_reply_key(body, &mut |_| {}).map_err(cause)?);
        let (responded, message) = agreed.respond(body, &factor, &mut |_| {}).map_err(cause)?;
        self.has_responded = true;
        self.responded = (factor.factor_type == SF_FIDO).then_some(responded);
        Ok(message)
    }

    fn answer(&mut self, encrypted: &EncryptedData, body: &[u8]) -> Result<Vec<u8>, Error> {
        let responded = self.responded.take().ok_or(Error::UnexpectedMessage)?;
        let (asked, data) = responded.open_factor(encrypted, &mut |_| {}).map_err(cause)?;
        let FidoFactor::Challenge(challenge) = FidoFactor::decode(&data)? else {
            return Err(Error::UnexpectedMessage);
        };
        let assertion = self.sign(&challenge, &asked, body)?;
        let data = FidoFactor::Assertion(assertion).encode()?;
        self.reply_key = Some(asked.derive_reply_key(body, &mut |_| {}).map_err(cause)?);
        asked.answer(body, data, &mut |_| {}).map_err(cause)
    }

    /// The key holds every credential of a party that this client signs for.
    fn sign(
        &mut self,
        challenge: &FidoChallenge,
        asked: &Asked<ToyKey>,
        body: &[u8],
    ) -> Result<FidoAssertion, Error> {
        let mut parties = challenge.parties.iter();
        let party = parties.find(|party| self.rules.accepts(&party.rp_id).is_some());
        let party = party.ok_or(Error::RpIdMismatch)?;
        let credential = party.credentials.first().expect("a party has one");
        self.signed.push(Signed {
            rp_id: party.rp_id.clone(),
            credential_id: credential.id.clone(),
            login: Login {
                nonce: challenge.nonce,
                transcript: asked.transcript().to_vec(),
                request: hash_request(body),
            },
        });
        Ok(FidoAssertion {
            credential_id: credential.id.clone(),
            authenticator_data: vec![1; 37],
            signature: vec![2; 64],
        })
    }
}
