//! The client's passes (RFC 9588 section 4), one flat function each.

use krb5_fido_protocol::{
    fido::{
        client_data::hash_request,
        factor::{FidoChallenge, FidoFactor, FidoHello},
        question::{Answer, Factor, QUESTION, encode_question},
    },
    helper::{Assert, AttachedKey, Choice, Failure as KeyFailure},
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    spake::{
        Event, SpakeError,
        client::{self, Agreed, Asked, Responded},
        message::{EncryptedData, SecondFactor},
    },
};
use krb5_plugin::{Context, Error, Failure, KeyBlock, SystemRandom, clpreauth::Exchange};

use crate::{
    config::{Config, Options},
    dialog::{Dialog, list_keys},
    module::Request,
    refusal::Wanted,
    texts, trace,
};

/// A challenge that came encrypted, and the helper that has been told of it.
pub(crate) struct Opened {
    asked: Asked<KeyBlock>,
    dialog: Dialog,
}

fn offers(offered: &[SecondFactor], wanted: i32) -> bool {
    offered.iter().any(|factor| factor.factor_type == wanted)
}

/// Before [`process_challenge`]: the password will be needed, and a program may choose, where there is something to choose.
pub(crate) fn prepare_challenge(
    request: &mut Request,
    exchange: &Exchange<'_>,
    offered: &[SecondFactor],
    options: &Options,
) {
    let (with_key, without) = (offers(offered, SF_FIDO), offers(offered, SF_NONE));
    if request.has_responded || !(with_key || without) {
        return;
    }
    exchange.need_reply_key();
    let is_clear = |factor: &SecondFactor| factor.factor_type == SF_FIDO && factor.data.is_some();
    if !with_key || !(without || offered.iter().any(is_clear)) {
        return;
    }
    let found = find_keys(exchange, options);
    if let Ok(keys) = &found {
        let factors = [Some(Factor::Fido), without.then_some(Factor::None)];
        ask(exchange, keys, &factors.into_iter().flatten().collect::<Vec<_>>());
    }
    request.found = Some(found);
}

/// The keys that are attached: those that are named count as such. An impossible configuration is an error, not the absence
/// of a key; a helper that cannot say whether one is attached is.
fn find_keys(exchange: &Exchange<'_>, options: &Options) -> Result<Vec<AttachedKey>, Failure> {
    let realm = realm(exchange);
    let config = Config::read(exchange.context(), &realm, options)
        .map_err(|text| Failure::new(Error::PASSWORD_INTERRUPTED, text))?;
    let named = config.named_devices();
    if !named.is_empty() {
        return Ok(named);
    }
    Ok(list_keys(&config).unwrap_or_else(|cause| {
        trace::no_key(exchange.context(), &cause);
        Vec::new()
    }))
}

/// Asks the program's responder. A question that cannot be asked fails no login.
fn ask(exchange: &Exchange<'_>, keys: &[AttachedKey], factors: &[Factor]) {
    let Ok(principal) = exchange.client().unparse() else {
        return;
    };
    let principal = String::from_utf8_lossy(&principal);
    let question = encode_question(&realm(exchange), &principal, keys, factors);
    let _asked = exchange.ask(QUESTION, &question);
}

/// What the responder chose in this pass, if it did. An error is a text for the user.
fn read_answer(exchange: &Exchange<'_>) -> Result<Option<Answer>, String> {
    let Some(answer) = exchange.answer(QUESTION) else {
        return Ok(None);
    };
    let answer = str::from_utf8(answer.expose()).map(Answer::parse);
    match answer {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(_)) | Err(_) => Err(texts::MALFORMED_ANSWER.to_owned()),
    }
}

fn realm(exchange: &Exchange<'_>) -> String {
    String::from_utf8_lossy(exchange.client().realm()).into_owned()
}

