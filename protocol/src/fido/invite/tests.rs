#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use time::format_description::well_known::Rfc3339;

use super::*;

const JSON: &str = r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","created":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","by":"root/admin@R"}"#;

/// The id of an invitation, as records and attributes have it.
pub(in crate::fido) fn id(number: u8) -> String {
    InvitationId([number; INVITATION_ID_LEN]).to_string()
}

/// Invitation number 1, without a code.
pub(in crate::fido) fn until(until: UtcDateTime) -> String {
    let invitation = Invitation::new(&NewInvitation {
        id: InvitationId([1; INVITATION_ID_LEN]),
        created: UtcDateTime::UNIX_EPOCH,
        until,
        by: "root/admin@R.ORG",
        code: None,
    });
    invitation.unwrap().encode()
}

fn time(text: &str) -> UtcDateTime {
    UtcDateTime::parse(text, &Rfc3339).unwrap()
}

fn invitation() -> Invitation {
    Invitation::new(&NewInvitation {
        id: InvitationId([1; 16]),
        created: time("2026-01-01T00:00:00.5Z"),
        until: time("2026-01-02T00:00:00Z"),
        by: "root/admin@R",
        code: None,
    })
    .unwrap()
}

#[test]
fn is_written_and_read() {
    assert_eq!(invitation().encode(), JSON);
    assert_eq!(Invitation::parse(JSON).unwrap(), invitation());
    assert_eq!(invitation().by(), Some("root/admin@R"));
}

#[test]
fn hash_of_a_code_is_written_and_read() {
    let with_code = Invitation::new(&NewInvitation {
        id: InvitationId([1; 16]),
        created: time("2026-01-01T00:00:00Z"),
        until: time("2026-01-02T00:00:00Z"),
        by: "root/admin@R",
        code: Some([7; 32]),
    })
    .unwrap();
    assert_eq!(Invitation::parse(&with_code.encode()).unwrap(), with_code);
    assert_eq!(with_code.code(), Some(&[7; 32]));
}

#[test]
fn closed_one_ends_now_and_keeps_unknown_members() {
    let json = JSON.replace("}", r#","x":[1]}"#);
    let mut invitation = Invitation::parse(&json).unwrap();
    invitation.close(time("2026-01-01T10:00:00.7Z")).unwrap();
    assert_eq!(invitation.until(), time("2026-01-01T10:00:00Z"));
    let written = Invitation::parse(&invitation.encode()).unwrap();
    assert_eq!(written, invitation);
    assert!(invitation.encode().contains(r#""x":[1]"#));
}

#[test]
fn one_that_has_ended_is_not_prolonged_by_closing() {
    let mut invitation = invitation();
    invitation.close(time("2027-01-01T00:00:00Z")).unwrap();
    assert_eq!(invitation.until(), time("2026-01-02T00:00:00Z"));
}

#[test]
fn others_are_refused() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"v":2,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"2026-01-02T00:00:00Z"}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ"}"#,
        r#"{"v":1,"until":"2026-01-02T00:00:00Z"}"#,
        r#"{"v":1,"id":"AQEB","until":"2026-01-02T00:00:00Z"}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"tomorrow"}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"9999-12-31T23:59:59-05:00"}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"2026-01-02T00:00:00Z","code":"AQ"}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"2026-01-02T00:00:00Z","code":1}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"2026-01-02T00:00:00Z","by":1}"#,
        r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"2026-01-02T00:00:00Z","until":"2027-01-02T00:00:00Z"}"#,
    ] {
        assert_eq!(Invitation::parse(json), Err(Error::MalformedInvitation), "{json}");
    }
}
