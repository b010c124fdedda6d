#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::json;

use super::*;
use crate::fido::record::tests::record_json;

/// Relations as `SECTION/SUBSECTION:NAME`, and their values. A value `{` stands for a subsection.
struct Fixed<'a>(&'a [(&'a str, &'a str)]);

impl Fixed<'_> {
    fn names(&self, path: &[&str], are_sections: bool) -> Vec<String> {
        let section = path.join("/");
        let in_section = self.0.iter().filter_map(|(place, value)| {
            let (place, name) = place.split_once(':').unwrap();
            if are_sections {
                let below = place.strip_prefix(&*section)?.strip_prefix('/');
                let below = below.and_then(|below| below.split('/').next());
                return below.or((place == section && *value == "{").then_some(name));
            }
            (place == section && *value != "{").then_some(name)
        });
        in_section.map(str::to_owned).collect()
    }
}

impl Relations for Fixed<'_> {
    type Error = ();

    fn values(&self, path: &[&str]) -> Result<Vec<String>, ()> {
        let (name, section) = path.split_last().unwrap();
        let wanted = format!("{}:{name}", section.join("/"));
        let found = self.0.iter().filter(|(place, _)| *place == wanted);
        Ok(found.map(|(_, value)| (*value).to_owned()).collect())
    }

    fn relations(&self, path: &[&str]) -> Result<Vec<String>, ()> {
        Ok(self.names(path, false))
    }

    fn subsections(&self, path: &[&str]) -> Result<Vec<String>, ()> {
        Ok(self.names(path, true))
    }

    fn parse_duration(&self, text: &str) -> Option<u32> {
        text.strip_suffix('h')?
            .parse::<u32>()
            .ok()
            .map(|hours| hours * 3600)
    }
}

fn read(relations: &[(&str, &str)]) -> Checked<KdcConfiguration> {
    KdcConfiguration::read(&Fixed(relations), "/var/kdc").unwrap()
}

