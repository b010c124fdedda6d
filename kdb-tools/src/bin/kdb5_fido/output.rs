//! What the commands print on standard output: for people, or as JSON.

use krb5_fido_protocol::fido::{
    cose::Algorithm,
    factor::UserVerification,
    label::Label,
    record::{CredentialRecord, Requirements},
};
use krb5_fido_tools::{Added, Listed, Removed};
use serde_json::{Map, Value, json};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

pub(crate) fn print_added(added: &Added, record: &CredentialRecord, as_json: bool) {
    if as_json {
        let mut object = describe(&added.principal, &added.label, record);
        object.insert(
            "requires_preauth".to_owned(),
            json!(added.flags_after.requires_preauth),
        );
        object.insert(
            "requires_hwauth".to_owned(),
            json!(added.flags_after.requires_hwauth),
        );
        println!("{}", Value::Object(object));
        return;
    }
    println!("Registered {} for {}.", added.label, added.principal);
    let changed = [
        (added.flags_before.requires_preauth, "+requires_preauth"),
        (added.flags_before.requires_hwauth, "+requires_hwauth"),
    ];
    let set: Vec<&str> = changed
        .iter()
        .filter(|(before, _)| !before)
        .map(|(_, flag)| *flag)
        .collect();
    match set.as_slice() {
        [] => println!("+requires_preauth and +requires_hwauth were set already."),
        set => println!("Set {}.", set.join(" and ")),
    }
}

pub(crate) fn print_list(listed: &[Listed], as_json: bool) {
    if as_json {
        let entries: Vec<Value> = listed.iter().flat_map(json_entries).collect();
        println!("{}", Value::Array(entries));
        return;
    }
    for listed in listed {
        println!("{}", listed.principal);
        for (label, record) in listed.enrolment.credentials() {
            println!(
                "    {:<12} {:<9} {}  {}  {}",
                label.to_string(),
                state(record),
                format_time(record.created()),
                record.public_key().algorithm().name(),
                record.rp_id(),
            );
        }
        for garbled in listed.enrolment.garbled() {
            println!("    {garbled}");
        }
        if listed.count() == 0 {
            println!("    no security keys");
        }
    }
}

fn json_entries(listed: &Listed) -> Vec<Value> {
    let credentials = listed.enrolment.credentials().iter();
    let readable =
        credentials.map(|(label, record)| Value::Object(describe(&listed.principal, label, record)));
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

fn describe(principal: &str, label: &Label, record: &CredentialRecord) -> Map<String, Value> {
    let members = [
        ("principal", json!(principal)),
        ("label", json!(label.to_string())),
        ("state", json!(state(record))),
        ("rp", json!(record.rp_id())),
        ("alg", json!(record.public_key().algorithm().identifier())),
        ("created", json!(format_time(record.created()))),
        ("not_after", json!(record.not_after().map(format_time))),
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

fn state(record: &CredentialRecord) -> &'static str {
    if record.is_disabled() {
        return "disabled";
    }
    let required = Requirements {
        now: UtcDateTime::now(),
        algorithms: Algorithm::ALL,
        uv: UserVerification::Preferred,
    };
    match record.check_usable(&required) {
        Ok(_) => "usable",
        Err(krb5_fido_protocol::Error::CredentialExpired) => "expired",
        Err(_) => "unusable",
    }
}

fn format_time(time: UtcDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

pub(crate) fn print_removed(removed: &Removed, label: &str, as_json: bool) {
    if as_json {
        let object = json!({
            "principal": removed.principal,
            "label": label,
            "was_last": removed.was_last,
        });
        println!("{object}");
        return;
    }
    println!("Removed {label} of {}.", removed.principal);
    if removed.was_last {
        println!("It was the last key: cleared requires_hwauth; requires_preauth stays.");
    }
}
