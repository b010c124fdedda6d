//! kfido devices.

use std::os::unix::net::UnixListener;

use krb5_fido_keys::{Device, DeviceSpec, Pin, discover};
use krb5_fido_tests::{AAGUID, set_pin};
use krb5_testrealm::{Presence, Realm, SoftKey};
use serde_json::{Value, json};

use crate::{json, realm, seen};

/// A realm with keys that fido_device names.
fn with_keys<const N: usize>(keys: [(&str, &[&str]); N]) -> (Realm, [SoftKey; N]) {
    let mut realm = realm();
    let keys = keys.map(|(name, options)| realm.softkey_with(name, Presence::Auto, options).unwrap());
    let devices: Vec<String> = keys.iter().map(SoftKey::device).collect();
    let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
    realm.set_client_relation("fido_device", &devices).unwrap();
    (realm, keys)
}

fn describe(realm: &Realm) -> Value {
    let listed = realm.kfido(&["devices", "--json"]).unwrap();
    assert_eq!((listed.code(), &*listed.stderr), (Some(0), ""), "{listed}");
    json(&listed)
}

#[test]
fn no_key_is_attached() {
    let mut realm = realm();
    realm.set_client_relation("fido_device", &["none"]).unwrap();
    let message = "kfido: No security key attached: plug one in, or name it with --device\n";
    assert_eq!(seen(&realm.kfido(&["devices"]).unwrap()), (Some(1), "", message));
    assert_eq!(
        seen(&realm.kfido(&["devices", "--json"]).unwrap()),
        (Some(1), "[]\n", message)
    );
}

#[test]
fn what_a_key_says_of_itself() {
    let (realm, [key]) = with_keys([("key", &[])]);
    let listed = realm.kfido(&["devices"]).unwrap();
    let expected = format!(
        "{}: software key
    versions            U2F_V2 FIDO_2_0 FIDO_2_1
    PIN                 not set
    built-in check      none
    always checks       no
    algorithms          ES256 EdDSA
    transports          usb
    AAGUID              {AAGUID}
",
        key.device()
    );
    assert_eq!(seen(&listed), (Some(0), &*expected, ""));
    let expected = json!([{
        "device": key.device(),
        "product": "software key",
        "vendor": null,
        "versions": ["U2F_V2", "FIDO_2_0", "FIDO_2_1"],
        "pin": "not_set",
        "pin_retries": null,
        "builtin_uv": "unsupported",
        "always_uv": false,
        "algorithms": [-7, -8],
        "transports": ["usb"],
        "aaguid": AAGUID,
    }]);
    assert_eq!(describe(&realm), expected);
}

#[test]
fn a_pin_and_the_attempts_that_are_left() {
    let (realm, [key]) = with_keys([("key", &[])]);
    set_pin(&key, "1234");
    let pin = || {
        let described = describe(&realm);
        (described[0]["pin"].clone(), described[0]["pin_retries"].clone())
    };
    assert_eq!(pin(), (json!("set"), json!(8)));
    enter_wrong_pin(&key);
    assert_eq!(pin(), (json!("set"), json!(7)));
    let listed = realm.kfido(&["devices"]).unwrap();
    assert!(
        listed
            .stdout
            .contains("    PIN                 set, 7 attempts left\n"),
        "{listed}"
    );
}

fn enter_wrong_pin(key: &SoftKey) {
    let found = discover(&[DeviceSpec::parse(&key.device()).unwrap()]).unwrap();
    let mut device = Device::open(&found[0]).unwrap();
    let pin = |text: &[u8]| Pin::new(text).unwrap();
    device.set_pin(&pin(b"4321"), Some(&pin(b"wrong"))).unwrap_err();
}

#[test]
fn a_key_that_speaks_u2f_alone() {
    let (realm, [key]) = with_keys([("key", &["--u2f-only"])]);
    let expected = json!([{
        "device": key.device(),
        "product": "software key",
        "vendor": null,
        "versions": ["U2F_V2"],
        "pin": "unsupported",
        "pin_retries": null,
        "builtin_uv": "unsupported",
        "always_uv": false,
        "algorithms": [-7],
        "transports": [],
        "aaguid": null,
    }]);
    assert_eq!(describe(&realm), expected);
    let listed = realm.kfido(&["devices"]).unwrap();
    assert!(
        listed
            .stdout
            .contains("    PIN                 none: this key cannot have one\n"),
        "{listed}"
    );
}

#[test]
fn a_key_that_is_named_and_not_there() {
    let (realm, [key]) = with_keys([("key", &[])]);
    let absent = format!("unix:{}", realm.dir().join("absent.sock").display());
    let error = format!("cannot open {absent}: No such file or directory (os error 2)");
    let listed = realm.kfido(&["devices", "--device", &absent]).unwrap();
    let expected = format!("{absent}: software key\n    {error}\n");
    assert_eq!(seen(&listed), (Some(1), &*expected, ""));

    let arguments = [
        "devices",
        "--json",
        "--device",
        &absent,
        "--device",
        &key.device(),
    ];
    let listed = realm.kfido(&arguments).unwrap();
    assert_eq!((listed.code(), &*listed.stderr), (Some(0), ""), "{listed}");
    let described = json(&listed);
    let expected = json!({"device": absent, "product": "software key", "vendor": null, "error": error});
    assert_eq!(described[0], expected);
    assert_eq!(described[1]["device"], key.device());
    assert_eq!(described[1]["error"], Value::Null);
}

#[test]
fn a_key_that_does_not_answer() {
    let realm = realm();
    let socket = realm.dir().join("silent.sock");
    let _silent = UnixListener::bind(&socket).unwrap();
    let device = format!("unix:{}", socket.display());
    let listed = realm.kfido(&["devices", "--device", &device]).unwrap();
    let expected = format!("{device}: software key\n    {device} is busy, or not a security key\n");
    assert_eq!(seen(&listed), (Some(1), &*expected, ""));
}

#[test]
fn what_is_no_device_is_refused() {
    let realm = realm();
    let message =
        "kfido: \"key\" is no device: auto, none, an absolute path, or unix: and an absolute path would be\n";
    let listed = realm.kfido(&["devices", "--device", "key"]).unwrap();
    assert_eq!(seen(&listed), (Some(1), "", message));
}
