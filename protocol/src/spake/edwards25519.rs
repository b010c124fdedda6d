//! Arithmetic in edwards25519 (RFC 9588 section 12.2, RFC 8032 section 5.1).
//!
//! Private scalars are 8·k with k in [1, l-1]: a multiple of the cofactor, not reduced modulo the group order l, so that a
//! torsion component in the other side's element cannot reach K. They are marshalled as MIT krb5's module does, in 32
//! little-endian bytes.

use std::sync::LazyLock;

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::ED25519_BASEPOINT_TABLE,
    edwards::{CompressedEdwardsY, EdwardsBasepointTable},
    traits::{BasepointTable, IsIdentity, MultiscalarMul},
};
use zeroize::{Zeroize, Zeroizing};

use super::group::Role;
use crate::{Error, secret::SecretBytes};

/// Uniform bytes that a private scalar is reduced from.
pub(super) const RANDOM_LEN: usize = 64;

const M: [u8; 32] = [
    0xd0, 0x48, 0x03, 0x2c, 0x6e, 0xa0, 0xb6, 0xd6, 0x97, 0xdd, 0xc2, 0xe8, 0x6b, 0xda, 0x85, 0xa3, 0x3a,
    0xda, 0xc9, 0x20, 0xf1, 0xbf, 0x18, 0xe1, 0xb0, 0xc6, 0xd1, 0x66, 0xa5, 0xce, 0xcd, 0xaf,
];
const N: [u8; 32] = [
    0xd3, 0xbf, 0xb5, 0x18, 0xf4, 0x4f, 0x34, 0x30, 0xf2, 0x9d, 0x0c, 0x92, 0xaf, 0x50, 0x38, 0x65, 0xa1,
    0xed, 0x32, 0x81, 0xdc, 0x69, 0xb3, 0x5d, 0xd8, 0x68, 0xba, 0x85, 0xf8, 0x86, 0xc4, 0xab,
];

static M_TABLE: LazyLock<EdwardsBasepointTable> = LazyLock::new(|| table(M));
static N_TABLE: LazyLock<EdwardsBasepointTable> = LazyLock::new(|| table(N));

static EIGHT_M: LazyLock<EdwardsPoint> = LazyLock::new(|| point(M).mul_by_cofactor());
static EIGHT_N: LazyLock<EdwardsPoint> = LazyLock::new(|| point(N).mul_by_cofactor());

fn table(element: [u8; 32]) -> EdwardsBasepointTable {
    EdwardsBasepointTable::create(&point(element))
}

#[expect(clippy::expect_used, reason = "both constants are points, and a test says so")]
fn point(element: [u8; 32]) -> EdwardsPoint {
    CompressedEdwardsY(element).decompress().expect("a point")
}

pub(super) fn public_element(role: Role, multiplier: &[u8], private: &[u8]) -> Result<Vec<u8>, Error> {
    let private = parse_scalar_mod_order(private)?;
    let public = ED25519_BASEPOINT_TABLE * &*private + mask(role, multiplier)?;
    if public.is_small_order() {
        return Err(Error::IdentityElement);
    }
    Ok(public.compress().to_bytes().to_vec())
}

pub(super) fn result(
    role: Role,
    multiplier: &[u8],
    private: &[u8],
    public: &[u8],
) -> Result<SecretBytes, Error> {
    let public = parse_element(public)?;
    let quotient = parse_private(private)?;
    let mask = match role {
        Role::Kdc => *EIGHT_N,
        Role::Client => *EIGHT_M,
    };
    // 8·k·(public - w·mask): the cofactor goes into the points, and both products into one sum of multiples.
    let share = Zeroizing::new(-(*quotient * *parse_scalar_mod_order(multiplier)?));
    let result = Zeroizing::new(EdwardsPoint::multiscalar_mul(
        [&*quotient, &*share],
        [public.mul_by_cofactor(), mask],
    ));
    if result.is_identity() {
        return Err(Error::IdentityElement);
    }
    let mut compressed = result.compress();
    let bytes = SecretBytes::from(compressed.as_bytes().as_slice());
    compressed.zeroize();
    Ok(bytes)
}

