//! Arithmetic in P-384 and P-521 (RFC 9588 section 12.2, SEC 1 section 2.3).
//!
//! Scalars are marshalled big-endian, elements compressed. Multiples of G, M and N come from tables that are made on first
//! use: 55 KiB per point at P-384, 113 KiB at P-521.

use std::sync::LazyLock;

use p384::NistP384;
use p521::NistP521;
use primeorder::{
    AffinePoint, Field, FieldBytes, LookupTable, PrimeCurveParams, PrimeField, ProjectivePoint,
    Radix16Decomposition, Radix16Digits,
    elliptic_curve::{
        group::{Group, GroupEncoding},
        ops::Double,
        point::DecompressPoint,
        subtle::Choice,
    },
};
use zeroize::{Zeroize, Zeroizing};

use super::group::Role;
use crate::{Error, secret::SecretBytes};

const P384_M: [u8; 49] = [
    0x03, 0x0f, 0xf0, 0x89, 0x5a, 0xe5, 0xeb, 0xf6, 0x18, 0x70, 0x80, 0xa8, 0x2d, 0x82, 0xb4, 0x2e, 0x27,
    0x65, 0xe3, 0xb2, 0xf8, 0x74, 0x9c, 0x7e, 0x05, 0xeb, 0xa3, 0x66, 0x43, 0x4b, 0x36, 0x3d, 0x3d, 0xc3,
    0x6f, 0x15, 0x31, 0x47, 0x39, 0x07, 0x4d, 0x2e, 0xb8, 0x61, 0x3f, 0xce, 0xec, 0x28, 0x53,
];
const P384_N: [u8; 49] = [
    0x02, 0xc7, 0x2c, 0xf2, 0xe3, 0x90, 0x85, 0x3a, 0x1c, 0x1c, 0x4a, 0xd8, 0x16, 0xa6, 0x2f, 0xd1, 0x58,
    0x24, 0xf5, 0x60, 0x78, 0x91, 0x8f, 0x43, 0xf9, 0x22, 0xca, 0x21, 0x51, 0x8f, 0x9c, 0x54, 0x3b, 0xb2,
    0x52, 0xc5, 0x49, 0x02, 0x14, 0xcf, 0x9a, 0xa3, 0xf0, 0xba, 0xab, 0x4b, 0x66, 0x5c, 0x10,
];
const P521_M: [u8; 67] = [
    0x02, 0x00, 0x3f, 0x06, 0xf3, 0x81, 0x31, 0xb2, 0xba, 0x26, 0x00, 0x79, 0x1e, 0x82, 0x48, 0x8e, 0x8d,
    0x20, 0xab, 0x88, 0x9a, 0xf7, 0x53, 0xa4, 0x18, 0x06, 0xc5, 0xdb, 0x18, 0xd3, 0x7d, 0x85, 0x60, 0x8c,
    0xfa, 0xe0, 0x6b, 0x82, 0xe4, 0xa7, 0x2c, 0xd7, 0x44, 0xc7, 0x19, 0x19, 0x35, 0x62, 0xa6, 0x53, 0xea,
    0x1f, 0x11, 0x9e, 0xef, 0x93, 0x56, 0x90, 0x7e, 0xdc, 0x9b, 0x56, 0x97, 0x99, 0x62, 0xd7, 0xaa,
];
const P521_N: [u8; 67] = [
    0x02, 0x00, 0xc7, 0x92, 0x4b, 0x9e, 0xc0, 0x17, 0xf3, 0x09, 0x45, 0x62, 0x89, 0x43, 0x36, 0xa5, 0x3c,
    0x50, 0x16, 0x7b, 0xa8, 0xc5, 0x96, 0x38, 0x76, 0x88, 0x05, 0x42, 0xbc, 0x66, 0x9e, 0x49, 0x4b, 0x25,
    0x32, 0xd7, 0x6c, 0x5b, 0x53, 0xdf, 0xb3, 0x49, 0xfd, 0xf6, 0x91, 0x54, 0xb9, 0xe0, 0x04, 0x8c, 0x58,
    0xa4, 0x2e, 0x8e, 0xd0, 0x4c, 0xef, 0x05, 0x2a, 0x3b, 0xc3, 0x49, 0xd9, 0x55, 0x75, 0xcd, 0x25,
];

pub(super) static P384: LazyLock<Curve<NistP384>> = LazyLock::new(|| Curve::new(&P384_M, &P384_N));
pub(super) static P521: LazyLock<Curve<NistP521>> = LazyLock::new(|| Curve::new(&P521_M, &P521_N));

