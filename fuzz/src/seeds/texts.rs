//! Texts that people write.

use super::Seed;

const FACETS: [(&str, &str); 4] = [
    (
        "one",
        r#"{"trustedFacets":[{"version":{"major":1,"minor":0},"ids":["https://example.com","krb5realm:EXAMPLE.COM"]}]}"#,
    ),
    (
        "versions",
        r#"{"trustedFacets":[{"version":{"major":1,"minor":1},"ids":0},{"version":{"major":0,"minor":9},"ids":[]},
            {"version":{"major":1,"minor":0},"ids":["krb5realm:EXAMPLE.COM"]}]}"#,
    ),
    (
        "later",
        r#"{"trustedFacets":[{"version":{"major":2,"minor":0},"ids":[]}]}"#,
    ),
    (
        "escaped",
        r#"{"trustedFacets":[{"version":{"minor":0,"major":1},"ids":["krb5\u0072ealm:EXAMPLE.COM"],"x":{"ids":1}}]}"#,
    ),
];

const SUFFIX_LIST: &str = "\
// ===BEGIN ICANN DOMAINS===
com
uk
co.uk\ttrailing
ck
*.ck
!www.ck
*.firenet.ch
*.svc.firenet.ch
// ===BEGIN PRIVATE DOMAINS===
github.io
";

const REALMS: [&str; 10] = [
    "EXAMPLE.COM",
    "A.EXAMPLE.CO.UK",
    "CO.UK",
    "A.FOO.CK",
    "WWW.CK",
    "B.A.SVC.FIRENET.CH",
    "FIRENET.CH",
    "ME.GITHUB.IO",
    "EXAMPLE.LOCAL",
    "XN--A.COM",
];

const CONFIGURATION: [(&str, &str); 14] = [
    ("policy", "required\nfido_policy=permissive\nfido:a={}"),
    (
        "permissive",
        "permissive\nfido_uv=required\nfido_indicator=touch pin",
    ),
    ("enrolled", "enrolled\nfido_policy=\nfido:=x"),
    ("uv", "preferred\nfido_uv=sometimes"),
    ("discouraged", "discouraged\n"),
    ("self-enrol", "password\n"),
    ("invited", "invited\n"),
    ("algorithms", "ES256 EdDSA\tES384 RS256\n"),
    ("forbidden", "ES256 ES512 Ed448\n"),
    ("groups", "edwards25519, P-256 p-384,P-521 nist\n"),
    ("exempt", "host/* kiprop/* K/M* *a*b*\nhost/a.example.com"),
    ("label", "key1\n"),
    ("page", "https://example.com/enrol?a=b\n"),
    ("principal", "a\\@b/c@EXAMPLE.COM\n"),
];

const ANSWERS: [(&str, &str); 4] = [
    ("empty", "{}"),
    (
        "whole",
        r#"{"device":"/dev/hidraw0","pin":"1234","factor":"fido"}"#,
    ),
    (
        "absent",
        r#"{"device":null,"pin":null,"factor":"none","later":[1]}"#,
    ),
    ("escaped", r#"{"device":"unix:\/run\/key","pin":"\u00e4\"\\\n"}"#),
];

pub(super) fn seeds() -> Vec<Seed> {
    let facets = FACETS.map(|(name, json)| Seed::new("facet_list", name, format!("EXAMPLE.COM\n{json}")));
    let suffixes = REALMS.map(|realm| {
        let text = format!("{realm}\n{SUFFIX_LIST}");
        Seed::new("suffix_list", realm.to_ascii_lowercase(), text)
    });
    let configuration = CONFIGURATION.map(|(name, text)| Seed::new("configuration", name, text));
    let answers = ANSWERS.map(|(name, json)| Seed::new("responder_answer", name, json));
    facets
        .into_iter()
        .chain(suffixes)
        .chain(configuration)
        .chain(answers)
        .collect()
}
