#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;

const RECORD: &str = "{\"v\":1,\"rp\":\"krbtest.com\",\"id\":\"AQ\",\"pk\":\"pQECAyYgASFYIM6J68E3zJ8Y9WOB6ryoaAw3K6_wN0WRASJDxNxd_XcEIlgg4An6ASor4X-gZfpNWqtRP_z9_OPz68KgkGtZue1AKsY\",\"alg\":-7,\"created\":\"2026-01-02T03:04:05Z\",\"x\":{\"n\":1.50}}";

fn document(principals: &str) -> String {
    format!(
        "{{\"v\":1,\"realm\":\"KRBTEST.COM\",\"exported\":\"2026-01-02T03:04:05Z\",\"principals\":[{principals}]}}"
    )
}

fn entry(members: &str) -> Result<DocumentEntry, DocumentFault> {
    let text = document(&format!("{{\"principal\":\"alice@KRBTEST.COM\",{members}}}"));
    Document::parse(&text).map(|mut document| document.principals.remove(0))
}

fn fault(text: &str) -> String {
    Document::parse(text).unwrap_err().to_string()
}

#[test]
fn strings_come_back_as_they_were() {
    let strings = [
        ("fido:blue", RECORD),
        ("fido:broken", "{\"v\":1}"),
        ("fido:-bad", RECORD),
        ("fido_policy", "required"),
        ("fido_uv", "nonsense"),
        ("fido_indicator", "a b"),
        ("fido_invite", "{}"),
        ("session_enctypes", "aes256-cts"),
    ];
    let exported = Document {
        realm: "KRBTEST.COM".to_owned(),
        exported: "2026-01-02T03:04:05Z".to_owned(),
        principals: vec![DocumentEntry::of_strings("alice@KRBTEST.COM".to_owned(), strings)],
    };
    let text = exported.encode();
    let read = Document::parse(&text).unwrap();
    assert_eq!(read, exported);
    assert_eq!(text.lines().count(), 3);
    let entry = &read.principals[0];
    assert_eq!(
        entry.attributes.keys().collect::<Vec<_>>(),
        ["fido:blue", "fido_policy", "fido_uv", "fido_indicator"]
    );
    assert_eq!(
        entry.garbled.keys().collect::<Vec<_>>(),
        ["fido:broken", "fido:-bad"]
    );
    assert_eq!(entry.attributes["fido:blue"].to_string(), RECORD);
    assert_eq!(entry.garbled["fido:-bad"], RECORD);
}

#[test]
fn nobody_and_nothing() {
    let nobody = Document::parse(&document("")).unwrap();
    assert!(nobody.principals.is_empty());
    assert_eq!(Document::parse(&nobody.encode()).unwrap(), nobody);
    let nothing = DocumentEntry::of_strings("alice".to_owned(), [("a", "b"), ("fido_invite", "{}")]);
    assert!(nothing.is_empty());
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let entry = DocumentEntry::of_strings(
        "alice".to_owned(),
        [(&b"fido:\xff"[..], &b"\xfe"[..]), (b"fido_policy", b"\xfe")],
    );
    assert_eq!(entry.garbled["fido:\u{fffd}"], "\u{fffd}");
    assert_eq!(entry.attributes["fido_policy"], "\u{fffd}");
}

#[test]
fn what_is_no_document_says_where() {
    assert_eq!(fault(""), "EOF while parsing a value at line 1 column 0");
    assert_eq!(
        fault("{\"v\":1,\n \"realm\" 2}"),
        "expected `:` at line 2 column 10"
    );
    assert_eq!(fault("[]"), "the document is not an object");
    assert_eq!(fault("{}"), "it is of another version than 1");
    assert_eq!(fault("{\"v\":2}"), "it is of another version than 1");
    assert_eq!(
        fault("{\"v\":1,\"realm\":1}"),
        "the document has no realm, or a malformed one"
    );
    assert_eq!(
        fault("{\"v\":1,\"realm\":\"\",\"exported\":\"\",\"principals\":{}}"),
        "the document has no principals, or a malformed one"
    );
    assert_eq!(
        fault(&document("").replacen("{\"v\":1", "{\"v\":1,\"more\":0", 1)),
        "the document has a member \"more\", which version 1 does not know"
    );
    assert_eq!(
        fault(&document("").replacen("{\"v\":1", "{\"v\":1,\"v\":1", 1)),
        "an object in it has two members of one name"
    );
    assert!(fault(&format!("{}x", document(""))).starts_with("trailing characters at line 1 column "));
    assert!(fault(&"[".repeat(1000)).starts_with("recursion limit exceeded at line 1 column "));
}

