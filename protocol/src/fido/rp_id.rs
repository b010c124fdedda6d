//! Which rpIds a client signs for in a realm. The KDC's word is a hint: these rules decide.
//!
//! A configured rpId is the only one. Without it, what facet lists vouch for, the registrable domain of the realm and
//! `krb5realm:REALM` are accepted. The public suffix list is searched as it is, line by line, for the few rules that match
//! the realm: nothing is built for the ten thousand others.

use core::fmt;

use crate::registry::RP_ID_REALM_PREFIX;

/// The longest domain name in text (RFC 1035 section 2.3.4, without the root's dot).
const DOMAIN_MAX: usize = 253;

/// The longest label of a domain name (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;

/// What a label of an internationalized name starts with (RFC 5890 section 2.3.2.1).
const ACE_PREFIX: &str = "xn--";

/// Why an rpId is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is the one that was configured for the realm.
    Configured,
    /// It is the host of a facet list that holds the realm.
    FacetsHost,
    /// It is the URL of such a list, as an appId.
    FacetsUrl,
    /// It is the registrable domain of the realm's name.
    RegistrableDomain,
    /// It is `krb5realm:REALM`.
    Realm,
}

impl Rule {
    /// A word for it that stays, for programs.
    pub const fn identifier(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::FacetsHost => "facets_host",
            Self::FacetsUrl => "facets_url",
            Self::RegistrableDomain => "registrable_domain",
            Self::Realm => "realm",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Configured => "fido_rp_id",
            Self::FacetsHost => "the host of the realm's facet list",
            Self::FacetsUrl => "the URL of the realm's facet list",
            Self::RegistrableDomain => "the registrable domain of the realm",
            Self::Realm => "the realm's own name",
        })
    }
}

/// A facet list that was fetched and holds the realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchingList {
    /// Where it was fetched, as written: it is accepted as an appId.
    pub url: String,
    /// The URL's host, in lower case: it is accepted as an rpId.
    pub host: String,
}

/// The rpIds of one realm.
#[derive(Clone, Debug)]
pub enum RpIdRules {
    /// This one and nothing else.
    Configured(String),
    /// What was verified, and what follows from the realm's name.
    Derived {
        /// Facet lists that vouch for the realm.
        facets: Vec<VouchingList>,
        /// In lower case, if the realm is a domain name under a known public suffix.
        registrable_domain: Option<String>,
        /// `krb5realm:REALM`.
        realm_id: String,
    },
}

impl RpIdRules {
    /// The rules for `realm`. `suffix_list` is the text of the public suffix list, comments and all; without it there is
    /// no registrable domain.
    pub fn new(realm: &str, configured: Option<&str>, suffix_list: Option<&[u8]>) -> Self {
        match configured {
            Some(rp_id) => Self::Configured(rp_id.to_owned()),
            None => Self::Derived {
                facets: Vec::new(),
                registrable_domain: suffix_list.and_then(|list| find_registrable_domain(realm, list)),
                realm_id: format!("{RP_ID_REALM_PREFIX}{realm}"),
            },
        }
    }

    /// Accepts what a facet list vouches for. Where an rpId is configured that counts for nothing.
    pub fn add_facets(&mut self, list: VouchingList) {
        if let Self::Derived { facets, .. } = self {
            facets.push(list);
        }
    }

    /// The rule by which `rp_id` is accepted; `None` if the client must not sign for it.
    pub fn accepts(&self, rp_id: &str) -> Option<Rule> {
        let (_, rule) = self
            .accepted()
            .into_iter()
            .find(|(accepted, _)| *accepted == rp_id)?;
        Some(rule)
    }

    /// The rpId to register new credentials for: that of the first rule which yields one.
    pub fn registration(&self) -> (&str, Rule) {
        match self {
            Self::Configured(rp_id) => (rp_id, Rule::Configured),
            Self::Derived {
                facets,
                registrable_domain,
                realm_id,
            } => match (facets.first(), registrable_domain) {
                (Some(list), _) => (&list.host, Rule::FacetsHost),
                (None, Some(domain)) => (domain, Rule::RegistrableDomain),
                (None, None) => (realm_id, Rule::Realm),
            },
        }
    }

