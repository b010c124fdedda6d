//! The KDC: the stages of the exchange, the policy and the verification, put together as the KDC module does it.

use krb5_fido_protocol::{
    Error,
    fido::{
        client_data::hash_request,
        factor::{FidoAssertion, FidoFactor, FidoNotice, NoticeCode},
        policy::{Decision, Settings, Subject, Usable, build_challenge, decide},
        verify::{AssertionContext, verify_assertion},
    },
    kerberos::Random,
    registry::FIDO_VERSION,
    spake::{
        Event, Group,
        kdc::{
            ChallengeSent, FactorSent, FidoAssertion as Answer, FidoHello, FidoOffer, Offer, Opened, Reply,
            make_challenge, select_group,
        },
        message::{EncryptedData, PaSpake},
    },
};
use time::UtcDateTime;

use super::principal::Principal;
use crate::{
    kerberos::{Reproducible, ToyKey, cause},
    security_key::{Login, PRINCIPAL},
};

/// What the KDC answers.
pub(crate) enum Verdict {
    /// With a message, and a cookie unless the exchange ends with it.
    More {
        message: Vec<u8>,
        cookie: Option<Vec<u8>>,
    },
    /// With a ticket under this key. A factor that was verified is for this login.
    Granted { key: ToyKey, factor: Option<Login> },
}

impl From<Reply> for Verdict {
    fn from(reply: Reply) -> Self {
        Self::More {
            message: reply.message,
            cookie: Some(reply.cookie.expose().to_vec()),
        }
    }
}

/// One KDC.
pub(crate) struct Kdc {
    pub(crate) key: ToyKey,
    pub(crate) principal: Principal,
    /// `fido_challenge = clear`.
    pub(crate) sends_clear: bool,
    pub(crate) random: Reproducible,
}

impl Kdc {
    /// An optimistic challenge.
    pub(crate) fn hint(&mut self, group: Group) -> Verdict {
        self.send_challenge(group, &[]).expect("nothing can fail")
    }

