//! What holds whoever asks.

use super::*;

#[test]
fn attributes_of_others_pass() {
    for name in ["session_enctypes", "fido", "fidox:a", "fido_unknown"] {
        assert_eq!(Scene::new().ask(name, Some("anything")), Ok(()), "{name}");
    }
    assert!(!is_ours(b"session_enctypes") && is_ours(b"fido_invite") && is_ours(b"fido:"));
    assert!(!is_key(b"fido_policy") && is_key(b"fido:a"));
}

#[test]
fn well_formed_records_and_settings_pass() {
    let scene = Scene::new();
    for (name, value) in [
        ("fido:a", new(1).as_str()),
        ("fido_policy", "required"),
        ("fido_uv", "required"),
        ("fido_indicator", "a b"),
        ("fido_invite", &invitation(1)),
    ] {
        assert_eq!(scene.ask(name, Some(value)), Ok(()), "{name}");
        assert_eq!(scene.ask(name, None), Ok(()), "{name}");
    }
}

#[test]
fn malformed_ones_do_not() {
    for (name, value, cause) in [
        ("fido:", new(1).as_str(), Error::MalformedLabel),
        ("fido:a b", &new(1), Error::MalformedLabel),
        ("fido:a", "", Error::RecordNotObject),
        ("fido:a", "{}", Error::RecordMemberMissing("v")),
        ("fido_policy", "off", Error::UnknownPolicy),
        ("fido_uv", "", Error::UnknownUserVerification),
        ("fido_indicator", " ", Error::MalformedIndicator),
        ("fido_invite", "soon", Error::MalformedInvitation),
    ] {
        assert_eq!(
            Scene::new().ask(name, Some(value)),
            Err(Refusal::Malformed(cause))
        );
    }
}

#[test]
fn values_that_are_not_utf_8_do_not() {
    let ask = |name: &[u8], value: &[u8]| Scene::new().knock(|door| door.check(name, Some(value)).map(drop));
    assert_eq!(ask(b"fido:\xff", b"{}"), Err(Error::MalformedLabel.into()));
    assert_eq!(ask(b"fido:a", b"\xff"), Err(Error::RecordNotObject.into()));
    assert_eq!(ask(b"fido_policy", b"\xff"), Err(Error::UnknownPolicy.into()));
}

#[test]
fn garbled_attributes_can_be_removed() {
    let scene = Scene::new().with("fido:a b", "{");
    assert_eq!(scene.ask("fido:a b", None), Ok(()));
}

fn full(max: usize) -> Scene {
    let mut scene = Scene::new().with_key("a", 1).with("fido:g", "garbled");
    scene.realm.admission.max_credentials = max;
    scene
}

#[test]
fn there_are_no_more_keys_than_the_realm_lets() {
    assert_eq!(full(2).ask("fido:b", Some(&new(2))), Err(Refusal::TooMany(2)));
    assert_eq!(full(3).ask("fido:b", Some(&new(2))), Ok(()));
    assert_eq!(Scene::new().realm.admission.max_credentials, 16);
}

#[test]
fn key_does_not_take_the_place_of_another() {
    let taken = Err(Refusal::LabelTaken(Label::parse("a").unwrap()));
    assert_eq!(full(2).ask("fido:a", Some(&new(2))), taken);
}

#[test]
fn key_in_the_place_of_a_garbled_one_is_no_further_one() {
    assert_eq!(full(2).ask("fido:g", Some(&new(2))), Ok(()));
}

#[test]
fn key_under_a_second_label_is_no_further_one() {
    assert_eq!(full(2).ask("fido:b", Some(&new(1))), Ok(()));
    let scene = full(3).with_key("b", 1);
    assert_eq!(scene.ask("fido:c", Some(&new(2))), Ok(()));
}

#[test]
fn record_of_a_key_that_is_there_can_be_changed_where_there_are_too_many() {
    let disabled = record(1, json!({"disabled": true}));
    assert_eq!(full(1).ask("fido:a", Some(&disabled)), Ok(()));
}

#[test]
fn credential_id_belongs_to_one_key() {
    let scene = Scene::new().with_key("a", 1);
    let other = record_json("s.org", &[1], &json!({}));
    let taken = Err(Refusal::IdTaken(Label::parse("a").unwrap()));
    assert_eq!(scene.ask("fido:b", Some(&other)), taken);
}
