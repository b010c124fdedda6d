//! Which of the attached keys is to be registered, and whether the realm would accept it.

use std::time::Duration;

use krb5_fido_keys::{Device, DeviceInfo, Verification};
use krb5_fido_protocol::fido::{authenticator_data::Aaguid, cose::Algorithm, factor::UserVerification};

use super::{KeyRequest, requirements};
use crate::Error;

/// The algorithms that keys may be asked for: those that libfido2 and the KDC both know and keys have.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];

/// How long a key may take to tell silently what it holds.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// The key that is to be registered, open.
pub struct ChosenKey {
    pub(super) device: Device,
    pub(super) product: String,
    pub(super) algorithm: Algorithm,
    place: String,
}

impl ChosenKey {
    /// Its product name.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The value of fido_device that means it.
    pub fn device(&self) -> &str {
        &self.place
    }

    /// Its model, if it tells.
    pub const fn aaguid(&self) -> Option<Aaguid> {
        self.device.capabilities().aaguid
    }
}

/// Opens the key that is meant: the only one that is attached, or the only one that is not registered for the principal and
/// the rpId yet. Nobody has to touch it.
///
/// # Errors
/// [`Error::NoKey`], [`Error::SeveralKeys`], [`Error::AllRegistered`], [`Error::Key`]; what the realm or the caller demands
/// and the key cannot do: [`Error::NoCommonAlgorithm`], [`Error::AlgorithmMissing`], [`Error::PinNotSet`],
/// [`Error::CannotVerify`].
pub(super) fn choose_key(request: &KeyRequest<'_>) -> Result<ChosenKey, Error> {
    let found = only_key(request)?;
    let device = Device::open(found)?;
    let product = found.product().to_owned();
    let algorithm = choose_algorithm(request, &device, &product)?;
    check_verification(request, &device, &product)?;
    Ok(ChosenKey {
        algorithm,
        place: found.device(),
        device,
        product,
    })
}

fn only_key<'a>(request: &'a KeyRequest<'_>) -> Result<&'a DeviceInfo, Error> {
    let found = match request.found.as_slice() {
        [] => return Err(Error::NoKey),
        [only] => return Ok(only),
        several => several,
    };
    let ids = request.registered_ids();
    let new: Vec<&DeviceInfo> = found
        .iter()
        .filter(|key| !is_registered(key, request.rp_id, &ids))
        .collect();
    match new.as_slice() {
        [] => Err(Error::AllRegistered {
            keys: name_all(found),
            principal: request.principal.to_owned(),
        }),
        [only] => Ok(only),
        several => Err(Error::SeveralKeys {
            keys: name_all(several.iter().copied()),
        }),
    }
}

/// Whether a key holds one of these credentials; one that cannot be asked may be the one that is meant.
fn is_registered(key: &DeviceInfo, rp_id: &str, ids: &[&[u8]]) -> bool {
    if ids.is_empty() {
        return false;
    }
    let held = Device::open(key)
        .and_then(|mut device| device.find_credential(rp_id, ids, Verification::None, LOOK_TIMEOUT));
    matches!(held, Ok(Some(_)))
}

fn name_all<'a>(keys: impl IntoIterator<Item = &'a DeviceInfo>) -> String {
    let names: Vec<String> = keys.into_iter().map(DeviceInfo::device).collect();
    names.join(", ")
}

/// The first algorithm of the realm that the caller wants and the key has.
fn choose_algorithm(request: &KeyRequest<'_>, device: &Device, product: &str) -> Result<Algorithm, Error> {
    let is_asked_for = |algorithm: &Algorithm| match request.wishes.algorithm {
        Some(wanted) => *algorithm == wanted,
        None => ALGORITHMS.contains(algorithm),
    };
    let accepted = request.settings.algorithms.iter().copied();
    let asked: Vec<Algorithm> = accepted.filter(is_asked_for).collect();
    if asked.is_empty() {
        return Err(Error::NoCommonAlgorithm {
            realm: request.realm.to_owned(),
            algorithms: match request.wishes.algorithm {
                Some(wanted) => wanted.name().to_owned(),
                None => names(&ALGORITHMS),
            },
        });
    }
    let known = &device.capabilities().algorithms;
    let has = |algorithm: &Algorithm| {
        known.is_empty()
            || known
                .iter()
                .any(|number| i64::from(*number) == algorithm.identifier())
    };
    let able = asked.iter().copied().find(has);
    able.ok_or_else(|| Error::AlgorithmMissing {
        product: product.to_owned(),
        algorithms: names(&asked),
    })
}

fn names(algorithms: &[Algorithm]) -> String {
    let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
    names.join(", ")
}

/// Refuses, before anybody touches it, a key that the KDC would refuse for not knowing its user.
fn check_verification(request: &KeyRequest<'_>, device: &Device, product: &str) -> Result<(), Error> {
    let capabilities = device.capabilities();
    let product = product.to_owned();
    if capabilities.pin_set || capabilities.uv_configured {
        return Ok(());
    }
    if requirements(request).uv == UserVerification::Required {
        return Err(Error::PinNotSet {
            realm: request.realm.to_owned(),
            product,
        });
    }
    match request.wishes.uv {
        true => Err(Error::CannotVerify { product }),
        false => Ok(()),
    }
}