    pub(crate) fn verify(
        &mut self,
        message: &[u8],
        cookie: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Verdict, Error> {
        match PaSpake::decode(message)? {
            PaSpake::Support { groups } => {
                let group = select_group(&groups, &Group::ALL).ok_or(Error::NoGroup)?;
                self.send_challenge(group, message)
            }
            PaSpake::Response { public, factor } => {
                self.verify_response(cookie.ok_or(Error::MissingCookie)?, &public, &factor, body)
            }
            PaSpake::EncData(factor) => {
                self.verify_factor(cookie.ok_or(Error::MissingCookie)?, &factor, body)
            }
            PaSpake::Challenge { .. } => Err(Error::UnexpectedMessage),
        }
    }

    fn send_challenge(&mut self, group: Group, support: &[u8]) -> Result<Verdict, Error> {
        let settings = self.principal.settings();
        let mut nonce = [0; 32];
        let Ok(()) = self.random.fill(&mut nonce);
        let fido = |usable: &[Usable<'_>]| {
            let challenge = (self.sends_clear && !usable.is_empty()).then(|| {
                let challenge = build_challenge(nonce, usable).encode_padded(0);
                challenge.expect("two credentials are few enough")
            });
            FidoOffer { nonce, challenge }
        };
        let offer = match decide(&self.subject(&settings)) {
            Decision::OfferNone => Offer::None,
            Decision::OfferFidoOrNone(usable) => Offer::FidoOrNone(fido(&usable)),
            Decision::OfferFido(usable) => Offer::Fido(fido(&usable)),
            Decision::OfferFidoThenNotice(_) | Decision::Refuse(_) => Offer::Fido(fido(&[])),
        };
        let reply = make_challenge(group, &self.key, support, &offer, &mut self.random, &mut |_| {});
        reply.map(Verdict::from).map_err(cause)
    }

    fn verify_response(
        &self,
        cookie: &[u8],
        public: &[u8],
        factor: &EncryptedData,
        body: &[u8],
    ) -> Result<Verdict, Error> {
        let observe = &mut |_: Event<'_, ToyKey>| {};
        let sent = ChallengeSent::parse_cookie(cookie)?;
        let answered = sent.process_response(&self.key, public, observe).map_err(cause)?;
        let opened = answered.open_factor(body, factor, observe).map_err(cause)?;

        let settings = self.principal.settings();
        match (opened, decide(&self.subject(&settings))) {
            (Opened::None(verified, keys), Decision::OfferNone | Decision::OfferFidoOrNone(_)) => {
                let key = keys.derive_reply_key(&verified, body, observe).map_err(cause)?;
                assert!(!verified.is_hardware() && !verified.is_user_verified());
                Ok(Verdict::Granted { key, factor: None })
            }
            (Opened::None(..), _) => Err(Error::FactorNotOffered),
            (Opened::Hello(hello), Decision::OfferFido(usable) | Decision::OfferFidoOrNone(usable))
                if !usable.is_empty() =>
            {
                check_version(&hello)?;
                let challenge = build_challenge(*hello.nonce(), &usable).encode_padded(0)?;
                let reply = hello.send_challenge(body, challenge, observe).map_err(cause)?;
                Ok(reply.into())
            }
            (Opened::Hello(hello), _) => {
                check_version(&hello)?;
                let notice = FidoFactor::Notice(FidoNotice {
                    code: NoticeCode::NoneUsable,
                    enrol_url: None,
                });
                let message = hello
                    .send_notice(body, notice.encode()?, observe)
                    .map_err(cause)?;
                Ok(Verdict::More {
                    message,
                    cookie: None,
                })
            }
            (Opened::Assertion(answer), _) => self.verify_assertion(&answer, body),
        }
    }

    fn verify_factor(&self, cookie: &[u8], factor: &EncryptedData, body: &[u8]) -> Result<Verdict, Error> {
        let sent = FactorSent::parse_cookie(cookie)?;
        let answer = sent.open_factor(&self.key, body, factor, &mut |_| {});
        self.verify_assertion(&answer.map_err(cause)?, body)
    }

    fn verify_assertion(&self, answer: &Answer<'_, ToyKey>, body: &[u8]) -> Result<Verdict, Error> {
        let assertion = parse_assertion(answer.data())?;
        let settings = self.principal.settings();
        if let Decision::Refuse(cause) = decide(&self.subject(&settings)) {
            return Err(cause);
        }
        let enrolment = self.principal.attributes.enrolment();
        let context = AssertionContext {
            principal: PRINCIPAL,
            nonce: answer.nonce(),
            transcript: answer.transcript(),
            request_hash: hash_request(body),
            required: enrolment.requirements(&settings, now()),
        };
        let accepted = verify_assertion(enrolment.credentials(), &assertion, &context)?;
        assert!(accepted.factor.is_hardware());
        assert_eq!(
            accepted.factor.is_user_verified(),
            accepted.flags.is_user_verified()
        );
        let key = answer.derive_reply_key(&accepted.factor, body, &mut |_| {});
        Ok(Verdict::Granted {
            key: key.map_err(cause)?,
            factor: Some(Login {
                nonce: *answer.nonce(),
                transcript: answer.transcript().to_vec(),
                request: context.request_hash,
            }),
        })
    }

    fn subject<'a>(&self, settings: &'a Settings) -> Subject<'a> {
        Subject {
            settings,
            enrolment: self.principal.attributes.enrolment(),
            name: Principal::name(),
            for_kadmin: self.principal.for_kadmin,
            requires_hwauth: self.principal.requires_hwauth,
            now: now(),
        }
    }
}

fn now() -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(1_790_000_000).expect("a time in range")
}

fn check_version(hello: &FidoHello<'_, ToyKey>) -> Result<(), Error> {
    match FidoFactor::decode(hello.data())? {
        FidoFactor::Hello(hello) if hello.supports(FIDO_VERSION) => Ok(()),
        FidoFactor::Hello(_) => Err(Error::NoCommonVersion),
        _ => Err(Error::UnexpectedMessage),
    }
}

fn parse_assertion(data: &[u8]) -> Result<FidoAssertion, Error> {
    match FidoFactor::decode(data)? {
        FidoFactor::Assertion(assertion) => Ok(assertion),
        _ => Err(Error::UnexpectedMessage),
    }
}
