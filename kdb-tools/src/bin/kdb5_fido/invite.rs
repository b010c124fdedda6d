//! kdb5_fido invite: a key may be registered with the password alone, once.

use std::time::Duration;

use krb5_fido_tools::{
    Closed, Error, Invite, Invited,
    command_line::kdb5_fido::InviteOptions,
    describe::{describe_flags, tell_flags_changed},
    format::{object, utc_time},
    print,
};
use serde_json::{Value, json};

use crate::commands::Site;

pub(crate) fn run(site: &Site<'_>, options: &InviteOptions) -> Result<(), Error> {
    let text = match options.close {
        true => {
            let closed = site.keys.close_invitation(&options.principal)?;
            match site.as_json {
                true => format!("{}\n", describe_closed(&closed)),
                false => tell_closed(&closed),
            }
        }
        false => {
            let invited = site.keys.invite(
                &options.principal,
                &Invite {
                    lasts: Duration::from_secs(options.lasts.into()),
                    with_code: options.code,
                    by: &site.store.administrator(),
                    replace: options.replace,
                },
            )?;
            match site.as_json {
                true => format!("{}\n", describe(&invited)),
                false => tell(&invited),
            }
        }
    };
    print(&text).map_err(Error::OutputAfterChange)
}

fn tell(invited: &Invited) -> String {
    let principal = &invited.principal;
    let mut text: String = invited
        .disabled
        .iter()
        .map(|label| format!("Disabled {label} of {principal}.\n"))
        .collect();
    text += &format!(
        "Until {} {principal} may register one key with the password alone: kfido enroll.\n",
        utc_time(invited.invitation.until())
    );
    text += &tell_flags_changed(invited.flags_before, invited.flags_after);
    if let Some(code) = code(invited) {
        text += &format!("It takes this code, which is shown now and never again: {code}\n");
    }
    text
}

fn code(invited: &Invited) -> Option<String> {
    let text = invited.code.as_ref()?.text();
    Some(String::from_utf8_lossy(text.expose()).into_owned())
}

fn describe(invited: &Invited) -> Value {
    let mut described = object([
        ("principal", json!(invited.principal)),
        ("id", json!(invited.invitation.id().to_string())),
        ("until", json!(utc_time(invited.invitation.until()))),
        ("code", json!(code(invited))),
        ("disabled", json!(invited.disabled)),
    ]);
    described.extend(describe_flags(invited.flags_after));
    Value::Object(described)
}

fn tell_closed(closed: &Closed) -> String {
    let principal = &closed.principal;
    let told = match closed.was_open {
        true => format!("The invitation of {principal} is ended.\n"),
        false => format!("No invitation of {principal} is open.\n"),
    };
    told + &tell_flags_changed(closed.flags_before, closed.flags_after)
}

fn describe_closed(closed: &Closed) -> Value {
    let mut described = object([
        ("principal", json!(closed.principal)),
        ("was_open", json!(closed.was_open)),
    ]);
    described.extend(describe_flags(closed.flags_after));
    Value::Object(described)
}
