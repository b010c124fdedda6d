//! Logins that end for want of a touch of the right key.

use krb5_fido_protocol::helper::Failure;
use krb5_fido_tests::*;
use krb5_testrealm::Presence;

use super::{BRIEFLY, KEY, Played, client::answer, double, enrolled, log_in};

pub(crate) fn no_key() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    log_in(&realm, &[], &["-X", "fido_device=none"])
}

pub(crate) fn another_key() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    let device = format!("fido_device={}", other.device());
    log_in(&realm, &[], &[&BRIEFLY[..], &["-X", &device]].concat())
}

pub(crate) fn named_device_is_not_there() -> Played {
    let Enrolled { realm, key } = enrolled();
    let device = key.device();
    drop(key);
    log_in(&realm, &[], &BRIEFLY)
        .with("DEVICE", device)
        .with("REASON", "No such file or directory")
}

/// The key is there, and its user is like this.
fn with_presence(presence: Presence) -> Played {
    let Enrolled { realm, key } = enrolled();
    drop(key);
    let _key = realm.softkey("key", presence).unwrap();
    log_in(&realm, &[], &BRIEFLY)
}

pub(crate) fn declined() -> Played {
    with_presence(Presence::Deny)
}

pub(crate) fn not_touched() -> Played {
    with_presence(Presence::Never)
}

pub(crate) fn cancelled() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    answer(&realm, r#"{"factor":"none"}"#)
}

/// A software key says goodbye: libfido2 reports what it does when a key is unplugged.
pub(crate) fn unplugged() -> Played {
    let reason = "the security key stopped answering".to_owned();
    let login = |enrolled: &Enrolled| log_in(&enrolled.realm, &[], &[]);
    let failure = Failure::Device {
        product: KEY.to_owned(),
        code: 0,
        text: reason.clone(),
    };
    double::play(login, |helper| helper.fail(failure)).with("REASON", reason)
}
