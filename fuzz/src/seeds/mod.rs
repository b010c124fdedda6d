//! What the targets start from: made by the crate's own encoders, and out of the vectors of its tests.

mod doors;
mod exchanges;
mod scripts;
mod texts;
mod vectors;

use std::path::{Path, PathBuf};

/// A seed of one target.
pub struct Seed {
    /// The target's name.
    pub target: &'static str,
    /// The name of its file.
    pub name: String,
    /// What the target is given.
    pub bytes: Vec<u8>,
}

impl Seed {
    fn new(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            target,
            name: name.into(),
            bytes: bytes.into(),
        }
    }

    /// Where it lies below the directory of seeds.
    pub fn path(&self, seeds: &Path) -> PathBuf {
        seeds.join(self.target).join(&self.name)
    }
}

/// All of them.
pub fn all() -> Vec<Seed> {
    let all = [
        doors::seeds(),
        exchanges::seeds(),
        vectors::seeds(),
        texts::seeds(),
        scripts::seeds(),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
