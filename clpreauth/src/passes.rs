//! The client's passes (RFC 9588 section 4), one flat function each.

use krb5_fido_protocol::{
    fido::{
        client_data::hash_request,
        factor::{FidoChallenge, FidoFactor, FidoHello},
    },
    helper::Assert,
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    spake::{
        Event, SpakeError,
        client::{self, Asked},
        message::{EncryptedData, SecondFactor},
    },
};
use krb5_plugin::{Error, Failure, KeyBlock, SystemRandom, clpreauth::Exchange};

use crate::{
    config::{Config, Options},
    dialog::{get_assertion, is_key_attached},
    module::Request,
    texts, trace,
};

/// Whether one of the offered factors can be responded with.
pub(crate) fn can_respond(offered: &[SecondFactor]) -> bool {
    offers(offered, SF_FIDO) || offers(offered, SF_NONE)
}

fn offers(offered: &[SecondFactor], wanted: i32) -> bool {
    offered.iter().any(|factor| factor.factor_type == wanted)
}

/// The factor to respond with: SF-FIDO where it is offered, unless the user may do without a key and has none here.
fn choose_factor(
    exchange: &Exchange<'_>,
    offered: &[SecondFactor],
    options: &Options,
) -> Result<i32, Failure> {
    match (offers(offered, SF_FIDO), offers(offered, SF_NONE)) {
        (true, true) => Ok(if find_key(exchange, options)? {
            SF_FIDO
        } else {
            SF_NONE
        }),
        (true, false) => Ok(SF_FIDO),
        (false, true) => Ok(SF_NONE),
        // "If none of the factors are acceptable to the client, it MUST abandon the exchange."
        (false, false) => Err(Error::PREAUTH_FAILED.into()),
    }
}

/// Whether a key is named or attached. An impossible configuration is an error, not the absence of a key; a helper that
/// cannot say whether one is attached is.
fn find_key(exchange: &Exchange<'_>, options: &Options) -> Result<bool, Failure> {
    let realm = String::from_utf8_lossy(exchange.client().realm()).into_owned();
    let config = Config::read(exchange.context(), &realm, options)
        .map_err(|text| Failure::new(Error::PASSWORD_INTERRUPTED, text))?;
    if config.names_a_device() {
        return Ok(true);
    }
    is_key_attached(&config).or_else(|cause| {
        trace::no_key(exchange.context(), &cause);
        Ok(false)
    })
}

/// Responds to a challenge (RFC 9588 section 4.3). Its group is permitted.
pub(crate) fn process_challenge(
    request: &mut Request,
    exchange: &Exchange<'_>,
    offered: &[SecondFactor],
    options: &Options,
) -> Result<Vec<u8>, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();

    // Not expected once a challenge was answered.
    if request.has_responded {
        return Err(Error::PREAUTH_FAILED.into());
    }
    let chosen = choose_factor(exchange, offered, options)?;

    let initial_key = exchange.reply_key()?;
    let agreed = client::process_challenge(
        initial_key,
        &request.support,
        exchange.message(),
        &mut SystemRandom,
        observe,
    )
    .map_err(fail)?;

    // The last request if the factor is SF-NONE. With SF-FIDO the key is replaced again; until then, whatever libkrb5 might
    // try instead is not made with the password's key.
    let reply_key = agreed.derive_reply_key(body, observe).map_err(fail)?;
    exchange.set_reply_key(&reply_key)?;
    let factor = encode_factor(chosen)?;
    let (responded, message) = agreed.respond(body, &factor, observe).map_err(fail)?;

    request.has_responded = true;
    request.chose_fido = chosen == SF_FIDO;
    request.responded = request.chose_fido.then_some(responded);
    if request.chose_fido {
        trace::fido_chosen(context);
    }
    trace::response_sent(context);
    exchange.disable_fallback();
    Ok(message)
}

