//! kdb5_fido show: everything about the keys of a principal.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use krb5_fido_protocol::{
    fido::{policy::Garbled, record::CredentialRecord},
    registry::ATTRIBUTE_PREFIX,
};
use krb5_fido_tools::{
    Error, Listed,
    format::{line, object, utc_time, words},
    print,
};
use serde_json::{Value, json};
use time::UtcDateTime;

use crate::{
    commands::Site,
    status::{
        keys::{self, Key},
        open_stores,
    },
};

/// What is told of a member that is not there.
const NOT_RECORDED: &str = "not recorded";

pub(crate) fn run(site: &Site<'_>, principal: &str, label: Option<&str>) -> Result<(), Error> {
    let listed = site.keys.list(principal)?;
    let stores = open_stores(site.realm);
    let mut keys = keys::find(&listed, site.realm, stores.as_ref(), UtcDateTime::now());
    let mut garbled: Vec<&Garbled> = listed.enrolment.garbled().iter().collect();
    if let Some(label) = label {
        let attribute = format!("{ATTRIBUTE_PREFIX}{label}");
        keys.retain(|key| key.label.attribute_name() == attribute);
        garbled.retain(|garbled| garbled.attribute == attribute.as_bytes());
        if keys.is_empty() && garbled.is_empty() {
            return Err(listed.no_such_label(label));
        }
    }
    let text = match site.as_json {
        true => format!("{}\n", describe(&listed, &keys, &garbled)),
        false => tell(&listed, &keys, &garbled, stores.is_some()),
    };
    print(&text).map_err(Error::Output)
}

fn tell(listed: &Listed, keys: &[Key<'_>], garbled: &[&Garbled], is_store_read: bool) -> String {
    let mut text = format!("{}\n", listed.principal);
    for key in keys {
        text += &format!("key {}\n", key.label);
        let used = match is_store_read {
            true => key.tell_use(),
            false => "not known".to_owned(),
        };
        text += &line("state", &key.tell_state());
        text += &line("last use", &used);
        text += &tell_record(key.record);
    }
    for garbled in garbled {
        text += &format!("{}\n", garbled.attribute.escape_ascii());
        text += &line("state", &format!("garbled: {}", garbled.error));
    }
    if keys.is_empty() && garbled.is_empty() {
        text += "    no security keys\n";
    }
    text
}

fn tell_record(record: &CredentialRecord) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NOT_RECORDED.to_owned());
    let escaped = |text: &str| text.escape_debug().to_string();
    let transports: Vec<String> = transports(record).into_iter().flatten().map(escaped).collect();
    let unknown: Vec<String> = record.unknown_members().map(escaped).collect();
    let uv = record.uv().map_or("as the policy says", |uv| uv.as_str());
    let end = record.not_after().map_or_else(|| "no end".to_owned(), utc_time);
    let invite = invite(record).map_or_else(|| "none".to_owned(), escaped);
    let registration = match keeps_registration(record) {
        true => "kept: the attestation can be looked at",
        false => "not kept",
    };
    let mut text = line("relying party", record.rp_id());
    text += &line("credential id", &encode(record.id()));
    text += &line("algorithm", record.public_key().algorithm().name());
    text += &line(
        "AAGUID",
        &or_none(record.aaguid().map(|aaguid| aaguid.to_string())),
    );
    text += &line("format", &or_none(record.format().map(escaped)));
    text += &line("transports", &words(&transports, NOT_RECORDED));
    text += &line("created", &utc_time(record.created()));
    text += &line("by", &or_none(record.by().map(escaped)));
    text += &line("counter", &format!("{} at registration", record.counter()));
    text += &line("user verification", uv);
    text += &line("not after", &end);
    text += &line("invitation", &invite);
    text += &line("registration", registration);
    if !unknown.is_empty() {
        text += &line("unknown members", &words(&unknown, ""));
    }
    text
}

fn describe(listed: &Listed, keys: &[Key<'_>], garbled: &[&Garbled]) -> Value {
    let garbled = garbled.iter().map(|garbled| {
        json!({
            "attribute": String::from_utf8_lossy(&garbled.attribute),
            "state": "garbled",
            "error": garbled.error.to_string(),
        })
    });
    let keys: Vec<Value> = keys.iter().map(describe_key).chain(garbled).collect();
    Value::Object(object([
        ("principal", json!(listed.principal)),
        ("keys", Value::Array(keys)),
    ]))
}

fn describe_key(key: &Key<'_>) -> Value {
    let record = key.record;
    let usage = key.usage.as_ref();
    let algorithm = record.public_key().algorithm();
    Value::Object(object([
        ("label", json!(key.label.to_string())),
        ("state", json!(key.identifier())),
        ("error", json!(key.error())),
        ("rp", json!(record.rp_id())),
        ("id", json!(encode(record.id()))),
        ("alg", json!(algorithm.identifier())),
        ("algorithm", json!(algorithm.name())),
        ("aaguid", json!(record.aaguid().map(|aaguid| aaguid.to_string()))),
        ("fmt", json!(record.format())),
        ("transports", json!(transports(record))),
        ("created", json!(utc_time(record.created()))),
        ("by", json!(record.by())),
        ("counter", json!(record.counter())),
        ("uv", json!(record.uv().map(|uv| uv.as_str()))),
        ("not_after", json!(record.not_after().map(utc_time))),
        ("invite", json!(invite(record))),
        ("registration", json!(keeps_registration(record))),
        ("last_used", json!(key.last_used().map(utc_time))),
        ("last_counter", json!(usage.map(|usage| usage.counter))),
        (
            "user_verified",
            json!(usage.map(|usage| usage.last.user_verified)),
        ),
        ("unknown", json!(record.unknown_members().collect::<Vec<_>>())),
    ]))
}

fn transports(record: &CredentialRecord) -> Option<Vec<&str>> {
    let transports = record.member("transports")?.as_array()?;
    Some(transports.iter().filter_map(Value::as_str).collect())
}

fn invite(record: &CredentialRecord) -> Option<&str> {
    record.member("invite")?.as_str()
}

fn keeps_registration(record: &CredentialRecord) -> bool {
    record.member("reg").is_some()
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
