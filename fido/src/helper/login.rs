//! One login: find the key, verify its user, sign.

use std::time::{Duration, Instant};

use krb5_fido_keys::{AssertionRequest, Capabilities, Error, Pin, Verification};
use krb5_fido_protocol::{
    fido::factor::{FidoAssertion, UserVerification},
    helper::{Assert, Failure, Message, PinWanted},
};

use crate::{
    failure::explain,
    key::{Deadline, Found, find_key, parse_devices},
    link::{Link, Stop},
    party::accept_parties,
};

/// A key that gave up waiting is asked again if there is at least this much time left.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// How the user will be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    TouchOnly,
    BuiltIn,
    Pin,
}

pub(crate) fn sign_in(request: &Assert, link: &Link) -> Result<FidoAssertion, Stop> {
    let specs = parse_devices(&request.devices)?;
    let parties = accept_parties(request, link)?;
    let mut deadline = Deadline::after(Duration::from_secs(request.timeout_seconds.into()));
    let mut found = find_key(&specs, &parties, &deadline, link)?;
    let mut plan = plan_verification(found.uv, found.device.capabilities(), &found.product)?;
    loop {
        let pin = match plan {
            Plan::Pin => Some(ask_pin(&mut found, &mut deadline, link)?),
            Plan::TouchOnly | Plan::BuiltIn => None,
        };
        let verification = match (plan, &pin) {
            (Plan::BuiltIn, _) => Verification::BuiltIn,
            (_, Some(pin)) => Verification::Pin(pin),
            (_, None) => Verification::None,
        };
        match sign(&mut found, verification, &deadline, link) {
            Err(Refusal::PinHelps) if plan != Plan::Pin => plan = Plan::Pin,
            Err(Refusal::PinHelps) => return Err(explain(Error::PinRequired, &found.product).into()),
            Err(Refusal::Final(stop)) => return Err(stop),
            Ok(assertion) => return Ok(assertion),
        }
    }
}

/// What browsers do: fingerprint if enrolled, else the PIN if one is set. A key that verifies its user always gets the same
/// treatment under `discouraged`.
pub(crate) fn plan_verification(
    uv: UserVerification,
    key: &Capabilities,
    product: &str,
) -> Result<Plan, Failure> {
    let wanted = uv != UserVerification::Discouraged || key.always_uv;
    match uv {
        _ if wanted && key.uv_configured => Ok(Plan::BuiltIn),
        _ if wanted && key.pin_set => Ok(Plan::Pin),
        UserVerification::Required => Err(Failure::PinRequiredNotSet {
            product: product.to_owned(),
        }),
        UserVerification::Preferred | UserVerification::Discouraged => Ok(Plan::TouchOnly),
    }
}

fn ask_pin(found: &mut Found<'_>, deadline: &mut Deadline, link: &Link) -> Result<Pin, Stop> {
    let product = found.product.clone();
    let retries = match found.device.pin_retries() {
        Ok(0) => return Err(Failure::PinBlocked { product }.into()),
        Ok(retries) => Some(retries),
        Err(error @ (Error::Disconnected | Error::TimedOut | Error::Cancelled)) => {
            return Err(explain(error, &product).into());
        }
        Err(_) => None,
    };
    let asked = Instant::now();
    link.send(&Message::PinWanted(PinWanted { product, retries }))?;
    let Message::Pin(pin) = link.receive()? else {
        return Err(Failure::Internal.into());
    };
    deadline.extend(asked.elapsed());
    // What no key has as its PIN is a wrong one, and costs no try.
    Pin::new(pin.expose()).map_err(|_| {
        Stop::Failed(Failure::PinInvalid {
            product: found.product.clone(),
            retries,
        })
    })
}

/// Why a key did not sign.
enum Refusal {
    /// It does if it gets its PIN.
    PinHelps,
    Final(Stop),
}

fn sign(
    found: &mut Found<'_>,
    verification: Verification<'_>,
    deadline: &Deadline,
    link: &Link,
) -> Result<FidoAssertion, Refusal> {
    link.send(&Message::TouchNow(found.product.clone()))
        .map_err(Refusal::Final)?;
    loop {
        let timeout = deadline
            .left()
            .map_err(|failure| Refusal::Final(failure.into()))?;
        let result = found.device.get_assertion(&AssertionRequest {
            rp_id: found.party.rp_id,
            client_data_hash: &found.party.client_data_hash,
            credential_id: &found.credential_id,
            verification,
            timeout,
        });
        match result {
            Ok(assertion) => {
                return Ok(FidoAssertion {
                    credential_id: assertion.credential_id,
                    authenticator_data: assertion.authenticator_data,
                    signature: assertion.signature,
                });
            }
            // The key's own time limit is shorter than ours.
            Err(Error::TimedOut) if deadline.left().is_ok_and(|left| left > RETRY_MIN) => {}
            Err(Error::UvInvalid | Error::UvBlocked | Error::PinRequired)
                if found.device.capabilities().pin_set =>
            {
                return Err(Refusal::PinHelps);
            }
            Err(Error::PinInvalid) => {
                let retries = found.device.pin_retries().ok();
                let product = found.product.clone();
                return Err(Refusal::Final(Failure::PinInvalid { product, retries }.into()));
            }
            Err(error) => return Err(Refusal::Final(explain(error, &found.product).into())),
        }
    }
}
