//! Arithmetic in P-256 (RFC 9588 section 12.2, SEC 1 section 2.3).
//!
//! Scalars are marshalled big-endian, elements compressed. A KDC takes multiples of M and N from tables that are made on
//! first use, 25 KiB each; a client, which needs one multiple of each, is done sooner without.

use std::sync::LazyLock;

use crrl::p256::{Point, Scalar};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::{Zeroize, Zeroizing, optimization_barrier};

use super::group::Role;
use crate::{Error, secret::SecretBytes};

/// Bytes in a scalar.
const SCALAR_LEN: usize = 32;
/// Bytes in an element.
const ELEMENT_LEN: usize = 33;

const M: [u8; ELEMENT_LEN] = [
    0x02, 0x88, 0x6e, 0x2f, 0x97, 0xac, 0xe4, 0x6e, 0x55, 0xba, 0x9d, 0xd7, 0x24, 0x25, 0x79, 0xf2, 0x99,
    0x3b, 0x64, 0xe1, 0x6e, 0xf3, 0xdc, 0xab, 0x95, 0xaf, 0xd4, 0x97, 0x33, 0x3d, 0x8f, 0xa1, 0x2f,
];
const N: [u8; ELEMENT_LEN] = [
    0x03, 0xd8, 0xbb, 0xd6, 0xc6, 0x39, 0xc6, 0x29, 0x37, 0xb0, 0x4d, 0x99, 0x7f, 0x38, 0xc3, 0x77, 0x07,
    0x19, 0xc6, 0x29, 0xd7, 0x01, 0x4d, 0x49, 0xa2, 0x4b, 0x4f, 0x98, 0xba, 0xa1, 0x29, 0x2b, 0x49,
];

static M_TABLE: LazyLock<FixedPoint> = LazyLock::new(|| FixedPoint::new(fixed(&M)));
static N_TABLE: LazyLock<FixedPoint> = LazyLock::new(|| FixedPoint::new(fixed(&N)));

#[expect(clippy::expect_used, reason = "both constants are points, and a test says so")]
fn fixed(element: &[u8]) -> Point {
    parse_element(element).expect("a point")
}

pub(super) fn public_element(role: Role, multiplier: &[u8], private: &[u8]) -> Result<Vec<u8>, Error> {
    let private = parse_private(private)?;
    let multiplier = parse_scalar_mod_order(multiplier)?;
    let mut public = Wiped(Point::mulgen(&private.0));
    public.0 += mask(role, role, &multiplier).0;
    Ok(marshal_element(&public)?.expose().to_vec())
}

pub(super) fn result(
    role: Role,
    multiplier: &[u8],
    private: &[u8],
    public: &[u8],
) -> Result<SecretBytes, Error> {
    let mut point = Wiped(parse_element(public)?);
    let private = parse_private(private)?;
    let multiplier = parse_scalar_mod_order(multiplier)?;
    point.0 -= mask(role, role.peer(), &multiplier).0;
    point.0 *= &private.0;
    marshal_element(&point)
}

/// The multiple of M or N that masks the element of `whose`, computed as suits `role`.
fn mask(role: Role, whose: Role, multiplier: &Wiped<Scalar>) -> Wiped<Point> {
    match (role, whose) {
        (Role::Kdc, Role::Kdc) => M_TABLE.multiply(multiplier),
        (Role::Kdc, Role::Client) => N_TABLE.multiply(multiplier),
        (Role::Client, Role::Kdc) => Wiped(fixed(&M) * multiplier.0),
        (Role::Client, Role::Client) => Wiped(fixed(&N) * multiplier.0),
    }
}

/// A number from 1 to the group order less 1.
pub(super) fn parse_private(bytes: &[u8]) -> Result<Wiped<Scalar>, Error> {
    let bytes = parse_little_endian(bytes)?;
    let (scalar, reduced) = Scalar::decode_ct(bytes.as_slice());
    let scalar = Wiped(scalar);
    match reduced != 0 && scalar.0.iszero() == 0 {
        true => Ok(scalar),
        false => Err(Error::InvalidScalar),
    }
}

/// Together with the check of the range that is rejection sampling.
pub(super) fn marshal_random(bytes: &[u8]) -> Result<SecretBytes, Error> {
    parse_private(bytes)?;
    Ok(SecretBytes::from(bytes))
}

fn parse_scalar_mod_order(bytes: &[u8]) -> Result<Wiped<Scalar>, Error> {
    let bytes = parse_little_endian(bytes)?;
    Ok(Wiped(Scalar::decode_reduce(bytes.as_slice())))
}

fn parse_little_endian(bytes: &[u8]) -> Result<Zeroizing<[u8; SCALAR_LEN]>, Error> {
    let bytes = <[u8; SCALAR_LEN]>::try_from(bytes).map_err(|_| Error::InvalidScalar)?;
    let mut bytes = Zeroizing::new(bytes);
    bytes.reverse();
    Ok(bytes)
}

