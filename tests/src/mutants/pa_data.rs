//! Pre-authentication data that do not belong together.

use krb5_fido_protocol::registry::PA_SPAKE;

use super::{
    Draft, bytes,
    dice::Dice,
    samples::{Sample, Samples},
};
use crate::kerberos::{AsRequest, PA_ENC_TIMESTAMP, PA_FX_COOKIE, PaData};

/// PA-PK-AS-REQ, PA-PAC-REQUEST, PA-FX-FAST, PA-ENCRYPTED-CHALLENGE, PA-OTP-REQUEST, PA-AS-FRESHNESS, and types that are none.
const OTHER_TYPES: [i32; 10] = [16, 128, 136, 138, 142, 150, 0, -1, i32::MAX, i32::MIN];

/// Elements more, fewer, in another order or with other contents.
pub(super) fn change(dice: &mut Dice, sample: &Sample) -> Draft {
    let mut draft = Draft::of(sample);
    let elements = &mut draft.request.pa_data;
    let at = dice.number(..elements.len());
    match dice.number(..9) {
        0 => elements.clear(),
        1 => drop(elements.remove(at)),
        2 => elements.push(elements[at].clone()),
        3 => elements.extend(vec![elements[at].clone(); *dice.pick(&[2, 20, 400])]),
        4 => elements.reverse(),
        5 => elements[at].value = dice.octets_of_some_length(),
        6 => elements[at].pa_type = other_type(dice),
        7 => {
            let length = *dice.pick(&[1, 10, 1000]);
            elements.extend((0..length).map(|_| PaData::new(other_type(dice), b"\x30\x00")));
            dice.shuffle(elements);
        }
        _ => {
            let length = *dice.pick(&[16, 100_000, 900_000]);
            let value = dice.octets(length);
            elements.insert(at, PaData::new(other_type(dice), &value));
        }
    }
    draft
}

fn other_type(dice: &mut Dice) -> i32 {
    match dice.number(..4) {
        0 => PA_ENC_TIMESTAMP,
        1 => dice.bits().cast_signed(),
        _ => *dice.pick(&OTHER_TYPES),
    }
}

/// The cookie of another principal, stage or version, or one that is damaged or put together.
pub(super) fn change_cookie(dice: &mut Dice, samples: &Samples<'_>, sample: &Sample) -> Draft {
    let cookies = samples.cookies();
    let cookie = *dice.pick(&cookies);
    let other = *dice.pick(&cookies);
    let changed = match dice.number(..4) {
        0 => cookie.to_vec(),
        1 => cookie[..dice.number(..=cookie.len())].to_vec(),
        2 => [
            &cookie[..dice.number(..=cookie.len())],
            &other[dice.number(..=other.len())..],
        ]
        .concat(),
        _ => bytes::change(dice, cookie),
    };
    let mut draft = Draft::of(sample);
    let elements = &mut draft.request.pa_data;
    elements.retain(|element| element.pa_type != PA_FX_COOKIE);
    elements.insert(0, PaData::new(PA_FX_COOKIE, &changed));
    draft
}

/// Several PA-SPAKE messages, of any stage.
pub(super) fn add_messages(dice: &mut Dice, samples: &Samples<'_>, sample: &Sample) -> Draft {
    let mut draft = Draft::of(sample);
    for _ in 0..dice.number(1..4) {
        let message = match dice.once_in(4) {
            true => &samples.challenged.challenge[..],
            false => dice.pick(&samples.honest).message(),
        };
        let elements = &mut draft.request.pa_data;
        let at = dice.number(..=elements.len());
        elements.insert(at, PaData::new(PA_SPAKE, message));
    }
    draft
}

/// The parts of different requests.
pub(super) fn splice(dice: &mut Dice, samples: &Samples<'_>, sample: &Sample) -> Draft {
    let mut draft = Draft::of(sample);
    let requests: Vec<&AsRequest> = samples.honest.iter().map(|sample| &sample.request).collect();
    match dice.number(..3) {
        0 => draft.request.body = dice.pick(&requests).body.clone(),
        1 => draft.request.pa_data = dice.pick(&requests).pa_data.clone(),
        _ => {
            let message = match dice.once_in(4) {
                true => &samples.challenged.challenge[..],
                false => dice.pick(&samples.honest).message(),
            };
            let element = draft.request.pa_data.last_mut().unwrap();
            *element = PaData::new(PA_SPAKE, message);
        }
    }
    draft
}
