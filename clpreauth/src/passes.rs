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
        client::{self, Agreed, Asked},
        message::{EncryptedData, SecondFactor},
    },
};
use krb5_plugin::{Context, Error, Failure, KeyBlock, SystemRandom, clpreauth::Exchange};

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
    let chosen = choose_factor(exchange, offered, options)?;
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
            let signed = sign(exchange, agreed.transcript(), challenge, options);
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
    answer.map_err(|text| end(context, text))
}

/// With this error nothing else is tried.
fn end(context: Context<'_>, text: String) -> Failure {
    trace::fido_ended(context, &text);
    Failure::new(Error::PASSWORD_INTERRUPTED, text)
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

    let challenge = match FidoFactor::decode(data).map_err(|_| texts::UNINTELLIGIBLE)? {
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
    let data = sign(exchange, asked.transcript(), challenge, options)?;
    // "K'[0] [...] is derived again from the last request": this one.
    let reply_key = asked.derive_reply_key(body, observe).map_err(internal)?;
    let message = asked.answer(body, data, observe).map_err(internal)?;
    exchange.set_reply_key(&reply_key).map_err(|error| error.text())?;
    trace::fido_assertion_sent(context);
    Ok(message)
}

/// Has a key sign the request that is about to be sent. An error is a text for the user.
fn sign(
    exchange: &Exchange<'_>,
    transcript: &[u8],
    challenge: FidoChallenge,
    options: &Options,
) -> Result<Vec<u8>, String> {
    let context = exchange.context();
    let credentials = challenge
        .parties
        .iter()
        .map(|party| party.credentials.len())
        .sum();
    trace::fido_challenge_received(context, challenge.parties.len(), credentials);

    let realm = String::from_utf8_lossy(exchange.client().realm()).into_owned();
    let config = Config::read(context, &realm, options)?;
    let wanted = Assert {
        realm,
        rp_id: config.rp_id.clone(),
        public_suffix_list: config.public_suffix_list.clone(),
        devices: config.devices.clone(),
        timeout_seconds: config.timeout,
        principal: exchange.client().unparse().map_err(|error| error.text())?,
        nonce: challenge.nonce,
        transcript: transcript.to_vec(),
        request_hash: hash_request(exchange.request_body()),
        parties: challenge.parties,
    };
    let assertion = get_assertion(context, &config, wanted, exchange.prompter())?;
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
