//! Words, string attributes, usable credentials and the challenge.

use super::*;

#[test]
fn defaults_of_a_realm() {
    let settings = Settings::default();
    assert_eq!(settings.policy, Policy::Enrolled);
    assert_eq!(settings.exempt, Exemptions::default());
    assert_eq!(settings.uv, UserVerification::Preferred);
    assert_eq!(settings.algorithms, Algorithm::ALL);
    assert_eq!(settings.self_enrol, SelfEnrol::Invited);
}

#[test]
fn policy_words() {
    assert_eq!(
        ["permissive", "enrolled", "required"].map(Policy::parse),
        POLICIES.map(Ok)
    );
    for word in ["", "Enrolled", "enrolled ", "off", "none", "required,enrolled"] {
        assert_eq!(Policy::parse(word), Err(Error::UnknownPolicy));
    }
}

#[test]
fn self_enrolment_words() {
    for word in [SelfEnrol::No, SelfEnrol::Invited, SelfEnrol::Password] {
        assert_eq!(SelfEnrol::parse(word.as_str()), Ok(word));
    }
    for word in ["", "No", "yes", "false", "password "] {
        assert_eq!(SelfEnrol::parse(word), Err(Error::UnknownSelfEnrolment));
    }
}

#[test]
fn other_attributes_enrol_nobody() {
    let none = enrolment(&[
        ("session_enctypes", "aes256-cts"),
        ("fidox", "1"),
        ("fido_policies", "off"),
        ("FIDO:key1", "{}"),
        ("FIDO_POLICY", "off"),
    ]);
    assert!(!none.is_enrolled());
    assert_eq!(offer(&alice(&realm(Policy::Enrolled), &none)), Offer::None);
}

#[test]
fn usable_credentials_are_found_among_others() {
    let good = record(json!({}));
    let disabled = record_json("r.org", &[2], &json!({"disabled": true}));
    let enrolment = enrolment(&[("fido:a", &good), ("fido:b", &disabled), ("fido:c", "garbled")]);
    let settings = realm(Policy::Enrolled);
    let (label, record) = &enrolment.credentials()[0];
    let expected = Usable {
        label,
        record,
        uv: UserVerification::Preferred,
    };
    assert_eq!(
        decide(&alice(&settings, &enrolment)),
        Decision::OfferFido(vec![expected])
    );
    assert_eq!(enrolment.credentials().len(), 2);
}

