//! The KDC's passes (RFC 9588 section 4), one flat function each.

use krb5_fido_protocol::{
    Error as Cause, VerifiedFactor,
    fido::{
        client_data::hash_request,
        cose::Algorithm,
        factor::{FidoAssertion, FidoFactor, FidoNotice, NoticeCode},
        policy::{Decision, Enrolment, build_challenge, decide},
        verify::{Accepted, AssertionContext, verify_assertion},
    },
    kerberos::Random,
    registry::{FIDO_NONCE_LEN, FIDO_VERSION},
    spake::{
        Event, Group, SpakeError,
        kdc::{ChallengeSent, FactorSent, FidoHello, FidoOffer, Offer, Opened, make_challenge},
        message::EncryptedData,
    },
};
use krb5_plugin::{
    Error, Failure, KeyBlock, SystemRandom,
    kdcpreauth::{Exchange, Verdict},
};
use time::UtcDateTime;

use crate::{config::Realm, log, marks, preauth::SpakeKdc, trace};

/// COSE algorithms that are accepted.
const ALGORITHMS: &[Algorithm] = &[Algorithm::Es256];

/// Makes a challenge and its cookie (RFC 9588 section 4.2). `support` is the client's message, empty for an optimistic
/// challenge.
pub(crate) fn send_challenge(
    module: &SpakeKdc,
    exchange: &Exchange<'_>,
    group: Group,
    support: &[u8],
) -> Result<Vec<u8>, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let client_key = exchange.client_key().ok_or(Error::ETYPE_NOSUPP)?;
    let realm = realm(module, exchange)?;

    let client = Client::read(exchange)?;
    let offer = match client.decide(realm) {
        Decision::OfferNone => Offer::None,
        // A setting that cannot be followed must not be guessed around: whoever proves the password is told.
        Decision::OfferFido(_) | Decision::OfferFidoThenNotice(_) | Decision::Refuse(_) => {
            let mut nonce = [0; FIDO_NONCE_LEN];
            SystemRandom.fill(&mut nonce).map_err(fault)?;
            Offer::Fido(FidoOffer {
                nonce,
                challenge: None,
            })
        }
    };

    let reply =
        make_challenge(group, &client_key, support, &offer, &mut SystemRandom, observe).map_err(fail)?;
    exchange.set_cookie(reply.cookie.expose()).map_err(fault)?;
    trace::challenge_sent(context, group);
    Ok(reply.message)
}

/// Takes the client's response (RFC 9588 section 4.3): proves the password, and ends the exchange or asks for the factor.
pub(crate) fn verify_response(
    module: &SpakeKdc,
    exchange: &Exchange<'_>,
    public: &[u8],
    factor: &EncryptedData,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();
    let client_key = exchange.client_key().ok_or(Error::ETYPE_NOSUPP)?;

    let cookie = exchange.cookie().ok_or_else(|| refuse(Cause::MissingCookie))?;
    let sent = ChallengeSent::parse_cookie(cookie).map_err(refuse)?;
    trace::response_received(context, public);
    let answered = sent
        .process_response(&client_key, public, observe)
        .map_err(fail)?;
    let opened = answered.open_factor(body, factor, observe).map_err(fail)?;

    // The factor was offered in this exchange; it must be allowed by what holds now, too.
    let realm = realm(module, exchange)?;
    let client = Client::read(exchange)?;
    match (opened, client.decide(realm)) {
        (Opened::None(verified, keys), Decision::OfferNone) => {
            grant(exchange, realm, &verified, |verified| {
                keys.derive_reply_key(verified, body, observe)
            })
        }
        (Opened::None(..), _) => Err(refuse(Cause::FactorNotOffered)),
        (Opened::Hello(hello), Decision::OfferFido(usable)) => {
            check_version(&hello)?;
            let challenge = build_challenge(*hello.nonce(), &usable)
                .encode_padded()
                .map_err(internal)?;
            let reply = hello.send_challenge(body, challenge, observe).map_err(fail)?;
            exchange.set_cookie(reply.cookie.expose()).map_err(fault)?;
            trace::fido_challenge_sent(context);
            Ok(Verdict::More(reply.message))
        }
        (Opened::Hello(hello), Decision::OfferFidoThenNotice(code)) => {
            client.log_unusable(exchange);
            send_notice(exchange, hello, code)
        }
        (Opened::Hello(hello), Decision::Refuse(cause)) => {
            log::setting_refused(exchange.request(), cause);
            send_notice(exchange, hello, NoticeCode::NoneUsable)
        }
        // The last key was removed since the challenge.
        (Opened::Hello(hello), Decision::OfferNone) => send_notice(exchange, hello, NoticeCode::NoneUsable),
        // Factors are challenged under K'[2] only.
        (Opened::Assertion(_), _) => Err(refuse(Cause::FactorNotOffered)),
    }
}

/// Takes the answer to the factor's challenge and verifies it.
pub(crate) fn verify_factor(
    module: &SpakeKdc,
    exchange: &Exchange<'_>,
    factor: &EncryptedData,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();
    let client_key = exchange.client_key().ok_or(Error::ETYPE_NOSUPP)?;

    let cookie = exchange.cookie().ok_or_else(|| refuse(Cause::MissingCookie))?;
    let sent = FactorSent::parse_cookie(cookie).map_err(refuse)?;
    let answer = sent
        .open_factor(&client_key, body, factor, observe)
        .map_err(fail)?;
    let assertion = parse_assertion(answer.data())?;

    let realm = realm(module, exchange)?;
    let client = Client::read(exchange)?;
    if let Decision::Refuse(cause) = client.decide(realm) {
        return Err(refuse(cause));
    }
    let accepted = client
        .verify(exchange, &assertion, answer.nonce(), answer.transcript())
        .inspect_err(|cause| log::assertion_refused(exchange.request(), *cause))
        .map_err(refuse)?;

    let verdict = grant(exchange, realm, &accepted.factor, |verified| {
        answer.derive_reply_key(verified, body, observe)
    })?;
    trace::fido_assertion_verified(context, &accepted.label.to_string());
    log::assertion_accepted(exchange.request(), &accepted);
    Ok(verdict)
}

