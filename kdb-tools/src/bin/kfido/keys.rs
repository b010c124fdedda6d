//! kfido list, show, rename and remove.

use krb5_fido_tools::{
    Attempted, Error, KadmindError, Removed, confirm,
    describe::{describe_flags, describe_keys, tell_flags_left, tell_keys},
    format::object,
    print,
};
use krb5_plugin::kadm5::Flags;
use serde_json::{Value, json};

use crate::session::{Session, warn};

pub(crate) fn list(session: &Session<'_>) -> Result<(), Error> {
    let text = match session.as_json {
        true => format!(
            "{}\n",
            Value::Array(describe_keys(&session.listed, &session.settings))
        ),
        false => tell_keys(&session.listed, &session.settings),
    };
    print(&text).map_err(Error::Output)
}

pub(crate) fn rename(session: &Session<'_>, old: &str, new: &str) -> Result<(), Error> {
    let renamed = session.keys.rename(session.asked(), old, new);
    let renamed = renamed.map_err(|error| session.explained(error, Attempted::Rename { old, new }))?;
    let principal = &renamed.principal;
    let text = match (session.as_json, renamed.is_changed) {
        (true, is_changed) => {
            let described =
                json!({"principal": principal, "label": new, "old_label": old, "changed": is_changed});
            format!("{described}\n")
        }
        (false, true) => format!("Renamed {old} of {principal} to {new}.\n"),
        (false, false) => format!("{old} of {principal} has that name already.\n"),
    };
    print(&text).map_err(Error::OutputAfterChange)
}

pub(crate) fn remove(session: &Session<'_>, label: &str, yes: bool) -> Result<(), Error> {
    let removed = session.keys.remove(session.asked(), label, |listed| {
        let question = format!(
            "{label} is the last key of {}: fido_policy decides whether the password alone will do from now on. Remove it?",
            listed.principal
        );
        if yes { Ok(true) } else { confirm(&question) }
    });
    let removed = removed.map_err(|error| session.explained(error, Attempted::Remove { label }))?;
    let flags = open_password(session, &removed);
    let text = match session.as_json {
        true => {
            let mut described = object([
                ("principal", json!(removed.principal)),
                ("label", json!(label)),
                ("was_last", json!(removed.was_last)),
            ]);
            described.extend(describe_flags(flags));
            format!("{}\n", Value::Object(described))
        }
        false => {
            let last = removed.was_last.then(|| tell_last(removed.flags_before, flags));
            format!(
                "Removed {label} of {}.\n{}",
                removed.principal,
                last.unwrap_or_default()
            )
        }
    };
    print(&text).map_err(Error::OutputAfterChange)
}

/// Clears requires_hwauth of somebody else who has no key any more, as far as kadmind allows it; the flags after that.
fn open_password(session: &Session<'_>, removed: &Removed) -> Flags {
    if session.is_own() || !removed.was_last || !removed.flags_after.requires_hwauth {
        return removed.flags_after;
    }
    match session.keys.release_flags(session.asked()) {
        Ok(mended) => mended.after,
        Err(cause) => {
            warn(&KadmindError::FlagNotCleared {
                principal: session.principal().to_owned(),
                cause: Box::new(cause),
            });
            removed.flags_after
        }
    }
}

fn tell_last(before: Flags, after: Flags) -> String {
    let left = match before.requires_hwauth && after.requires_hwauth {
        true => "requires_hwauth stays, and the password alone will not do".to_owned(),
        false => tell_flags_left(before, after),
    };
    format!("It was the last key: {left}.\n")
}