/// A compressed point of exactly the group's length, on the curve.
fn parse_element(bytes: &[u8]) -> Result<Point, Error> {
    match bytes.len() {
        ELEMENT_LEN => Point::decode(bytes).ok_or(Error::InvalidPublicKey),
        _ => Err(Error::InvalidPublicKey),
    }
}

fn marshal_element(point: &Wiped<Point>) -> Result<SecretBytes, Error> {
    if point.0.isneutral() != 0 {
        return Err(Error::IdentityElement);
    }
    let mut compressed = point.0.encode_compressed();
    let bytes = SecretBytes::from(compressed.as_slice());
    compressed.zeroize();
    Ok(bytes)
}

/// A scalar or a point that is overwritten on drop.
pub(super) struct Wiped<T: Blank>(T);

impl<T: Blank> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0 = T::BLANK;
        optimization_barrier(&self.0);
    }
}

/// What a secret is overwritten with.
pub(super) trait Blank {
    const BLANK: Self;
}

impl Blank for Scalar {
    const BLANK: Self = Self::ZERO;
}

impl Blank for Point {
    const BLANK: Self = Self::NEUTRAL;
}

/// The first eight multiples of 256^i times a point, for each byte i of a scalar and one more.
struct FixedPoint([[Point; 8]; SCALAR_LEN + 1]);

impl FixedPoint {
    fn new(mut point: Point) -> Self {
        let mut tables = [[Point::NEUTRAL; 8]; SCALAR_LEN + 1];
        for table in &mut tables {
            let mut multiple = Point::NEUTRAL;
            for entry in table {
                multiple += point;
                *entry = multiple;
            }
            point.set_xdouble(8);
        }
        Self(tables)
    }

    /// The product, in constant time. The digits of odd weight are summed apart, so that one table serves both digits of a
    /// byte.
    fn multiply(&self, scalar: &Wiped<Scalar>) -> Wiped<Point> {
        let digits = signed_digits(scalar);
        let mut even = Wiped(Point::NEUTRAL);
        let mut odd = Wiped(Point::NEUTRAL);
        for (table, digits) in self.0.iter().zip(digits.chunks(2)) {
            for (sum, digit) in [&mut even, &mut odd].into_iter().zip(digits) {
                sum.0 += select(table, *digit).0;
            }
        }
        odd.0.set_xdouble(4);
        even.0 += odd.0;
        even
    }
}

/// The digits of a scalar to the base of 16, from -8 to 8, the lowest first.
fn signed_digits(scalar: &Wiped<Scalar>) -> Zeroizing<[i8; 2 * SCALAR_LEN + 1]> {
    let bytes = Zeroizing::new(scalar.0.encode());
    let mut digits = Zeroizing::new([0; 2 * SCALAR_LEN + 1]);
    let nibbles = bytes.iter().flat_map(|byte| [byte & 15, byte >> 4]).chain([0]);
    let mut carry = 0;
    for (digit, nibble) in digits.iter_mut().zip(nibbles) {
        let value = nibble.cast_signed() + carry;
        carry = (value + 8) >> 4;
        *digit = value - (carry << 4);
    }
    digits
}

/// The multiple of a table's point that a digit stands for, in constant time.
fn select(table: &[Point; 8], digit: i8) -> Wiped<Point> {
    let mut point = Wiped(Point::NEUTRAL);
    for (multiple, number) in table.iter().zip(1_u8..) {
        point
            .0
            .set_cond(multiple, mask_of(digit.unsigned_abs().ct_eq(&number)));
    }
    point.0.set_condneg(mask_of(digit.cast_unsigned().ct_gt(&0x7f)));
    point
}

