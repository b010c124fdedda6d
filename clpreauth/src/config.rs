//! What krb5.conf and `kinit -X` say about security keys.

use std::path::PathBuf;

use krb5_plugin::{Context, Error, Failure, Profile, parse_duration};

use crate::texts;

/// Where the helper is installed.
const HELPER: &str = match option_env!("KRB5_FIDO_HELPER") {
    Some(path) => path,
    None => "/usr/local/libexec/krb5-fido-helper",
};

const TIMEOUT_DEFAULT: &str = "60s";

const DEVICE: &str = "fido_device";
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
    /// Takes an option that is ours and leaves any other alone.
    pub(crate) fn take(&mut self, attribute: &str, value: &str) -> Result<(), Failure> {
        match attribute {
            DEVICE => self.device = Some(value.to_owned()),
            TIMEOUT => {
                parse_timeout(value).map_err(|text| Failure::new(Error::INVALID, text))?;
                self.timeout = Some(value.to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

/// The configuration for one realm.
pub(crate) struct Config {
    pub(crate) rp_id: Option<String>,
    pub(crate) public_suffix_list: Option<String>,
    pub(crate) devices: Vec<String>,
    /// Seconds.
    pub(crate) timeout: u32,
    pub(crate) helper: PathBuf,
}

impl Config {
    /// Whether a device is named, so that its absence is an error.
    pub(crate) fn names_a_device(&self) -> bool {
        self.devices
            .iter()
            .any(|device| !DEVICES_UNNAMED.contains(&device.as_str()))
    }

    /// Reads the configuration for `realm`. An error is a text for the user.
    pub(crate) fn read(context: Context<'_>, realm: &str, options: &Options) -> Result<Self, String> {
        let profile = Profile::of(context).map_err(|error| error.text())?;
        let values = |relation| {
            profile
                .realm_values(realm, relation)
                .map_err(|error| error.text())
        };
        let value = |relation| values(relation).map(|values| values.into_iter().next());

        let rp_id = value("fido_rp_id")?;
        let wants_facets =
            value("fido_facets_url")?.is_some() && value("fido_facets")?.as_deref() != Some("no");
        if wants_facets && rp_id.is_none() {
            return Err(texts::FACETS_UNSUPPORTED.to_owned());
        }
        let timeout = match &options.timeout {
            Some(timeout) => timeout.clone(),
            None => value(TIMEOUT)?.unwrap_or_else(|| TIMEOUT_DEFAULT.to_owned()),
        };
        let helper = PathBuf::from(value("fido_helper")?.unwrap_or_else(|| HELPER.to_owned()));
        if !helper.is_absolute() {
            return Err(texts::invalid_value("fido_helper", &helper.display().to_string()));
        }
        Ok(Self {
            rp_id,
            public_suffix_list: value("fido_public_suffix_list")?,
            devices: match &options.device {
                Some(device) => vec![device.clone()],
                None => values(DEVICE)?,
            },
            timeout: parse_timeout(&timeout)?,
            helper,
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
