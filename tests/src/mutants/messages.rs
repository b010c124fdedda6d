//! PA-SPAKE messages and what is in them: public keys, groups, factors under the right keys.

use krb5_fido_protocol::{
    fido::factor::FidoAssertion,
    registry::{PA_SPAKE, SF_FIDO, SF_NONE},
    spake::message::{EncryptedData, PaSpake, SecondFactor},
};

use super::{Draft, bodies, bytes, contains, dice::Dice, samples::Sample, tree};
use crate::{
    as_client::{fido, seal_plain},
    der,
    kerberos::PaData,
    statement::authenticator_data,
};

/// The message with a change to its values or its bytes.
pub(super) fn change(dice: &mut Dice, sample: &Sample) -> Draft {
    let message = match dice.once_in(4) {
        true => bytes::change(dice, sample.message()),
        false => tree::change_value(dice, sample.message()),
    };
    with_message(sample, &message)
}

/// The message with fields of other content.
pub(super) fn refill(dice: &mut Dice, sample: &Sample) -> Draft {
    let message = match PaSpake::decode(sample.message()).unwrap() {
        PaSpake::Support { .. } => PaSpake::Support { groups: groups(dice) },
        PaSpake::Response { public, factor } => match dice.once_in(4) {
            true => PaSpake::Response {
                public,
                factor: encrypted(dice, factor),
            },
            false => PaSpake::Response {
                public: public_key(dice, &public),
                factor,
            },
        },
        PaSpake::EncData(factor) => PaSpake::EncData(encrypted(dice, factor)),
        PaSpake::Challenge { .. } => panic!("no client has sent that"),
    };
    with_message(sample, &message.encode().unwrap())
}

/// A factor that says something else, under the right key.
pub(super) fn reseal(dice: &mut Dice, sample: &Sample) -> Draft {
    let Some((key, factor)) = &sample.factor else {
        return change(dice, sample);
    };
    let honest = factor.encode().unwrap();
    let plain = match dice.number(..6) {
        0 => bytes::change(dice, &honest),
        1 | 2 => tree::change_value(dice, &honest),
        _ => other_factor(dice, sample).encode().unwrap(),
    };
    let sealed = seal_plain(key, &plain);
    let message = match PaSpake::decode(sample.message()).unwrap() {
        PaSpake::Response { public, .. } => PaSpake::Response {
            public,
            factor: sealed,
        },
        _ => PaSpake::EncData(sealed),
    };
    let mut draft = with_message(sample, &message.encode().unwrap());
    if says_the_same(sample, &plain) {
        draft = Draft::granted(sample, draft.request);
    }
    draft
}

/// Whether a factor still holds all that proves something: its type, and of an assertion the three parts.
fn says_the_same(sample: &Sample, plain: &[u8]) -> bool {
    let Some((_, factor)) = &sample.factor else {
        return false;
    };
    let mut parts = vec![der::tagged(0, &der::integer(factor.factor_type))];
    if let Some(assertion) = bodies::assertion(sample) {
        parts.extend([
            assertion.credential_id,
            assertion.authenticator_data,
            assertion.signature,
        ]);
    }
    sample.ticket().is_some() && parts.iter().all(|part| contains(plain, part))
}

fn with_message(sample: &Sample, message: &[u8]) -> Draft {
    let mut draft = Draft::of(sample);
    let element = draft.request.pa_data.last_mut().unwrap();
    *element = PaData::new(PA_SPAKE, message);
    draft
}

fn groups(dice: &mut Dice) -> Vec<i32> {
    const GROUPS: [i32; 8] = [1, 2, 3, 4, 0, 5, i32::MAX, i32::MIN];
    let length = *dice.pick(&[0, 1, 1, 2, 8, 5000]);
    (0..length).map(|_| *dice.pick(&GROUPS)).collect()
}

fn encrypted(dice: &mut Dice, honest: EncryptedData) -> EncryptedData {
    const ENCTYPES: [i32; 8] = [17, 18, 19, 20, 23, 0, -1, i32::MAX];
    match dice.number(..3) {
        0 => EncryptedData {
            etype: *dice.pick(&ENCTYPES),
            ..honest
        },
        1 => EncryptedData {
            kvno: Some(dice.bits()),
            ..honest
        },
        _ => EncryptedData {
            cipher: match dice.once_in(2) {
                true => bytes::change(dice, &honest.cipher),
                false => dice.octets_of_some_length(),
            },
            ..honest
        },
    }
}

