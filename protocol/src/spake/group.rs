//! The SPAKE groups (RFC 9588 section 12.2) and the arithmetic that every group offers.

use primeorder::elliptic_curve::zeroize::Zeroize;
use sha2::{
    Sha256, Sha384, Sha512,
    digest::{Digest, Output},
};

use super::{edwards25519, nist, p256};
use crate::{Error, kerberos::Random, secret::SecretBytes};

/// A registered group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// edwards25519 with SHA-256.
    Edwards25519,
    /// P-256 with SHA-256.
    P256,
    /// P-384 with SHA-384.
    P384,
    /// P-521 with SHA-512.
    P521,
}

impl Group {
    /// Every group, in the order of the registry.
    pub const ALL: [Self; 4] = [Self::Edwards25519, Self::P256, Self::P384, Self::P521];

    /// The group of a registered number.
    pub fn from_id(id: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.id() == id)
    }

    /// The registered number.
    pub const fn id(self) -> i32 {
        match self {
            Self::Edwards25519 => 1,
            Self::P256 => 2,
            Self::P384 => 3,
            Self::P521 => 4,
        }
    }

    /// The group of a registered name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|group| group.name().eq_ignore_ascii_case(name))
    }

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edwards25519 => "edwards25519",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes in a marshalled scalar.
    pub const fn scalar_len(self) -> usize {
        match self {
            Self::Edwards25519 | Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Bytes in a marshalled group element.
    pub const fn element_len(self) -> usize {
        match self {
            Self::Edwards25519 => 32,
            Self::P256 => 33,
            Self::P384 => 49,
            Self::P521 => 67,
        }
    }

    /// Bytes in a hash of the group's hash function.
    pub const fn hash_len(self) -> usize {
        match self {
            Self::Edwards25519 | Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 64,
        }
    }

    /// The group's hash over the concatenation of `parts`.
    pub(super) fn hash(self, parts: &[&[u8]]) -> SecretBytes {
        match self {
            Self::Edwards25519 | Self::P256 => hash::<Sha256>(parts),
            Self::P384 => hash::<Sha384>(parts),
            Self::P521 => hash::<Sha512>(parts),
        }
    }

    /// T of the KDC or S of the client: `private`·G + w·M or w·N, marshalled (RFC 9382 section 3.3).
    pub(super) fn public_element(
        self,
        role: Role,
        multiplier: &SecretBytes,
        private: &PrivateScalar,
    ) -> Result<Vec<u8>, Error> {
        let (multiplier, private) = (multiplier.expose(), private.0.expose());
        match self {
            Self::Edwards25519 => edwards25519::public_element(role, multiplier, private),
            Self::P256 => p256::public_element(role, multiplier, private),
            Self::P384 => nist::P384.public_element(role, multiplier, private),
            Self::P521 => nist::P521.public_element(role, multiplier, private),
        }
    }

    /// K, marshalled: `private`·(S - w·N) at the KDC, `private`·(T - w·M) at the client (RFC 9382 section 3.3).
    pub(super) fn result(
        self,
        role: Role,
        multiplier: &SecretBytes,
        private: &PrivateScalar,
        public: &[u8],
    ) -> Result<SecretBytes, Error> {
        let (multiplier, private) = (multiplier.expose(), private.0.expose());
        match self {
            Self::Edwards25519 => edwards25519::result(role, multiplier, private, public),
            Self::P256 => p256::result(role, multiplier, private, public),
            Self::P384 => nist::P384.result(role, multiplier, private, public),
            Self::P521 => nist::P521.result(role, multiplier, private, public),
        }
    }

    fn check_scalar(self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Edwards25519 => edwards25519::parse_private(bytes).map(drop),
            Self::P256 => p256::parse_private(bytes).map(drop),
            Self::P384 => nist::P384.parse_private(bytes).map(drop),
            Self::P521 => nist::P521.parse_private(bytes).map(drop),
        }
    }

    /// Turns uniform bytes into a marshalled private scalar, or finds that they are out of range.
    fn marshal_random(self, bytes: &mut SecretBytes) -> Result<SecretBytes, Error> {
        match self {
            Self::Edwards25519 => edwards25519::marshal_random(bytes.expose()),
            Self::P256 => p256::marshal_random(bytes.expose()),
            Self::P384 => nist::P384.marshal_random(bytes.expose_mut()),
            Self::P521 => nist::P521.marshal_random(bytes.expose_mut()),
        }
    }

    const fn random_len(self) -> usize {
        match self {
            Self::Edwards25519 => edwards25519::RANDOM_LEN,
            Self::P256 | Self::P384 | Self::P521 => self.scalar_len(),
        }
    }
}

