//! The table of who is offered what, cell by cell, and the rules over it.

use super::*;

const NONE_USABLE: &[Keys] = &[Keys::Disabled, Keys::Garbled];

/// What a principal with these keys is offered, and whether a ticket needs a verified factor.
#[track_caller]
fn assert_cell(policy: Policy, keys: &[Keys], expected: Offer, factor: bool) {
    for keys in keys {
        let (settings, enrolment) = (realm(policy), keys.enrolment());
        let subject = alice(&settings, &enrolment);
        assert_eq!(offer(&subject), expected, "{policy:?}, {keys:?}");
        assert_eq!(requires_factor(&subject), Ok(factor), "{policy:?}, {keys:?}");
    }
}

#[test]
fn permissive_not_enrolled() {
    assert_cell(Policy::Permissive, &[Keys::None], Offer::None, false);
}

#[test]
fn permissive_some_usable() {
    assert_cell(Policy::Permissive, &[Keys::Usable], Offer::FidoOrNone(1), false);
}

#[test]
fn permissive_none_usable() {
    assert_cell(Policy::Permissive, NONE_USABLE, Offer::FidoOrNone(0), false);
}

#[test]
fn enrolled_not_enrolled() {
    assert_cell(Policy::Enrolled, &[Keys::None], Offer::None, false);
}

#[test]
fn enrolled_some_usable() {
    assert_cell(Policy::Enrolled, &[Keys::Usable], Offer::Fido, true);
}

#[test]
fn enrolled_none_usable() {
    assert_cell(Policy::Enrolled, NONE_USABLE, Offer::NoneUsable, true);
}

#[test]
fn required_not_enrolled() {
    assert_cell(Policy::Required, &[Keys::None], Offer::EnrolRequired, true);
}

#[test]
fn required_some_usable() {
    assert_cell(Policy::Required, &[Keys::Usable], Offer::Fido, true);
}

#[test]
fn required_none_usable() {
    assert_cell(Policy::Required, NONE_USABLE, Offer::NoneUsable, true);
}

/// A request as the rules over the table see it.
#[derive(Clone, Copy, Debug)]
struct Case {
    policy: Policy,
    keys: Keys,
    name: &'static str,
    for_kadmin: bool,
    requires_hwauth: bool,
    self_enrol: SelfEnrol,
    is_invited: bool,
}

const SELF_ENROL: [SelfEnrol; 3] = [SelfEnrol::No, SelfEnrol::Invited, SelfEnrol::Password];

impl Case {
    /// Every combination, with `alice` who is not exempt and two who are.
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for policy in POLICIES {
            for keys in KEYS {
                for name in ["alice", "host/a.example.com", "WELLKNOWN/ANONYMOUS"] {
                    for flags in 0..24 {
                        cases.push(Self {
                            policy,
                            keys,
                            name,
                            for_kadmin: flags & 1 != 0,
                            requires_hwauth: flags & 2 != 0,
                            is_invited: flags & 4 != 0,
                            self_enrol: SELF_ENROL[flags >> 3],
                        });
                    }
                }
            }
        }
        cases
    }

    fn settings(&self) -> Settings {
        Settings {
            self_enrol: self.self_enrol,
            ..realm(self.policy)
        }
    }

    fn subject<'a>(&self, settings: &'a Settings, enrolment: &'a Enrolment) -> Subject<'a> {
        Subject {
            name: self.name.as_bytes(),
            for_kadmin: self.for_kadmin,
            requires_hwauth: self.requires_hwauth,
            ..alice(settings, enrolment)
        }
    }

    fn enrolment(&self) -> Enrolment {
        match self.is_invited {
            true => self.keys.with("fido_invite", &invitation(1)),
            false => self.keys.enrolment(),
        }
    }

    fn offer(&self) -> Offer {
        offer(&self.subject(&self.settings(), &self.enrolment()))
    }

    fn requires_factor(&self) -> bool {
        requires_factor(&self.subject(&self.settings(), &self.enrolment())).unwrap()
    }

    /// The cell of the table, with nothing over it.
    fn cell(policy: Policy, keys: Keys) -> Offer {
        match (policy, keys) {
            (Policy::Permissive | Policy::Enrolled, Keys::None) => Offer::None,
            (Policy::Required, Keys::None) => Offer::EnrolRequired,
            (Policy::Permissive, Keys::Usable) => Offer::FidoOrNone(1),
            (Policy::Enrolled | Policy::Required, Keys::Usable) => Offer::Fido,
            (Policy::Permissive, Keys::Disabled | Keys::Garbled) => Offer::FidoOrNone(0),
            (Policy::Enrolled | Policy::Required, Keys::Disabled | Keys::Garbled) => Offer::NoneUsable,
        }
    }

    /// The rules over the table, as they are written.
    fn expected(&self) -> Offer {
        let is_left_alone = self.name != "alice";
        let policy = match self.policy {
            Policy::Permissive if self.for_kadmin => Policy::Enrolled,
            Policy::Required if is_left_alone => Policy::Enrolled,
            other => other,
        };
        let is_let = match self.self_enrol {
            SelfEnrol::No => false,
            SelfEnrol::Invited => self.is_invited,
            SelfEnrol::Password => self.is_invited || self.keys == Keys::None,
        };
        let may_enrol = is_let && !is_left_alone && self.keys != Keys::Usable;
        let offer = match (may_enrol, Self::cell(policy, self.keys)) {
            (true, _) if self.for_kadmin => Offer::None,
            (true, Offer::NoneUsable) => Offer::EnrolRequired,
            (_, offer) => offer,
        };
        let none_usable = match may_enrol {
            true => Offer::EnrolRequired,
            false => Offer::NoneUsable,
        };
        match (self.requires_hwauth, offer) {
            (true, Offer::None) => Offer::EnrolRequired,
            (true, Offer::FidoOrNone(0)) => none_usable,
            (true, Offer::FidoOrNone(_)) => Offer::Fido,
            (_, offer) => offer,
        }
    }
}

