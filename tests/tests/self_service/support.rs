//! A realm with kadmind, and people who talk to it with kadmin.

use krb5_fido_protocol::fido::{
    invite::{Invitation, InvitationId, NewInvitation},
    record::CredentialRecord,
};
use krb5_fido_tests::{PASSWORD, PaperKey, add_user, attribute, kadmin};
use krb5_testrealm::{Finished, Realm, RealmBuilder};
use serde_json::{Map, Value, json};
use time::{Duration, UtcDateTime, format_description::well_known::Rfc3339};

/// What kadmind answers to whoever may not: it has no other words.
pub(crate) const REFUSED: &str = "Operation requires ``modify'' privilege";

/// Whoever the credentials of the realm belong to.
pub(crate) const RP_ID: &str = "krbtest.com";

/// A realm with alice, bob and an administrator.
pub(crate) fn start(builder: RealmBuilder) -> Realm {
    let realm = builder.client_relation("fido_timeout", "1s").start().unwrap();
    for name in ["alice", "bob", "admin/admin"] {
        add_user(&realm, name);
    }
    realm
}

/// A ticket for kadmin, in a cache of this name.
pub(crate) fn get_ticket(realm: &Realm, who: &str, cache: &str) -> Finished {
    let cache = cache_name(realm, cache);
    realm
        .kinit(who, PASSWORD, &["-S", "kadmin/admin", "-c", &cache])
        .unwrap()
}

pub(crate) fn cache_name(realm: &Realm, cache: &str) -> String {
    format!("FILE:{}", realm.dir().join(cache).display())
}

/// kadmin with the ticket in this cache.
pub(crate) fn ask(realm: &Realm, cache: &str, query: &[&str]) -> Finished {
    let mut command = realm.command("kadmin");
    command.args(["-r", realm.name(), "-c", &cache_name(realm, cache)]);
    command.args(query);
    realm.run(command, "").unwrap()
}

/// kadmin with a new ticket.
pub(crate) fn ask_as(realm: &Realm, who: &str, query: &[&str]) -> Finished {
    get_ticket(realm, who, "as").checked().unwrap();
    ask(realm, "as", query)
}

/// Whether kadmin's query was granted; else it was refused for want of a privilege.
pub(crate) fn is_granted(finished: &Finished) -> bool {
    match finished.stderr.contains("privilege") {
        true => {
            assert!(finished.stderr.contains(REFUSED), "{finished}");
            false
        }
        false => {
            assert!(finished.stderr.is_empty(), "{finished}");
            true
        }
    }
}

/// A record of a new key that alice makes now, with these members besides.
pub(crate) fn record(more: Value) -> String {
    let plain: Map<String, Value> = serde_json::from_str(&PaperKey::generate().record(RP_ID)).unwrap();
    let mut record = plain;
    record.insert("by".to_owned(), json!("alice@KRBTEST.COM"));
    record.extend(more.as_object().unwrap().clone());
    let record = Value::Object(record).to_string();
    CredentialRecord::parse(&record).unwrap();
    record
}

/// So many minutes ago.
pub(crate) fn ago(minutes: i64) -> String {
    let time = UtcDateTime::now() - Duration::minutes(minutes);
    time.truncate_to_second().format(&Rfc3339).unwrap()
}

/// Gives alice a key that was registered so many minutes ago, as kadmin.local does.
pub(crate) fn with_key(realm: &Realm, label: &str, minutes: i64) {
    let record = record(json!({"created": ago(minutes)}));
    kadmin(realm, &["setstr", "alice", &format!("fido:{label}"), &record]);
}

/// Invites alice, and gives the id.
pub(crate) fn invite(realm: &Realm) -> String {
    let id = InvitationId([7; 16]);
    let invitation = Invitation::new(&NewInvitation {
        id,
        created: UtcDateTime::now(),
        until: UtcDateTime::now() + Duration::hours(1),
        by: "root/admin@KRBTEST.COM",
        code: None,
    });
    kadmin(
        realm,
        &["setstr", "alice", "fido_invite", &invitation.unwrap().encode()],
    );
    id.to_string()
}

/// Whether alice has this attribute.
pub(crate) fn has(realm: &Realm, name: &str) -> bool {
    attribute(realm, "alice", name).is_some()
}

/// What the module has written last.
pub(crate) fn last_line(realm: &Realm) -> String {
    let log = realm.kadmind_log();
    let line = log.lines().rfind(|line| line.contains("fido: "));
    line.unwrap_or_default().to_owned()
}