fn hash<D: Digest>(parts: &[&[u8]]) -> SecretBytes {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    let mut output = Output::<D>::default();
    Digest::finalize_into(hash, &mut output);
    let bytes = SecretBytes::from(output.as_slice());
    output.as_mut_slice().zeroize();
    bytes
}

/// The group names of a configuration value, without repetitions, and the names that are unknown. Names are separated by
/// spaces, tabs, line ends and commas.
pub fn parse_groups(list: &str) -> (Vec<Group>, Vec<&str>) {
    let (mut groups, mut unknown) = (Vec::new(), Vec::new());
    for name in list
        .split([' ', '\t', '\r', '\n', ','])
        .filter(|name| !name.is_empty())
    {
        match Group::from_name(name) {
            Some(group) if groups.contains(&group) => {}
            Some(group) => groups.push(group),
            None => unknown.push(name),
        }
    }
    (groups, unknown)
}

/// Whose public element a computation makes: the KDC's is masked with M, the client's with N (RFC 9588 section 4).
#[derive(Clone, Copy)]
pub(super) enum Role {
    Kdc,
    Client,
}

impl Role {
    /// The other side.
    pub(super) const fn peer(self) -> Self {
        match self {
            Self::Kdc => Self::Client,
            Self::Client => Self::Kdc,
        }
    }
}

/// x or y, marshalled as in the secure cookie: in range and not zero.
pub(super) struct PrivateScalar(SecretBytes);

impl PrivateScalar {
    /// How often a scalar is drawn before the random source is held to be broken. A sound one fails once with a
    /// probability of 2^-32 at P-256, the worst of the groups.
    const ATTEMPTS: usize = 4;

    pub(super) fn parse(group: Group, bytes: SecretBytes) -> Result<Self, Error> {
        group.check_scalar(bytes.expose())?;
        Ok(Self(bytes))
    }

    /// Draws a scalar uniformly.
    pub(super) fn generate<R: Random>(group: Group, random: &mut R) -> Result<Result<Self, Error>, R::Error> {
        let mut bytes = SecretBytes::zeroed(group.random_len());
        for _ in 0..Self::ATTEMPTS {
            random.fill(bytes.expose_mut())?;
            if let Ok(scalar) = group.marshal_random(&mut bytes) {
                return Ok(Ok(Self(scalar)));
            }
        }
        Ok(Err(Error::NoUsableScalar))
    }

