//! What the commands print on standard output: for people, or as JSON.

use krb5_fido_protocol::fido::{
    policy::{Enrolment, Settings},
    record::CredentialRecord,
};
use krb5_fido_tools::{
    Added, Error, Listed, Removed,
    describe::{
        describe_flags, describe_key, describe_keys, requirements, tell_flags_left, tell_flags_set, tell_keys,
    },
    print,
};
use serde_json::{Map, Value, json};

pub(crate) fn print_added(
    added: &Added,
    record: &CredentialRecord,
    settings: &Settings,
    as_json: bool,
) -> Result<(), Error> {
    let text = if as_json {
        let mut object = describe_key(
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

pub(crate) fn print_list(listed: &[Listed], settings: &Settings, as_json: bool) -> Result<(), Error> {
    let text = if as_json {
        let entries: Vec<Value> = listed
            .iter()
            .flat_map(|listed| describe_keys(listed, settings))
            .collect();
        format!("{}\n", Value::Array(entries))
    } else {
        listed.iter().map(|listed| tell_keys(listed, settings)).collect()
    };
    print(&text).map_err(Error::Output)
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
        let last = removed.was_last.then(|| {
            format!(
                "It was the last key: {}.\n",
                tell_flags_left(removed.flags_before, removed.flags_after)
            )
        });
        format!(
            "Removed {label} of {}.\n{}",
            removed.principal,
            last.unwrap_or_default()
        )
    };
    print(&text).map_err(Error::OutputAfterChange)
}
