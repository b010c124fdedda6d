//! kdb5_fido show: everything about the keys of a principal.

use krb5_fido_protocol::{fido::policy::Garbled, registry::ATTRIBUTE_PREFIX};
use krb5_fido_tools::{
    Error, Listed,
    describe::{describe_garbled, describe_record, tell_garbled, tell_record},
    format::{line, object, utc_time},
    print,
};
use serde_json::{Map, Value, json};
use time::UtcDateTime;

use crate::{
    commands::Site,
    status::{
        keys::{self, Key},
        open_stores,
    },
};

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
        text += &tell_garbled(garbled);
    }
    if keys.is_empty() && garbled.is_empty() {
        text += "    no security keys\n";
    }
    text
}

fn describe(listed: &Listed, keys: &[Key<'_>], garbled: &[&Garbled]) -> Value {
    let garbled = garbled.iter().map(|garbled| describe_garbled(garbled));
    let keys = keys.iter().map(describe_key).chain(garbled);
    let keys: Vec<Value> = keys.map(Value::Object).collect();
    Value::Object(object([
        ("principal", json!(listed.principal)),
        ("keys", Value::Array(keys)),
    ]))
}

fn describe_key(key: &Key<'_>) -> Map<String, Value> {
    let usage = key.usage.as_ref();
    let mut members = object([
        ("label", json!(key.label.to_string())),
        ("state", json!(key.identifier())),
        ("error", json!(key.error())),
    ]);
    members.extend(describe_record(key.record));
    members.extend(object([
        ("last_used", json!(key.last_used().map(utc_time))),
        ("last_counter", json!(usage.map(|usage| usage.counter))),
        (
            "user_verified",
            json!(usage.map(|usage| usage.last.user_verified)),
        ),
    ]));
    members
}