    pub(super) const fn bytes(&self) -> &SecretBytes {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the same byte for ever.
    struct Broken(u8);

    impl Random for Broken {
        type Error = core::convert::Infallible;

        fn fill(&mut self, output: &mut [u8]) -> Result<(), Self::Error> {
            output.fill(self.0);
            Ok(())
        }
    }

    fn scalar(group: Group, seed: u8) -> PrivateScalar {
        PrivateScalar::generate(group, &mut Broken(seed))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn both_sides_agree_on_the_result() {
        for group in Group::ALL {
            let multiplier = SecretBytes::new(vec![0xfe; group.scalar_len()]);
            let (x, y) = (scalar(group, 0x11), scalar(group, 0x22));
            let public = group.public_element(Role::Kdc, &multiplier, &x).unwrap();
            let other = group.public_element(Role::Client, &multiplier, &y).unwrap();
            assert_eq!(
                (public.len(), other.len()),
                (group.element_len(), group.element_len())
            );
            let result = group.result(Role::Kdc, &multiplier, &x, &other).unwrap();
            let same = group.result(Role::Client, &multiplier, &y, &public).unwrap();
            assert!(result.matches(same.expose()));
            let wrong = SecretBytes::new(vec![0xfd; group.scalar_len()]);
            let differs = group.result(Role::Client, &wrong, &y, &public).unwrap();
            assert!(!result.matches(differs.expose()));
        }
    }

    #[test]
    fn refuses_public_keys_of_the_wrong_length() {
        for group in Group::ALL {
            let multiplier = SecretBytes::new(vec![1; group.scalar_len()]);
            let public = group.public_element(Role::Client, &multiplier, &scalar(group, 3));
            let mut longer = public.unwrap();
            longer.push(0);
            let (shorter, _) = longer.split_at(group.element_len() - 1);
            for public in [&[], shorter, &longer] {
                let result = group.result(Role::Kdc, &multiplier, &scalar(group, 3), public);
                assert_eq!(result.err(), Some(Error::InvalidPublicKey), "{group:?}");
            }
        }
    }

    #[test]
    fn refuses_scalars_of_the_wrong_length() {
        for group in Group::ALL {
            for length in [0, group.scalar_len() - 1, group.scalar_len() + 1] {
                let parsed = PrivateScalar::parse(group, SecretBytes::new(vec![8; length]));
                assert_eq!(parsed.err(), Some(Error::InvalidScalar), "{group:?}");
                let multiplier = SecretBytes::new(vec![8; length]);
                let public = group.public_element(Role::Kdc, &multiplier, &scalar(group, 3));
                assert_eq!(public, Err(Error::InvalidScalar), "{group:?}");
            }
        }
    }

    #[test]
    fn gives_up_on_a_random_source_of_zeros() {
        for group in Group::ALL {
            let scalar = PrivateScalar::generate(group, &mut Broken(0)).unwrap();
            assert_eq!(scalar.err(), Some(Error::NoUsableScalar), "{group:?}");
        }
    }

    #[test]
    fn gives_up_on_a_random_source_beyond_the_order() {
        for group in [Group::P256, Group::P384, Group::P521] {
            let scalar = PrivateScalar::generate(group, &mut Broken(0xff)).unwrap();
            assert_eq!(scalar.err(), Some(Error::NoUsableScalar), "{group:?}");
        }
    }

    #[test]
    fn a_drawn_scalar_is_one_that_a_cookie_may_hold() {
        for group in Group::ALL {
            for seed in [0x01, 0x55, 0x7f, 0xaa] {
                let scalar = scalar(group, seed);
                assert!(PrivateScalar::parse(group, SecretBytes::from(scalar.bytes().expose())).is_ok());
            }
        }
    }

    #[test]
    fn numbers_and_names_are_those_of_the_registry() {
        for (id, name) in (1..).zip(["edwards25519", "P-256", "P-384", "P-521"]) {
            let group = Group::from_id(id).unwrap();
            assert_eq!((group.id(), group.name()), (id, name));
            assert_eq!(Group::from_name(&name.to_ascii_uppercase()), Some(group));
            assert_eq!(Group::from_name(&name.to_ascii_lowercase()), Some(group));
        }
        for id in [i32::MIN, -1, 0, 5, i32::MAX] {
            assert_eq!(Group::from_id(id), None);
        }
        for name in ["", "P256", "edwards448", " P-256", "P-256,"] {
            assert_eq!(Group::from_name(name), None);
        }
    }

    #[test]
    fn hashes_have_the_registered_length() {
        for group in Group::ALL {
            assert_eq!(group.hash(&[b"a", b"b"]).expose().len(), group.hash_len());
            assert!(group.hash(&[b"a", b"b"]).matches(group.hash(&[b"ab"]).expose()));
        }
    }

    #[test]
    fn group_lists_drop_repetitions_and_name_what_is_unknown() {
        let (groups, unknown) = parse_groups("P-521, nist\tEDWARDS25519\r\np-521,,P-256 P256");
        assert_eq!(groups, [Group::P521, Group::Edwards25519, Group::P256]);
        assert_eq!(unknown, ["nist", "P256"]);
        assert_eq!(parse_groups(""), (vec![], vec![]));
        assert_eq!(parse_groups(" ,\t"), (vec![], vec![]));
    }
}
