//! Request bodies that ask for odd things in odd words.

use krb5_fido_protocol::{
    fido::{
        client_data::hash_request,
        factor::{FidoAssertion, FidoFactor},
    },
    registry::FIDO_VERSION,
};

use super::{
    Draft,
    dice::Dice,
    samples::{Sample, Samples, Stage, signed},
    tree,
};
use crate::{
    Statement,
    as_client::{hello, none},
    der::{self, BIT_STRING, GENERAL_STRING, GENERALIZED_TIME, INTEGER},
};

/// A request with another body under the keys of the honest one's, which are derived from its body.
pub(super) fn change(dice: &mut Dice, sample: &Sample) -> Draft {
    let mut draft = Draft::of(sample);
    draft.request.body = change_body(dice, &draft.request.body);
    draft
}

/// A request with another body from a client that means it: under the keys for that body, and for alice's answer with an
/// assertion for that body, or for the old one.
pub(super) fn mean(dice: &mut Dice, samples: &Samples<'_>, sample: &Sample) -> Draft {
    let body = change_body(dice, &sample.request.body);
    match sample.stage {
        Stage::Support => {
            let mut draft = Draft::of(sample);
            draft.request.body = body;
            draft
        }
        Stage::Response => {
            let response = samples
                .challenged
                .clone()
                .respond_in(body, &hello(&[FIDO_VERSION]));
            Draft::refused(response.request)
        }
        Stage::Answer => mean_answer(dice, samples, sample, body),
        Stage::Password => {
            let response = samples.target.bob.begin().respond_in(body, &none());
            Draft::granted(sample, response.request)
        }
    }
}

fn mean_answer(dice: &mut Dice, samples: &Samples<'_>, sample: &Sample, body: Vec<u8>) -> Draft {
    let target = samples.target;
    let first = target.alice.tgt_body();
    let response = samples
        .challenged
        .clone()
        .respond(&first, &hello(&[FIDO_VERSION]));
    let reply = response.send();
    let asked = response.take_challenge(reply);
    let mut statement = asked.statement(&first);
    let for_this_body = !dice.once_in(2);
    if for_this_body {
        statement = Statement {
            request_hash: hash_request(&body),
            ..statement
        };
    }
    let assertion = signed(target.paper.sign(&statement));
    let answer = asked.answer_factor_in(body, &assertion);
    match for_this_body {
        true => Draft::granted(sample, answer.request),
        false => Draft::refused(answer.request),
    }
}

/// The assertion in alice's answer.
pub(super) fn assertion(sample: &Sample) -> Option<FidoAssertion> {
    let (_, factor) = sample.factor.as_ref()?;
    match FidoFactor::decode(factor.data.as_deref()?) {
        Ok(FidoFactor::Assertion(assertion)) => Some(assertion),
        _ => None,
    }
}

/// Another body, well-formed around what was changed.
fn change_body(dice: &mut Dice, body: &[u8]) -> Vec<u8> {
    match dice.once_in(4) {
        true => tree::change_value(dice, body),
        false => change_field(dice, body),
    }
}

fn change_field(dice: &mut Dice, body: &[u8]) -> Vec<u8> {
    let (number, value) = match dice.number(..12) {
        0 => (0, der::value(BIT_STRING, &dice.octets_of_some_length())),
        1 | 2 => {
            let bit = 1_u32 << dice.number(..32);
            (0, der::flags(bit))
        }
        3 | 4 => (1, name(dice)),
        5 => (2, der::value(GENERAL_STRING, &word(dice))),
        6 | 7 => (3, name(dice)),
        8 => (*dice.pick(&[4, 5, 6]), der::value(GENERALIZED_TIME, &time(dice))),
        9 => (7, der::value(INTEGER, &dice.integer())),
        10 => (8, enctypes(dice)),
        _ => (
            *dice.pick(&[9, 10, 11]),
            der::sequence(&[der::octets(&word(dice))]),
        ),
    };
    set_field(body, number, &value)
}

