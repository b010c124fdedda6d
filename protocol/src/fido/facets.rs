//! Facet lists (FIDO AppID and Facets v2.0 section 3.1): whom the host of an appId trusts with its credentials.
//!
//! ```text
//! {"trustedFacets": [{"version": {"major": 1, "minor": 0}, "ids": ["https://www.example.com", "krb5realm:EXAMPLE.COM"]}]}
//! ```
//!
//! A realm takes part under the id `krb5realm:REALM`. Members of other names are passed over, and so is all but the
//! version of an entry that is not for this client.

use core::str;

use serde_json::Value;

use super::json::{self, Refused};
use crate::{
    Error,
    registry::{FACET_LIST_MAX, RP_ID_REALM_PREFIX},
};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u16,
    minor: u16,
}

/// What this client speaks.
const SUPPORTED: Version = Version { major: 1, minor: 0 };

/// The ids of the entry that is for this client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetList {
    ids: Vec<String>,
}

impl FacetList {
    /// Reads a list as it was fetched, and chooses the entry of the highest version up to 1.0.
    ///
    /// # Errors
    /// [`Error::FacetListTooLong`] beyond [`FACET_LIST_MAX`] bytes; [`Error::MalformedFacetList`],
    /// [`Error::FacetListMemberRepeated`], [`Error::FacetVersionRepeated`]; [`Error::NoSupportedFacets`].
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > FACET_LIST_MAX {
            return Err(Error::FacetListTooLong);
        }
        let text = str::from_utf8(json).map_err(|_| Error::MalformedFacetList)?;
        let list = json::parse(text).map_err(|refused| match refused {
            Refused::Malformed => Error::MalformedFacetList,
            Refused::Repeated => Error::FacetListMemberRepeated,
        })?;
        let mut entries = parse_entries(&list).ok_or(Error::MalformedFacetList)?;

        entries.sort_by_key(|(version, _)| *version);
        let is_repeated = |pair: &[(Version, &Value)]| matches!(pair, [(one, _), (next, _)] if one == next);
        if entries.windows(2).any(is_repeated) {
            return Err(Error::FacetVersionRepeated);
        }
        // A version matches if none in the list is higher, up to the one that is spoken (section 3.1.2).
        let mut from_highest = entries.iter().rev();
        let (_, chosen) = from_highest
            .find(|(version, _)| *version <= SUPPORTED)
            .ok_or(Error::NoSupportedFacets)?;
        let ids = parse_ids(chosen).ok_or(Error::MalformedFacetList)?;
        Ok(Self { ids })
    }

    /// Whether the list holds `krb5realm:REALM`, case and all.
    pub fn holds_realm(&self, realm: &str) -> bool {
        let mut ids = self.ids.iter();
        ids.any(|id| id.strip_prefix(RP_ID_REALM_PREFIX) == Some(realm))
    }
}

fn parse_entries(list: &Value) -> Option<Vec<(Version, &Value)>> {
    let entries = list.get("trustedFacets")?.as_array()?.iter();
    entries
        .map(|entry| Some((parse_version(entry.get("version")?)?, entry)))
        .collect()
}

fn parse_version(version: &Value) -> Option<Version> {
    let number = |name| u16::try_from(version.get(name)?.as_u64()?).ok();
    Some(Version {
        major: number("major")?,
        minor: number("minor")?,
    })
}

