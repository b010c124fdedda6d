//! Which of his own keys somebody may remove.

use own::Refusal::{Cause, Differs, Last, Reopens};

use super::*;

fn last() -> Result<(), Refusal> {
    own(Last("fido:a".to_owned()))
}

#[test]
fn one_of_two_keys_is_removed() {
    for policy in [Policy::Permissive, Policy::Enrolled, Policy::Required] {
        let scene = Scene::new().with_policy(policy).with_key("a", 1).with_key("b", 2);
        assert_eq!(scene.ask_own("fido:a", None), Ok(()));
    }
}

#[test]
fn last_key_stays_where_one_is_demanded() {
    let alone = |policy| Scene::new().with_policy(policy).with_key("a", 1);
    assert_eq!(alone(Policy::Permissive).ask_own("fido:a", None), Ok(()));
    assert_eq!(alone(Policy::Enrolled).ask_own("fido:a", None), Ok(()));
    assert_eq!(alone(Policy::Required).ask_own("fido:a", None), last());
    assert_eq!(
        alone(Policy::Enrolled)
            .with("fido_policy", "required")
            .ask_own("fido:a", None),
        last()
    );
    let mut flagged = alone(Policy::Enrolled);
    flagged.requires_hwauth = true;
    assert_eq!(flagged.ask_own("fido:a", None), last());
}

#[test]
fn last_key_that_may_be_used_stays_beside_those_that_may_not() {
    for value in [record(2, json!({"disabled": true})), "garbled".to_owned()] {
        let scene = Scene::new().with_key("a", 1).with("fido:b", &value);
        assert_eq!(scene.ask_own("fido:a", None), last());
    }
}

#[test]
fn garbled_attribute_is_removed_by_whoever_has_a_key() {
    let scene = Scene::new()
        .with_policy(Policy::Required)
        .with_key("a", 1)
        .with("fido:b", "garbled");
    assert_eq!(scene.ask_own("fido:b", None), Ok(()));
}

#[test]
fn garbled_attribute_that_may_spend_an_open_invitation_stays() {
    let garbled = format!(r#"{{"invite":"{}""#, invitation_id(1));
    let scene = Scene::new()
        .with_key("a", 1)
        .with("fido:b", &garbled)
        .with("fido_invite", &invitation(1));
    let until = NOW + Duration::SECOND;
    let label = "fido:b".to_owned();
    assert_eq!(scene.ask_own("fido:b", None), own(Reopens { label, until }));
}

#[test]
fn copy_does_not_shed_what_an_administrator_demands() {
    for more in [
        json!({"uv": "required"}),
        json!({"not_after": "2030-01-01T00:00:00Z"}),
    ] {
        let mut members = more;
        members["created"] = json!(LONG_AGO);
        let scene = Scene::new().with("fido:a", &record(1, members)).with_key("b", 1);
        for name in ["fido:a", "fido:b"] {
            assert_eq!(scene.ask_own(name, None), own(Differs(name.to_owned())));
        }
    }
}

#[test]
fn setting_that_cannot_be_read_closes_the_door() {
    let scene = Scene::new()
        .with_key("a", 1)
        .with_key("b", 2)
        .with("fido_policy", "off");
    assert_eq!(scene.ask_own("fido:a", None), own(Cause(Error::UnknownPolicy)));
}

#[test]
fn key_that_spends_an_open_invitation_stays() {
    let invited = record(2, json!({"invite": invitation_id(1), "created": LONG_AGO}));
    let scene = |seconds| {
        Scene::new()
            .with_key("a", 1)
            .with("fido:b", &invited)
            .with("fido_invite", &invitation(seconds))
    };
    let refused = own(Reopens {
        label: "fido:b".to_owned(),
        until: NOW + Duration::SECOND,
    });
    assert_eq!(scene(1).ask_own("fido:b", None), refused);
    assert_eq!(scene(-1).ask_own("fido:b", None), Ok(()));
    assert_eq!(scene(1).ask_own("fido:a", None), Ok(()));
    assert_eq!(scene(1).with("fido:c", &invited).ask_own("fido:b", None), Ok(()));
}
