//! The KDC's passes (RFC 9588 section 4), one flat function each.

use krb5_fido_protocol::{
    Error as Cause, VerifiedFactor,
    fido::{
        decoy::spend_reading,
        factor::{FidoAssertion, FidoFactor, FidoNotice, NoticeCode},
        policy::{Decision, Usable, build_challenge},
        verify::{Accepted, Presented},
    },
    kerberos::Random,
    registry::{FIDO_NONCE_LEN, FIDO_VERSION},
    spake::{
        Event, Group, SpakeError,
        kdc::{
            ChallengeSent, FactorSent, FidoAssertion as FidoAnswer, FidoHello, FidoOffer, Mode, Offer,
            Opened, make_challenge,
        },
        message::EncryptedData,
    },
};
use krb5_plugin::{
    Error, Failure, KeyBlock, SystemRandom,
    kdcpreauth::{Exchange, Verdict},
};

use crate::{
    client::Client,
    log, marks,
    preauth::SpakeKdc,
    trace,
    verification::{Denied, Login, log_refused, spend, verify},
};

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

    let client = read_client(module, exchange)?;
    let decision = client.decide();
    let fido = || offer_fido(exchange, &client, decision.usable());
    let offer = match decision {
        Decision::OfferNone => Offer::None,
        Decision::OfferFidoOrNone(_) => Offer::FidoOrNone(fido()?),
        // A setting that cannot be followed must not be guessed around: whoever proves the password is told.
        Decision::OfferFido(_) | Decision::OfferFidoThenNotice(_) | Decision::Refuse(_) => {
            Offer::Fido(fido()?)
        }
    };

    let reply =
        make_challenge(group, &client_key, support, &offer, &mut SystemRandom, observe).map_err(fail)?;
    exchange.set_cookie(reply.cookie.expose()).map_err(fault)?;
    trace::challenge_sent(context, group);
    Ok(reply.message)
}