#[test]
fn every_combination_of_the_rules() {
    let cases = Case::all();
    assert_eq!(cases.len(), 3 * 4 * 3 * 24);
    for case in cases {
        assert_eq!(case.offer(), case.expected(), "{case:?}");
    }
}

#[test]
fn policy_module_and_offer_agree() {
    for case in Case::all() {
        let offers_none = matches!(case.offer(), Offer::None | Offer::FidoOrNone(_));
        let requires_factor = case.requires_factor();
        assert_eq!(offers_none, !requires_factor && !case.requires_hwauth, "{case:?}");
        let without_flag = Case {
            requires_hwauth: false,
            ..case
        };
        assert_eq!(requires_factor, without_flag.requires_factor(), "{case:?}");
    }
}

#[test]
fn unreadable_setting_stands_over_everything() {
    for case in Case::all() {
        let (settings, enrolment) = (case.settings(), case.keys.with("fido_policy", "off"));
        let subject = case.subject(&settings, &enrolment);
        assert_eq!(offer(&subject), Offer::Refuse(Error::UnknownPolicy), "{case:?}");
        assert_eq!(requires_factor(&subject), Err(Error::UnknownPolicy), "{case:?}");
    }
}

const KADMIN: Case = Case {
    policy: Policy::Permissive,
    keys: Keys::Usable,
    name: "alice",
    for_kadmin: true,
    requires_hwauth: false,
    self_enrol: SelfEnrol::No,
    is_invited: false,
};

#[test]
fn kadmin_reads_permissive_as_enrolled() {
    for (keys, expected) in [
        (Keys::None, Offer::None),
        (Keys::Usable, Offer::Fido),
        (Keys::Disabled, Offer::NoneUsable),
        (Keys::Garbled, Offer::NoneUsable),
    ] {
        let case = Case { keys, ..KADMIN };
        assert_eq!(case.offer(), expected);
        assert_eq!(case.requires_factor(), keys != Keys::None);
    }
}

#[test]
fn who_may_enrol_gets_a_kadmin_ticket_by_password() {
    let may = Case {
        policy: Policy::Required,
        keys: Keys::None,
        self_enrol: SelfEnrol::Password,
        ..KADMIN
    };
    assert_eq!((may.offer(), may.requires_factor()), (Offer::None, false));
}

#[test]
fn who_may_enrol_gets_nothing_else_by_password() {
    let other_service = Case {
        policy: Policy::Required,
        keys: Keys::None,
        self_enrol: SelfEnrol::Password,
        for_kadmin: false,
        ..KADMIN
    };
    assert_eq!(other_service.offer(), Offer::EnrolRequired);
    assert!(other_service.requires_factor());
}

