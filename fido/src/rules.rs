//! Which names a client signs for in a realm, by what its krb5.conf says.

use std::time::Duration;

use krb5_fido_protocol::fido::{
    client_settings::ClientSettings,
    facets::FacetList,
    rp_id::{RpIdRules, VouchingList},
};

use crate::{FacetFetcher, FacetsError, FacetsUrl, SuffixListError, read_suffix_list};

/// The rules for a realm, with all facet lists that may be looked up before a KDC has named any.
#[derive(Debug)]
pub struct RealmRules {
    /// The rules themselves.
    pub rules: RpIdRules,
    /// The lists that count for nothing.
    pub unused: Vec<UnusedList>,
}

/// A facet list that counts for nothing.
#[derive(Debug)]
pub struct UnusedList {
    /// Its URL as configured.
    pub url: String,
    /// Why.
    pub reason: FacetsError,
}

impl RealmRules {
    /// Reads the public suffix list and fetches the facet lists, one after the other, each within `limit` and ten seconds.
    ///
    /// # Errors
    /// [`SuffixListError`]. A facet list that is not to be had is no error.
    pub fn read(
        realm: &str,
        settings: &ClientSettings,
        fetcher: &FacetFetcher,
        limit: Duration,
    ) -> Result<Self, SuffixListError> {
        let mut rules = rules_without_facets(realm, settings)?;
        let mut unused = Vec::new();
        for url in settings.facet_lists(None) {
            match fetch_voucher(url, realm, fetcher, limit) {
                Ok(list) => rules.add_facets(list),
                Err(reason) => unused.push(UnusedList {
                    url: url.to_owned(),
                    reason,
                }),
            }
        }
        Ok(Self { rules, unused })
    }
}

/// The rules for a realm that need no network. A configured rpId needs no public suffix list either.
///
/// # Errors
/// [`SuffixListError`].
pub fn rules_without_facets(realm: &str, settings: &ClientSettings) -> Result<RpIdRules, SuffixListError> {
    let configured = settings.rp_id.as_deref();
    let list = match configured {
        Some(_) => None,
        None => read_suffix_list(realm, settings.public_suffix_list.as_deref())?,
    };
    Ok(RpIdRules::new(realm, configured, list.as_deref()))
}

/// Fetches the facet list at `url`, within `limit` and ten seconds. What it vouches for in `realm`.
///
/// # Errors
/// [`FacetsError`]; [`FacetsError::Url`] for what is no place of a list, [`FacetsError::RealmNotListed`] for one without the
/// realm.
pub fn fetch_voucher(
    url: &str,
    realm: &str,
    fetcher: &FacetFetcher,
    limit: Duration,
) -> Result<VouchingList, FacetsError> {
    let url = FacetsUrl::parse(url)?;
    let list = fetcher.fetch(&url, limit)?;
    vouch(&url, &list, realm)
}

fn vouch(url: &FacetsUrl, list: &FacetList, realm: &str) -> Result<VouchingList, FacetsError> {
    match list.holds_realm(realm) {
        true => Ok(VouchingList {
            url: url.as_str().to_owned(),
            host: url.host().to_owned(),
        }),
        false => Err(FacetsError::RealmNotListed {
            url: url.as_str().to_owned(),
            realm: realm.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use krb5_fido_protocol::fido::{client_settings::Facets, rp_id::Rule};

    use super::*;

    const REALM: &str = "ATHENA.MIT.EDU";
    const URL: &str = "https://login.mit.edu/facets";

    fn list(realm: &str) -> FacetList {
        let text = format!(
            r#"{{"trustedFacets":[{{"version":{{"major":1,"minor":0}},"ids":["krb5realm:{realm}"]}}]}}"#
        );
        FacetList::parse(text.as_bytes()).unwrap()
    }

    fn read(settings: &ClientSettings) -> RealmRules {
        RealmRules::read(REALM, settings, &FacetFetcher::new(None), Duration::ZERO).unwrap()
    }

    #[test]
    fn a_list_vouches_for_host_and_url_of_the_realm_alone() {
        let url = FacetsUrl::parse(URL).unwrap();
        let vouched = vouch(&url, &list(REALM), REALM).unwrap();
        assert_eq!((&*vouched.url, &*vouched.host), (URL, "login.mit.edu"));
        let refused = vouch(&url, &list("MIT.EDU"), REALM).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the facet list https://login.mit.edu/facets does not hold krb5realm:ATHENA.MIT.EDU"
        );
    }

    #[test]
    fn a_configured_name_needs_no_list_of_any_kind() {
        let settings = ClientSettings {
            rp_id: Some("login.mit.edu".to_owned()),
            public_suffix_list: Some("/nonexistent".to_owned()),
            facets_url: Some("no URL".to_owned()),
            ..ClientSettings::default()
        };
        let read = read(&settings);
        assert_eq!(read.rules.registration(), ("login.mit.edu", Rule::Configured));
        assert!(read.unused.is_empty());
    }

    #[test]
    fn a_list_that_cannot_be_asked_for_is_told_of() {
        let settings = ClientSettings {
            facets_url: Some("http://login.mit.edu/".to_owned()),
            ..ClientSettings::default()
        };
        let read = read(&settings);
        assert_eq!(read.rules.registration(), ("mit.edu", Rule::RegistrableDomain));
        let told: Vec<_> = read.unused.iter().map(|unused| unused.url.as_str()).collect();
        assert_eq!(told, ["http://login.mit.edu/"]);
        assert!(matches!(read.unused.as_slice(), [one] if matches!(one.reason, FacetsError::Url { .. })));
    }

    #[test]
    fn lists_that_may_not_be_looked_up_are_left_alone() {
        let settings = ClientSettings {
            facets_url: Some("no URL".to_owned()),
            facets: Facets::No,
            ..ClientSettings::default()
        };
        assert!(read(&settings).unused.is_empty());
    }

    #[test]
    fn a_missing_suffix_list_is_an_error() {
        let settings = ClientSettings {
            public_suffix_list: Some("/nonexistent".to_owned()),
            ..ClientSettings::default()
        };
        let error = rules_without_facets(REALM, &settings).unwrap_err();
        assert_eq!(error.path, "/nonexistent");
    }
}