    /// Everything that is accepted, in the order of the rules.
    pub fn accepted(&self) -> Vec<(&str, Rule)> {
        match self {
            Self::Configured(rp_id) => vec![(rp_id, Rule::Configured)],
            Self::Derived {
                facets,
                registrable_domain,
                realm_id,
            } => {
                let vouched = facets.iter().flat_map(|list| {
                    [
                        (list.host.as_str(), Rule::FacetsHost),
                        (list.url.as_str(), Rule::FacetsUrl),
                    ]
                });
                let domain = registrable_domain.iter();
                vouched
                    .chain(domain.map(|domain| (domain.as_str(), Rule::RegistrableDomain)))
                    .chain([(realm_id.as_str(), Rule::Realm)])
                    .collect()
            }
        }
    }
}

/// The public suffix of `realm` and one label more, in lower case, if the realm is two or more LDH labels and a rule of
/// the list other than the implied `*` matches.
///
/// Internationalized realms have none: the list spells its rules in Unicode, so what is a public suffix there would
/// pass here for a registrable domain.
fn find_registrable_domain(realm: &str, suffix_list: &[u8]) -> Option<String> {
    let name = realm.to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    if name.len() > DOMAIN_MAX || labels.len() < 2 || !labels.iter().all(|label| is_ldh(label)) {
        return None;
    }
    let suffix = count_suffix_labels(&labels, suffix_list)?;
    let first = labels.len().checked_sub(suffix)?.checked_sub(1)?;
    Some(labels.get(first..)?.join("."))
}

fn is_ldh(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.starts_with(ACE_PREFIX)
}

/// How many labels the public suffix has, by the algorithm of publicsuffix.org: an exception wins and is a label longer
/// than the suffix, otherwise the rule with the most labels.
fn count_suffix_labels(labels: &[&str], suffix_list: &[u8]) -> Option<usize> {
    let mut longest = None;
    for rule in suffix_list.split(|byte| *byte == b'\n').filter_map(first_word) {
        if let Some(exception) = rule.strip_prefix(b"!") {
            if let Some(count @ 2..) = count_matching_labels(exception, labels) {
                return count.checked_sub(1);
            }
        } else {
            longest = longest.max(count_matching_labels(rule, labels));
        }
    }
    longest
}

/// The rule on a line of the list: up to the first white space, unless it is a comment.
fn first_word(line: &[u8]) -> Option<&[u8]> {
    line.split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty())
        .filter(|word| !word.starts_with(b"//"))
}