#[test]
fn a_credential_in_two_records_is_as_usable_as_the_worse_of_them() {
    let good = record(json!({}));
    for (worse, expected) in [
        (json!({"uv": "required"}), Some(UserVerification::Required)),
        (json!({"disabled": true}), None),
    ] {
        let worse = record(worse);
        for attributes in [
            [("fido:a", &*good), ("fido:b", &*worse)],
            [("fido:a", &*worse), ("fido:b", &*good)],
        ] {
            let enrolment = enrolment(&attributes);
            let settings = realm(Policy::Enrolled);
            match (decide(&alice(&settings, &enrolment)), expected) {
                (Decision::OfferFido(usable), Some(uv)) => assert!(usable.iter().all(|one| one.uv == uv)),
                (Decision::OfferFidoThenNotice(code), None) => assert_eq!(code, NoticeCode::NoneUsable),
                (other, _) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn credentials_that_are_not_usable() {
    for more in [
        json!({"disabled": true}),
        json!({"not_after": "2001-01-01T00:00:00Z"}),
        json!({"fmt": "fido-u2f", "uv": "required"}),
    ] {
        let record = record(more);
        let enrolment = enrolment(&[("fido:a", &record)]);
        let settings = realm(Policy::Enrolled);
        assert_eq!(offer(&alice(&settings, &enrolment)), Offer::NoneUsable);
    }
    let settings = Settings {
        algorithms: vec![Algorithm::EdDsa, Algorithm::Rs256],
        ..realm(Policy::Enrolled)
    };
    let enrolment = Keys::Usable.enrolment();
    assert_eq!(offer(&alice(&settings, &enrolment)), Offer::NoneUsable);
}

#[test]
fn garbled_attributes_still_mean_enrolled() {
    let good = record(json!({}));
    for (name, value, error) in [
        ("fido:a", "", Error::RecordNotObject),
        ("fido:a", "{}", Error::RecordMemberMissing("v")),
        ("fido:a", r#"{"v":2}"#, Error::UnsupportedRecordVersion),
        ("fido:", good.as_str(), Error::MalformedLabel),
        ("fido:a b", good.as_str(), Error::MalformedLabel),
    ] {
        let enrolment = enrolment(&[(name, value)]);
        assert!(enrolment.is_enrolled() && enrolment.credentials().is_empty());
        assert_eq!(enrolment.garbled()[0].error, error);
        let settings = realm(Policy::Enrolled);
        assert_eq!(offer(&alice(&settings, &enrolment)), Offer::NoneUsable);
    }
}

#[test]
fn attributes_that_are_not_utf8() {
    let bad_value = Enrolment::from_attributes([(&b"fido:a"[..], &b"\xff"[..])]);
    assert_eq!(bad_value.garbled()[0].error, Error::RecordNotObject);
    let bad_label = Enrolment::from_attributes([(&b"fido:\xff"[..], &b"{}"[..])]);
    assert_eq!(bad_label.garbled()[0].error, Error::MalformedLabel);
    for (name, cause) in [
        ("fido_policy", Error::UnknownPolicy),
        ("fido_uv", Error::UnknownUserVerification),
        ("fido_indicator", Error::MalformedIndicator),
    ] {
        let enrolment = Enrolment::from_attributes([(name.as_bytes(), &b"\xff"[..])]);
        let settings = realm(Policy::Permissive);
        assert_eq!(offer(&alice(&settings, &enrolment)), Offer::Refuse(cause));
    }
}

#[test]
fn garbled_attributes_are_shown_escaped_and_cut() {
    let name = format!("fido:\n\u{1b}{}", "x".repeat(1000));
    let enrolment = enrolment(&[(&name, "{}")]);
    assert_eq!(
        enrolment.garbled()[0].to_string(),
        format!("fido:\\n\\x1b{}: malformed credential label", "x".repeat(30))
    );
}

#[test]
fn policy_of_a_principal_replaces_that_of_the_realm() {
    for (word, own) in ["permissive", "enrolled", "required"].into_iter().zip(POLICIES) {
        for policy in POLICIES {
            for keys in KEYS {
                let (settings, enrolment) = (realm(policy), keys.with("fido_policy", word));
                let (as_own, plain) = (realm(own), keys.enrolment());
                let (subject, expected) = (alice(&settings, &enrolment), alice(&as_own, &plain));
                assert_eq!(offer(&subject), offer(&expected), "{policy:?} {word} {keys:?}");
                assert_eq!(requires_factor(&subject), requires_factor(&expected));
            }
        }
    }
}

#[test]
fn unreadable_settings_refuse() {
    for (name, value, cause) in [
        ("fido_policy", "", Error::UnknownPolicy),
        ("fido_policy", "Enrolled", Error::UnknownPolicy),
        ("fido_policy", "enrolled required", Error::UnknownPolicy),
        ("fido_uv", "", Error::UnknownUserVerification),
        ("fido_uv", "always", Error::UnknownUserVerification),
        ("fido_uv", "required\n", Error::UnknownUserVerification),
        ("fido_indicator", "", Error::MalformedIndicator),
        ("fido_indicator", " \t\n", Error::MalformedIndicator),
        ("fido_indicator", "a\u{0}b", Error::MalformedIndicator),
        ("fido_indicator", "good b\u{1b}d", Error::MalformedIndicator),
    ] {
        for policy in POLICIES {
            for keys in KEYS {
                let (settings, enrolment) = (realm(policy), keys.with(name, value));
                let subject = alice(&settings, &enrolment);
                assert_eq!(offer(&subject), Offer::Refuse(cause), "{name} {value:?}");
                assert_eq!(requires_factor(&subject), Err(cause), "{name} {value:?}");
            }
        }
    }
}

#[test]
fn first_unreadable_setting_is_the_cause() {
    let enrolment = enrolment(&[("fido_uv", "always"), ("fido_policy", "off")]);
    let settings = realm(Policy::Enrolled);
    assert_eq!(
        offer(&alice(&settings, &enrolment)),
        Offer::Refuse(Error::UnknownUserVerification)
    );
}

#[test]
fn indicators_are_words_between_white_space() {
    assert_eq!(enrolment(&[]).indicators(), None);
    let own = enrolment(&[("fido_indicator", " strong\n very-strong\tx ")]);
    assert_eq!(own.indicators().unwrap(), ["strong", "very-strong", "x"]);
    assert!(!own.is_enrolled());
}

/// User verification of the one credential, where realm, principal and record demand these.
fn verification(realm_uv: UserVerification, own: Option<&str>, more: Value) -> Option<UserVerification> {
    let record = record(more);
    let mut attributes = vec![("fido:a", record.as_str())];
    attributes.extend(own.map(|word| ("fido_uv", word)));
    let enrolment = enrolment(&attributes);
    let settings = Settings {
        uv: realm_uv,
        ..Settings::default()
    };
    match decide(&alice(&settings, &enrolment)) {
        Decision::OfferFido(usable) => Some(usable[0].uv),
        Decision::OfferFidoThenNotice(NoticeCode::NoneUsable) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn principal_replaces_and_record_tightens_user_verification() {
    use UserVerification::{Discouraged, Preferred, Required};
    for realm_uv in [Discouraged, Preferred, Required] {
        for own in [None, Some(Discouraged), Some(Preferred), Some(Required)] {
            let policy = own.unwrap_or(realm_uv);
            let word = own.map(UserVerification::as_str);
            assert_eq!(verification(realm_uv, word, json!({})), Some(policy));
            for record_uv in [Discouraged, Preferred, Required] {
                let more = json!({"uv": record_uv.as_str()});
                let expected = policy.max(record_uv);
                assert_eq!(verification(realm_uv, word, more), Some(expected));
                let u2f = json!({"uv": record_uv.as_str(), "fmt": "fido-u2f"});
                let expected = (expected != Required).then_some(expected);
                assert_eq!(verification(realm_uv, word, u2f), expected);
            }
        }
    }
}

#[test]
fn requirements_are_those_of_the_principal() {
    let settings = Settings {
        algorithms: vec![Algorithm::Es384],
        ..Settings::default()
    };
    let enrolment = enrolment(&[("fido_uv", "required")]);
    let required = enrolment.requirements(&settings, NOW);
    assert_eq!(required.now, NOW);
    assert_eq!(required.algorithms, [Algorithm::Es384]);
    assert_eq!(required.uv, UserVerification::Required);
}

#[test]
fn challenge_groups_by_relying_party() {
    let records = [
        record_json("r.org", &[1], &json!({})),
        record_json("krb5realm:R.ORG", &[2], &json!({"uv": "preferred"})),
        record_json("r.org", &[3], &json!({"uv": "required"})),
    ];
    let enrolment = enrolment(&[
        ("fido:a", &records[0]),
        ("fido:b", &records[1]),
        ("fido:c", &records[2]),
        ("fido_uv", "discouraged"),
    ]);
    let settings = realm(Policy::Enrolled);
    let Decision::OfferFido(usable) = decide(&alice(&settings, &enrolment)) else {
        panic!("three usable credentials");
    };
    let credential = |id, uv| CredentialRef { id: vec![id], uv };
    let expected = FidoChallenge {
        nonce: [8; 32],
        parties: vec![
            RelyingParty {
                rp_id: "r.org".to_owned(),
                credentials: vec![
                    credential(1, UserVerification::Discouraged),
                    credential(3, UserVerification::Required),
                ],
            },
            RelyingParty {
                rp_id: "krb5realm:R.ORG".to_owned(),
                credentials: vec![credential(2, UserVerification::Preferred)],
            },
        ],
        facets_url: None,
    };
    assert_eq!(build_challenge([8; 32], &usable), expected);
}

#[test]
fn names_without_their_realm() {
    for (unparsed, name) in [
        (&b"alice@R.ORG"[..], &b"alice"[..]),
        (b"host/a.org@R.ORG", b"host/a.org"),
        (b"a\\@b.org@R.ORG", b"a\\@b.org"),
        (b"a\\\\@R.ORG", b"a\\\\"),
        (b"a\\\\\\@b@R.ORG", b"a\\\\\\@b"),
        (b"alice@R\\@host/x", b"alice"),
        (b"@R.ORG", b""),
        (b"alice", b"alice"),
        (b"", b""),
        (b"a\\", b"a\\"),
    ] {
        assert_eq!(without_realm(unparsed), name);
    }
}

#[test]
fn administration_services() {
    for name in [&b"kadmin/admin"[..], b"kadmin/changepw@R.ORG", b"kadmin/"] {
        assert!(is_kadmin(name));
    }
    for name in [
        &b"kadmin"[..],
        b"kadmin@R.ORG",
        b"kadmin\\/admin",
        b"KADMIN/admin",
        b"x/kadmin/admin",
        b"krbtgt/R.ORG",
    ] {
        assert!(!is_kadmin(name));
    }
}