/// SF-FIDO, in mode clear with its challenge. Without a credential to name, the mode is encrypted.
fn offer_fido(
    exchange: &Exchange<'_>,
    client: &Client<'_>,
    usable: &[Usable<'_>],
) -> Result<FidoOffer, Failure> {
    let mut nonce = [0; FIDO_NONCE_LEN];
    SystemRandom.fill(&mut nonce).map_err(fault)?;
    let challenge = match client.realm.challenge {
        Mode::Clear if !usable.is_empty() => {
            // Too long for UDP, so that nobody is sent it who did not ask: a sender's address is proved by TCP, or by armor.
            let minimum = match exchange.is_armored() {
                true => 0,
                false => client.realm.datagram_limit,
            };
            let challenge = build_challenge(nonce, usable)
                .encode_padded(minimum)
                .map_err(internal)?;
            trace::fido_challenge_in_clear(exchange.context());
            Some(challenge)
        }
        Mode::Clear | Mode::Encrypted => None,
    };
    Ok(FidoOffer { nonce, challenge })
}

/// Takes the client's response (RFC 9588 section 4.3).
pub(crate) fn verify_response(
    module: &SpakeKdc,
    exchange: &Exchange<'_>,
    public: &[u8],
    factor: &EncryptedData,
) -> Result<Verdict, Failure> {
    let cookie = exchange.cookie().ok_or_else(|| refuse(Cause::MissingCookie))?;
    let sent = ChallengeSent::parse_cookie(cookie).map_err(refuse)?;
    trace::response_received(exchange.context(), public);
    // The factor was offered in this exchange; it must be allowed by what holds now, too.
    let client = read_client(module, exchange)?;
    match sent.fido_mode() {
        Some(Mode::Clear) => verify_in_clear(module, exchange, &client, sent, public, factor),
        Some(Mode::Encrypted) | None => verify_password(exchange, &client, sent, public, factor),
    }
}

/// Proves the password, and ends the exchange or asks for the factor.
fn verify_password(
    exchange: &Exchange<'_>,
    client: &Client<'_>,
    sent: ChallengeSent,
    public: &[u8],
    factor: &EncryptedData,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();
    let client_key = exchange.client_key().ok_or(Error::ETYPE_NOSUPP)?;

    let answered = sent
        .process_response(&client_key, public, observe)
        .map_err(fail)?;
    let opened = answered.open_factor(body, factor, observe).map_err(fail)?;
    match (opened, client.decide()) {
        (Opened::None(verified, keys), decision) if allows_none(&decision) => {
            grant(exchange, client, &verified, |verified| {
                keys.derive_reply_key(verified, body, observe)
            })
        }
        (Opened::Hello(hello), Decision::OfferFidoOrNone(usable)) if usable.is_empty() => {
            client.log_unusable(exchange.request());
            send_notice(exchange, client, hello, NoticeCode::NoneUsable)
        }
        (Opened::Hello(hello), Decision::OfferFido(usable) | Decision::OfferFidoOrNone(usable)) => {
            check_version(&hello)?;
            let mut challenge = build_challenge(*hello.nonce(), &usable);
            challenge.facets_url.clone_from(&client.realm.facets_url);
            let challenge = challenge.encode_padded(0).map_err(internal)?;
            let reply = hello.send_challenge(body, challenge, observe).map_err(fail)?;
            exchange.set_cookie(reply.cookie.expose()).map_err(fault)?;
            trace::fido_challenge_sent(context);
            Ok(Verdict::More(reply.message))
        }
        (Opened::Hello(hello), Decision::OfferFidoThenNotice(code)) => {
            client.log_unusable(exchange.request());
            send_notice(exchange, client, hello, code)
        }
        (Opened::Hello(hello), Decision::Refuse(cause)) => {
            log::setting_refused(exchange.request(), cause);
            send_notice(exchange, client, hello, NoticeCode::NoneUsable)
        }
        // The last key was removed since the challenge.
        (Opened::Hello(hello), Decision::OfferNone) => {
            send_notice(exchange, client, hello, NoticeCode::NoneUsable)
        }
        // An assertion is taken in mode clear only.
        (Opened::None(..) | Opened::Assertion(_), _) => Err(refuse(Cause::FactorNotOffered)),
    }
}

/// Proves password and factor at once. Whoever does not hold the key must not learn whether the password was right: each
/// refusal gives the same answer, after the same reading of the database and the same signature checks, and writes a line.
fn verify_in_clear(
    module: &SpakeKdc,
    exchange: &Exchange<'_>,
    client: &Client<'_>,
    sent: ChallengeSent,
    public: &[u8],
    factor: &EncryptedData,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();
    let client_key = exchange.client_key().ok_or(Error::ETYPE_NOSUPP)?;
    let decision = client.decide();
    let login = Login::of(exchange).map_err(refuse)?;

    let opened = sent
        .process_response(&client_key, public, observe)
        .and_then(|answered| answered.open_factor(body, factor, observe));
    let mut presented = None;
    let cause = match opened {
        Ok(Opened::Assertion(answer)) => {
            let verified = parse_assertion(answer.data())
                .map_err(Denied::from)
                .and_then(|assertion| {
                    let assertion = presented.insert(assertion);
                    verify(
                        &module.states,
                        exchange.request(),
                        client,
                        &login,
                        assertion,
                        &answer,
                    )
                });
            match verified {
                Ok(accepted) => return grant_fido(exchange, client, Mode::Clear, &accepted, &answer),
                Err(Denied::Undecided(failure)) => return Err(failure),
                Err(Denied::Refused(cause)) => cause,
            }
        }
        Ok(Opened::None(verified, keys)) if allows_none(&decision) => {
            return grant(exchange, client, &verified, |verified| {
                keys.derive_reply_key(verified, body, observe)
            });
        }
        Ok(Opened::None(..) | Opened::Hello(_)) => Cause::FactorNotOffered,
        Err(SpakeError::Protocol(cause)) => cause,
        Err(SpakeError::Kerberos(error)) => return Err(fault(error)),
    };

    if presented.is_none() {
        spend_reading();
    }
    let is_checked = matches!(cause, Cause::BadSignature | Cause::CounterNotIncreased);
    let checked = presented.filter(|_| is_checked);
    spend(client, &login, decision.usable(), checked.as_ref());
    // With nothing of what was presented: to say it would take longer than to have nothing to say.
    log::assertion_refused(exchange.request(), Mode::Clear, &Presented::default(), cause);
    Err(refuse(cause))
}

/// Whether the password alone is enough.
fn allows_none(decision: &Decision<'_>) -> bool {
    matches!(decision, Decision::OfferNone | Decision::OfferFidoOrNone(_))
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

    let client = read_client(module, exchange)?;
    let login = Login::of(exchange).map_err(refuse)?;
    let request = exchange.request();
    let mut presented = None;
    let verified = parse_assertion(answer.data())
        .map_err(Denied::from)
        .and_then(|assertion| {
            let assertion = presented.insert(assertion);
            verify(&module.states, request, &client, &login, assertion, &answer)
        });
    match verified {
        Ok(accepted) => grant_fido(exchange, &client, Mode::Encrypted, &accepted, &answer),
        Err(Denied::Undecided(failure)) => Err(failure),
        Err(Denied::Refused(cause)) => {
            log_refused(request, &client, presented.as_ref(), cause);
            Err(refuse(cause))
        }
    }
}

/// A verified assertion becomes a ticket.
fn grant_fido(
    exchange: &Exchange<'_>,
    client: &Client<'_>,
    mode: Mode,
    accepted: &Accepted,
    answer: &FidoAnswer<'_, KeyBlock>,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let verdict = grant(exchange, client, &accepted.factor, |verified| {
        answer.derive_reply_key(verified, exchange.request_body(), observe)
    })?;
    trace::fido_assertion_verified(context, &accepted.label.to_string());
    log::assertion_accepted(exchange.request(), mode, accepted);
    Ok(verdict)
}

/// The one place where a verified factor becomes a ticket: `K'[0]`, the indicators, the hardware flag and the mark for the
/// policy module.
fn grant(
    exchange: &Exchange<'_>,
    client: &Client<'_>,
    verified: &VerifiedFactor,
    derive: impl FnOnce(&VerifiedFactor) -> Result<KeyBlock, SpakeError<Error>>,
) -> Result<Verdict, Failure> {
    let hardware = verified.is_hardware();
    for indicator in &client.indicators(verified) {
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
    client: &Client<'_>,
    hello: FidoHello<'_, KeyBlock>,
    code: NoticeCode,
) -> Result<Verdict, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    check_version(&hello)?;
    let notice = FidoFactor::Notice(FidoNotice {
        code,
        enrol_url: client.realm.enrol_url.clone(),
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

fn parse_assertion(data: &[u8]) -> Result<FidoAssertion, Cause> {
    match FidoFactor::decode(data)? {
        FidoFactor::Assertion(assertion) => Ok(assertion),
        _ => Err(Cause::UnexpectedMessage),
    }
}

/// What the database says of the client, as it is now.
fn read_client<'m>(module: &'m SpakeKdc, exchange: &Exchange<'_>) -> Result<Client<'m>, Failure> {
    let entry = exchange.client_entry().ok_or(Error::DISCARD)?;
    Client::read(&module.configuration, exchange.request(), entry, None).map_err(fault)
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