/// A public key that is none, or another's. The honest one has 32 bytes in edwards25519, and in a NIST group a first byte of 2
/// or 3 before the x coordinate.
fn public_key(dice: &mut Dice, honest: &[u8]) -> Vec<u8> {
    let length = honest.len();
    match dice.number(..10) {
        0 => dice.octets(length),
        1 => vec![0; length],
        2 => vec![0xff; length],
        // The identity of edwards25519, with both signs; in a NIST group a bad first byte.
        3 => [&[1][..], &vec![0; length - 1]].concat(),
        4 => [&[1][..], &vec![0; length - 2], &[0x80]].concat(),
        // p + 1 and p in edwards25519: the identity and a point of order 4, written otherwise.
        5 => [&[*dice.pick(&[0xee, 0xed])][..], &vec![0xff; length - 2], &[0x7f]].concat(),
        // Infinity, and encodings of a point that are uncompressed, hybrid or of no kind.
        6 => vec![0],
        7 => {
            let first = *dice.pick(&[0, 2, 3, 4, 5, 6, 7]);
            let rest = *dice.pick(&[length - 1, 2 * length - 2]);
            let rest = dice.octets(rest);
            [&[first][..], &rest].concat()
        }
        8 => dice.octets_of_some_length(),
        _ => bytes::change(dice, honest),
    }
}

/// A factor of another type, with other data, or without.
fn other_factor(dice: &mut Dice, sample: &Sample) -> SecondFactor {
    let honest = sample.factor.as_ref().map(|(_, factor)| factor.clone()).unwrap();
    match dice.number(..6) {
        0 => SecondFactor {
            factor_type: *dice.pick(&[SF_NONE, SF_FIDO, 0, 2, -1, i32::MAX, i32::MIN]),
            ..honest
        },
        1 => SecondFactor {
            data: dice.once_in(2).then(|| dice.octets_of_some_length()),
            ..honest
        },
        2 => fido(change_hello(dice)),
        3 => change_field_of_factor(dice, honest),
        _ => match bodies::assertion(sample) {
            Some(assertion) => change_assertion(dice, assertion),
            None => change_field_of_factor(dice, honest),
        },
    }
}

/// A change within the data of the factor.
fn change_field_of_factor(dice: &mut Dice, honest: SecondFactor) -> SecondFactor {
    let data = honest.data.unwrap_or_default();
    SecondFactor {
        data: Some(tree::change_value(dice, &data)),
        ..honest
    }
}

/// A hello with versions of our choice, as many as we like.
fn change_hello(dice: &mut Dice) -> Vec<u8> {
    let length = *dice.pick(&[0, 1, 2, 8, 9, 3000]);
    let versions: Vec<Vec<u8>> = (0..length)
        .map(|_| der::integer(*dice.pick(&[-1, 0, 1, 2, 127, 128, i32::MAX])))
        .collect();
    let list = der::tagged(0, &der::sequence(&versions));
    der::tagged(0, &der::sequence(&[list]))
}

fn change_assertion(dice: &mut Dice, mut assertion: FidoAssertion) -> SecondFactor {
    match dice.number(..6) {
        0 => {
            let credential_id = dice.octets_of_some_length();
            return fido(encode_assertion(&FidoAssertion {
                credential_id,
                ..assertion
            }));
        }
        1 => assertion.authenticator_data = dice.octets_of_some_length(),
        2 => {
            let counter = dice.bits();
            assertion.authenticator_data = authenticator_data("krbtest.com", dice.octet(), counter);
            let extensions = dice.octets_of_some_length();
            assertion.authenticator_data.extend(extensions);
        }
        3 => assertion.authenticator_data = bytes::change(dice, &assertion.authenticator_data),
        4 => assertion.signature = dice.octets_of_some_length(),
        _ => assertion.signature = tree::change_value(dice, &assertion.signature),
    }
    fido(encode_assertion(&assertion))
}

/// An assertion of any lengths: our own encoder has limits.
fn encode_assertion(assertion: &FidoAssertion) -> Vec<u8> {
    let fields = [
        &assertion.credential_id,
        &assertion.authenticator_data,
        &assertion.signature,
    ];
    let fields: Vec<Vec<u8>> = (0_u8..)
        .zip(fields)
        .map(|(number, field)| der::tagged(number, &der::octets(field)))
        .collect();
    der::tagged(2, &der::sequence(&fields))
}
