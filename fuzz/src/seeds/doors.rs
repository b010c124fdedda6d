//! What people do with keys of their own.

use krb5_fido_protocol::fido::invite::{Invitation, InvitationId, NewInvitation};
use serde_json::{Value, json};
use time::{Duration, UtcDateTime};

use super::Seed;
use crate::{door::NOW, kdc::record};

const ID: InvitationId = InvitationId([1; 16]);

pub(super) fn seeds() -> Vec<Seed> {
    let (open, closed, coded) = (
        invitation(NOW, None),
        invitation(NOW - Duration::DAY, None),
        invitation(NOW, Some([7; 32])),
    );
    let new = own(json!({}));
    let invited = own(json!({"invite": ID.to_string()}));
    let old = own(json!({"created": "2026-01-01T00:00:00Z"}));
    let second = own(json!({"created": "2026-01-01T00:00:00Z", "id": "Ag"}));
    let spent = own(json!({"created": "2026-01-01T00:00:00Z", "id": "Ag", "invite": ID.to_string()}));
    let disabled = own(json!({"created": "2026-01-01T00:00:00Z", "disabled": true}));
    let doors = [
        ("invited", format!("ri\nfido:a {invited}\nfido_invite {open}")),
        ("coded", format!("ei\nfido:a {invited}\nfido_invite {coded}")),
        ("too-late", format!("ri\nfido:a {invited}\nfido_invite {closed}")),
        ("password", format!("rp\nfido:a {new}")),
        (
            "further",
            format!("rn\nfido:b {}\nfido:a {old}", own(json!({"id": "Ag"}))),
        ),
        ("renamed", format!("en\nfido:b {old}\nfido:a {old}")),
        ("removed", format!("rn\nfido:a\nfido:a {old}\nfido:b {second}")),
        ("last", format!("pn\nfido:a\nfido:a {old}")),
        (
            "spent",
            format!("ei\nfido:b\nfido:a {old}\nfido:b {spent}\nfido_invite {open}"),
        ),
        (
            "replaced",
            format!(
                "ei\nfido:b {}\nfido:a {disabled}\nfido_invite {open}",
                own(json!({"id": "Ag", "invite": ID.to_string()}))
            ),
        ),
        ("garbled", format!("rn\nfido:g\nfido:g {{\nfido:a {old}")),
        ("setting", "pi\nfido_policy required".to_owned()),
    ];
    let invitations = [
        ("open", open),
        ("coded", coded),
        (
            "calendar",
            r#"{"v":1,"id":"AQEBAQEBAQEBAQEBAQEBAQ","until":"9999-12-31T23:59:59-05:00"}"#.to_owned(),
        ),
        ("code", "0011-2233-4455-6677-8899-aabb-ccdd-eeff".to_owned()),
    ];
    let calendar =
        own(json!({"not_after": "9999-12-31T23:59:59-05:00", "disabled_at": "0000-01-01T00:00:00+05:00"}));
    let doors = doors.map(|(name, text)| Seed::new("door", name, text));
    let invitations = invitations.map(|(name, text)| Seed::new("invitation", name, text));
    let records = [Seed::new("record", "calendar", calendar)];
    doors.into_iter().chain(invitations).chain(records).collect()
}

/// A record that alice makes now, with other or further members.
fn own(more: Value) -> String {
    let mut members = json!({"by": "alice@EXAMPLE.COM", "created": "2026-09-21T14:13:20Z"});
    for (name, value) in more.as_object().into_iter().flatten() {
        members[name] = value.clone();
    }
    record(&members)
}

fn invitation(until: UtcDateTime, code: Option<[u8; 32]>) -> String {
    let invitation = Invitation::new(&NewInvitation {
        id: ID,
        created: until - Duration::DAY,
        until,
        by: "root/admin@EXAMPLE.COM",
        code,
    });
    invitation.expect("a sound invitation").encode()
}
