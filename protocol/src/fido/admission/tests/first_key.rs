//! Who may register a first key himself, and how.

use own::Refusal::{By, Cause, Created, Exempt, InvitationBorne, InvitationNotBorne, NotInvited, Reserved};

use super::*;

fn invited() -> Scene {
    Scene::new().with("fido_invite", &invitation(1))
}

fn under_invitation(more: Value) -> String {
    let mut members = json!({"invite": invitation_id(1)});
    members
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    record(1, members)
}

fn ask(scene: &Scene, record: &str) -> Result<(), Refusal> {
    scene.ask_own("fido:a", Some(record))
}

#[test]
fn invited_one_registers_a_key_under_the_invitation() {
    assert_eq!(ask(&invited(), &under_invitation(json!({}))), Ok(()));
}

#[test]
fn invited_one_says_under_which_invitation() {
    assert_eq!(ask(&invited(), &new(1)), own(InvitationNotBorne));
    let other = record(1, json!({"invite": invitation_id(2)}));
    assert_eq!(ask(&invited(), &other), own(InvitationNotBorne));
}

#[test]
fn one_who_is_not_invited_registers_none() {
    let refused = own(NotInvited(SelfEnrol::Invited));
    for record in [new(1), under_invitation(json!({}))] {
        assert_eq!(ask(&Scene::new(), &record), refused);
        let ended = Scene::new().with("fido_invite", &invitation(-1));
        assert_eq!(ask(&ended, &record), refused);
        let garbled = Scene::new().with("fido_invite", "{");
        assert_eq!(ask(&garbled, &record), refused);
    }
}

#[test]
fn invitation_is_worth_one_key() {
    let spent = invited().with(
        "fido:b",
        &record(2, json!({"invite": invitation_id(1), "disabled": true})),
    );
    assert_eq!(
        ask(&spent, &under_invitation(json!({}))),
        own(NotInvited(SelfEnrol::Invited))
    );
}

#[test]
fn same_record_can_be_sent_once_more() {
    let record = under_invitation(json!({}));
    let scene = invited().with("fido:a", &record);
    assert_eq!(ask(&scene, &record), Ok(()));
}

#[test]
fn invited_one_whose_keys_are_disabled_registers_another() {
    let replaced = invited().with(
        "fido:b",
        &record(2, json!({"disabled": true, "created": LONG_AGO})),
    );
    assert_eq!(ask(&replaced, &under_invitation(json!({}))), Ok(()));
}

#[test]
fn password_is_enough_where_the_realm_says_so() {
    let scene = Scene::new().with_self_enrol(SelfEnrol::Password);
    assert_eq!(ask(&scene, &new(1)), Ok(()));
    assert_eq!(ask(&scene, &under_invitation(json!({}))), own(InvitationBorne));
}

#[test]
fn password_is_not_enough_where_there_was_a_key() {
    for value in [record(2, json!({"disabled": true})), "garbled".to_owned()] {
        let scene = Scene::new()
            .with_self_enrol(SelfEnrol::Password)
            .with("fido:b", &value);
        assert_eq!(ask(&scene, &new(1)), own(NotInvited(SelfEnrol::Password)));
    }
}

#[test]
fn nobody_registers_a_first_key_where_the_realm_says_so() {
    let scene = invited().with_self_enrol(SelfEnrol::No);
    assert_eq!(
        ask(&scene, &under_invitation(json!({}))),
        own(NotInvited(SelfEnrol::No))
    );
}

#[test]
fn exempt_principal_leaves_its_keys_to_others() {
    let mut scene = invited();
    scene.principal = "host/a.example.com@R.ORG";
    let record = under_invitation(json!({"by": scene.principal}));
    assert_eq!(ask(&scene, &record), own(Exempt));
    assert_eq!(scene.ask_own("fido:a", None), own(Exempt));
}

#[test]
fn record_is_by_the_caller() {
    for by in [json!("bob@R.ORG"), json!("alice")] {
        assert_eq!(ask(&invited(), &under_invitation(json!({"by": by}))), own(By));
    }
}

#[test]
fn record_is_from_now() {
    for (seconds, is_now) in [(-300, true), (300, true), (-301, false), (301, false)] {
        let created = NOW + Duration::seconds(seconds);
        let text = created
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap();
        let asked = ask(&invited(), &under_invitation(json!({"created": text})));
        let expected = match is_now {
            true => Ok(()),
            false => own(Created(created)),
        };
        assert_eq!(asked, expected, "{seconds}");
    }
}

#[test]
fn record_has_nothing_that_is_for_administrators() {
    for (name, value) in [
        ("disabled", json!(true)),
        ("not_after", json!("2030-01-01T00:00:00Z")),
        ("uv", json!("discouraged")),
    ] {
        assert_eq!(
            ask(&invited(), &under_invitation(json!({name: value}))),
            own(Reserved(name))
        );
    }
}

#[test]
fn record_can_be_used() {
    let mut scene = invited();
    scene.realm.settings.uv = UserVerification::Required;
    let u2f = under_invitation(json!({"fmt": "fido-u2f"}));
    assert_eq!(ask(&scene, &u2f), own(Cause(Error::CannotVerifyUser)));
    scene.realm.settings = Settings {
        algorithms: vec![crate::fido::cose::Algorithm::EdDsa],
        ..Settings::default()
    };
    assert_eq!(
        ask(&scene, &under_invitation(json!({}))),
        own(Cause(Error::AlgorithmNotAllowed))
    );
}

#[test]
fn setting_that_cannot_be_read_closes_the_door() {
    let scene = invited().with("fido_policy", "off");
    assert_eq!(
        ask(&scene, &under_invitation(json!({}))),
        own(Cause(Error::UnknownPolicy))
    );
}

#[test]
fn code_has_to_be_proved() {
    use crate::fido::invite::{InvitationId, NewInvitation, code::InvitationCode};

    let id = InvitationId([1; 16]);
    let code = InvitationCode::new([7; 16]);
    let invitation = Invitation::new(&NewInvitation {
        id,
        created: NOW,
        until: NOW,
        by: "root/admin@R.ORG",
        code: Some(code.hash(id).unwrap()),
    });
    let scene = Scene::new().with("fido_invite", &invitation.unwrap().encode());
    let plain = under_invitation(json!({}));
    assert_eq!(ask(&scene, &plain), own(Cause(Error::InvitationCodeMissing)));

    let mut proved = CredentialRecord::parse(&plain).unwrap();
    let proof = code.prove(id, PRINCIPAL.as_bytes(), &proved).unwrap();
    proved.set_invitation(id, Some(&proof));
    assert_eq!(ask(&scene, &proved.encode().unwrap()), Ok(()));

    let wrong = InvitationCode::new([8; 16]);
    let proof = wrong.prove(id, PRINCIPAL.as_bytes(), &proved).unwrap();
    proved.set_invitation(id, Some(&proof));
    assert_eq!(
        ask(&scene, &proved.encode().unwrap()),
        own(Cause(Error::InvitationCodeWrong))
    );
}