/// The three fixed points of a group.
pub(super) struct Curve<C: PrimeCurveParams> {
    generator: FixedPoint<C>,
    m: FixedPoint<C>,
    n: FixedPoint<C>,
}

impl<C: PrimeCurveParams> Curve<C> {
    #[expect(
        clippy::expect_used,
        reason = "all four constants are points, and a test says so"
    )]
    fn new(m: &[u8], n: &[u8]) -> Self {
        Self {
            generator: FixedPoint::new(ProjectivePoint::GENERATOR),
            m: FixedPoint::new(parse_element::<C>(m).expect("a point")),
            n: FixedPoint::new(parse_element::<C>(n).expect("a point")),
        }
    }

    pub(super) fn public_element(
        &self,
        role: Role,
        multiplier: &[u8],
        private: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let private = self.parse_private(private)?;
        let multiplier = parse_scalar_mod_order::<C>(multiplier)?;
        let public = sum([(&self.generator, &private), (self.mask(role), &multiplier)]);
        Ok(marshal_element(&public)?.expose().to_vec())
    }

    pub(super) fn result(
        &self,
        role: Role,
        multiplier: &[u8],
        private: &[u8],
        public: &[u8],
    ) -> Result<SecretBytes, Error> {
        let public = parse_element::<C>(public)?;
        let private = self.parse_private(private)?;
        let multiplier = parse_scalar_mod_order::<C>(multiplier)?;
        let mask = sum([(self.mask(role.peer()), &multiplier)]);
        let unmasked = Zeroizing::new(public - *mask);
        marshal_element(&Zeroizing::new(*unmasked * *private))
    }

    const fn mask(&self, role: Role) -> &FixedPoint<C> {
        match role {
            Role::Kdc => &self.m,
            Role::Client => &self.n,
        }
    }

    pub(super) fn parse_private(&self, bytes: &[u8]) -> Result<Zeroizing<C::Scalar>, Error> {
        let scalar = parse_scalar::<C>(bytes)?;
        if scalar.is_zero().into() {
            return Err(Error::InvalidScalar);
        }
        Ok(scalar)
    }

    /// Keeps as many bits as the group order has. Together with the check of the range that is rejection sampling.
    pub(super) fn marshal_random(&self, bytes: &mut [u8]) -> Result<SecretBytes, Error> {
        if let Some(highest) = bytes.first_mut() {
            *highest &= 0xff >> (C::Scalar::NUM_BITS.wrapping_neg() % 8);
        }
        self.parse_private(bytes)?;
        Ok(SecretBytes::from(&*bytes))
    }
}

/// A point and what makes its multiplication fast: the first eight multiples of 256^i times the point, for each byte i of
/// a scalar and one more.
struct FixedPoint<C: PrimeCurveParams>(Vec<LookupTable<ProjectivePoint<C>>>);

impl<C: PrimeCurveParams> FixedPoint<C> {
    fn new(mut point: ProjectivePoint<C>) -> Self {
        let bytes = 0..=FieldBytes::<C>::default().len();
        let tables = bytes.map(|_| {
            let table = LookupTable::new(point);
            for _ in 0..8 {
                point.double_in_place();
            }
            table
        });
        Self(tables.collect())
    }
}

/// The sum of the products, in constant time. The digits of odd weight are summed apart, so that one table serves both
/// digits of a byte.
fn sum<C: PrimeCurveParams, const TERMS: usize>(
    terms: [(&FixedPoint<C>, &C::Scalar); TERMS],
) -> Zeroizing<ProjectivePoint<C>> {
    let mut even = Zeroizing::new(ProjectivePoint::<C>::IDENTITY);
    let mut odd = Zeroizing::new(ProjectivePoint::<C>::IDENTITY);
    for (point, scalar) in terms {
        let digits = Radix16Decomposition::<Radix16Digits<C>>::new(scalar);
        let bytes = FieldBytes::<C>::default().len();
        for (byte, table) in point.0.iter().enumerate() {
            *even += &table.select(digits[2 * byte]);
            if byte < bytes {
                *odd += &table.select(digits[2 * byte + 1]);
            }
        }
    }
    for _ in 0..4 {
        odd.double_in_place();
    }
    *even += &*odd;
    even
}

