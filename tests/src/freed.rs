//! What a program with the inspecting allocator has freed, and what secrets are in it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    path::PathBuf,
};

use krb5_testrealm::Realm;

/// As many bytes of a secret in a row are held to be a part of it, in freed memory as nowhere else by chance.
const PART: usize = 12;

/// Something that must not be found.
pub struct Secret {
    name: String,
    bytes: Vec<u8>,
}

impl Secret {
    /// Names a secret of at least 12 bytes.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        let name = name.into();
        assert!(bytes.len() >= PART, "{name} is too short to be told from chance");
        Self {
            name,
            bytes: bytes.to_vec(),
        }
    }
}

/// The blocks that a program has freed, each different content once.
pub struct Freed(HashSet<Vec<u8>>);

impl Freed {
    /// Where `program` writes what it frees, once the file is there.
    fn path(realm: &Realm, program: &str) -> PathBuf {
        realm.dir().join("home").join(format!("{program}.freed"))
    }

    /// From now on `program` writes down what it frees.
    pub fn record(realm: &Realm, program: &str) {
        fs::write(Self::path(realm, program), b"").unwrap();
    }

    /// What it has written until now.
    pub fn read(realm: &Realm, program: &str) -> Self {
        let file = fs::read(Self::path(realm, program)).unwrap();
        let mut blocks = HashSet::new();
        let mut rest = file.as_slice();
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = u64::from_be_bytes(*length).try_into().unwrap();
            let (block, after) = after.split_at_checked(length).unwrap();
            blocks.insert(block.to_vec());
            rest = after;
        }
        Self(blocks)
    }

    /// The same as if a program had freed these blocks.
    pub fn of(blocks: &[Vec<u8>]) -> Self {
        Self(blocks.iter().cloned().collect())
    }

    /// Whether these bytes are anywhere in it.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.0
            .iter()
            .any(|block| block.windows(bytes.len()).any(|window| window == bytes))
    }

    /// The names of those secrets of which any part is in it.
    pub fn find(&self, secrets: &[Secret]) -> Vec<String> {
        let parts: HashMap<&[u8], &str> = secrets
            .iter()
            .flat_map(|secret| {
                let parts = secret.bytes.windows(PART);
                parts.map(|part| (part, secret.name.as_str()))
            })
            .collect();
        let found: BTreeSet<&str> = self
            .0
            .iter()
            .flat_map(|block| block.windows(PART))
            .filter_map(|window| parts.get(window).copied())
            .collect();
        found.into_iter().map(str::to_owned).collect()
    }

    /// Every run of `length` bytes, but those that are in `public` too, and those that are too regular to be random: a
    /// random one of 32 bytes has fewer than 20 different values in less than one of a thousand million cases.
    pub fn random_runs(&self, length: usize, public: &[Vec<u8>]) -> HashSet<&[u8]> {
        let public: HashSet<&[u8]> = public.iter().flat_map(|bytes| bytes.windows(length)).collect();
        let windows = self.0.iter().flat_map(|block| block.windows(length));
        windows
            .filter(|window| is_irregular(window) && !public.contains(window))
            .collect()
    }
}

fn is_irregular(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Vec<u8> {
        (0..32).map(|index| 0x80 ^ (index * 7)).collect()
    }

    #[test]
    fn secrets_are_found_whole_and_in_part() {
        let secrets = [Secret::new("ours", &secret()), Secret::new("other", &[9; 12])];
        for (from, to) in [(0, 32), (0, 12), (20, 32), (7, 19)] {
            let block = [b"in front", &secret()[from..to], b"behind"].concat();
            assert_eq!(Freed::of(&[vec![0; 90], block]).find(&secrets), ["ours"]);
        }
        let too_little = [b"in front", &secret()[..11], b"behind"].concat();
        assert!(Freed::of(&[too_little, vec![]]).find(&secrets).is_empty());
    }

    #[test]
    fn random_runs_are_irregular_and_not_public() {
        let freed = Freed::of(&[secret(), vec![0; 64], b"a text of words and words again".to_vec()]);
        let runs = freed.random_runs(32, &[vec![1; 32]]);
        assert_eq!(runs.into_iter().collect::<Vec<_>>(), [secret()]);
        let wire = [b"in front", secret().as_slice()].concat();
        assert!(freed.random_runs(32, &[wire]).is_empty());
    }
}