/// The one place where a verified factor becomes a ticket: `K'[0]`, the indicators, the hardware flag and the mark for the
/// policy module.
fn grant(
    exchange: &Exchange<'_>,
    realm: &Realm,
    verified: &VerifiedFactor,
    derive: impl FnOnce(&VerifiedFactor) -> Result<KeyBlock, SpakeError<Error>>,
) -> Result<Verdict, Failure> {
    let hardware = verified.is_hardware();
    let fido_indicators: &[_] = if hardware { &realm.fido_indicators } else { &[] };
    for indicator in realm.spake_indicators.iter().chain(fido_indicators) {
        exchange.add_indicator(indicator).map_err(fault)?;
    }
    let reply_key = derive(verified).map_err(fail)?;
    exchange.strengthen_reply_key(&reply_key).map_err(fault)?;
    if hardware {
        marks::set(exchange.request()).map_err(fault)?;
    }
    Ok(Verdict::Accepted { hardware })
}

/// Ends the exchange with a text instead of a challenge: without a cookie there is no way on.
fn send_notice(
    exchange: &Exchange<'_>,
    hello: FidoHello<'_, KeyBlock>,
    code: NoticeCode,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    check_version(&hello)?;
    let notice = FidoFactor::Notice(FidoNotice {
        code,
        enrol_url: None,
    })
    .encode()
    .map_err(internal)?;
    let message = hello
        .send_notice(exchange.request_body(), notice, observe)
        .map_err(fail)?;
    trace::fido_notice_sent(context);
    log::notice_sent(exchange.request(), code);
    Ok(Verdict::More(message))
}

/// "No version in common: KDC_ERR_PREAUTH_FAILED."
fn check_version(hello: &FidoHello<'_, KeyBlock>) -> Result<(), Failure> {
    match FidoFactor::decode(hello.data()).map_err(refuse)? {
        FidoFactor::Hello(hello) if hello.supports(FIDO_VERSION) => Ok(()),
        FidoFactor::Hello(_) => Err(refuse(Cause::NoCommonVersion)),
        _ => Err(refuse(Cause::UnexpectedMessage)),
    }
}

fn parse_assertion(data: &[u8]) -> Result<FidoAssertion, Failure> {
    match FidoFactor::decode(data).map_err(refuse)? {
        FidoFactor::Assertion(assertion) => Ok(assertion),
        _ => Err(refuse(Cause::UnexpectedMessage)),
    }
}

/// What the database says of the client, as it is now.
struct Client {
    enrolment: Enrolment,
    requires_hardware: bool,
    now: UtcDateTime,
}

impl Client {
    fn read(exchange: &Exchange<'_>) -> Result<Self, Failure> {
        let entry = exchange.client_entry().ok_or(Error::DISCARD)?;
        Ok(Self {
            enrolment: Enrolment::from_attributes(entry.strings().map_err(fault)?),
            requires_hardware: entry.requires_hardware(),
            now: UtcDateTime::now(),
        })
    }

    fn decide(&self, realm: &Realm) -> Decision<'_> {
        decide(
            realm.policy,
            &self.enrolment,
            self.requires_hardware,
            self.now,
            ALGORITHMS,
        )
    }

    fn verify(
        &self,
        exchange: &Exchange<'_>,
        assertion: &FidoAssertion,
        nonce: &[u8; FIDO_NONCE_LEN],
        transcript: &[u8],
    ) -> Result<Accepted, Cause> {
        let principal = exchange
            .request()
            .client()
            .unparse()
            .map_err(|_| Cause::UnreadablePrincipal)?;
        let context = AssertionContext {
            principal: &principal,
            nonce,
            transcript,
            request_hash: hash_request(exchange.request_body()),
            now: self.now,
            algorithms: ALGORITHMS,
        };
        verify_assertion(self.enrolment.credentials(), assertion, &context)
    }

    /// Why none of the client's keys may be used.
    fn log_unusable(&self, exchange: &Exchange<'_>) {
        for garbled in self.enrolment.garbled() {
            log::record_unusable(exchange.request(), &garbled.to_string());
        }
        for (label, record) in self.enrolment.credentials() {
            if let Err(cause) = record.usable(self.now, ALGORITHMS) {
                log::record_unusable(
                    exchange.request(),
                    &format!("{}: {cause}", label.attribute_name()),
                );
            }
        }
    }
}

fn realm<'m>(module: &'m SpakeKdc, exchange: &Exchange<'_>) -> Result<&'m Realm, Failure> {
    module.configuration.realm(exchange.request().server().realm())
}

/// The client's fault: it counts for lockout, and the cause goes into the KDC's own log line.
pub(crate) fn refuse(cause: Cause) -> Failure {
    Failure::new(Error::PREAUTH_FAILED, cause.to_string())
}

/// The KDC's own fault: the client goes on to another KDC, and nothing is counted.
fn internal(cause: Cause) -> Failure {
    Failure::new(Error::DISCARD, cause.to_string())
}

fn fail(error: SpakeError<Error>) -> Failure {
    match error {
        SpakeError::Protocol(cause) => refuse(cause),
        SpakeError::Kerberos(error) => fault(error),
    }
}

/// As [`internal`], for what krb5 itself fails with.
fn fault(error: Error) -> Failure {
    Failure::new(Error::DISCARD, error.text())
}
