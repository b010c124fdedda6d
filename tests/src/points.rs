//! Encodings that are no element of a SPAKE group, or none that an honest side would send.

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::CompressedEdwardsY,
};
use krb5_fido_protocol::{kerberos::Key, registry::LABEL_W, spake::Group};
use krb5_plugin::KeyBlock;

/// M of edwards25519, which masks the KDC's public key (RFC 9588 section 12.2).
pub const M: [u8; 32] = [
    0xd0, 0x48, 0x03, 0x2c, 0x6e, 0xa0, 0xb6, 0xd6, 0x97, 0xdd, 0xc2, 0xe8, 0x6b, 0xda, 0x85, 0xa3, 0x3a,
    0xda, 0xc9, 0x20, 0xf1, 0xbf, 0x18, 0xe1, 0xb0, 0xc6, 0xd1, 0x66, 0xa5, 0xce, 0xcd, 0xaf,
];
/// N of edwards25519, which masks the client's (RFC 9588 section 12.2).
pub const N: [u8; 32] = [
    0xd3, 0xbf, 0xb5, 0x18, 0xf4, 0x4f, 0x34, 0x30, 0xf2, 0x9d, 0x0c, 0x92, 0xaf, 0x50, 0x38, 0x65, 0xa1,
    0xed, 0x32, 0x81, 0xdc, 0x69, 0xb3, 0x5d, 0xd8, 0x68, 0xba, 0x85, 0xf8, 0x86, 0xc4, 0xab,
];

/// Too short, too long, and nothing.
pub fn of_wrong_length(group: Group) -> Vec<Vec<u8>> {
    let length = group.element_len();
    [0, 1, length - 1, length + 1, 2 * length, 4096]
        .map(|length| vec![2; length])
        .into()
}

/// A coordinate that no point has, with either sign.
pub fn off_the_curve(group: Group) -> Vec<Vec<u8>> {
    let coordinate = match group {
        Group::Edwards25519 => {
            return [0, 0x80]
                .map(|sign| [&[2], &[0; 30][..], &[sign]].concat())
                .into();
        }
        Group::P256 => 7,
        Group::P384 => 1,
        Group::P521 => 5,
    };
    let mut x = vec![0; group.element_len() - 1];
    *x.last_mut().unwrap() = coordinate;
    [2, 3].map(|form| encoded(form, &x)).into()
}

/// The identity element.
pub fn identity(group: Group) -> Vec<Vec<u8>> {
    match group {
        Group::Edwards25519 => vec![compress(&EIGHT_TORSION[0])],
        // One zero byte (SEC 1 section 2.3.3), and as many as an element has.
        _ => vec![vec![0], vec![0; group.element_len()]],
    }
}

/// Points of small order: besides the identity only edwards25519 has them.
pub fn of_small_order(group: Group) -> Vec<Vec<u8>> {
    match group {
        Group::Edwards25519 => EIGHT_TORSION.iter().map(compress).collect(),
        _ => Vec::new(),
    }
}

/// Coordinates beyond the field prime, signs of nothing, and forms of SEC 1 that RFC 9588 does not use.
pub fn not_canonical(group: Group) -> Vec<Vec<u8>> {
    if group == Group::Edwards25519 {
        let beyond = (0xed..=0xff).map(|lowest| [&[lowest], &[0xff; 30][..], &[0x7f]].concat());
        let signed = [&[1], &[0; 30][..], &[0x80]].concat();
        return beyond.chain([signed]).collect();
    }
    let coordinate = vec![0xff; group.element_len() - 1];
    let beyond = [2, 3].map(|form| encoded(form, &coordinate));
    let forms = [0, 1, 4, 5, 6, 7, 0xff];
    let others = forms
        .iter()
        .flat_map(|form| [encoded(*form, &coordinate), encoded(*form, &coordinate.repeat(2))]);
    beyond.into_iter().chain(others).collect()
}

/// The public keys of edwards25519 with which the other side's result is the identity, and one that only looks like them:
/// its result is the other side's secret times the generator. They are made from the password's key and `mask`, M or N.
pub fn of_constant_result(key: &KeyBlock, mask: [u8; 32]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut w = [0; 32];
    let label = [LABEL_W, &Group::Edwards25519.id().to_be_bytes()].concat();
    key.prf_plus(&label, &mut w).unwrap();
    let point = CompressedEdwardsY(mask).decompress().unwrap();
    let masked: EdwardsPoint = point * Scalar::from_bytes_mod_order(w);
    let constant = EIGHT_TORSION.iter().map(|small| compress(&(masked + small)));
    (constant.collect(), compress(&(masked + ED25519_BASEPOINT_POINT)))
}

/// K at the KDC (RFC 9382 section 3.3), in edwards25519.
pub fn kdc_result(w: &[u8], private: &[u8], public: &[u8]) -> Vec<u8> {
    let scalar = |bytes: &[u8]| Scalar::from_bytes_mod_order(bytes.try_into().unwrap());
    let n = CompressedEdwardsY(N).decompress().unwrap();
    let public = CompressedEdwardsY::from_slice(public)
        .unwrap()
        .decompress()
        .unwrap();
    compress(&((public - n * scalar(w)) * scalar(private)))
}

fn compress(point: &EdwardsPoint) -> Vec<u8> {
    point.compress().to_bytes().to_vec()
}

/// Coordinates behind the byte that says what they are (SEC 1 section 2.3.3).
fn encoded(form: u8, coordinates: &[u8]) -> Vec<u8> {
    [&[form], coordinates].concat()
}
