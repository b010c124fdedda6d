//! Randomness of the operating system.

use crate::Error;

/// Random bytes.
///
/// # Errors
/// [`Error::Random`].
pub(crate) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}