#[test]
fn what_is_no_entry_is_named() {
    assert_eq!(fault(&document("1")), "principal 1 is not an object");
    assert_eq!(
        fault(&document("{\"principal\":1}")),
        "principal 1 has no principal, or a malformed one"
    );
    for (members, cause) in [
        ("\"x\":0", "has no attributes, or a malformed one"),
        ("\"attributes\":[]", "has no attributes, or a malformed one"),
        (
            "\"attributes\":{},\"garbled\":\"\"",
            "has no garbled, or a malformed one",
        ),
        (
            "\"attributes\":{},\"flags\":\"\"",
            "has a member \"flags\", which version 1 does not know",
        ),
    ] {
        let told = entry(members).unwrap_err().to_string();
        assert_eq!(told, format!("\"alice@KRBTEST.COM\" {cause}"));
    }
    assert_eq!(
        entry("\"attributes\":{\"fido:a\":{}},\"garbled\":{\"fido:a\":\"\"}")
            .unwrap_err()
            .to_string(),
        "\"fido:a\" of \"alice@KRBTEST.COM\" is there twice"
    );
    let one = "{\"principal\":\"alice\",\"attributes\":{}}";
    assert_eq!(
        fault(&document(&format!("{one},{one}"))),
        "\"alice\" is there twice"
    );
}

/// What the attributes of an entry are refused for.
fn refusal(members: &str) -> String {
    let wanted = entry(members).unwrap().wanted();
    wanted.map(drop).unwrap_err().to_string()
}

#[test]
fn other_attributes_are_not_imported() {
    for members in [
        "\"attributes\":{\"require_auth\":\"\"}",
        "\"attributes\":{\"fido_invite\":{}}",
        "\"attributes\":{\"fido_invite\":\"{}\"}",
        "\"attributes\":{\"fido_policy\":{}}",
        "\"attributes\":{\"fido:blue\":\"text\"}",
        "\"attributes\":{\"FIDO:blue\":{}}",
        "\"attributes\":{},\"garbled\":{\"fido_policy\":\"required\"}",
        "\"attributes\":{},\"garbled\":{\"fido:a\\u0000\":\"\"}",
    ] {
        let told = refusal(members);
        assert!(
            told.ends_with(
                " is no attribute that is imported: fido:LABEL, fido_policy, fido_uv and fido_indicator are"
            ),
            "{members}: {told}"
        );
    }
}

#[test]
fn values_that_say_nothing_are_not_imported() {
    for (members, told) in [
        (
            "\"attributes\":{\"fido:blue\":{}}",
            "\"fido:blue\" in the document: credential record has no member v",
        ),
        (
            "\"attributes\":{\"fido:blue\":[]}",
            "\"fido:blue\" in the document: credential record is not a JSON object",
        ),
        (
            &format!("\"attributes\":{{\"fido:-bad\":{RECORD}}}"),
            "\"fido:-bad\" in the document: malformed credential label",
        ),
        (
            "\"attributes\":{},\"garbled\":{\"fido:a\":{}}",
            "\"fido:a\" in the document: credential record is not a JSON object",
        ),
        (
            "\"attributes\":{},\"garbled\":{\"fido:a\":\"\\u0000\"}",
            "\"fido:a\" in the document: credential record is not a JSON object",
        ),
    ] {
        assert_eq!(refusal(members), told);
    }
    for name in ["fido_policy", "fido_uv", "fido_indicator"] {
        let told = refusal(&format!("\"attributes\":{{\"{name}\":\"\"}}"));
        assert!(
            told.starts_with(&format!("\"{name}\" in the document: ")),
            "{told}"
        );
    }
}

#[test]
fn what_was_garbled_elsewhere_may_be_read_here() {
    let text = Value::from(RECORD);
    let wanted = entry(&format!(
        "\"attributes\":{{}},\"garbled\":{{\"fido:blue\":{text}}}"
    ));
    let wanted = wanted.unwrap().wanted().unwrap();
    assert_eq!((&*wanted[0].attribute, &*wanted[0].value), ("fido:blue", RECORD));
    assert!(wanted[0].key.is_some());
}

#[test]
fn principals_move_with_their_realm_and_others_stay() {
    let mut moved = Document::parse(&document(
        "{\"principal\":\"alice@KRBTEST.COM\",\"attributes\":{}},\
         {\"principal\":\"krbtgt/KRBTEST.COM@OTHER.TEST\",\"attributes\":{}},\
         {\"principal\":\"bob\",\"attributes\":{}}",
    ))
    .unwrap();
    moved.move_to("NEW.TEST");
    let names: Vec<&str> = moved
        .principals
        .iter()
        .map(|entry| entry.principal.as_str())
        .collect();
    assert_eq!(names, ["alice@NEW.TEST", "krbtgt/KRBTEST.COM@OTHER.TEST", "bob"]);
    assert_eq!(moved.realm, "NEW.TEST");
}
