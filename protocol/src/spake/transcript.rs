//! The transcript hash (RFC 9588 section 6).

use super::Group;
use crate::Error;

/// A running hash over the messages of one exchange. Public, but part of every derived key.
pub(super) struct Transcript {
    group: Group,
    hash: Vec<u8>,
}

impl Transcript {
    /// All zeros, of the length of the group's hash.
    pub(super) fn new(group: Group) -> Self {
        Self {
            group,
            hash: vec![0; group.hash_len()],
        }
    }

    /// Takes up an intermediate or final hash.
    pub(super) fn parse(group: Group, hash: &[u8]) -> Result<Self, Error> {
        match hash.len() == group.hash_len() {
            true => Ok(Self {
                group,
                hash: hash.to_vec(),
            }),
            false => Err(Error::MalformedCookie),
        }
    }

    /// First with the support message, empty if none was sent, and the challenge: both as they were on the wire. Then with
    /// the client's public element.
    pub(super) fn update(&mut self, first: &[u8], second: &[u8]) {
        self.hash = self.group.hash(&[&self.hash, first, second]).expose().to_vec();
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_zeros_and_hashes_each_update_behind_the_last() {
        let mut transcript = Transcript::new(Group::P384);
        assert_eq!(transcript.as_bytes(), [0; 48]);
        transcript.update(b"support", b"challenge");
        let first = Group::P384.hash(&[&[0; 48], b"supportchallenge"]);
        assert_eq!(transcript.as_bytes(), first.expose());
        transcript.update(b"public", b"");
        let second = Group::P384.hash(&[first.expose(), b"public"]);
        assert_eq!(transcript.as_bytes(), second.expose());
    }

    #[test]
    fn refuses_a_hash_of_another_group() {
        assert!(Transcript::parse(Group::P384, &[1; 48]).is_ok());
        for length in [0, 32, 47, 49, 64] {
            let parsed = Transcript::parse(Group::P384, &vec![1; length]);
            assert_eq!(parsed.err(), Some(Error::MalformedCookie));
        }
    }
}