/// Puts a field under its context tag, in the place of the one that is there or behind all lower ones.
fn set_field(body: &[u8], number: u8, value: &[u8]) -> Vec<u8> {
    let field = der::tagged(number, value);
    let fields = der::Value::read_only(body).unwrap();
    let encode = |field: der::Value<'_>| der::value(field.tag, field.content);
    let lower = fields.elements().filter(|other| other.tag < field[0]).map(encode);
    let higher = fields.elements().filter(|other| other.tag > field[0]).map(encode);
    let values: Vec<Vec<u8>> = lower.chain([field.clone()]).chain(higher).collect();
    der::sequence(&values)
}

/// A PrincipalName of any type.
fn name(dice: &mut Dice) -> Vec<u8> {
    const TYPES: [i32; 9] = [0, 1, 2, 3, 10, 11, -1, i32::MAX, i32::MIN];
    const KNOWN: [&[&str]; 8] = [
        &["alice"],
        &["bob"],
        &["kadmin", "admin"],
        &["kadmin", "changepw"],
        &["krbtgt", "KRBTEST.COM"],
        &["krbtgt", "OTHER.COM"],
        &["K", "M"],
        &["WELLKNOWN", "ANONYMOUS"],
    ];
    let components: Vec<Vec<u8>> = match dice.once_in(2) {
        true => dice
            .pick(&KNOWN)
            .iter()
            .map(|component| component.as_bytes().to_vec())
            .collect(),
        false => {
            let length = *dice.pick(&[0, 1, 2, 3, 50, 2000]);
            let component = word(dice);
            // Long components are not repeated: that is for the sizes of single ones.
            let repeated = length.min(1 + 60_000 / (component.len() + 1));
            vec![component; repeated]
        }
    };
    let components: Vec<Vec<u8>> = components
        .iter()
        .map(|component| der::value(GENERAL_STRING, component))
        .collect();
    der::sequence(&[
        der::tagged(0, &der::integer(*dice.pick(&TYPES))),
        der::tagged(1, &der::sequence(&components)),
    ])
}

/// A component of a name, or a realm.
fn word(dice: &mut Dice) -> Vec<u8> {
    const ODD: [&[u8]; 12] = [
        b"",
        b"\0",
        b"a\0b",
        b"/",
        b"@",
        b"\\",
        b"a@KRBTEST.COM",
        b"%s%n",
        b"\n\r\t\x08\x1b[0m",
        b"\xff\xfe\x80",
        b"OTHER.COM",
        b"krbtest.com",
    ];
    match dice.once_in(4) {
        true => dice.octets_of_some_length(),
        false => dice.pick(&ODD).to_vec(),
    }
}

fn time(dice: &mut Dice) -> Vec<u8> {
    const TIMES: [&[u8]; 8] = [
        b"",
        b"19700101000000Z",
        b"19691231235959Z",
        b"20380119031408Z",
        b"99991231235959Z",
        b"20371332256161Z",
        b"20370101000000",
        b"2037010100000\0Z",
    ];
    match dice.once_in(4) {
        true => dice.octets(15),
        false => dice.pick(&TIMES).to_vec(),
    }
}

fn enctypes(dice: &mut Dice) -> Vec<u8> {
    const ENCTYPES: [i32; 10] = [17, 18, 19, 20, 23, 16, 0, -1, i32::MAX, i32::MIN];
    let length = *dice.pick(&[0, 1, 2, 10, 3000]);
    let list: Vec<Vec<u8>> = (0..length).map(|_| der::integer(*dice.pick(&ENCTYPES))).collect();
    der::sequence(&list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_takes_its_place() {
        let body = der::sequence(&[der::tagged(1, &der::integer(1)), der::tagged(5, &der::integer(5))]);
        let fields = |body: &[u8]| -> Vec<(u8, i64)> {
            let value = der::Value::read_only(body).unwrap();
            value
                .elements()
                .map(|field| (field.tag & 0x1f, field.inner().unwrap().integer().unwrap()))
                .collect()
        };
        assert_eq!(fields(&set_field(&body, 1, &der::integer(9))), [(1, 9), (5, 5)]);
        assert_eq!(
            fields(&set_field(&body, 4, &der::integer(9))),
            [(1, 1), (4, 9), (5, 5)]
        );
    }
}