/// The factor to respond with: what a responder chose; else SF-FIDO where it is offered, unless the user may do without a
/// key and has none here.
fn choose_factor(
    request: &mut Request,
    exchange: &Exchange<'_>,
    offered: &[SecondFactor],
    options: &Options,
) -> Result<i32, Failure> {
    let context = exchange.context();
    let answer = read_answer(exchange).map_err(|text| end(context, text))?;
    let Answer { choice, factor } = answer.unwrap_or_default();
    request.choice = choice;
    match (offers(offered, SF_FIDO), offers(offered, SF_NONE), factor) {
        (true, true, Some(Factor::None)) => Ok(SF_NONE),
        (true, false, Some(Factor::None)) => Err(end(context, cancelled(exchange))),
        (true, true, None) => {
            let found = request.found.take();
            let keys = found.unwrap_or_else(|| find_keys(exchange, options))?;
            Ok(if keys.is_empty() { SF_NONE } else { SF_FIDO })
        }
        (true, ..) => Ok(SF_FIDO),
        (false, true, _) => Ok(SF_NONE),
        // "If none of the factors are acceptable to the client, it MUST abandon the exchange."
        (false, false, _) => Err(Error::PREAUTH_FAILED.into()),
    }
}

fn cancelled(exchange: &Exchange<'_>) -> String {
    texts::failure(&KeyFailure::Cancelled, "", &realm(exchange))
}

/// Responds to a challenge (RFC 9588 section 4.3). Its group is permitted. A challenge of SF-FIDO that came with it is
/// answered at once, after the password was asked for.
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
    let chosen = choose_factor(request, exchange, offered, options)?;
    let challenge = find_challenge(offered, chosen).map_err(|text| end(context, text))?;

    let initial_key = exchange.reply_key()?;
    let agreed = client::process_challenge(
        initial_key,
        &request.support,
        exchange.message(),
        &mut SystemRandom,
        observe,
    )
    .map_err(fail)?;

    // The last request if the factor is SF-NONE, or an assertion. After a hello the key is replaced again; until then,
    // whatever libkrb5 might try instead is not made with the password's key.
    let reply_key = agreed.derive_reply_key(body, observe).map_err(fail)?;
    exchange.set_reply_key(&reply_key)?;
    request.chose_fido = chosen == SF_FIDO;
    if request.chose_fido {
        trace::fido_chosen(context);
    }
    send_response(request, exchange, agreed, chosen, challenge, options)
}

/// Sends the chosen factor: with an assertion if its challenge is there already.
fn send_response(
    request: &mut Request,
    exchange: &Exchange<'_>,
    agreed: Agreed<KeyBlock>,
    chosen: i32,
    challenge: Option<FidoChallenge>,
    options: &Options,
) -> Result<Vec<u8>, Failure> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let in_clear = challenge.is_some();
    let data = match challenge {
        Some(challenge) => {
            let choice = core::mem::take(&mut request.choice);
            let signed = open_dialog(exchange, agreed.transcript(), challenge, options)
                .and_then(|dialog| sign(exchange, dialog, choice));
            Some(signed.map_err(|text| end(context, text))?)
        }
        None => encode_hello(chosen)?,
    };
    let factor = SecondFactor {
        factor_type: chosen,
        data,
    };
    let (responded, message) = agreed
        .respond(exchange.request_body(), &factor, observe)
        .map_err(fail)?;

    request.has_responded = true;
    // An assertion is the last word: no factor message is expected after it.
    request.responded = (request.chose_fido && !in_clear).then_some(responded);
    if in_clear {
        request.last_word = Wanted::of(exchange).ok();
        trace::fido_assertion_sent(context);
    }
    trace::response_sent(context);
    exchange.disable_fallback();
    Ok(message)
}

/// The challenge of the chosen factor, if it stands in the clear. Nobody vouches for it before the password is proved.
fn find_challenge(offered: &[SecondFactor], chosen: i32) -> Result<Option<FidoChallenge>, String> {
    let factor = offered.iter().find(|factor| factor.factor_type == chosen);
    match factor.and_then(|factor| factor.data.as_deref()) {
        Some(data) if chosen == SF_FIDO => FidoFactor::decode_clear_challenge(data)
            .map(Some)
            .map_err(|_| texts::UNINTELLIGIBLE.to_owned()),
        _ => Ok(None),
    }
}

