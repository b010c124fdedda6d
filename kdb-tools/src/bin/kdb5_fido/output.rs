//! What the commands print on standard output: for people, or as JSON.

use krb5_fido_protocol::fido::{
    label::Label,
    policy::{Enrolment, Settings},
    record::{CredentialRecord, Requirements},
};
use krb5_fido_tools::{Added, Error, Listed, Removed, format::utc_time, print};
use krb5_plugin::kadm5::Flags;
use serde_json::{Map, Value, json};
use time::UtcDateTime;

pub(crate) fn print_added(
    added: &Added,
    record: &CredentialRecord,
    settings: &Settings,
    as_json: bool,
) -> Result<(), Error> {
    let text = if as_json {
        let mut object = describe(
            &added.principal,
            &added.label,
            record,
            &requirements(&Enrolment::default(), settings),
        );
        object.extend(describe_flags(added.flags_after));
        format!("{}\n", Value::Object(object))
    } else {
        format!(
            "Registered {} for {}.\n{}\n",
            added.label,
            added.principal,
            tell_flags_set(added.flags_before, added.flags_after)
        )
    };
    print(&text).map_err(Error::OutputAfterChange)
}

/// The flags that were set, as kadmin writes them.
pub(crate) fn flags_set(before: Flags, after: Flags) -> Vec<&'static str> {
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

fn tell_flags_set(before: Flags, after: Flags) -> String {
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

pub(crate) fn print_list(listed: &[Listed], settings: &Settings, as_json: bool) -> Result<(), Error> {
    let text = if as_json {
        let entries: Vec<Value> = listed
            .iter()
            .flat_map(|listed| json_entries(listed, settings))
            .collect();
        format!("{}\n", Value::Array(entries))
    } else {
        listed.iter().map(|listed| tell_keys(listed, settings)).collect()
    };
    print(&text).map_err(Error::Output)
}

fn tell_keys(listed: &Listed, settings: &Settings) -> String {
    let required = requirements(&listed.enrolment, settings);
    let credentials = listed.enrolment.credentials().iter();
    let readable = credentials.map(|(label, record)| {
        format!(
            "{:<12} {:<9} {}  {}  {}",
            label.to_string(),
            state(record, &required),
            utc_time(record.created()),
            record.public_key().algorithm().name(),
            record.rp_id(),
        )
    });
    let garbled = listed.enrolment.garbled().iter().map(ToString::to_string);
    let nothing = (listed.count() == 0).then(|| "no security keys".to_owned());
    let lines = readable.chain(garbled).chain(nothing);
    let lines: String = lines.map(|line| format!("    {line}\n")).collect();
    format!("{}\n{lines}", listed.principal)
}

fn json_entries(listed: &Listed, settings: &Settings) -> Vec<Value> {
    let required = requirements(&listed.enrolment, settings);
    let credentials = listed.enrolment.credentials().iter();
    let readable = credentials
        .map(|(label, record)| Value::Object(describe(&listed.principal, label, record, &required)));
    let garbled = listed.enrolment.garbled().iter().map(|garbled| {
        json!({
            "principal": listed.principal,
            "attribute": String::from_utf8_lossy(&garbled.attribute),
            "state": "garbled",
            "error": garbled.error.to_string(),
        })
    });
    readable.chain(garbled).collect()
}

fn describe(
    principal: &str,
    label: &Label,
    record: &CredentialRecord,
    required: &Requirements<'_>,
) -> Map<String, Value> {
    let members = [
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
    ];
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn state(record: &CredentialRecord, required: &Requirements<'_>) -> &'static str {
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
fn requirements<'a>(enrolment: &Enrolment, settings: &'a Settings) -> Requirements<'a> {
    enrolment.requirements(settings, UtcDateTime::now())
}

pub(crate) fn print_removed(removed: &Removed, label: &str, as_json: bool) -> Result<(), Error> {
    let text = if as_json {
        let mut object = Map::new();
        object.insert("principal".to_owned(), json!(removed.principal));
        object.insert("label".to_owned(), json!(label));
        object.insert("was_last".to_owned(), json!(removed.was_last));
        object.extend(describe_flags(removed.flags_after));
        format!("{}\n", Value::Object(object))
    } else {
        let last = removed
            .was_last
            .then(|| format!("It was the last key: {}.\n", tell_flags_left(removed)));
        format!(
            "Removed {label} of {}.\n{}",
            removed.principal,
            last.unwrap_or_default()
        )
    };
    print(&text).map_err(Error::OutputAfterChange)
}

fn tell_flags_left(removed: &Removed) -> String {
    let hwauth = match removed.flags_before.requires_hwauth {
        true => "cleared requires_hwauth",
        false => "requires_hwauth was not set",
    };
    let preauth = match removed.flags_after.requires_preauth {
        true => "requires_preauth stays",
        false => "requires_preauth was not set",
    };
    format!("{hwauth}; {preauth}")
}

fn describe_flags(flags: Flags) -> [(String, Value); 2] {
    [
        ("requires_preauth".to_owned(), json!(flags.requires_preauth)),
        ("requires_hwauth".to_owned(), json!(flags.requires_hwauth)),
    ]
}