#[test]
fn who_is_enrolled_may_not_enrol_by_password() {
    for policy in POLICIES {
        for keys in [Keys::Usable, Keys::Disabled, Keys::Garbled] {
            let case = Case {
                policy,
                keys,
                self_enrol: SelfEnrol::Password,
                ..KADMIN
            };
            assert!(case.requires_factor(), "{case:?}");
            assert!(matches!(case.offer(), Offer::Fido | Offer::NoneUsable));
        }
    }
}

const INVITED: Case = Case {
    policy: Policy::Required,
    keys: Keys::None,
    self_enrol: SelfEnrol::Invited,
    is_invited: true,
    ..KADMIN
};

#[test]
fn who_is_invited_gets_a_kadmin_ticket_by_password_and_a_notice_for_others() {
    for keys in [Keys::None, Keys::Disabled, Keys::Garbled] {
        let case = Case { keys, ..INVITED };
        assert_eq!((case.offer(), case.requires_factor()), (Offer::None, false));
        let other = Case {
            for_kadmin: false,
            ..case
        };
        assert_eq!(
            (other.offer(), other.requires_factor()),
            (Offer::EnrolRequired, true)
        );
    }
}

#[test]
fn who_has_a_usable_key_must_use_it_invited_or_not() {
    let case = Case {
        keys: Keys::Usable,
        ..INVITED
    };
    assert_eq!((case.offer(), case.requires_factor()), (Offer::Fido, true));
}

#[test]
fn invitation_counts_for_nothing_where_nobody_enrols_himself() {
    let case = Case {
        self_enrol: SelfEnrol::No,
        ..INVITED
    };
    assert_eq!(
        (case.offer(), case.requires_factor()),
        (Offer::EnrolRequired, true)
    );
}

#[test]
fn whom_required_leaves_alone_does_not_enrol_himself() {
    let subject = |name: &'static [u8], settings: &Settings| {
        let enrolment = Keys::Disabled.with("fido_invite", &invitation(1));
        let subject = Subject {
            name,
            for_kadmin: true,
            ..alice(settings, &enrolment)
        };
        (may_enrol(&subject), limits_administration(&subject))
    };
    let settings = realm(Policy::Enrolled);
    assert_eq!(subject(b"alice", &settings), (true, true));
    assert_eq!(subject(b"host/a.example.com", &settings), (false, false));
}

/// Who may enrol with these attributes.
fn may_enrol_with(attributes: &[(&str, &str)]) -> bool {
    let settings = realm(Policy::Required);
    may_enrol(&alice(&settings, &enrolment(attributes)))
}

#[test]
fn invitation_that_a_record_bears_is_spent() {
    let open = invitation(1);
    for (bears, may) in [(invitation_id(1), false), (invitation_id(2), true)] {
        let record = record(json!({"disabled": true, "invite": bears}));
        let attributes = [("fido_invite", open.as_str()), ("fido:a", &record)];
        assert_eq!(may_enrol_with(&attributes), may);
    }
}

