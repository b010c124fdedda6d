//! What registrations take, in both programs.

use clap::{Args, ValueEnum};
use krb5_fido_protocol::fido::cose::Algorithm;

use crate::Wishes;

/// What registrations take.
#[derive(Args)]
pub struct RegistrationOptions {
    /// The key, as in fido_device: auto, a device path, or unix:PATH; repeatable
    #[arg(long, value_name = "DEV")]
    pub device: Vec<String>,
    /// The relying party to register for; by default what clients of the realm sign for
    #[arg(long, value_name = "ID")]
    pub rp_id: Option<String>,
    /// Take a key only if it verifies its user, by PIN or fingerprint
    #[arg(long)]
    uv: bool,
    /// Have the key keep the credential itself, which takes one of its places
    #[arg(long)]
    resident: bool,
    /// The algorithm; without it the first that the key has of fido_algorithms, which kfido takes to be ES256 and EdDSA
    #[arg(long, value_name = "ALGORITHM", ignore_case = true)]
    algorithm: Option<KeyAlgorithm>,
    /// Do not ask whether this is meant
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum KeyAlgorithm {
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
}

impl RegistrationOptions {
    /// What is wanted of the key.
    pub fn wishes(&self) -> Wishes {
        Wishes {
            uv: self.uv,
            resident: self.resident,
            algorithm: self.algorithm.map(|algorithm| match algorithm {
                KeyAlgorithm::Es256 => Algorithm::Es256,
                KeyAlgorithm::EdDsa => Algorithm::EdDsa,
            }),
        }
    }
}
