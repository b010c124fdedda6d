//! Finding the key that holds one of the credentials.

use std::time::{Duration, Instant};

use krb5_fido_keys::{Device, DeviceInfo, DeviceSpec, Error, discover};
use krb5_fido_protocol::{fido::factor::UserVerification, helper::Failure};

use crate::{
    failure::explain,
    link::{Link, Stop},
    party::Party,
};

/// When the user has had enough time for key and touch.
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// What is left, or the failure when nothing is.
    pub(crate) fn left(&self) -> Result<Duration, Failure> {
        let Some(deadline) = self.0 else {
            return Ok(Duration::MAX);
        };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(Failure::TimedOut),
            left => Ok(left),
        }
    }

    /// Gives back the time that the user spent on typing.
    pub(crate) fn extend(&mut self, by: Duration) {
        self.0 = self.0.and_then(|deadline| deadline.checked_add(by));
    }
}

/// An open key, and what to sign with it.
pub(crate) struct Found<'a> {
    pub(crate) device: Device,
    pub(crate) product: String,
    pub(crate) party: &'a Party<'a>,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) uv: UserVerification,
}

/// Whether there is a key to ask, which is left alone.
pub(crate) fn is_attached(devices: &[String]) -> Result<bool, Failure> {
    let specs = parse_devices(devices)?;
    let found = discover(&specs).map_err(|_| Failure::Internal)?;
    Ok(!found.is_empty())
}

/// The values of `fido_device`; `auto` if there are none.
pub(crate) fn parse_devices(devices: &[String]) -> Result<Vec<DeviceSpec>, Failure> {
    if devices.is_empty() {
        return Ok(vec![DeviceSpec::Auto]);
    }
    let parse = |value: &String| {
        DeviceSpec::parse(value).map_err(|_| Failure::InvalidConfiguration {
            relation: "fido_device".to_owned(),
            value: value.clone(),
        })
    };
    devices.iter().map(parse).collect()
}

/// The first key that holds one of the credentials. When none does, the failure of the key that came closest.
pub(crate) fn find_key<'a>(
    specs: &[DeviceSpec],
    parties: &'a [Party<'a>],
    deadline: &Deadline,
    link: &Link,
) -> Result<Found<'a>, Stop> {
    let mut closest = Failure::NoKey;
    for info in discover(specs).map_err(|_| Failure::Internal)? {
        match search_key(&info, parties, deadline, link) {
            Ok(found) => return Ok(found),
            Err(Stop::Failed(failure)) if !ends_search(&failure) => {
                if closeness(&failure) > closeness(&closest) {
                    closest = failure;
                }
            }
            Err(stop) => return Err(stop),
        }
    }
    Err(closest.into())
}

const fn ends_search(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::TimedOut | Failure::Cancelled | Failure::Internal
    )
}

/// Which failure helps the user most, when several keys failed.
const fn closeness(failure: &Failure) -> u8 {
    match failure {
        Failure::NoKey => 0,
        Failure::DeviceUnavailable { .. } => 1,
        Failure::U2fOnly { .. } => 2,
        Failure::WrongKey { .. } => 4,
        _ => 3,
    }
}

fn search_key<'a>(
    info: &DeviceInfo,
    parties: &'a [Party<'a>],
    deadline: &Deadline,
    link: &Link,
) -> Result<Found<'a>, Stop> {
    let product = info.product().to_owned();
    let explain = |error: Error| explain(error, info.product());
    deadline.left()?;
    let mut device = Device::open(info).map_err(explain)?;
    link.attach(&device)?;
    if !device.capabilities().fido2 {
        return Err(Failure::U2fOnly { product }.into());
    }
    for party in parties {
        let held = device
            .find_credential(party.rp_id, &party.ids(), deadline.left()?)
            .map_err(explain)?;
        let credential = held.and_then(|id| party.credentials.iter().find(|credential| credential.id == id));
        if let Some(credential) = credential {
            return Ok(Found {
                device,
                product,
                party,
                credential_id: credential.id.clone(),
                uv: credential.uv,
            });
        }
    }
    Err(Failure::WrongKey { product }.into())
}
