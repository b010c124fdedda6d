//! What clients with this machine's krb5.conf do in a realm: which keys they use, and for which names.

use std::{env, path::PathBuf, time::Duration};

use krb5_fido_keys::{DeviceInfo, DeviceSpec, FacetFetcher, RealmRules, cache_directory, discover};
use krb5_fido_protocol::{
    fido::{
        client_settings::{ClientSettings, read_helper},
        rp_id::{RpIdRules, Rule},
    },
    installed_helper,
};
use krb5_plugin::{Context, Profile};

use crate::Error;

/// How long a facet list may take.
const FACETS_TIMEOUT: Duration = Duration::from_secs(10);

/// A realm as clients see it.
pub struct ClientRealm {
    name: String,
    profile: Profile,
    settings: ClientSettings,
}

impl ClientRealm {
    /// Reads the configuration for `realm`.
    ///
    /// # Errors
    /// [`Error::ClientConfiguration`], [`Error::InvalidSetting`].
    pub fn read(context: Context<'_>, realm: &str) -> Result<Self, Error> {
        let profile = Profile::of(context).map_err(unreadable)?;
        let settings = ClientSettings::read(|relation| values(&profile, realm, relation))?;
        Ok(Self {
            name: realm.to_owned(),
            profile,
            settings,
        })
    }

    /// The realm's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names that clients sign for. Facet lists are fetched.
    ///
    /// # Errors
    /// [`Error::SuffixList`].
    pub fn rules(&self) -> Result<RealmRules, Error> {
        let fetcher = FacetFetcher::new(cache_directory(|name| env::var_os(name)));
        Ok(RealmRules::read(
            &self.name,
            &self.settings,
            &fetcher,
            FACETS_TIMEOUT,
        )?)
    }

    /// The path of krb5-fido-helper.
    ///
    /// # Errors
    /// [`Error::ClientConfiguration`], [`Error::InvalidSetting`].
    pub fn helper(&self) -> Result<PathBuf, Error> {
        let values = |relation: &str| values(&self.profile, &self.name, relation);
        read_helper(values, installed_helper!()).map(PathBuf::from)
    }

    /// The keys that `devices` name, or else fido_device; without either, all that are attached.
    ///
    /// # Errors
    /// [`Error::MalformedDevice`], [`Error::KeySearch`].
    pub fn find_keys(&self, devices: &[String]) -> Result<Vec<DeviceInfo>, Error> {
        find_keys(match devices {
            [] => &self.settings.devices,
            named => named,
        })
    }
}

fn values(profile: &Profile, realm: &str, relation: &str) -> Result<Vec<String>, Error> {
    profile.realm_values(realm, relation).map_err(unreadable)
}

fn unreadable(error: krb5_plugin::Error) -> Error {
    Error::ClientConfiguration { text: error.text() }
}

/// The keys that values of fido_device name; all that are attached if there are none.
fn find_keys(devices: &[String]) -> Result<Vec<DeviceInfo>, Error> {
    let parse = |device: &String| {
        DeviceSpec::parse(device).map_err(|_| Error::MalformedDevice {
            device: device.clone(),
        })
    };
    let specs = match devices {
        [] => vec![DeviceSpec::Auto],
        devices => devices.iter().map(parse).collect::<Result<_, _>>()?,
    };
    discover(&specs).map_err(Error::KeySearch)
}

/// The rpId to register for in `realm`, and the rule that lets clients sign for it: `wanted`, or that of the first rule.
///
/// # Errors
/// [`Error::ForeignRelyingParty`].
pub fn choose_rp_id<'a>(
    realm: &str,
    rules: &'a RpIdRules,
    wanted: Option<&'a str>,
) -> Result<(&'a str, Rule), Error> {
    let Some(wanted) = wanted else {
        return Ok(rules.registration());
    };
    let accepted = rules.accepts(wanted).map(|rule| (wanted, rule));
    accepted.ok_or_else(|| Error::ForeignRelyingParty {
        rp_id: wanted.to_owned(),
        realm: realm.to_owned(),
        accepted: rules
            .accepted()
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(" or "),
    })
}