/// The factor of the response: SF-FIDO says which versions this client speaks.
fn encode_factor(factor_type: i32) -> Result<SecondFactor, Failure> {
    let data = match factor_type {
        SF_FIDO => {
            let hello = FidoFactor::Hello(FidoHello {
                versions: vec![FIDO_VERSION],
            });
            Some(hello.encode().map_err(|_| Error::INTERNAL)?)
        }
        _ => None,
    };
    Ok(SecondFactor { factor_type, data })
}

/// Answers the KDC's factor message: only SF-FIDO has one, and only its user could tell why there is no answer.
pub(crate) fn process_factor(
    request: &mut Request,
    exchange: &Exchange<'_>,
    encrypted: &EncryptedData,
    options: &Options,
) -> Result<Vec<u8>, Failure> {
    // Not expected unless SF-FIDO was responded with.
    let Some(responded) = request.responded.take() else {
        return Err(Error::PREAUTH_FAILED.into());
    };
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);

    let answer = responded
        .open_factor(encrypted, observe)
        .map_err(|_| texts::UNINTELLIGIBLE.to_owned())
        .and_then(|(asked, data)| answer_fido(exchange, asked, &data, options));
    answer.map_err(|text| {
        trace::fido_ended(context, &text);
        Failure::new(Error::PASSWORD_INTERRUPTED, text)
    })
}

fn answer_fido(
    exchange: &Exchange<'_>,
    asked: Asked<KeyBlock>,
    data: &[u8],
    options: &Options,
) -> Result<Vec<u8>, String> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();
    let internal = |_| Error::INTERNAL.text();

    let principal = exchange.client().unparse().map_err(|error| error.text())?;
    let challenge = match FidoFactor::decode(data).map_err(|_| texts::UNINTELLIGIBLE)? {
        FidoFactor::Challenge(challenge) => challenge,
        FidoFactor::Notice(notice) => {
            let principal = String::from_utf8_lossy(&principal);
            return Err(texts::notice(
                notice.code,
                &principal,
                notice.enrol_url.as_deref(),
            ));
        }
        FidoFactor::Hello(_) | FidoFactor::Assertion(_) => return Err(texts::UNINTELLIGIBLE.to_owned()),
    };
    let credentials = challenge
        .parties
        .iter()
        .map(|party| party.credentials.len())
        .sum();
    trace::fido_challenge_received(context, challenge.parties.len(), credentials);

    let realm = String::from_utf8_lossy(exchange.client().realm()).into_owned();
    let config = Config::read(context, &realm, options)?;
    let wanted = to_assert(&config, realm, principal, &asked, challenge, body);
    let assertion = get_assertion(context, &config, wanted, exchange.prompter())?;

    let data = FidoFactor::Assertion(assertion)
        .encode()
        .map_err(|_| texts::UNINTELLIGIBLE)?;
    // "K'[0] [...] is derived again from the last request": this one.
    let reply_key = asked.derive_reply_key(body, observe).map_err(internal)?;
    let message = asked.answer(body, data, observe).map_err(internal)?;
    exchange.set_reply_key(&reply_key).map_err(|error| error.text())?;
    trace::fido_assertion_sent(context);
    Ok(message)
}

fn to_assert(
    config: &Config,
    realm: String,
    principal: Vec<u8>,
    asked: &Asked<KeyBlock>,
    challenge: FidoChallenge,
    body: &[u8],
) -> Assert {
    Assert {
        realm,
        rp_id: config.rp_id.clone(),
        public_suffix_list: config.public_suffix_list.clone(),
        devices: config.devices.clone(),
        timeout_seconds: config.timeout,
        principal,
        nonce: challenge.nonce,
        transcript: asked.transcript().to_vec(),
        request_hash: hash_request(body),
        parties: challenge.parties,
    }
}

/// As the stock module: what is wrong with the KDC's message is a preauthentication failure.
fn fail(error: SpakeError<Error>) -> Failure {
    match error {
        SpakeError::Protocol(_) => Error::PREAUTH_FAILED.into(),
        SpakeError::Kerberos(error) => error.into(),
    }
}