/// All ones for a true choice, as crrl wants it.
fn mask_of(choice: Choice) -> u32 {
    u32::conditional_select(&0, &u32::MAX, choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The group order, big-endian.
    const ORDER: [u8; SCALAR_LEN] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    /// The field prime, big-endian.
    const PRIME: [u8; SCALAR_LEN] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    const PRIVATE: [u8; SCALAR_LEN] = [0x5a; SCALAR_LEN];
    const W: [u8; SCALAR_LEN] = [0xff; SCALAR_LEN];

    /// The order and a small number.
    fn order_plus(number: i8) -> [u8; SCALAR_LEN] {
        let mut sum = ORDER;
        sum[31] = sum[31].checked_add_signed(number).unwrap();
        sum
    }

    #[test]
    fn tables_multiply_as_the_curve_does() {
        let small = [0, 1, 7, 8, 9, 15, 16, 255, 256, 0xffff_ffff].map(Scalar::from_u64);
        let large = [1, 2, 0x88].map(|small| -Scalar::from_u64(small));
        let pattern = [0x77, 0x78, 0x87, 0x88].map(|byte| Scalar::decode_reduce(&[byte; SCALAR_LEN]));
        for scalar in small.into_iter().chain(large).chain(pattern) {
            for (table, element) in [(&M_TABLE, M), (&N_TABLE, N)] {
                let product = table.multiply(&Wiped(scalar)).0;
                assert_ne!(product.equals(fixed(&element) * scalar), 0);
            }
        }
    }

    #[test]
    fn both_roles_compute_the_same_masks() {
        let multiplier = parse_scalar_mod_order(&W).unwrap();
        for whose in [Role::Kdc, Role::Client] {
            let ours = mask(Role::Kdc, whose, &multiplier).0;
            assert_ne!(ours.equals(mask(Role::Client, whose, &multiplier).0), 0);
        }
    }

    #[test]
    fn digits_make_up_the_scalar() {
        for byte in [0x00, 0x07, 0x08, 0x77, 0x78, 0x80, 0x88, 0xff] {
            let scalar = Scalar::decode_reduce(&[byte; SCALAR_LEN]);
            let digits = signed_digits(&Wiped(scalar));
            assert!(digits.iter().all(|digit| (-8..=8).contains(digit)));
            let sum = digits.iter().rev().fold(Scalar::ZERO, |sum, digit| {
                sum * Scalar::from_u64(16) + Scalar::from_i64((*digit).into())
            });
            assert_ne!(sum.equals(scalar), 0);
        }
    }

    #[test]
    fn w_is_reduced_modulo_the_order() {
        let reduced = Scalar::from_u64(3);
        assert_ne!(
            parse_scalar_mod_order(&order_plus(3)).unwrap().0.equals(reduced),
            0
        );
        assert_ne!(parse_scalar_mod_order(&ORDER).unwrap().0.iszero(), 0);
    }

    #[test]
    fn refuses_scalars_out_of_range() {
        assert!(parse_private(&order_plus(-1)).is_ok());
        for scalar in [[0; SCALAR_LEN], [0xff; SCALAR_LEN], ORDER, order_plus(1)] {
            assert_eq!(parse_private(&scalar).err(), Some(Error::InvalidScalar));
        }
    }

    #[test]
    fn refuses_scalars_of_another_length() {
        for length in [0, SCALAR_LEN - 1, SCALAR_LEN + 1] {
            assert_eq!(parse_private(&vec![1; length]).err(), Some(Error::InvalidScalar));
            let multiplier = parse_scalar_mod_order(&vec![1; length]);
            assert_eq!(multiplier.err(), Some(Error::InvalidScalar));
        }
    }

    #[test]
    fn refuses_every_form_of_a_point_but_the_compressed() {
        let public = public_element(Role::Client, &W, &PRIVATE).unwrap();
        let point = parse_element(&public).unwrap();
        for other in [
            point.encode_uncompressed().to_vec(),
            vec![0],
            vec![0; ELEMENT_LEN],
            public[1..].to_vec(),
        ] {
            assert_eq!(parse_element(&other).err(), Some(Error::InvalidPublicKey));
        }
        let mut other = public;
        for tag in (0..=255).filter(|tag| !matches!(tag, 2 | 3)) {
            other[0] = tag;
            assert_eq!(parse_element(&other).err(), Some(Error::InvalidPublicKey));
        }
    }

    /// Some of the small x are those of points: with the prime added they must not pass.
    #[test]
    fn refuses_an_x_beyond_the_field_prime() {
        let mut points = 0;
        for x in 0..=8 {
            let mut reduced = [0; ELEMENT_LEN];
            (reduced[0], reduced[32]) = (2, x);
            points += usize::from(parse_element(&reduced).is_ok());
            let mut element = [&[2], PRIME.as_slice()].concat();
            for place in (1..element.len()).rev() {
                let (sum, carry) = element[place].overflowing_add(if place == 32 { x } else { 1 });
                element[place] = sum;
                if !carry {
                    break;
                }
            }
            assert_eq!(parse_element(&element).err(), Some(Error::InvalidPublicKey));
        }
        assert!(points > 0);
    }

    #[test]
    fn refuses_points_off_the_curve() {
        let mut public = [0; ELEMENT_LEN];
        public[0] = 3;
        let refused = (0..200).filter(|lowest| {
            public[32] = *lowest;
            parse_element(&public).is_err()
        });
        assert!((60..140).contains(&refused.count()));
    }

    #[test]
    fn refuses_a_result_that_is_the_identity() {
        let multiplier = parse_scalar_mod_order(&W).unwrap();
        for (role, peer) in [(Role::Kdc, Role::Client), (Role::Client, Role::Kdc)] {
            let public = marshal_element(&mask(role, peer, &multiplier)).unwrap();
            let result = result(role, &W, &PRIVATE, public.expose());
            assert_eq!(result.err(), Some(Error::IdentityElement));
        }
    }
}
