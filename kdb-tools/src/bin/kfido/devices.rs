//! kfido devices: which keys are attached, and what they can do.

use std::process::ExitCode;

use krb5_fido_keys::{Capabilities, Device, DeviceInfo};
use krb5_fido_protocol::fido::cose::Algorithm;
use krb5_fido_tools::{
    ClientRealm, Error, fail,
    format::{line, object, words},
    print,
};
use serde_json::{Map, Value, json};

use crate::PROGRAM;

pub(crate) fn run(realm: &ClientRealm, devices: &[String], as_json: bool) -> Result<ExitCode, Error> {
    let keys: Vec<AttachedKey> = realm
        .find_keys(devices)?
        .into_iter()
        .map(AttachedKey::look_at)
        .collect();
    let text = match as_json {
        true => {
            let objects = keys.iter().map(AttachedKey::describe).map(Value::Object);
            format!("{}\n", Value::Array(objects.collect()))
        }
        false => keys.iter().map(AttachedKey::tell).collect(),
    };
    print(&text).map_err(Error::Output)?;
    if keys.is_empty() {
        return Ok(fail(PROGRAM, &Error::NoKey));
    }
    Ok(match keys.iter().any(AttachedKey::answers) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A key, as it was looked at and closed again.
pub(crate) struct AttachedKey {
    info: DeviceInfo,
    state: Result<State, krb5_fido_keys::Error>,
}

struct State {
    capabilities: Capabilities,
    pin: Pin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pin {
    Unsupported,
    NotSet,
    /// With the attempts that are left, if the key tells.
    Set(Option<u8>),
    Blocked,
}

impl Pin {
    fn of(device: &mut Device) -> Self {
        let capabilities = device.capabilities();
        match (capabilities.pin_supported, capabilities.pin_set) {
            (false, _) => Self::Unsupported,
            (true, false) => Self::NotSet,
            (true, true) => Self::set(device.pin_retries().ok()),
        }
    }

    const fn set(retries: Option<u8>) -> Self {
        match retries {
            Some(0) => Self::Blocked,
            retries => Self::Set(retries),
        }
    }

    const fn retries(self) -> Option<u8> {
        match self {
            Self::Set(retries) => retries,
            Self::Blocked => Some(0),
            Self::Unsupported | Self::NotSet => None,
        }
    }

    const fn identifier(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::NotSet => "not_set",
            Self::Set(_) => "set",
            Self::Blocked => "blocked",
        }
    }

    fn tell(self) -> String {
        match self {
            Self::Unsupported => "none: this key cannot have one".to_owned(),
            Self::NotSet => "not set".to_owned(),
            Self::Set(Some(1)) => "set, 1 attempt left".to_owned(),
            Self::Set(Some(retries)) => format!("set, {retries} attempts left"),
            Self::Set(None) => "set".to_owned(),
            Self::Blocked => "blocked: only a reset helps, which erases the key".to_owned(),
        }
    }
}

impl AttachedKey {
    /// Asks a key what it can do, silently.
    pub(crate) fn look_at(info: DeviceInfo) -> Self {
        let state = Device::open(&info).map(|mut device| State {
            pin: Pin::of(&mut device),
            capabilities: device.capabilities().clone(),
        });
        Self { info, state }
    }

    /// Whether it could be opened.
    pub(crate) const fn answers(&self) -> bool {
        self.state.is_ok()
    }

    /// Its name, where it is, and what is the matter with it.
    pub(crate) fn summary(&self) -> String {
        let name = format!("{} ({})", self.info.product(), self.info.device());
        match &self.state {
            Ok(_) => name,
            Err(error) => format!("{name}: {error}"),
        }
    }

    fn tell(&self) -> String {
        let vendor = self.info.vendor().map(|vendor| format!(", {vendor}"));
        let head = format!(
            "{}: {}{}\n",
            self.info.device(),
            self.info.product(),
            vendor.unwrap_or_default()
        );
        match &self.state {
            Ok(state) => head + &state.tell(),
            Err(error) => format!("{head}    {error}\n"),
        }
    }

    pub(crate) fn describe(&self) -> Map<String, Value> {
        let mut members = object([
            ("device", json!(self.info.device())),
            ("product", json!(self.info.product())),
            ("vendor", json!(self.info.vendor())),
        ]);
        match &self.state {
            Ok(state) => members.extend(state.describe()),
            Err(error) => members.extend(object([("error", json!(error.to_string()))])),
        }
        members
    }
}

impl State {
    fn tell(&self) -> String {
        let key = &self.capabilities;
        let algorithms: Vec<String> = key
            .algorithms
            .iter()
            .map(|number| name_algorithm(*number))
            .collect();
        let aaguid = key.aaguid.map(|aaguid| aaguid.to_string());
        let lines = [
            ("versions", words(&key.versions, "not told")),
            ("PIN", self.pin.tell()),
            ("built-in check", tell_uv(key).to_owned()),
            ("always checks", tell_always_uv(key).to_owned()),
            ("algorithms", words(&algorithms, "not told")),
            ("transports", words(&key.transports, "not told")),
            ("AAGUID", aaguid.unwrap_or_else(|| "none".to_owned())),
        ];
        lines.iter().map(|(label, text)| line(label, text)).collect()
    }

    fn describe(&self) -> Map<String, Value> {
        let key = &self.capabilities;
        let builtin_uv = match (key.uv_supported, key.uv_configured) {
            (_, true) => "configured",
            (true, false) => "not_configured",
            (false, false) => "unsupported",
        };
        object([
            ("versions", json!(key.versions)),
            ("pin", json!(self.pin.identifier())),
            ("pin_retries", json!(self.pin.retries())),
            ("builtin_uv", json!(builtin_uv)),
            ("always_uv", json!(key.always_uv)),
            ("algorithms", json!(key.algorithms)),
            ("transports", json!(key.transports)),
            ("aaguid", json!(key.aaguid.map(|aaguid| aaguid.to_string()))),
        ])
    }
}

const fn tell_uv(key: &Capabilities) -> &'static str {
    match (key.uv_supported, key.uv_configured) {
        (_, true) => "set up: a fingerprint or the like",
        (true, false) => "not set up",
        (false, false) => "none",
    }
}

const fn tell_always_uv(key: &Capabilities) -> &'static str {
    match key.always_uv {
        true => "yes: it signs for nobody whom it has not checked (alwaysUv)",
        false => "no",
    }
}

/// The name of a COSE algorithm that logins can use; of any other, its number.
fn name_algorithm(number: i32) -> String {
    match Algorithm::from_identifier(number.into()) {
        Ok(algorithm) => algorithm.name().to_owned(),
        Err(_) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_attempts_left_is_blocked() {
        assert_eq!(Pin::set(Some(0)), Pin::Blocked);
        assert_eq!(Pin::set(Some(0)).retries(), Some(0));
        assert_eq!(Pin::set(Some(8)), Pin::Set(Some(8)));
        assert_eq!(Pin::set(None).tell(), "set");
        assert_eq!(Pin::set(Some(1)).tell(), "set, 1 attempt left");
    }

    #[test]
    fn algorithms_have_names_or_numbers() {
        assert_eq!(name_algorithm(-7), "ES256");
        assert_eq!(name_algorithm(-8), "EdDSA");
        assert_eq!(name_algorithm(-36), "-36");
    }
}
