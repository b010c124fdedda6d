//! What is demanded of a key by realm or principal, and by its record.

use super::*;

#[test]
fn user_verification_reaches_the_factor() {
    let login = Login::new(json!({"uv": "required"}));
    let accepted = login.verify(&login.assertion(head("r.org", 0x05, 1))).unwrap();
    assert!(accepted.factor.is_user_verified());
}

#[test]
fn user_not_verified() {
    let login = Login::new(json!({"uv": "required"}));
    for flags in [0x01, 0x3b] {
        login.assert_refused(&login.assertion(head("r.org", flags, 1)), Error::UserNotVerified);
    }
}

/// Verifies an assertion with these flags, where realm or principal demand `uv`.
fn verify_under(uv: UserVerification, more: Value, flags: u8) -> Result<Accepted, Error> {
    let login = Login::new(more);
    let context = AssertionContext {
        required: Requirements { uv, ..REQUIRED },
        ..context()
    };
    let assertion = login.assertion(head("r.org", flags, 1));
    verify_assertion(&login.credentials, &assertion, &context)
}

#[test]
fn user_verification_of_the_policy() {
    use UserVerification::{Discouraged, Preferred, Required};
    for more in [
        json!({}),
        json!({"uv": "discouraged"}),
        json!({"uv": "preferred"}),
    ] {
        let refused = verify_under(Required, more.clone(), 0x01).err();
        assert_eq!(refused, Some(Error::UserNotVerified), "{more}");
        let accepted = verify_under(Required, more.clone(), 0x05).unwrap();
        assert!(accepted.factor.is_user_verified());
        for uv in [Discouraged, Preferred] {
            let accepted = verify_under(uv, more.clone(), 0x01).unwrap();
            assert!(!accepted.factor.is_user_verified());
            let accepted = verify_under(uv, more.clone(), 0x05).unwrap();
            assert!(accepted.factor.is_user_verified());
        }
    }
    for uv in [Discouraged, Preferred, Required] {
        let refused = verify_under(uv, json!({"uv": "required"}), 0x01).err();
        assert_eq!(refused, Some(Error::UserNotVerified));
    }
}

#[test]
fn u2f_credential_under_a_policy_of_verification() {
    for more in [
        json!({"fmt": "fido-u2f"}),
        json!({"fmt": "fido-u2f", "uv": "discouraged"}),
    ] {
        for flags in [0x01, 0x05] {
            let refused = verify_under(UserVerification::Required, more.clone(), flags).err();
            assert_eq!(refused, Some(Error::CannotVerifyUser));
        }
        assert!(verify_under(UserVerification::Preferred, more, 0x01).is_ok());
    }
}
