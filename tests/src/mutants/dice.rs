//! Choices out of a seed.

use std::ops::RangeBounds;

use fastrand::Rng;

/// Lengths at which something may change: an element of P-256 and of edwards25519, a credential id, DER's lengths, a
/// message.
const LENGTHS: [usize; 17] = [
    0, 1, 2, 7, 8, 31, 32, 33, 64, 127, 128, 255, 256, 1023, 1024, 65_535, 65_536,
];

/// The source of all choices for one mutant.
pub(super) struct Dice(Rng);

impl Dice {
    /// The choices for mutant `number` of a seed, whatever was chosen for the ones before.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self(Rng::with_seed(
            rng.u64(..) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))
    }

    /// A number in a range.
    pub(super) fn number(&mut self, range: impl RangeBounds<usize>) -> usize {
        self.0.usize(range)
    }

    /// Any octet.
    pub(super) fn octet(&mut self) -> u8 {
        self.0.u8(..)
    }

    /// Any 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.0.u32(..)
    }

    /// True once in `sides` throws.
    pub(super) fn once_in(&mut self, sides: usize) -> bool {
        self.number(..sides) == 0
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.number(..choices.len())]
    }

    /// Another order.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        self.0.shuffle(list);
    }

    /// Any octets.
    pub(super) fn octets(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.0.fill(&mut octets);
        octets
    }

    /// Octets of a length at which something may change.
    pub(super) fn octets_of_some_length(&mut self) -> Vec<u8> {
        let length = *self.pick(&LENGTHS);
        self.octets(length)
    }

    /// An INTEGER's content at or beyond the limits of its type.
    pub(super) fn integer(&mut self) -> Vec<u8> {
        const LIMITS: [&[u8]; 12] = [
            b"",
            b"\x00",
            b"\x01",
            b"\xff",
            b"\x7f\xff\xff\xff",
            b"\x80\x00\x00\x00",
            b"\x00\x80\x00\x00\x00",
            b"\x00\xff\xff\xff\xff",
            b"\xff\x7f\xff\xff\xff",
            b"\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"\x00\x80\x00\x00\x00\x00\x00\x00\x00",
            b"\x00\x00\x01",
        ];
        match self.once_in(4) {
            true => self.octets(17),
            false => self.pick(&LIMITS).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_come_from_seed_and_number_alone() {
        let choices = |seed, number| Dice::new(seed, number).octets(32);
        assert_eq!(choices(1, 2), choices(1, 2));
        assert_ne!(choices(1, 2), choices(1, 3));
        assert_ne!(choices(1, 2), choices(2, 2));
    }
}