/// A compressed point of exactly the group's length, on the curve.
fn parse_element<C: PrimeCurveParams>(bytes: &[u8]) -> Result<ProjectivePoint<C>, Error> {
    let (y_is_odd, x) = match bytes {
        [2, x @ ..] => (Choice::from(0), x),
        [3, x @ ..] => (Choice::from(1), x),
        _ => return Err(Error::InvalidPublicKey),
    };
    let x = FieldBytes::<C>::try_from(x).map_err(|_| Error::InvalidPublicKey)?;
    let point = AffinePoint::<C>::decompress(&x, y_is_odd).into_option();
    Ok(point.ok_or(Error::InvalidPublicKey)?.into())
}

fn marshal_element<C: PrimeCurveParams>(point: &ProjectivePoint<C>) -> Result<SecretBytes, Error> {
    if point.is_identity().into() {
        return Err(Error::IdentityElement);
    }
    let mut compressed = point.to_bytes();
    let bytes = SecretBytes::from(compressed.as_ref());
    compressed.as_mut_slice().zeroize();
    Ok(bytes)
}

fn parse_scalar<C: PrimeCurveParams>(bytes: &[u8]) -> Result<Zeroizing<C::Scalar>, Error> {
    let mut bytes = FieldBytes::<C>::try_from(bytes).map_err(|_| Error::InvalidScalar)?;
    let scalar = C::Scalar::from_repr(bytes).into_option();
    bytes.as_mut_slice().zeroize();
    Ok(Zeroizing::new(scalar.ok_or(Error::InvalidScalar)?))
}

/// A scalar from as many bytes as the group order has, whatever their value, in constant time.
///
/// The two highest bytes are multiplied in: what is left is below either order. The `Reduce` of p521 subtracts
/// the order once at most, which is not enough for the 528 bits of w.
fn parse_scalar_mod_order<C: PrimeCurveParams>(bytes: &[u8]) -> Result<Zeroizing<C::Scalar>, Error> {
    let [highest, next, rest @ ..] = bytes else {
        return Err(Error::InvalidScalar);
    };
    let low = SecretBytes::new([&[0, 0], rest].concat());
    let unit = [&[0, 1], vec![0; rest.len()].as_slice()].concat();
    let low = parse_scalar::<C>(low.expose())?;
    let unit = parse_scalar::<C>(&unit)?;
    let high = Zeroizing::new(C::Scalar::from(u64::from(u16::from_be_bytes([*highest, *next]))));
    Ok(Zeroizing::new(*high * *unit + *low))
}

#[cfg(test)]
mod tests {
    use primeorder::elliptic_curve::sec1::ToSec1Point;

    use super::*;

    /// Runs a test on both curves.
    macro_rules! each_curve {
        ($($test:ident;)*) => {$(
            #[test]
            fn $test() {
                checks::$test(&*P384);
                checks::$test(&*P521);
            }
        )*};
    }

    each_curve! {
        tables_multiply_as_the_curve_does;
        w_is_reduced_modulo_the_order;
        refuses_scalars_out_of_range;
        refuses_every_form_of_a_point_but_the_compressed;
        refuses_an_x_beyond_the_field_prime;
        refuses_points_off_the_curve;
        refuses_a_result_that_is_the_identity;
    }

    mod checks {
        use super::*;

        fn length<C: PrimeCurveParams>() -> usize {
            FieldBytes::<C>::default().len()
        }

        fn minus_one<C: PrimeCurveParams>() -> Vec<u8> {
            (-C::Scalar::ONE).to_repr().to_vec()
        }

        fn private<C: PrimeCurveParams>() -> Vec<u8> {
            let mut scalar = vec![0x5a; length::<C>()];
            scalar[0] = 0;
            scalar
        }

        pub(super) fn tables_multiply_as_the_curve_does<C: PrimeCurveParams>(curve: &Curve<C>) {
            let small = [0, 1, 7, 8, 9, 15, 16, 255, 256, 0xffff_ffff].map(C::Scalar::from);
            let large = [1, 2, 0x88].map(|small| -C::Scalar::from(small));
            for scalar in small.into_iter().chain(large) {
                for point in [&curve.generator, &curve.m, &curve.n] {
                    let base = point.0[0].select(1);
                    assert_eq!(*sum([(point, &scalar)]), base * scalar);
                }
                let both = sum([(&curve.generator, &scalar), (&curve.m, &-scalar)]);
                let m = curve.m.0[0].select(1);
                assert_eq!(*both, ProjectivePoint::GENERATOR * scalar - m * scalar);
            }
        }

