//! What krb5.conf and `kinit -X` say about security keys.

use std::path::PathBuf;

use krb5_fido_protocol::{
    fido::client_settings::{ClientSettings, DEVICE, InvalidValue, read_helper},
    helper::AttachedKey,
    installed_helper,
};
use krb5_plugin::{Context, Error, Failure, Profile, parse_duration};

use crate::texts;

const TIMEOUT_DEFAULT: &str = "60s";

/// How every relation and option of ours begins.
const OURS: &str = "fido_";

const TIMEOUT: &str = "fido_timeout";

/// The values of fido_device that name no device.
const DEVICES_UNNAMED: [&str; 2] = ["auto", "none"];

/// Options of `kinit -X`: they win over krb5.conf.
#[derive(Clone, Default)]
pub(crate) struct Options {
    device: Option<String>,
    timeout: Option<String>,
}

impl Options {
    /// Takes an option that is ours and leaves those of others alone.
    pub(crate) fn take(&mut self, attribute: &str, value: &str) -> Result<(), Failure> {
        match attribute {
            DEVICE => self.device = Some(value.to_owned()),
            TIMEOUT => {
                parse_timeout(value).map_err(|text| Failure::new(Error::INVALID, text))?;
                self.timeout = Some(value.to_owned());
            }
            _ if attribute.starts_with(OURS) => {
                return Err(Failure::new(Error::INVALID, texts::unknown_option(attribute)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The configuration for one realm.
pub(crate) struct Config {
    /// Whom to sign for, and with which keys.
    pub(crate) settings: ClientSettings,
    /// Seconds.
    pub(crate) timeout: u32,
    pub(crate) helper: PathBuf,
}

/// Why there is none: a text for the user.
struct Unreadable(String);

impl From<InvalidValue> for Unreadable {
    fn from(invalid: InvalidValue) -> Self {
        Self(texts::invalid_value(invalid.relation, &invalid.value))
    }
}

impl From<Error> for Unreadable {
    fn from(error: Error) -> Self {
        Self(error.text())
    }
}

impl Config {
    /// The devices that are named, so that their absence is an error.
    pub(crate) fn named_devices(&self) -> Vec<AttachedKey> {
        let devices = self.settings.devices.iter();
        let named = devices.filter(|device| !DEVICES_UNNAMED.contains(&device.as_str()));
        let key = |path: &String| AttachedKey {
            path: path.clone(),
            product: String::new(),
            state: None,
        };
        named.map(key).collect()
    }

    /// Reads the configuration for `realm`. An error is a text for the user.
    pub(crate) fn read(context: Context<'_>, realm: &str, options: &Options) -> Result<Self, String> {
        Self::try_read(context, realm, options).map_err(|unreadable| unreadable.0)
    }

    fn try_read(context: Context<'_>, realm: &str, options: &Options) -> Result<Self, Unreadable> {
        let profile = Profile::of(context)?;
        let values = |relation: &str| Ok::<_, Unreadable>(profile.realm_values(realm, relation)?);
        let value = |relation| values(relation).map(|values| values.into_iter().next());

        let mut settings = ClientSettings::read(values)?;
        if let Some(device) = &options.device {
            settings.devices = vec![device.clone()];
        }
        let timeout = match &options.timeout {
            Some(timeout) => timeout.clone(),
            None => value(TIMEOUT)?.unwrap_or_else(|| TIMEOUT_DEFAULT.to_owned()),
        };
        Ok(Self {
            settings,
            timeout: parse_timeout(&timeout).map_err(Unreadable)?,
            helper: read_helper(values, installed_helper!())?.into(),
        })
    }
}

/// Seconds, at least one.
fn parse_timeout(text: &str) -> Result<u32, String> {
    parse_duration(text)
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| texts::invalid_value(TIMEOUT, text))
}