#[test]
fn invitation_that_a_garbled_record_may_bear_is_spent() {
    let open = invitation(1);
    for (garbled, may) in [
        (format!(r#"{{"v":1,"invite":"{}""#, invitation_id(1)), false),
        ("{".to_owned(), true),
    ] {
        let attributes = [("fido:a", garbled.as_str()), ("fido_invite", &open)];
        assert_eq!(may_enrol_with(&attributes), may);
    }
}

#[test]
fn invitation_that_has_ended_or_cannot_be_read_invites_nobody() {
    assert!(may_enrol_with(&[("fido_invite", &invitation(0))]));
    assert!(!may_enrol_with(&[("fido_invite", &invitation(-1))]));
    assert!(!may_enrol_with(&[("fido_invite", "soon")]));
}

#[test]
fn nobody_enrols_by_password_unless_the_realm_says_so() {
    let case = Case {
        policy: Policy::Required,
        keys: Keys::None,
        ..KADMIN
    };
    assert_eq!(
        (case.offer(), case.requires_factor()),
        (Offer::EnrolRequired, true)
    );
}

#[test]
fn hardware_flag_is_never_offered_the_password_alone() {
    let flagged = Case::all().into_iter().filter(|case| case.requires_hwauth);
    for case in flagged {
        let is_noticed = match case.keys {
            Keys::None => case.offer() == Offer::EnrolRequired,
            Keys::Usable => case.offer() == Offer::Fido,
            Keys::Disabled | Keys::Garbled => {
                matches!(case.offer(), Offer::EnrolRequired | Offer::NoneUsable)
            }
        };
        assert!(is_noticed, "{case:?}");
    }
}

#[test]
fn required_leaves_exempt_and_well_known_principals_to_enrolled() {
    for name in [
        &b"host/a.example.com"[..],
        b"kiprop/kdc2",
        b"kadmin/admin",
        b"K/M",
        b"krbtgt/R.ORG",
        b"WELLKNOWN/ANONYMOUS",
        b"WELLKNOWN/",
    ] {
        for keys in KEYS {
            let (settings, enrolment) = (realm(Policy::Required), keys.enrolment());
            let subject = Subject {
                name,
                ..alice(&settings, &enrolment)
            };
            assert_eq!(offer(&subject), Case::cell(Policy::Enrolled, keys));
            assert_eq!(requires_factor(&subject), Ok(keys != Keys::None));
        }
    }
}

#[test]
fn policy_is_told_with_its_origin() {
    let in_force = |policy, own: Option<&str>, name: &[u8], for_kadmin| {
        let enrolment = Enrolment::from_attributes(own.map(|own| ("fido_policy", own)));
        let settings = realm(policy);
        let subject = Subject {
            name,
            for_kadmin,
            ..alice(&settings, &enrolment)
        };
        policy_in_force(&subject)
    };
    for (policy, own, name, for_kadmin, expected) in [
        (
            Policy::Enrolled,
            None,
            &b"alice"[..],
            false,
            (Policy::Enrolled, Origin::Realm),
        ),
        (
            Policy::Enrolled,
            Some("required"),
            b"alice",
            false,
            (Policy::Required, Origin::Principal),
        ),
        (
            Policy::Required,
            Some("permissive"),
            b"alice",
            false,
            (Policy::Permissive, Origin::Principal),
        ),
        (
            Policy::Required,
            Some("permissive"),
            b"alice",
            true,
            (Policy::Enrolled, Origin::Administration),
        ),
        (
            Policy::Required,
            None,
            b"host/a",
            true,
            (Policy::Enrolled, Origin::Exemption),
        ),
        (
            Policy::Permissive,
            Some("required"),
            b"WELLKNOWN/A",
            false,
            (Policy::Enrolled, Origin::Exemption),
        ),
    ] {
        assert_eq!(in_force(policy, own, name, for_kadmin), Ok(expected));
    }
    assert_eq!(
        in_force(Policy::Enrolled, Some("x"), b"alice", false),
        Err(Error::UnknownPolicy)
    );
}

#[test]
fn required_reaches_everybody_else() {
    for name in [
        &b""[..],
        b"alice",
        b"host",
        b"WELLKNOWN",
        b"wellknown/ANONYMOUS",
        b"WELLKNOWN\\/ANONYMOUS",
        b"x/WELLKNOWN/ANONYMOUS",
        b"host\\/a",
        b"\xff",
    ] {
        let (settings, enrolment) = (realm(Policy::Required), Keys::None.enrolment());
        let subject = Subject {
            name,
            ..alice(&settings, &enrolment)
        };
        assert_eq!(offer(&subject), Offer::EnrolRequired);
        assert_eq!(requires_factor(&subject), Ok(true));
    }
}

#[test]
fn exemptions_are_those_of_the_realm() {
    let settings = Settings {
        exempt: Exemptions::parse("batch/*").unwrap(),
        ..realm(Policy::Required)
    };
    let enrolment = Keys::None.enrolment();
    for (name, expected) in [
        (&b"batch/nightly"[..], Offer::None),
        (b"WELLKNOWN/ANONYMOUS", Offer::None),
        (b"host/a.example.com", Offer::EnrolRequired),
    ] {
        let subject = Subject {
            name,
            ..alice(&settings, &enrolment)
        };
        assert_eq!(offer(&subject), expected);
    }
}