        pub(super) fn w_is_reduced_modulo_the_order<C: PrimeCurveParams>(_: &Curve<C>) {
            let base = C::Scalar::from(256);
            for filler in [0x00, 0x01, 0x80, 0xff] {
                let bytes = vec![filler; length::<C>()];
                let digit = C::Scalar::from(u64::from(filler));
                let expected = bytes.iter().fold(C::Scalar::ZERO, |sum, _| sum * base + digit);
                assert_eq!(*parse_scalar_mod_order::<C>(&bytes).unwrap(), expected);
            }
            let mut order = minus_one::<C>();
            *order.last_mut().unwrap() += 1;
            assert_eq!(*parse_scalar_mod_order::<C>(&order).unwrap(), C::Scalar::ZERO);
        }

        pub(super) fn refuses_scalars_out_of_range<C: PrimeCurveParams>(curve: &Curve<C>) {
            let largest = minus_one::<C>();
            assert!(curve.parse_private(&largest).is_ok());
            let mut order = largest.clone();
            *order.last_mut().unwrap() += 1;
            let mut beyond = order.clone();
            *beyond.last_mut().unwrap() += 1;
            let mut higher = largest;
            higher[0] = 0xff;
            higher[1] = 0xff;
            higher[length::<C>() / 2..].fill(0xff);
            for scalar in [
                vec![0; order.len()],
                vec![0xff; order.len()],
                order,
                beyond,
                higher,
            ] {
                assert_eq!(curve.parse_private(&scalar).err(), Some(Error::InvalidScalar));
            }
        }

        pub(super) fn refuses_every_form_of_a_point_but_the_compressed<C: PrimeCurveParams>(
            curve: &Curve<C>,
        ) {
            let public = curve
                .public_element(Role::Client, &private::<C>(), &private::<C>())
                .unwrap();
            assert!(parse_element::<C>(&public).is_ok());
            let point = parse_element::<C>(&public).unwrap().to_affine();
            let uncompressed = point.to_sec1_point(false).as_bytes().to_vec();
            assert_eq!(parse_element::<C>(&uncompressed), Err(Error::InvalidPublicKey));
            assert_eq!(parse_element::<C>(&[0]), Err(Error::InvalidPublicKey));
            assert_eq!(
                parse_element::<C>(&vec![0; public.len()]),
                Err(Error::InvalidPublicKey)
            );
            let mut other = public;
            for tag in (0..=255).filter(|tag| !matches!(tag, 2 | 3)) {
                other[0] = tag;
                assert_eq!(parse_element::<C>(&other), Err(Error::InvalidPublicKey));
            }
        }

        pub(super) fn refuses_an_x_beyond_the_field_prime<C: PrimeCurveParams>(_: &Curve<C>) {
            let minus_one = (-C::FieldElement::ONE).to_repr().to_vec();
            let mut public = [&[2], minus_one.as_slice()].concat();
            for excess in 1..=0xff_u8 {
                let mut carry = u16::from(excess);
                for (byte, digit) in public[1..].iter_mut().zip(&minus_one).rev() {
                    carry += u16::from(*digit);
                    *byte = carry.to_le_bytes()[0];
                    carry >>= 8;
                }
                assert_eq!(parse_element::<C>(&public), Err(Error::InvalidPublicKey));
            }
            public[1..].fill(0xff);
            assert_eq!(parse_element::<C>(&public), Err(Error::InvalidPublicKey));
        }

        pub(super) fn refuses_points_off_the_curve<C: PrimeCurveParams>(_: &Curve<C>) {
            let mut public = vec![0; length::<C>() + 1];
            public[0] = 3;
            let refused = (0..200).filter(|lowest| {
                *public.last_mut().unwrap() = *lowest;
                parse_element::<C>(&public) == Err(Error::InvalidPublicKey)
            });
            assert!((60..140).contains(&refused.count()));
        }

        pub(super) fn refuses_a_result_that_is_the_identity<C: PrimeCurveParams>(curve: &Curve<C>) {
            let w = vec![0xff; length::<C>()];
            for (role, point) in [(Role::Kdc, &curve.n), (Role::Client, &curve.m)] {
                let mask = sum([(point, &*parse_scalar_mod_order::<C>(&w).unwrap())]);
                let public = marshal_element(&mask).unwrap();
                let result = curve.result(role, &w, &private::<C>(), public.expose());
                assert_eq!(result.err(), Some(Error::IdentityElement));
            }
        }
    }
}
