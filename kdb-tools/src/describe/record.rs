//! What a record says.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use krb5_fido_protocol::fido::record::CredentialRecord;
use serde_json::{Map, Value, json};

use crate::format::{line, object, printable, utc_time, words};

/// What is told of a member that is not there.
const NOT_RECORDED: &str = "not recorded";

/// All that a record says, line by line.
pub fn tell_record(record: &CredentialRecord) -> String {
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
    let mut text = line("relying party", &printable(record.rp_id()));
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

/// The same as members of an object.
pub fn describe_record(record: &CredentialRecord) -> Map<String, Value> {
    let algorithm = record.public_key().algorithm();
    object([
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
        ("unknown", json!(record.unknown_members().collect::<Vec<_>>())),
    ])
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
