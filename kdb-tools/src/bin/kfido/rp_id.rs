//! kfido rp-id: for which names this machine signs.

use std::process::ExitCode;

use krb5_fido_keys::RealmRules;
use krb5_fido_tools::{ClientRealm, Error, format::object, print, warn_of_unused};
use serde_json::{Map, Value, json};

use crate::PROGRAM;

pub(crate) fn run(realm: &ClientRealm, as_json: bool) -> Result<ExitCode, Error> {
    let names = realm.rules()?;
    warn_of_unused(PROGRAM, &names.unused);
    let text = match as_json {
        true => format!("{}\n", Value::Object(describe(realm.name(), &names))),
        false => tell(realm.name(), &names),
    };
    print(&text).map_err(Error::Output)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(realm: &str, names: &RealmRules) -> String {
    let accepted = names.rules.accepted();
    let width = accepted.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: String = accepted
        .iter()
        .map(|(name, rule)| format!("    {name:<width$}  {rule}\n"))
        .collect();
    let (name, _) = names.rules.registration();
    format!("{realm}\n{lines}Keys are registered for {name}.\n")
}

fn describe(realm: &str, names: &RealmRules) -> Map<String, Value> {
    let (registration, _) = names.rules.registration();
    object([
        ("realm", json!(realm)),
        ("names", list_names(names)),
        ("registration", json!(registration)),
        ("facets_unused", list_unused(names)),
    ])
}

/// Each name with the rule that allows it.
pub(crate) fn list_names(names: &RealmRules) -> Value {
    let accepted = names.rules.accepted();
    accepted
        .into_iter()
        .map(|(name, rule)| json!({"name": name, "rule": rule.identifier()}))
        .collect()
}

/// Each facet list that counts for nothing, with the reason.
pub(crate) fn list_unused(names: &RealmRules) -> Value {
    let unused = names.unused.iter();
    unused
        .map(|list| json!({"url": list.url, "reason": list.reason.to_string()}))
        .collect()
}
