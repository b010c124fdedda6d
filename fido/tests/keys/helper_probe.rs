//! krb5-fido-helper asked whether there is a key.

use krb5_fido_protocol::helper::Failure;

use crate::support::{
    helper_process::Helper,
    scripted_key::{Answer, Information, ScriptedKey},
};

#[test]
fn a_probe_leaves_the_key_alone() {
    let key = ScriptedKey::start(Information::default(), |_, _| Answer::HangUp);
    let attached = Helper::probing(&[&key.device()]).expect_attached();
    let paths: Vec<&str> = attached.iter().map(|key| key.path.as_str()).collect();
    assert_eq!(paths, [key.device()]);
    assert_eq!(attached[0].state, None);
    assert_eq!(key.connections(), 0);
}

#[test]
fn a_probe_counts_what_is_configured_as_attached() {
    for devices in [
        &["unix:/nonexistent/key"][..],
        &["/dev/nonexistent"],
        &["none", "unix:/nonexistent/key"],
    ] {
        let attached = Helper::probing(devices).expect_attached();
        assert_eq!(attached.len(), 1, "{devices:?}");
    }
}

#[test]
fn a_probe_finds_nothing_where_none_may_be_used() {
    for devices in [&["none"][..], &["none", "none"]] {
        let attached = Helper::probing(devices).expect_attached();
        assert!(attached.is_empty(), "{devices:?}");
    }
}

#[test]
fn a_probe_without_devices_looks_for_attached_keys() {
    let attached = Helper::probing(&["auto"]).expect_attached();
    assert_eq!(Helper::probing(&[]).expect_attached(), attached);
}

#[test]
fn a_probe_of_impossible_devices() {
    for value in ["usb", "", "hidraw0", "unix:", "unix:relative"] {
        let failure = Helper::probing(&["none", value]).expect_failure();
        let relation = "fido_device".to_owned();
        let value = value.to_owned();
        assert_eq!(failure, Failure::InvalidConfiguration { relation, value });
    }
}