/// The labels of `rule` if they are the last ones of `labels`. A `*` stands for any label but the last, and may be
/// missing: the authors of the list count on `*.example` making a public suffix of `example` too, as browsers have it.
fn count_matching_labels(rule: &[u8], labels: &[&str]) -> Option<usize> {
    let mut count = 0;
    let mut labels = labels.iter().rev();
    for wanted in rule.rsplit(|byte| *byte == b'.') {
        let is_wildcard = wanted == b"*" && count > 0;
        let Some(label) = labels.next() else {
            return is_wildcard.then_some(count);
        };
        if !is_wildcard && !wanted.eq_ignore_ascii_case(label.as_bytes()) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
// ===BEGIN ICANN DOMAINS===
// uk : comment naming example.uk
com
EDU
local-looking
cn
公司.cn
uk
co.uk\ttrailing words
ck
*.ck
!www.ck
ch
*.firenet.ch
*.svc.firenet.ch
!city.kawasaki.jp
*.kawasaki.jp
jp

// ===BEGIN PRIVATE DOMAINS===
github.io
io
  indented.com
";

    fn domain(realm: &str) -> Option<String> {
        find_registrable_domain(realm, LIST.as_bytes())
    }

    fn assert_domain(realm: &str, expected: &str) {
        assert_eq!(domain(realm).as_deref(), Some(expected), "{realm}");
    }

    fn assert_none(realm: &str) {
        assert_eq!(domain(realm), None, "{realm}");
    }

    #[test]
    fn registrable_domains() {
        assert_domain("ATHENA.MIT.EDU", "mit.edu");
        assert_domain("MIT.EDU", "mit.edu");
        assert_domain("EXAMPLE.CO.UK", "example.co.uk");
        assert_domain("a.b.Example.Uk", "example.uk");
        assert_domain("X-1.COM", "x-1.com");
    }

    #[test]
    fn public_suffixes_and_unknown_ones_have_none() {
        for realm in [
            "CO.UK",
            "UK",
            "COM",
            "EXAMPLE.LOCAL",
            "LOCAL",
            "EXAMPLE.INTERNAL.LOCAL",
        ] {
            assert_none(realm);
        }
    }

    #[test]
    fn private_section_counts() {
        assert_none("GITHUB.IO");
        assert_domain("ME.GITHUB.IO", "me.github.io");
        assert_domain("WWW.ME.GITHUB.IO", "me.github.io");
        assert_domain("SHOP.INDENTED.COM", "shop.indented.com");
    }

    #[test]
    fn wildcards_and_exceptions() {
        assert_none("FOO.CK");
        assert_domain("BAR.FOO.CK", "bar.foo.ck");
        assert_domain("WWW.CK", "www.ck");
        assert_domain("A.WWW.CK", "www.ck");
        assert_domain("CITY.KAWASAKI.JP", "city.kawasaki.jp");
        assert_none("OTHER.KAWASAKI.JP");
        assert_none("KAWASAKI.JP");
    }

    #[test]
    fn wildcard_beside_a_longer_rule() {
        assert_none("SVC.FIRENET.CH");
        assert_none("A.SVC.FIRENET.CH");
        assert_domain("B.A.SVC.FIRENET.CH", "b.a.svc.firenet.ch");
        assert_none("FIRENET.CH");
    }

    #[test]
    fn realms_that_are_no_domain_names() {
        for realm in [
            "",
            ".",
            "EXAMPLE",
            "EXAMPLE.COM.",
            ".EXAMPLE.COM",
            "A..COM",
            "MY_REALM.COM",
            "-A.COM",
            "A-.COM",
            "A B.COM",
            "*.COM",
            "!WWW.CK",
            "A/B.COM",
            "A:B.COM",
            "A\0.COM",
            "MÜNCHEN.COM",
            "公司.cn",
        ] {
            assert_none(realm);
        }
        assert_none(&format!("{}.COM", "A".repeat(64)));
        assert_domain(
            &format!("{}.COM", "A".repeat(63)),
            &format!("{}.com", "a".repeat(63)),
        );
        assert_domain(&format!("{}COM", "A.".repeat(125)), "a.com");
        assert_none(&format!("{}COM", "A.".repeat(126)));
    }

    #[test]
    fn internationalized_realms_have_none() {
        assert_none("EXAMPLE.XN--55QX5D.CN");
        assert_none("XN--MNCHEN-3YA.COM");
        assert_none("A.Xn--Mnchen-3Ya.COM");
    }

    #[test]
    fn lists_with_carriage_returns_and_bad_utf8() {
        let list = b"com\r\n\xff\xfe\r\n*.\xff.com\r\nco.com\r\n";
        let found = |realm| find_registrable_domain(realm, list);
        assert_eq!(found("A.CO.COM").as_deref(), Some("a.co.com"));
        assert_eq!(found("CO.COM"), None);
    }

    #[test]
    fn rules_that_match_nothing() {
        for list in [
            "",
            "*",
            "!com",
            "!",
            ".com",
            "com.",
            "//com",
            "*.*",
            "\n\n",
            "example..com",
        ] {
            assert_eq!(
                find_registrable_domain("EXAMPLE.COM", list.as_bytes()),
                None,
                "{list}"
            );
        }
    }

    #[test]
    fn configured_rp_id_is_the_only_one() {
        let rules = RpIdRules::new("ATHENA.MIT.EDU", Some("login.mit.edu"), Some(LIST.as_bytes()));
        assert_eq!(rules.accepted(), [("login.mit.edu", Rule::Configured)]);
        assert_eq!(rules.registration(), ("login.mit.edu", Rule::Configured));
        assert_eq!(rules.accepts("login.mit.edu"), Some(Rule::Configured));
        for rp_id in ["mit.edu", "krb5realm:ATHENA.MIT.EDU", "", "LOGIN.MIT.EDU"] {
            assert_eq!(rules.accepts(rp_id), None);
        }
    }

    #[test]
    fn derived_rp_ids() {
        let rules = RpIdRules::new("ATHENA.MIT.EDU", None, Some(LIST.as_bytes()));
        let realm_id = "krb5realm:ATHENA.MIT.EDU";
        assert_eq!(
            rules.accepted(),
            [("mit.edu", Rule::RegistrableDomain), (realm_id, Rule::Realm)]
        );
        assert_eq!(rules.registration(), ("mit.edu", Rule::RegistrableDomain));
        assert_eq!(rules.accepts("mit.edu"), Some(Rule::RegistrableDomain));
        assert_eq!(rules.accepts(realm_id), Some(Rule::Realm));
        for rp_id in [
            "edu",
            "athena.mit.edu",
            "mit.edu.",
            "MIT.EDU",
            "krb5realm:MIT.EDU",
            "krb5realm:",
        ] {
            assert_eq!(rules.accepts(rp_id), None, "{rp_id}");
        }
    }

    #[test]
    fn facet_lists_vouch_for_host_and_url() {
        let url = "https://login.mit.edu/facets";
        let list = VouchingList {
            url: url.to_owned(),
            host: "login.mit.edu".to_owned(),
        };
        let mut rules = RpIdRules::new("ATHENA.MIT.EDU", None, Some(LIST.as_bytes()));
        rules.add_facets(list.clone());
        assert_eq!(
            rules.accepted(),
            [
                ("login.mit.edu", Rule::FacetsHost),
                (url, Rule::FacetsUrl),
                ("mit.edu", Rule::RegistrableDomain),
                ("krb5realm:ATHENA.MIT.EDU", Rule::Realm)
            ]
        );
        assert_eq!(rules.registration(), ("login.mit.edu", Rule::FacetsHost));
        for rp_id in [
            "https://login.mit.edu",
            "https://login.mit.edu/",
            "LOGIN.MIT.EDU",
            "login",
        ] {
            assert_eq!(rules.accepts(rp_id), None, "{rp_id}");
        }
        let mut pinned = RpIdRules::new("ATHENA.MIT.EDU", Some("mit.edu"), None);
        pinned.add_facets(list);
        assert_eq!(pinned.accepted(), [("mit.edu", Rule::Configured)]);
    }

    #[test]
    fn realm_alone() {
        for (realm, list) in [("EXAMPLE.LOCAL", Some(LIST.as_bytes())), ("EXAMPLE.COM", None)] {
            let rules = RpIdRules::new(realm, None, list);
            let realm_id = format!("krb5realm:{realm}");
            assert_eq!(rules.accepted(), [(realm_id.as_str(), Rule::Realm)]);
            assert_eq!(rules.registration(), (realm_id.as_str(), Rule::Realm));
        }
    }

    #[test]
    fn list_of_the_system() {
        let Ok(list) = std::fs::read("/usr/share/publicsuffix/public_suffix_list.dat") else {
            eprintln!("SKIPPED list_of_the_system: package publicsuffix is not installed");
            assert!(std::env::var_os("CI").is_none(), "the list must be there in CI");
            return;
        };
        for (realm, expected) in [
            ("ATHENA.MIT.EDU", Some("mit.edu")),
            ("EXAMPLE.CO.UK", Some("example.co.uk")),
            ("KRBTEST.COM", Some("krbtest.com")),
            ("CITY.KAWASAKI.JP", Some("city.kawasaki.jp")),
            ("CO.UK", None),
            ("EXAMPLE.LOCAL", None),
            ("GITHUB.IO", None),
            ("SVC.FIRENET.CH", None),
            ("CUSTOMER-OCI.COM", None),
        ] {
            assert_eq!(
                find_registrable_domain(realm, &list).as_deref(),
                expected,
                "{realm}"
            );
        }
    }
}