/// k of the marshalled scalar 8·k.
pub(super) fn parse_private(bytes: &[u8]) -> Result<Zeroizing<Scalar>, Error> {
    let mut quotient = parse_array(bytes)?;
    let mut carry = 0;
    for byte in quotient.iter_mut().rev() {
        let low = *byte & 7;
        *byte = *byte >> 3 | carry << 5;
        carry = low;
    }
    if carry != 0 {
        return Err(Error::InvalidScalar);
    }
    let scalar = Scalar::from_canonical_bytes(*quotient).into_option();
    match scalar.map(Zeroizing::new) {
        Some(scalar) if *scalar != Scalar::ZERO => Ok(scalar),
        _ => Err(Error::InvalidScalar),
    }
}

/// Marshals 8·k, k being `bytes` modulo l.
pub(super) fn marshal_random(bytes: &[u8]) -> Result<SecretBytes, Error> {
    let wide = Zeroizing::new(<[u8; RANDOM_LEN]>::try_from(bytes).map_err(|_| Error::InvalidScalar)?);
    let quotient = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
    if *quotient == Scalar::ZERO {
        return Err(Error::InvalidScalar);
    }
    let mut marshalled = SecretBytes::from(quotient.as_bytes().as_slice());
    let mut carry = 0;
    for byte in marshalled.expose_mut() {
        let high = *byte >> 5;
        *byte = *byte << 3 | carry;
        carry = high;
    }
    Ok(marshalled)
}

/// The other side's element, in the one canonical encoding that RFC 8032 section 5.1.3 allows and not of small order.
///
/// Every encoding of y modulo the field prime that is not reduced, and a sign on an x of zero, is refused: decompression
/// takes both. The only points with an x of zero are of small order.
fn parse_element(bytes: &[u8]) -> Result<EdwardsPoint, Error> {
    let encoding: [u8; 32] = bytes.try_into().map_err(|_| Error::InvalidPublicKey)?;
    let [lowest, middle @ .., highest] = &encoding;
    let reduced = *lowest < 0xed || *highest & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff);
    match CompressedEdwardsY(encoding).decompress() {
        Some(point) if reduced && !point.is_small_order() => Ok(point),
        _ => Err(Error::InvalidPublicKey),
    }
}

fn mask(role: Role, multiplier: &[u8]) -> Result<EdwardsPoint, Error> {
    let table: &EdwardsBasepointTable = match role {
        Role::Kdc => &M_TABLE,
        Role::Client => &N_TABLE,
    };
    Ok(table * &*parse_scalar_mod_order(multiplier)?)
}

fn parse_scalar_mod_order(bytes: &[u8]) -> Result<Zeroizing<Scalar>, Error> {
    let bytes = parse_array(bytes)?;
    Ok(Zeroizing::new(Scalar::from_bytes_mod_order(*bytes)))
}

