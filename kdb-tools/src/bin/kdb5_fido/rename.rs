//! kdb5_fido rename: another label for a key.

use krb5_fido_tools::{Error, print};
use serde_json::json;

use crate::commands::Site;

pub(crate) fn run(site: &Site<'_>, principal: &str, old: &str, new: &str) -> Result<(), Error> {
    let renamed = site.keys.rename(principal, old, new)?;
    let principal = &renamed.principal;
    let text = if site.as_json {
        let described = json!({
            "principal": principal,
            "label": new,
            "old_label": old,
            "changed": renamed.is_changed,
        });
        format!("{described}\n")
    } else if renamed.is_changed {
        format!("Renamed {old} of {principal} to {new}.\n")
    } else {
        format!("{old} of {principal} has that name already.\n")
    };
    print(&text).map_err(match renamed.is_changed {
        true => Error::OutputAfterChange,
        false => Error::Output,
    })
}
