//! What is told of keys, for people and as JSON.

mod record;

use krb5_fido_protocol::fido::{
    label::Label,
    policy::{Enrolment, Garbled, Settings},
    record::{CredentialRecord, Requirements},
};
use krb5_plugin::kadm5::Flags;
use serde_json::{Map, Value, json};
use time::UtcDateTime;

use crate::{
    Listed,
    format::{line, object, printable, utc_time},
};

pub use record::{describe_record, tell_record};

/// The flags that were set, as kadmin writes them.
pub fn flags_set(before: Flags, after: Flags) -> Vec<&'static str> {
    let flags = [
        (
            before.requires_preauth,
            after.requires_preauth,
            "+requires_preauth",
        ),
        (before.requires_hwauth, after.requires_hwauth, "+requires_hwauth"),
    ];
    let changed = flags.into_iter().filter(|(before, after, _)| before != after);
    changed.map(|(_, _, flag)| flag).collect()
}

/// Which flags were changed, a line for each; nothing if none was.
pub fn tell_flags_changed(before: Flags, after: Flags) -> String {
    let flags = [
        (
            "requires_preauth",
            before.requires_preauth,
            after.requires_preauth,
        ),
        ("requires_hwauth", before.requires_hwauth, after.requires_hwauth),
    ];
    let changed = flags.into_iter().filter(|(_, before, after)| before != after);
    changed
        .map(|(flag, _, is_set)| match is_set {
            true => format!("Set +{flag}.\n"),
            false => format!("Cleared {flag}.\n"),
        })
        .collect()
}

/// Which flags were set for a principal with a key, and which were set before.
pub fn tell_flags_set(before: Flags, after: Flags) -> String {
    let set = flags_set(before, after);
    let told = match set.as_slice() {
        [] if after.requires_hwauth => "+requires_preauth and +requires_hwauth were set already.".to_owned(),
        [] => "+requires_preauth was set already.".to_owned(),
        set => format!("Set {}.", set.join(" and ")),
    };
    if after.requires_hwauth {
        return told;
    }
    format!(
        "{told}\nThe policy is permissive: requires_hwauth stays off, and the password alone will do, too."
    )
}

/// The keys of a principal, one line for each.
pub fn tell_keys(listed: &Listed, settings: &Settings) -> String {
    let required = requirements(&listed.enrolment, settings);
    let credentials = listed.enrolment.credentials().iter();
    let readable = credentials.map(|(label, record)| {
        format!(
            "{:<12} {:<9} {}  {}  {}",
            label.to_string(),
            state(record, &required),
            utc_time(record.created()),
            record.public_key().algorithm().name(),
            printable(record.rp_id()),
        )
    });
    let garbled = listed.enrolment.garbled().iter().map(ToString::to_string);
    let nothing = (listed.count() == 0).then(|| "no security keys".to_owned());
    let lines = readable.chain(garbled).chain(nothing);
    let lines: String = lines.map(|line| format!("    {line}\n")).collect();
    format!("{}\n{lines}", listed.principal)
}

/// The keys of a principal, one object for each.
pub fn describe_keys(listed: &Listed, settings: &Settings) -> Vec<Value> {
    let required = requirements(&listed.enrolment, settings);
    let credentials = listed.enrolment.credentials().iter();
    let readable = credentials
        .map(|(label, record)| Value::Object(describe_key(&listed.principal, label, record, &required)));
    let garbled = listed.enrolment.garbled().iter().map(|garbled| {
        let mut members = object([("principal", json!(listed.principal))]);
        members.extend(describe_garbled(garbled));
        Value::Object(members)
    });
    readable.chain(garbled).collect()
}

/// A record that cannot be read, line by line.
pub fn tell_garbled(garbled: &Garbled) -> String {
    let state = line("state", &format!("garbled: {}", garbled.error));
    format!("{}\n{state}", garbled.attribute.escape_ascii())
}

/// A record that cannot be read.
pub fn describe_garbled(garbled: &Garbled) -> Map<String, Value> {
    object([
        ("attribute", json!(String::from_utf8_lossy(&garbled.attribute))),
        ("state", json!("garbled")),
        ("error", json!(garbled.error.to_string())),
    ])
}

/// One key. What it must satisfy decides about its state.
pub fn describe_key(
    principal: &str,
    label: &Label,
    record: &CredentialRecord,
    required: &Requirements<'_>,
) -> Map<String, Value> {
    object([
        ("principal", json!(principal)),
        ("label", json!(label.to_string())),
        ("state", json!(state(record, required))),
        ("rp", json!(record.rp_id())),
        ("alg", json!(record.public_key().algorithm().identifier())),
        ("created", json!(utc_time(record.created()))),
        ("not_after", json!(record.not_after().map(utc_time))),
        ("aaguid", json!(record.aaguid().map(|aaguid| aaguid.to_string()))),
        ("fmt", json!(record.format())),
        ("counter", json!(record.counter())),
        ("by", json!(record.by())),
    ])
}

/// Whether the KDC would use it.
pub fn state(record: &CredentialRecord, required: &Requirements<'_>) -> &'static str {
    if record.is_disabled() {
        return "disabled";
    }
    match record.check_usable(required) {
        Ok(_) => "usable",
        Err(krb5_fido_protocol::Error::CredentialExpired) => "expired",
        Err(_) => "unusable",
    }
}

/// What the KDC demands of the keys of a principal now.
pub fn requirements<'a>(enrolment: &Enrolment, settings: &'a Settings) -> Requirements<'a> {
    enrolment.requirements(settings, UtcDateTime::now())
}

/// Which flags are left after the last key.
pub fn tell_flags_left(before: Flags, after: Flags) -> String {
    let hwauth = match before.requires_hwauth {
        true => "cleared requires_hwauth",
        false => "requires_hwauth was not set",
    };
    let preauth = match after.requires_preauth {
        true => "requires_preauth stays",
        false => "requires_preauth was not set",
    };
    format!("{hwauth}; {preauth}")
}

/// The flags that enrolment looks after.
pub fn describe_flags(flags: Flags) -> [(String, Value); 2] {
    [
        ("requires_preauth".to_owned(), json!(flags.requires_preauth)),
        ("requires_hwauth".to_owned(), json!(flags.requires_hwauth)),
    ]
}
