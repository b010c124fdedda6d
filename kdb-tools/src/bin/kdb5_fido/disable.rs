//! kdb5_fido disable and enable: what has changed, and what follows.

use krb5_fido_protocol::fido::policy::{Decision, decide};
use krb5_fido_tools::{Error, Switched, Which, print};
use serde_json::{Value, json};
use time::UtcDateTime;

use crate::{
    commands::Site,
    status::keys::{self, Key},
};

pub(crate) fn run(site: &Site<'_>, principal: &str, which: Which<'_>, disabled: bool) -> Result<(), Error> {
    let switched = site.keys.switch(principal, which, disabled)?;
    let listed = site.keys.list(principal)?;
    let now = UtcDateTime::now();
    let keys = keys::find(&listed, site.realm, None, now);
    let decision = decide(&listed.subject(&site.realm.settings, false, now));
    let text = match site.as_json {
        true => format!("{}\n", describe(&switched, &keys)),
        false if disabled => tell_disabled(&switched, &decision),
        false => tell_enabled(&switched, &keys),
    };
    let has_changed = !switched.changed.is_empty();
    print(&text).map_err(match has_changed {
        true => Error::OutputAfterChange,
        false => Error::Output,
    })
}

fn tell_disabled(switched: &Switched, decision: &Decision<'_>) -> String {
    let principal = &switched.principal;
    let mut text = String::new();
    for label in &switched.changed {
        text += &format!("Disabled {label} of {principal}.\n");
    }
    for label in &switched.unchanged {
        text += &format!("{label} of {principal} is disabled already.\n");
    }
    for attribute in &switched.garbled {
        text += &format!("{attribute} of {principal} cannot be read, and is not accepted either.\n");
    }
    if decision.usable().is_empty() {
        text += &format!(
            "No key is left that may be used: {}.\n",
            tell_consequence(decision)
        );
    }
    text
}

/// What follows where no key may be used.
fn tell_consequence(decision: &Decision<'_>) -> String {
    match decision {
        Decision::OfferFidoOrNone(_) | Decision::OfferNone => {
            "the policy is permissive, and lets the password alone do".to_owned()
        }
        Decision::OfferFido(_) | Decision::OfferFidoThenNotice(_) => {
            "no ticket until one is enabled or registered".to_owned()
        }
        Decision::Refuse(cause) => format!("no ticket, since {cause}"),
    }
}

fn tell_enabled(switched: &Switched, keys: &[Key<'_>]) -> String {
    let principal = &switched.principal;
    let mut text = String::new();
    for label in &switched.changed {
        text += &format!("Enabled {label} of {principal}.\n");
    }
    for label in &switched.unchanged {
        text += &format!("{label} of {principal} is enabled already.\n");
    }
    let labels = || switched.changed.iter().chain(&switched.unchanged);
    let meant = keys
        .iter()
        .filter(|key| labels().any(|label| *label == key.label.to_string()));
    for error in meant.filter_map(Key::error) {
        text += &format!("It may not be used all the same: {error}.\n");
    }
    text
}

fn describe(switched: &Switched, keys: &[Key<'_>]) -> Value {
    json!({
        "principal": switched.principal,
        "changed": switched.changed,
        "unchanged": switched.unchanged,
        "garbled": switched.garbled,
        "usable": keys.iter().filter(|key| key.is_usable()).count(),
    })
}