/// What is said of a configuration.
fn faults(relations: &[(&str, &str)]) -> Vec<String> {
    let faults = read(relations).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

fn realm(relations: &[(&str, &str)]) -> KdcSettings {
    read(relations).unwrap().realm(b"R").clone()
}

#[test]
fn nothing_set_is_the_default() {
    let expected = KdcSettings {
        state_dir: "/var/kdc/fido".into(),
        ..KdcSettings::default()
    };
    assert_eq!(realm(&[]), expected);
    assert_eq!(realm(&[("realms/R:max_life", "1h")]), expected);
}

#[test]
fn each_realm_has_its_own() {
    let configuration = read(&[
        ("realms/R:fido_policy", "required"),
        ("realms/R:fido_uv", "required"),
        ("realms/R:fido_exempt", "a*"),
        ("realms/R:fido_exempt", "b*"),
        ("realms/R:fido_algorithms", "EdDSA"),
        ("realms/R:fido_self_enrol", "password"),
        ("realms/R:fido_enrol_url", "https://enrol"),
        ("realms/R:fido_facets_url", "https://facets"),
        ("realms/R:fido_indicator", "one"),
        ("realms/R:fido_indicator", "two"),
        ("realms/R:fido_uv_indicator", "three"),
        ("realms/R:fido_challenge", "clear"),
        ("realms/R:fido_counter", "log"),
        ("realms/R:fido_max_life", "2h"),
        ("realms/R:fido_max_renewable_life", "3h"),
        ("realms/R:fido_state_dir", "/state"),
        ("realms/R:fido_max_credentials", "3"),
        ("realms/R:fido_attestation_roots", "/roots/a b.pem"),
        ("realms/R:fido_attestation_roots", "/roots/c.pem"),
        (
            "realms/R:fido_aaguids",
            "00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002",
        ),
        ("realms/R:fido_aaguids", "00000000-0000-0000-0000-000000000003"),
        ("realms/R:spake_preauth_indicator", "strong"),
        ("realms/S:fido_policy", "permissive"),
        ("kdcdefaults:kdc_max_dgram_reply_size", "1024"),
    ])
    .unwrap();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let expected = KdcSettings {
        settings: Settings {
            policy: Policy::Required,
            exempt: Exemptions::parse("a* b*").unwrap(),
            uv: UserVerification::Required,
            algorithms: vec![Algorithm::EdDsa],
            self_enrol: SelfEnrol::Password,
        },
        admission: Admission {
            max_credentials: 3,
            attestation_roots: vec!["/roots/a b.pem".into(), "/roots/c.pem".into()],
            aaguids: [1, 2, 3_u128].map(|last| Aaguid(last.to_be_bytes())).to_vec(),
        },
        challenge: Mode::Clear,
        datagram_limit: 1024,
        counter: CounterPolicy::Log,
        max_life: NonZeroU32::new(7200),
        max_renewable_life: NonZeroU32::new(10800),
        state_dir: "/state".into(),
        facets_url: Some("https://facets".to_owned()),
        enrol_url: Some("https://enrol".to_owned()),
        indicators: words(&["one", "two"]),
        uv_indicators: words(&["three"]),
        spake_indicators: words(&["strong"]),
    };
    assert_eq!(configuration.realm(b"R"), &expected);
    let other = configuration.realm(b"S");
    assert_eq!(other.settings.policy, Policy::Permissive);
    assert_eq!((&other.indicators, other.challenge), (&vec![], Mode::Encrypted));
    assert_eq!(configuration.realm(b"T").settings, Settings::default());
}

#[test]
fn all_that_is_wrong_is_told_sections_first() {
    let told = faults(&[
        ("realms/R:fido_uv", "always"),
        ("realms/R:fido_counter", "strict"),
        ("realms/R:fido_counter", "log"),
        ("realms/R:fido_polisy", "x"),
        ("realms/R:fido_aaguids", "x"),
        ("realms/R:fido_attestation_roots", "roots.pem"),
        ("realms/R:fido_max_credentials", "0"),
        ("realms/R:fido_max_life", "soon"),
        ("realms/R:fido_state_dir", "fido"),
        ("realms/R:fido_challenge", "maybe"),
        ("realms/R:fido_enrol_url", "http://x"),
        ("realms/R:fido_indicator", ""),
        ("realms/R:fido_thing", "{"),
        ("realms/S:spake_preauth_indicator", ""),
        ("libdefaults:fido_policy", "enrolled"),
    ]);
    let expected = [
        "fido_policy stands in [libdefaults], and belongs into the realm's subsection of [realms]",
        "[realms] R: fido_thing = \"{\": this is a relation, not a section",
        "[realms] R: fido_aaguids = \"x\": it must be UUIDs in lower case, such as 2fc0579f-8113-47ea-b116-bb5a8db9202a",
        "[realms] R: fido_attestation_roots = \"roots.pem\": it must be an absolute path",
        "[realms] R: fido_challenge = \"maybe\": unknown fido_challenge value",
        "[realms] R: fido_counter = \"strict\", \"log\": it stands more than once",
        "[realms] R: fido_enrol_url = \"http://x\": it begins with https:// and has no spaces",
        "[realms] R: fido_indicator = \"\": an indicator is a word",
        "[realms] R: fido_max_credentials = \"0\": it must be a number of at least 1",
        "[realms] R: fido_max_life = \"soon\": it must be a duration of at least a second, such as 8h",
        "[realms] R: fido_polisy = \"x\": there is no such relation",
        "[realms] R: fido_state_dir = \"fido\": it must be an absolute path",
        "[realms] R: fido_uv = \"always\": unknown fido_uv value",
        "[realms] S: spake_preauth_indicator = \"\": an indicator is a word",
    ];
    assert_eq!(told, expected);
}

#[test]
fn relations_of_clients_are_passed_over() {
    for place in ["libdefaults", "kdcdefaults", "realms/R"] {
        let relation = format!("{place}:fido_device");
        assert!(
            read(&[(&relation, "none"), (&relation, "auto")]).is_ok(),
            "{place}"
        );
    }
}

#[test]
fn clear_challenges_need_a_limit_for_datagrams() {
    const LIMIT: &str = "kdcdefaults:kdc_max_dgram_reply_size";
    let clear = ("realms/R:fido_challenge", "clear");
    assert_eq!(
        faults(&[clear]),
        [
            "[realms] R: fido_challenge = \"clear\": kdc_max_dgram_reply_size must be set in [kdcdefaults], to at most 4096"
        ]
    );
    for value in ["4097", "-1", "0x400", "", "4096 bytes"] {
        let expected = format!(
            "[realms] R: fido_challenge = \"clear\": kdc_max_dgram_reply_size = \"{value}\" in [kdcdefaults] must be a \
             number of at most 4096"
        );
        assert_eq!(faults(&[clear, (LIMIT, "1024"), (LIMIT, value)]), [expected]);
    }
    assert_eq!(
        realm(&[clear, (LIMIT, "8192"), (LIMIT, "4096")]).datagram_limit,
        4096
    );
}

#[test]
fn store_lies_beside_a_db2_database() {
    let state_dir = |relations: &[(&str, &str)]| realm(relations).state_dir;
    let named = ("realms/R:database_name", "/db/principal");
    assert_eq!(state_dir(&[named]), Path::new("/db/fido"));
    let module = ("realms/R:database_module", "m");
    assert_eq!(
        state_dir(&[named, module, ("dbmodules/m:database_name", "/other/principal")]),
        Path::new("/other/fido")
    );
    assert_eq!(
        state_dir(&[named, module, ("dbmodules/m:db_library", "kldap")]),
        Path::new("/var/kdc/fido")
    );
    assert_eq!(
        state_dir(&[named, ("realms/R:fido_state_dir", "/own")]),
        Path::new("/own")
    );
}

#[test]
fn own_indicators_replace_those_of_a_touch_alone() {
    let settings = realm(&[
        ("realms/R:fido_indicator", "touch"),
        ("realms/R:fido_uv_indicator", "pin"),
        ("realms/R:spake_preauth_indicator", "spake"),
    ]);
    let record = record_json("r.org", &[1], &json!({}));
    let plain = Enrolment::from_attributes([("fido:a", record.as_str())]);
    let own = Enrolment::from_attributes([("fido:a", record.as_str()), ("fido_indicator", "mine too")]);
    let worth = |enrolment, touched, verified| -> Vec<String> {
        let words = settings.indicators_for(enrolment, touched, verified);
        words.map(str::to_owned).collect()
    };
    assert_eq!(worth(&plain, false, false), ["spake"]);
    assert_eq!(worth(&plain, true, false), ["spake", "touch"]);
    assert_eq!(worth(&plain, true, true), ["spake", "touch", "pin"]);
    assert_eq!(worth(&own, false, false), ["spake"]);
    assert_eq!(worth(&own, true, true), ["spake", "mine", "too", "pin"]);
}
