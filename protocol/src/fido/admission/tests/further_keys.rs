//! Further keys, and other labels, by whoever has one.

use own::Refusal::{
    Disabled, InvitationBorne, LabelTaken, NoRoom, NotInvited, SecondCopy, TooLong, UnknownMember,
};

use super::*;

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn settled() -> Scene {
    Scene::new().with_key("a", 1)
}

#[test]
fn who_has_a_key_registers_another() {
    for self_enrol in [SelfEnrol::No, SelfEnrol::Invited, SelfEnrol::Password] {
        let scene = settled().with_self_enrol(self_enrol);
        assert_eq!(scene.ask_own("fido:b", Some(&new(2))), Ok(()));
    }
}

#[test]
fn further_key_is_under_no_invitation() {
    let record = record(2, json!({"invite": invitation_id(1)}));
    assert_eq!(settled().ask_own("fido:b", Some(&record)), own(InvitationBorne));
}

#[test]
fn who_has_none_that_may_be_used_registers_none() {
    for value in [
        record(1, json!({"disabled": true, "created": LONG_AGO})),
        "garbled".to_owned(),
    ] {
        let scene = Scene::new().with("fido:a", &value);
        let refused = own(NotInvited(SelfEnrol::Invited));
        assert_eq!(scene.ask_own("fido:b", Some(&new(2))), refused);
        assert_eq!(scene.ask_own("fido:a", None), refused);
    }
}

#[test]
fn label_that_is_taken_stays() {
    assert_eq!(
        settled().ask_own("fido:a", Some(&new(2))),
        Err(Refusal::LabelTaken(label("a")))
    );
    let garbled = settled().with("fido:g", "{");
    assert_eq!(
        garbled.ask_own("fido:g", Some(&new(2))),
        own(LabelTaken(label("g")))
    );
}

#[test]
fn own_record_is_not_changed() {
    let changed = record(1, json!({"created": LONG_AGO, "transports": ["nfc"]}));
    assert_eq!(
        settled().ask_own("fido:a", Some(&changed)),
        own(LabelTaken(label("a")))
    );
    assert_eq!(
        settled().ask_own("fido:b", Some(&changed)),
        own(LabelTaken(label("a")))
    );
}

#[test]
fn own_record_gets_another_label() {
    let same = record(1, json!({"created": LONG_AGO}));
    assert_eq!(settled().ask_own("fido:b", Some(&same)), Ok(()));
    let renamed = settled().with_key("b", 1);
    assert_eq!(renamed.ask_own("fido:c", Some(&same)), own(SecondCopy));
    assert_eq!(renamed.ask_own("fido:a", None), Ok(()));
}

#[test]
fn own_keys_leave_room_for_what_administrators_set() {
    let long = |number, length: usize| record(number, json!({"created": LONG_AGO, "x": "x".repeat(length)}));
    let new = |length: usize| record(2, json!({"transports": ["x".repeat(length)]}));
    assert_eq!(settled().ask_own("fido:b", Some(&new(11_000))), Ok(()));
    assert_eq!(settled().ask_own("fido:b", Some(&new(12_000))), own(TooLong));
    let scene = settled().with("fido:long", &long(3, 21_000));
    assert_eq!(scene.ask_own("fido:b", Some(&new(10_000))), Ok(()));
    assert_eq!(scene.ask_own("fido:b", Some(&new(11_000))), own(NoRoom));
    assert_eq!(scene.ask("fido:b", Some(&new(11_000))), Ok(()));
}

#[test]
fn members_that_are_not_known_are_for_those_who_know_them() {
    let record = record(2, json!({"trusted": true}));
    assert_eq!(settled().ask_own("fido:b", Some(&record)), own(UnknownMember));
    assert_eq!(settled().ask("fido:b", Some(&record)), Ok(()));
}

#[test]
fn key_does_not_take_the_label_of_another_as_a_copy() {
    let scene = settled().with_key("b", 2);
    let copy = record(1, json!({"created": LONG_AGO}));
    assert_eq!(
        scene.ask("fido:b", Some(&copy)),
        Err(Refusal::LabelTaken(label("b")))
    );
}

#[test]
fn record_that_an_administrator_disabled_is_not_touched() {
    let disabled = record(2, json!({"disabled": true, "created": LONG_AGO}));
    let scene = settled().with("fido:b", &disabled);
    let refused = own(Disabled(label("b")));
    assert_eq!(scene.ask_own("fido:b", None), refused);
    assert_eq!(scene.ask_own("fido:c", Some(&disabled)), refused);
    let enabled = record(2, json!({"created": LONG_AGO}));
    assert_eq!(
        scene.ask_own("fido:b", Some(&enabled)),
        own(LabelTaken(label("b")))
    );
    assert_eq!(scene.ask_own("fido:c", Some(&enabled)), refused);
}

#[test]
fn usable_key_under_an_id_that_is_disabled_elsewhere_is_none() {
    // One of two records of a credential disables it.
    let disabled = record(1, json!({"disabled": true, "created": LONG_AGO}));
    let scene = settled().with("fido:b", &disabled);
    assert_eq!(
        scene.ask_own("fido:c", Some(&new(2))),
        own(NotInvited(SelfEnrol::Invited))
    );
}