fn parse_ids(entry: &Value) -> Option<Vec<String>> {
    let ids = entry.get("ids")?.as_array()?.iter();
    ids.map(|id| id.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const REALM: &str = "EXAMPLE.COM";

    fn parse(list: &Value) -> Result<FacetList, Error> {
        FacetList::parse(list.to_string().as_bytes())
    }

    fn entry(major: u16, minor: u16, ids: &Value) -> Value {
        json!({"version": {"major": major, "minor": minor}, "ids": ids})
    }

    fn list(ids: &Value) -> Value {
        json!({"trustedFacets": [entry(1, 0, ids)]})
    }

    fn holds(list: &Value) -> bool {
        parse(list).unwrap().holds_realm(REALM)
    }

    fn assert_malformed(list: &Value) {
        assert_eq!(parse(list), Err(Error::MalformedFacetList), "{list}");
    }

    #[test]
    fn holds_the_realm_that_it_names() {
        assert!(holds(&list(&json!(["krb5realm:EXAMPLE.COM"]))));
        assert!(holds(&list(&json!([
            "https://www.example.com",
            "android:apk-key-hash:x",
            "krb5realm:OTHER.ORG",
            "krb5realm:EXAMPLE.COM"
        ]))));
    }

    #[test]
    fn reads_the_list_of_the_specification_as_it_is_written() {
        let text = b"{\n  \"trustedFacets\" : [ {\r\n\t\"version\": { \"major\": 1, \"minor\" : 0 },\n\
            \"ids\": [ \"https://register.example.com\", \"krb5\\u0072ealm:EXAMPLE.COM\" ]\n} ]\n}\n";
        assert!(FacetList::parse(text).unwrap().holds_realm(REALM));
    }

    #[test]
    fn holds_no_other_realm() {
        for id in [
            "",
            "krb5realm:",
            "krb5realm:EXAMPLE.CO",
            "krb5realm:EXAMPLE.COMM",
            "krb5realm:example.com",
            "krb5realm:EXAMPLE.COM ",
            " krb5realm:EXAMPLE.COM",
            "krb5realm:EXAMPLE.COM\0",
            "krb5realm:*",
            "krb5realm:krb5realm:EXAMPLE.COM",
            "KRB5REALM:EXAMPLE.COM",
            "EXAMPLE.COM",
            "https://EXAMPLE.COM",
            "https://x/krb5realm:EXAMPLE.COM",
        ] {
            assert!(!holds(&list(&json!([id]))), "{id:?}");
        }
        assert!(!holds(&list(&json!([]))));
    }

    #[test]
    fn takes_the_highest_version_up_to_its_own() {
        let (with, without) = (json!(["krb5realm:EXAMPLE.COM"]), json!([]));
        let versions = |entries: &[(u16, u16, &Value)]| {
            let entries: Vec<_> = entries
                .iter()
                .map(|(major, minor, ids)| entry(*major, *minor, ids))
                .collect();
            holds(&json!({"trustedFacets": entries}))
        };
        assert!(versions(&[(1, 0, &with), (0, 9, &without)]));
        assert!(versions(&[(0, 9, &without), (1, 0, &with)]));
        assert!(versions(&[(0, 9, &without), (0, 10, &with)]));
        assert!(versions(&[(2, 0, &without), (1, 1, &without), (1, 0, &with)]));
        assert!(!versions(&[(2, 0, &with), (1, 1, &with), (1, 0, &without)]));
        assert!(!versions(&[(0, 9, &with), (1, 0, &without)]));
    }

    #[test]
    fn refuses_lists_for_later_clients_only() {
        let ids = json!(["krb5realm:EXAMPLE.COM"]);
        for (major, minor) in [(1, 1), (2, 0), (u16::MAX, u16::MAX)] {
            let list = json!({"trustedFacets": [entry(major, minor, &ids)]});
            assert_eq!(parse(&list), Err(Error::NoSupportedFacets));
        }
        let empty = json!({"trustedFacets": []});
        assert_eq!(parse(&empty), Err(Error::NoSupportedFacets));
    }

    #[test]
    fn reads_nothing_but_the_version_of_an_entry_for_others() {
        let ids = json!(["krb5realm:EXAMPLE.COM"]);
        for other in [
            entry(2, 0, &json!("anything")),
            json!({"version": {"major": 1, "minor": 1}}),
            json!({"version": {"major": 0, "minor": 1}, "ids": [1]}),
        ] {
            assert!(holds(&json!({"trustedFacets": [other, entry(1, 0, &ids)]})));
        }
    }

    #[test]
    fn passes_over_members_of_other_names() {
        let version = json!({"major": 1, "minor": 0, "patch": 7});
        let entry = json!({"version": version, "ids": ["krb5realm:EXAMPLE.COM"], "note": {}});
        assert!(holds(&json!({"trustedFacets": [entry], "title": "x"})));
    }

    #[test]
    fn refuses_a_version_that_stands_twice() {
        let (with, without) = (json!(["krb5realm:EXAMPLE.COM"]), json!([]));
        for (major, minor) in [(1, 0), (0, 1), (2, 0)] {
            let entries = [
                entry(major, minor, &with),
                entry(1, 2, &without),
                entry(major, minor, &without),
                entry(1, 1, &without),
            ];
            let list = json!({"trustedFacets": entries});
            assert_eq!(parse(&list), Err(Error::FacetVersionRepeated));
        }
    }

    #[test]
    fn refuses_members_that_stand_twice() {
        for text in [
            r#"{"trustedFacets":[],"trustedFacets":[]}"#,
            r#"{"trustedFacets":[{"version":{"major":1,"minor":0},"ids":[],"ids":["krb5realm:EXAMPLE.COM"]}]}"#,
            r#"{"trustedFacets":[{"version":{"major":2,"major":1,"minor":0},"ids":[]}]}"#,
            r#"{"trustedFacets":[],"x":{"a":1,"\u0061":2}}"#,
        ] {
            let parsed = FacetList::parse(text.as_bytes());
            assert_eq!(parsed, Err(Error::FacetListMemberRepeated), "{text}");
        }
    }

    #[test]
    fn refuses_other_structures() {
        for value in [
            json!(null),
            json!([]),
            json!("trustedFacets"),
            json!({}),
            json!({"trustedfacets": []}),
            json!({"trustedFacets": null}),
            json!({"trustedFacets": {}}),
            json!({"trustedFacets": "krb5realm:EXAMPLE.COM"}),
            json!({"trustedFacets": [null]}),
            json!({"trustedFacets": [[]]}),
            json!({"trustedFacets": [{"ids": ["krb5realm:EXAMPLE.COM"]}]}),
            json!({"trustedFacets": [entry(1, 0, &json!([])), {}]}),
        ] {
            assert_malformed(&value);
        }
    }

    #[test]
    fn refuses_versions_that_are_no_pairs_of_small_numbers() {
        for version in [
            json!(null),
            json!(1),
            json!("1.0"),
            json!([1, 0]),
            json!({"major": 1}),
            json!({"minor": 0}),
            json!({"major": "1", "minor": 0}),
            json!({"major": 1.0, "minor": 0}),
            json!({"major": 1, "minor": -1}),
            json!({"major": 65_536, "minor": 0}),
            json!({"major": 1, "minor": null}),
        ] {
            let entry = json!({"version": version, "ids": ["krb5realm:EXAMPLE.COM"]});
            assert_malformed(&json!({"trustedFacets": [entry]}));
        }
    }

    #[test]
    fn refuses_ids_that_are_no_strings() {
        for ids in [
            json!(null),
            json!("krb5realm:EXAMPLE.COM"),
            json!({"0": "krb5realm:EXAMPLE.COM"}),
            json!(["krb5realm:EXAMPLE.COM", 1]),
            json!(["krb5realm:EXAMPLE.COM", null]),
            json!([["krb5realm:EXAMPLE.COM"]]),
        ] {
            assert_malformed(&list(&ids));
        }
        assert_malformed(&json!({"trustedFacets": [{"version": {"major": 1, "minor": 0}}]}));
    }

    #[test]
    fn refuses_what_is_not_json() {
        let whole = list(&json!(["krb5realm:EXAMPLE.COM"])).to_string();
        for end in 0..whole.len() {
            let parsed = FacetList::parse(&whole.as_bytes()[..end]);
            assert_eq!(parsed, Err(Error::MalformedFacetList), "{end} bytes");
        }
        for text in [
            format!("{whole}{whole}"),
            format!("{whole},"),
            format!("\u{feff}{whole}"),
            whole.replace('"', "'"),
            whole.replace("[]", "[,]").replace("]}", ",]}"),
            format!("callback({whole})"),
        ] {
            let parsed = FacetList::parse(text.as_bytes());
            assert_eq!(parsed, Err(Error::MalformedFacetList), "{text}");
        }
        let invalid = whole.into_bytes().into_iter().map(|byte| match byte {
            b'M' => 0xff,
            byte => byte,
        });
        let parsed = FacetList::parse(&invalid.collect::<Vec<_>>());
        assert_eq!(parsed, Err(Error::MalformedFacetList));
    }

    #[test]
    fn refuses_deep_nesting() {
        let deep = format!(
            r#"{{"trustedFacets":[],"x":{}{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        assert_eq!(FacetList::parse(deep.as_bytes()), Err(Error::MalformedFacetList));
    }

    #[test]
    fn limits_lists_to_64_kib() {
        let mut text = list(&json!(["krb5realm:EXAMPLE.COM"])).to_string().into_bytes();
        text.resize(FACET_LIST_MAX, b' ');
        assert!(FacetList::parse(&text).unwrap().holds_realm(REALM));
        text.push(b' ');
        assert_eq!(FacetList::parse(&text), Err(Error::FacetListTooLong));
    }
}
