//! What krb5.conf says of security keys: relations of clients, each under `[realms]` REALM, else under `[libdefaults]`.

/// The only rpId that is signed for.
pub const RP_ID: &str = "fido_rp_id";
/// The path of the public suffix list.
pub const PUBLIC_SUFFIX_LIST: &str = "fido_public_suffix_list";
/// The facet list of the realm.
pub const FACETS_URL: &str = "fido_facets_url";
/// Which facet lists may be looked up.
pub const FACETS: &str = "fido_facets";
/// Where keys are looked for.
pub const DEVICE: &str = "fido_device";

/// The path of krb5-fido-helper.
pub const HELPER: &str = "fido_helper";

/// Where krb5-fido-helper is installed. A macro, so that only the crates that want to know are built anew for another place.
#[macro_export]
macro_rules! installed_helper {
    () => {
        match option_env!("KRB5_FIDO_HELPER") {
            Some(path) => path,
            None => "/usr/local/libexec/krb5-fido-helper",
        }
    };
}

/// Which facet lists a client may look up: relation [`FACETS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Facets {
    /// The one at [`FACETS_URL`] alone.
    #[default]
    Configured,
    /// Also one that the KDC names.
    Kdc,
    /// None.
    No,
}

impl Facets {
    /// Each value with its name in krb5.conf, in the order of their numbers in helper frames.
    const ALL: [(Self, &str); 3] = [
        (Self::Configured, "configured"),
        (Self::Kdc, "kdc"),
        (Self::No, "no"),
    ];

    fn parse(value: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, name)| *name == value).map(|(facets, _)| facets)
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Configured => 0,
            Self::Kdc => 1,
            Self::No => 2,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(facets, _)| facets.number() == number)
            .map(|(facets, _)| facets)
    }
}

/// A relation with a value that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{relation} has the impossible value \"{value}\"")]
pub struct InvalidValue {
    /// The relation's name.
    pub relation: &'static str,
    /// Its value.
    pub value: String,
}

/// The path of krb5-fido-helper: the first value of [`HELPER`], else `installed`.
///
/// # Errors
/// [`InvalidValue`] for a path that is not absolute, and what `values` fails with.
pub fn read_helper<E: From<InvalidValue>>(
    values: impl Fn(&str) -> Result<Vec<String>, E>,
    installed: &str,
) -> Result<String, E> {
    let configured = values(HELPER)?.into_iter().next();
    let path = configured.unwrap_or_else(|| installed.to_owned());
    if path.starts_with('/') {
        return Ok(path);
    }
    let invalid = InvalidValue {
        relation: HELPER,
        value: path,
    };
    Err(invalid.into())
}

/// The relations for one realm that decide for whom is signed, and with which keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// [`RP_ID`].
    pub rp_id: Option<String>,
    /// [`PUBLIC_SUFFIX_LIST`].
    pub public_suffix_list: Option<String>,
    /// [`FACETS_URL`].
    pub facets_url: Option<String>,
    /// [`FACETS`].
    pub facets: Facets,
    /// The values of [`DEVICE`]; none for its default.
    pub devices: Vec<String>,
}

impl ClientSettings {
    /// Reads them. `values` gives all values of a relation.
    ///
    /// # Errors
    /// [`InvalidValue`], and what `values` fails with.
    pub fn read<E: From<InvalidValue>>(values: impl Fn(&str) -> Result<Vec<String>, E>) -> Result<Self, E> {
        let value = |relation| values(relation).map(|values| values.into_iter().next());
        let facets = match value(FACETS)? {
            None => Facets::default(),
            Some(text) => Facets::parse(&text).ok_or(InvalidValue {
                relation: FACETS,
                value: text,
            })?,
        };
        Ok(Self {
            rp_id: value(RP_ID)?,
            public_suffix_list: value(PUBLIC_SUFFIX_LIST)?,
            facets_url: value(FACETS_URL)?,
            facets,
            devices: values(DEVICE)?,
        })
    }

