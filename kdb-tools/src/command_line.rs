//! The command lines of the programs: read by them, and by whatever tells what they take.

mod common;
pub mod kdb5_fido;
pub mod kfido;
mod manual;
mod registration;

pub use common::CommonOptions;
pub use manual::Manual;
pub use registration::RegistrationOptions;