/// The data of a response without an assertion: SF-FIDO says which versions this client speaks.
fn encode_hello(factor_type: i32) -> Result<Option<Vec<u8>>, Failure> {
    if factor_type != SF_FIDO {
        return Ok(None);
    }
    let hello = FidoFactor::Hello(FidoHello {
        versions: vec![FIDO_VERSION],
    });
    Ok(Some(hello.encode().map_err(|_| Error::INTERNAL)?))
}

/// Before [`process_factor`]: opens the factor's message, has the helper look for keys, and lets a program choose.
pub(crate) fn prepare_factor(
    request: &mut Request,
    exchange: &Exchange<'_>,
    encrypted: &EncryptedData,
    options: &Options,
) {
    let Some(responded) = request.responded.take() else {
        return;
    };
    let opened = open_factor(exchange, responded, encrypted, options);
    if let Ok(opened) = &opened {
        ask(exchange, opened.dialog.keys(), &[Factor::Fido]);
    }
    request.opened = Some(opened);
}

fn open_factor(
    exchange: &Exchange<'_>,
    responded: Responded<KeyBlock>,
    encrypted: &EncryptedData,
    options: &Options,
) -> Result<Opened, String> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let (asked, data) = responded
        .open_factor(encrypted, observe)
        .map_err(|_| texts::UNINTELLIGIBLE)?;
    let challenge = match FidoFactor::decode(&data).map_err(|_| texts::UNINTELLIGIBLE)? {
        FidoFactor::Challenge(challenge) => challenge,
        FidoFactor::Notice(notice) => {
            let principal = exchange.client().unparse().map_err(|error| error.text())?;
            return Err(texts::notice(
                notice.code,
                &String::from_utf8_lossy(&principal),
                notice.enrol_url.as_deref(),
            ));
        }
        FidoFactor::Hello(_) | FidoFactor::Assertion(_) => return Err(texts::UNINTELLIGIBLE.to_owned()),
    };
    let dialog = open_dialog(exchange, asked.transcript(), challenge, options)?;
    Ok(Opened { asked, dialog })
}

/// Answers the KDC's factor message: only SF-FIDO has one, and only its user could tell why there is no answer.
pub(crate) fn process_factor(
    request: &mut Request,
    exchange: &Exchange<'_>,
    encrypted: &EncryptedData,
    options: &Options,
) -> Result<Vec<u8>, Failure> {
    // There is nothing left to prepare unless that went wrong.
    prepare_factor(request, exchange, encrypted, options);
    // Not expected unless SF-FIDO was responded with.
    let Some(opened) = request.opened.take() else {
        return Err(Error::PREAUTH_FAILED.into());
    };
    let answer = opened.and_then(|opened| answer_fido(request, exchange, opened));
    answer.map_err(|text| end(exchange.context(), text))
}

/// With this error nothing else is tried.
fn end(context: Context<'_>, text: String) -> Failure {
    trace::fido_ended(context, &text);
    Failure::new(Error::PASSWORD_INTERRUPTED, text)
}

fn answer_fido(request: &mut Request, exchange: &Exchange<'_>, opened: Opened) -> Result<Vec<u8>, String> {
    let context = exchange.context();
    let observe = &mut |event: Event<'_, KeyBlock>| trace::observed(context, &event);
    let body = exchange.request_body();
    let internal = |_| Error::INTERNAL.text();
    let Opened { asked, dialog } = opened;

    // What was chosen before counts where nothing is chosen now.
    let mut choice = core::mem::take(&mut request.choice);
    if let Some(answer) = read_answer(exchange)? {
        if answer.factor == Some(Factor::None) {
            return Err(cancelled(exchange));
        }
        choice.device = answer.choice.device.or(choice.device);
        choice.pin = answer.choice.pin.or(choice.pin);
    }
    let data = sign(exchange, dialog, choice)?;
    // "K'[0] [...] is derived again from the last request": this one.
    let reply_key = asked.derive_reply_key(body, observe).map_err(internal)?;
    let message = asked.answer(body, data, observe).map_err(internal)?;
    exchange.set_reply_key(&reply_key).map_err(|error| error.text())?;
    request.last_word = Wanted::of(exchange).ok();
    trace::fido_assertion_sent(context);
    Ok(message)
}

