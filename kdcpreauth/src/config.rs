//! What kdc.conf says, read for both modules.
//!
//! Impossible values and relations that this version does not serve keep the KDC from starting: see
//! [`crate::policy::FidoPolicy`], whose init is the one that can.

use krb5_fido_protocol::{fido::kdc_settings::KdcConfiguration, kdc_state_dir};
use krb5_plugin::{Error, Failure, Profile};

/// Reads and checks the whole configuration. The first fault of it is the failure.
pub(crate) fn read_configuration(profile: &Profile) -> Result<KdcConfiguration, Failure> {
    KdcConfiguration::read(profile, kdc_state_dir!())?.map_err(|faults| Failure {
        error: Error::INVALID,
        message: faults.first().map(ToString::to_string),
    })
}
