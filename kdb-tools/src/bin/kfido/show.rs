//! kfido show: everything about a key.

use krb5_fido_protocol::{
    fido::{
        label::Label,
        policy::{Enrolment, Garbled},
        record::CredentialRecord,
    },
    registry::ATTRIBUTE_PREFIX,
};
use krb5_fido_tools::{
    Error,
    describe::{describe_garbled, describe_record, requirements, state, tell_garbled, tell_record},
    format::{line, object},
    print,
};
use serde_json::{Map, Value, json};

use crate::session::Session;

pub(crate) fn run(session: &Session<'_>, label: &str) -> Result<(), Error> {
    let found = find(&session.listed.enrolment, label);
    let key = found.ok_or_else(|| session.listed.no_such_label(label))?;
    let text = match session.as_json {
        true => {
            let described = object([
                ("principal", json!(session.principal())),
                ("keys", json!([describe(session, &key)])),
            ]);
            format!("{}\n", Value::Object(described))
        }
        false => format!("{}\n{}", session.principal(), tell(session, &key)),
    };
    print(&text).map_err(Error::Output)
}

/// The key of a label.
enum Key<'a> {
    Readable(&'a Label, &'a CredentialRecord),
    Garbled(&'a Garbled),
}

fn find<'a>(enrolment: &'a Enrolment, label: &str) -> Option<Key<'a>> {
    let attribute = format!("{ATTRIBUTE_PREFIX}{label}");
    let mut readable = enrolment.credentials().iter();
    let readable = readable.find(|(label, _)| label.attribute_name() == attribute);
    let mut garbled = enrolment.garbled().iter();
    readable
        .map(|(label, record)| Key::Readable(label, record))
        .or_else(|| {
            let garbled = garbled.find(|garbled| garbled.attribute == attribute.as_bytes());
            garbled.map(Key::Garbled)
        })
}

fn tell(session: &Session<'_>, key: &Key<'_>) -> String {
    match key {
        Key::Readable(label, record) => {
            let required = requirements(&session.listed.enrolment, &session.settings);
            let state = line("state", state(record, &required));
            format!("key {label}\n{state}{}", tell_record(record))
        }
        Key::Garbled(garbled) => tell_garbled(garbled),
    }
}

fn describe(session: &Session<'_>, key: &Key<'_>) -> Map<String, Value> {
    match key {
        Key::Readable(label, record) => {
            let required = requirements(&session.listed.enrolment, &session.settings);
            let mut members = object([
                ("label", json!(label.to_string())),
                ("state", json!(state(record, &required))),
            ]);
            members.extend(describe_record(record));
            members
        }
        Key::Garbled(garbled) => describe_garbled(garbled),
    }
}