fn parse_array(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    Ok(Zeroizing::new(
        bytes.try_into().map_err(|_| Error::InvalidScalar)?,
    ))
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;

    use super::*;

    /// 8·l, little-endian.
    const EIGHT_ORDERS: [u8; 32] = [
        0x68, 0x9f, 0xae, 0xe7, 0xd2, 0x18, 0x93, 0xc0, 0xb2, 0xe6, 0xbc, 0x17, 0xf5, 0xce, 0xf7, 0xa6, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80,
    ];
    const W: [u8; 32] = [0xff; 32];

    fn private() -> SecretBytes {
        marshal_random(&[9; RANDOM_LEN]).unwrap()
    }

    fn client_element() -> EdwardsPoint {
        let public = public_element(Role::Client, &W, private().expose()).unwrap();
        CompressedEdwardsY::from_slice(&public)
            .unwrap()
            .decompress()
            .unwrap()
    }

    fn kdc_result(public: &EdwardsPoint) -> Result<SecretBytes, Error> {
        result(Role::Kdc, &W, private().expose(), public.compress().as_bytes())
    }

    #[test]
    fn m_and_n_are_generators_of_the_prime_order_subgroup() {
        for element in [M, N] {
            assert!(parse_element(&element).unwrap().is_torsion_free());
        }
    }

    #[test]
    fn w_is_reduced_modulo_the_order() {
        let reduced = Scalar::from_bytes_mod_order(W).to_bytes();
        assert_ne!(W, reduced);
        let private = private();
        assert_eq!(
            public_element(Role::Kdc, &W, private.expose()),
            public_element(Role::Kdc, &reduced, private.expose())
        );
    }

    #[test]
    fn refuses_points_of_small_order() {
        for point in EIGHT_TORSION {
            assert_eq!(kdc_result(&point).err(), Some(Error::InvalidPublicKey));
        }
    }

    #[test]
    fn refuses_a_result_of_small_order() {
        for (role, peer) in [(Role::Kdc, Role::Client), (Role::Client, Role::Kdc)] {
            let mask = mask(peer, &W).unwrap();
            for point in EIGHT_TORSION {
                let public = (mask + point).compress();
                let refused = result(role, &W, private().expose(), public.as_bytes()).err();
                assert_eq!(refused, Some(Error::IdentityElement));
            }
        }
    }

    #[test]
    fn a_torsion_component_does_not_reach_the_result() {
        let expected = kdc_result(&client_element()).unwrap();
        for point in EIGHT_TORSION {
            let same = kdc_result(&(client_element() + point)).unwrap();
            assert!(expected.matches(same.expose()));
        }
    }

    #[test]
    fn refuses_encodings_of_y_that_are_not_reduced() {
        for excess in 0..19 {
            let mut encoding = [0xff; 32];
            encoding[0] = 0xed + excess;
            for sign in [0x7f, 0xff] {
                encoding[31] = sign;
                assert_eq!(parse_element(&encoding), Err(Error::InvalidPublicKey));
            }
        }
    }

    #[test]
    fn takes_a_y_just_below_the_field_prime() {
        let mut encoding = [0xff; 32];
        encoding[31] = 0x7f;
        let found = (0..0xed).rev().any(|lowest| {
            encoding[0] = lowest;
            parse_element(&encoding).is_ok()
        });
        assert!(found);
    }

    #[test]
    fn refuses_a_sign_on_an_x_of_zero() {
        let mut identity = [0; 32];
        (identity[0], identity[31]) = (1, 0x80);
        assert_eq!(parse_element(&identity), Err(Error::InvalidPublicKey));
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        assert_eq!(parse_element(&minus_one), Err(Error::InvalidPublicKey));
    }

    #[test]
    fn refuses_points_off_the_curve() {
        let mut encoding = [0; 32];
        let refused = (2..200).filter(|lowest| {
            encoding[0] = *lowest;
            parse_element(&encoding) == Err(Error::InvalidPublicKey)
        });
        assert!((60..140).contains(&refused.count()));
    }

    #[test]
    fn refuses_scalars_that_are_not_a_multiple_of_the_cofactor() {
        for bit in [1, 2, 4] {
            let mut scalar = private().expose().to_vec();
            scalar[0] |= bit;
            assert_eq!(parse_private(&scalar).err(), Some(Error::InvalidScalar));
        }
    }

    #[test]
    fn refuses_scalars_out_of_range() {
        let mut largest = EIGHT_ORDERS;
        largest[0] -= 8;
        assert!(parse_private(&largest).is_ok());
        let mut beyond = [0xff; 32];
        beyond[0] = 0xf8;
        for scalar in [[0; 32], EIGHT_ORDERS, beyond] {
            assert_eq!(parse_private(&scalar).err(), Some(Error::InvalidScalar));
        }
    }

    #[test]
    fn the_largest_scalar_is_marshalled_without_reduction() {
        let mut wide = [0; RANDOM_LEN];
        wide[..32].copy_from_slice((-Scalar::ONE).as_bytes());
        let mut largest = EIGHT_ORDERS;
        largest[0] -= 8;
        assert!(marshal_random(&wide).unwrap().matches(&largest));
    }
}
