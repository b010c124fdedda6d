//! How long tickets from before the first key count.

use own::{Refusal::TooEarly, changes_held_until};
use time::format_description::well_known::Rfc3339;

use super::*;

/// Five minutes that such a ticket lives, and three times the skew.
const HOLD: Duration = Duration::minutes(20);

fn created(ago: Duration, more: Value) -> Value {
    let mut members = json!({"created": (NOW - ago).format(&Rfc3339).unwrap()});
    members
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    members
}

/// alice with a key that is so old.
fn aged(ago: Duration) -> Scene {
    Scene::new().with("fido:a", &record(1, created(ago, json!({}))))
}

fn held_until(scene: &Scene) -> Option<UtcDateTime> {
    scene.knock(|door| changes_held_until(door.enrolment, SKEW))
}

#[test]
fn thief_with_a_ticket_from_before_the_first_key_changes_nothing() {
    let scene = aged(HOLD).with_key("old", 9);
    assert_eq!(scene.ask_own("fido:b", Some(&new(2))), Ok(()));
    for ago in [Duration::ZERO, Duration::minutes(15), HOLD] {
        let refused = own(TooEarly(NOW - ago + HOLD));
        let scene = aged(ago);
        assert_eq!(scene.ask_own("fido:b", Some(&new(2))), refused);
        assert_eq!(scene.ask_own("fido:a", None), refused);
    }
    assert_eq!(
        aged(HOLD + Duration::SECOND).ask_own("fido:b", Some(&new(2))),
        Ok(())
    );
}

#[test]
fn first_key_is_the_oldest() {
    let scene = aged(Duration::ZERO).with_key("old", 9);
    assert_eq!(
        held_until(&scene),
        Some(UtcDateTime::parse(LONG_AGO, &Rfc3339).unwrap() + HOLD)
    );
    assert_eq!(scene.ask_own("fido:b", Some(&new(2))), Ok(()));
}

#[test]
fn key_under_an_invitation_is_as_a_first_one() {
    let invited = record(2, created(Duration::MINUTE, json!({"invite": invitation_id(3)})));
    let scene = Scene::new().with_key("old", 1).with("fido:b", &invited);
    assert_eq!(held_until(&scene), Some(NOW - Duration::MINUTE + HOLD));
}

#[test]
fn invitation_that_nobody_used_counts_until_its_end() {
    let scene = Scene::new()
        .with_key("old", 1)
        .with("fido_invite", &invitation(-60));
    assert_eq!(held_until(&scene), Some(NOW - Duration::MINUTE + HOLD));
    let spent = record(2, json!({"invite": invitation_id(1), "created": LONG_AGO}));
    let spent = scene.with("fido:b", &spent);
    assert_eq!(
        held_until(&spent),
        Some(UtcDateTime::parse(LONG_AGO, &Rfc3339).unwrap() + HOLD)
    );
}

#[test]
fn ticket_that_a_key_gave_before_it_was_disabled_changes_nothing() {
    let disabled = record(
        2,
        created(
            Duration::DAY,
            json!({"disabled": true, "disabled_at": (NOW - Duration::HOUR).format(&Rfc3339).unwrap()}),
        ),
    );
    let scene = Scene::new().with_key("old", 1).with("fido:lost", &disabled);
    let until = NOW + Duration::hours(2) + Duration::minutes(15);
    assert_eq!(held_until(&scene), Some(until));
    assert_eq!(scene.ask_own("fido:b", Some(&new(3))), own(TooEarly(until)));
}

#[test]
fn invitation_without_an_end_holds_changes_for_ever() {
    for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:50:00Z"] {
        let invitation = invitation(1).replace("2026-09-21T14:13:21Z", end);
        assert!(invitation.contains(end), "{invitation}");
        let scene = Scene::new().with_key("old", 1).with("fido_invite", &invitation);
        assert_eq!(held_until(&scene), Some(UtcDateTime::MAX));
        assert_eq!(scene.ask_own("fido:old", None), own(TooEarly(UtcDateTime::MAX)));
    }
}

#[test]
fn nothing_is_held_without_a_key() {
    assert_eq!(held_until(&Scene::new()), None);
    assert_eq!(held_until(&Scene::new().with("fido:a", "{")), None);
}