    /// The URLs of the facet lists that may be looked up, in that order, each once. With [`RP_ID`] there are none: nothing
    /// else is signed for.
    pub fn facet_lists<'a>(&'a self, named_by_kdc: Option<&'a str>) -> Vec<&'a str> {
        let configured = self.facets_url.as_deref();
        let urls = match self.facets {
            _ if self.rp_id.is_some() => [None, None],
            Facets::No => [None, None],
            Facets::Configured => [configured, None],
            Facets::Kdc => [configured, named_by_kdc.filter(|url| configured != Some(*url))],
        };
        urls.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://www.example.com/own";
    const KDCS: &str = "https://www.example.com/kdc";

    fn read(relations: &[(&str, &str)]) -> Result<ClientSettings, InvalidValue> {
        ClientSettings::read(|relation| {
            let set = relations.iter().filter(|(name, _)| *name == relation);
            Ok(set.map(|(_, value)| (*value).to_owned()).collect())
        })
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(read(&[]), Ok(ClientSettings::default()));
    }

    #[test]
    fn everything_is_read() {
        let settings = read(&[
            (RP_ID, "r.org"),
            (PUBLIC_SUFFIX_LIST, "/list"),
            (FACETS_URL, OWN),
            (FACETS, "kdc"),
            (DEVICE, "auto"),
            (DEVICE, "unix:/key"),
        ]);
        let expected = ClientSettings {
            rp_id: Some("r.org".to_owned()),
            public_suffix_list: Some("/list".to_owned()),
            facets_url: Some(OWN.to_owned()),
            facets: Facets::Kdc,
            devices: vec!["auto".to_owned(), "unix:/key".to_owned()],
        };
        assert_eq!(settings, Ok(expected));
    }

    #[test]
    fn facets_have_three_values() {
        for (facets, name) in Facets::ALL {
            assert_eq!(
                read(&[(FACETS, name)]).map(|settings| settings.facets),
                Ok(facets)
            );
            assert_eq!(Facets::from_number(facets.number()), Some(facets));
        }
        assert_eq!(Facets::from_number(3), None);
        for value in ["", "yes", "KDC", "kdc configured"] {
            let error = InvalidValue {
                relation: FACETS,
                value: value.to_owned(),
            };
            assert_eq!(read(&[(FACETS, value)]), Err(error));
        }
    }

    #[test]
    fn the_helper_has_an_absolute_path() {
        let helper = |values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            read_helper(|_| Ok::<_, InvalidValue>(values.clone()), "/installed")
        };
        assert_eq!(helper(&[]), Ok("/installed".to_owned()));
        assert_eq!(helper(&["/a", "/b"]), Ok("/a".to_owned()));
        for value in ["", "helper", "~/helper"] {
            let error = InvalidValue {
                relation: HELPER,
                value: value.to_owned(),
            };
            assert_eq!(helper(&[value]), Err(error));
        }
    }

    fn facet_lists(facets: &str, url: Option<&str>, rp_id: Option<&str>, kdc: Option<&str>) -> Vec<String> {
        let optional = [(FACETS_URL, url), (RP_ID, rp_id)];
        let optional = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let relations: Vec<_> = optional.chain([(FACETS, facets)]).collect();
        let settings = read(&relations).unwrap();
        let lists = settings.facet_lists(kdc);
        lists.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_kdcs_word_counts_only_where_it_is_asked_for() {
        let lists = |facets, url| facet_lists(facets, url, None, Some(KDCS));
        assert_eq!(lists("configured", Some(OWN)), [OWN]);
        assert!(lists("configured", None).is_empty());
        assert_eq!(lists("kdc", Some(OWN)), [OWN, KDCS]);
        assert_eq!(lists("kdc", None), [KDCS]);
        assert_eq!(lists("kdc", Some(KDCS)), [KDCS]);
        assert!(lists("no", Some(OWN)).is_empty());
        assert_eq!(facet_lists("kdc", Some(OWN), None, None), [OWN]);
    }

    #[test]
    fn a_configured_rp_id_leaves_no_room_for_lists() {
        for facets in ["configured", "kdc", "no"] {
            let lists = facet_lists(facets, Some(OWN), Some("r.org"), Some(KDCS));
            assert!(lists.is_empty(), "{facets}");
        }
    }
}
