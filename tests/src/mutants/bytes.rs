//! Changes to bytes of which nothing is known.

use super::dice::Dice;

/// The most bytes that one change takes out or puts in.
const RUN_MAX: usize = 32;

/// Makes one change or a few.
pub(super) fn change(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    loop {
        change_once(dice, &mut bytes);
        if !dice.once_in(3) {
            return bytes;
        }
    }
}

fn change_once(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.number(..=bytes.len());
    let run = dice.number(1..=RUN_MAX);
    let end = bytes.len().min(at + run);
    match dice.number(..7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, dice.octets(run))),
        3 => {
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        4 => bytes[at..end].fill(*dice.pick(&[0, 0x7f, 0x80, 0xff])),
        5 => drop(bytes.splice(at..end, dice.octets(end - at))),
        _ => {
            if let Some(octet) = bytes.get_mut(at) {
                *octet ^= 1 << dice.number(..8);
            }
        }
    }
}