/// Has the helper look for keys that can sign the request that is about to be sent. An error is a text for the user.
fn open_dialog(
    exchange: &Exchange<'_>,
    transcript: &[u8],
    challenge: FidoChallenge,
    options: &Options,
) -> Result<Dialog, String> {
    let context = exchange.context();
    let credentials = challenge
        .parties
        .iter()
        .map(|party| party.credentials.len())
        .sum();
    trace::fido_challenge_received(context, challenge.parties.len(), credentials);

    let realm = realm(exchange);
    let config = Config::read(context, &realm, options)?;
    let wanted = Assert {
        realm,
        settings: config.settings.clone(),
        kdc_facets_url: challenge.facets_url,
        timeout_seconds: config.timeout,
        principal: exchange.client().unparse().map_err(|error| error.text())?,
        nonce: challenge.nonce,
        transcript: transcript.to_vec(),
        request_hash: hash_request(exchange.request_body()),
        parties: challenge.parties,
    };
    Dialog::open(context, &config, wanted)
}

/// Has a key sign it. An error is a text for the user.
fn sign(exchange: &Exchange<'_>, dialog: Dialog, choice: Choice) -> Result<Vec<u8>, String> {
    let assertion = dialog.get_assertion(exchange.context(), choice, exchange.prompter())?;
    FidoFactor::Assertion(assertion)
        .encode()
        .map_err(|_| texts::UNINTELLIGIBLE.to_owned())
}

/// As the stock module: what is wrong with the KDC's message is a preauthentication failure.
fn fail(error: SpakeError<Error>) -> Failure {
    match error {
        SpakeError::Protocol(_) => Error::PREAUTH_FAILED.into(),
        SpakeError::Kerberos(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]

    use krb5_fido_protocol::fido::factor::{CredentialRef, RelyingParty, UserVerification};

    use super::*;

    fn factor(factor_type: i32, data: Option<&[u8]>) -> SecondFactor {
        SecondFactor {
            factor_type,
            data: data.map(<[u8]>::to_vec),
        }
    }

    fn challenge(facets_url: Option<&str>) -> FidoChallenge {
        FidoChallenge {
            nonce: [7; 32],
            parties: vec![RelyingParty {
                rp_id: "r.org".to_owned(),
                credentials: vec![CredentialRef {
                    id: vec![1],
                    uv: UserVerification::Preferred,
                }],
            }],
            facets_url: facets_url.map(str::to_owned),
        }
    }

    #[test]
    fn a_challenge_in_the_clear_is_found_beside_the_password() {
        let data = challenge(None).encode_padded(4096).unwrap();
        let offered = [factor(SF_NONE, None), factor(SF_FIDO, Some(&data))];
        assert_eq!(find_challenge(&offered, SF_FIDO), Ok(Some(challenge(None))));
        assert_eq!(find_challenge(&offered, SF_NONE), Ok(None));
        assert_eq!(find_challenge(&[factor(SF_FIDO, None)], SF_FIDO), Ok(None));
    }

    #[test]
    fn data_that_is_no_challenge_in_the_clear_is_refused() {
        let with_facets = challenge(Some("https://r.org/facets")).encode_padded(0).unwrap();
        let hello = encode_hello(SF_FIDO).unwrap().unwrap();
        for data in [&b""[..], b"\xa1\x02\x30\x00", &hello, &with_facets] {
            let found = find_challenge(&[factor(SF_FIDO, Some(data))], SF_FIDO);
            assert_eq!(found, Err(texts::UNINTELLIGIBLE.to_owned()), "{data:02x?}");
        }
    }
}
