//! How the user of a key will be verified.

use krb5_fido_keys::Capabilities;
use krb5_fido_protocol::{fido::factor::UserVerification, helper::Failure};

/// How the user will be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    TouchOnly,
    BuiltIn,
    Pin,
}

/// What browsers do: fingerprint if enrolled, else the PIN if one is set. A key that verifies its user always gets the same
/// treatment under `discouraged`.
pub(crate) fn plan_verification(
    uv: UserVerification,
    key: &Capabilities,
    product: &str,
) -> Result<Plan, Failure> {
    let product = || product.to_owned();
    let wanted = uv != UserVerification::Discouraged || key.always_uv;
    let required = uv == UserVerification::Required || key.always_uv;
    match required {
        _ if wanted && key.uv_configured => Ok(Plan::BuiltIn),
        _ if wanted && key.pin_set => Ok(Plan::Pin),
        true if !key.fido2 => Err(Failure::U2fOnly { product: product() }),
        true => Err(Failure::PinRequiredNotSet { product: product() }),
        false => Ok(Plan::TouchOnly),
    }
}
