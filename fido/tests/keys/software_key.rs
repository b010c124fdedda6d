//! The library and krb5-fido-helper against the software key: everything that is signed is verified.

use krb5_fido_keys::{Attestation, CredentialRequest, Error, Verification};
use krb5_fido_protocol::{fido::factor::UserVerification, helper::Failure};
use sha2::{Digest, Sha256};

use crate::support::{
    PATIENCE,
    helper_process::{Helper, RP_ID, request},
    open,
    registered::{
        HASH, PIN, USER_PRESENT, USER_VERIFIED, assert_with, pin, register, registration_request,
        requested_hash, verify,
    },
    software_key::SoftwareKey,
};

#[test]
fn registers_and_attests() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    assert!(device.capabilities().fido2);
    let registration = register(&mut device);
    assert_eq!(registration.format, "packed");
    assert_eq!(
        registration.verify_attestation().unwrap(),
        Attestation::SelfSigned
    );
    assert_eq!(registration.authenticator_data[..32], Sha256::digest(RP_ID)[..]);
    assert_eq!(registration.authenticator_data[37..53], registration.aaguid);
    let id = &registration.authenticator_data[55..];
    assert!(id.starts_with(&registration.credential_id));
    assert!(!registration.attestation_statement.is_empty());
}

#[test]
fn asserts_with_what_it_registered() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    let id = registration.credential_id.as_slice();
    let found = device
        .find_credential(RP_ID, &[b"another", id], Verification::None, PATIENCE)
        .unwrap();
    assert_eq!(found.as_deref(), Some(id));
    let signed = assert_with(&mut device, id, Verification::None).unwrap();
    assert_eq!(signed.credential_id, id);
    verify(
        &registration,
        &signed.authenticator_data,
        &signed.signature,
        &HASH,
        USER_PRESENT,
    );
}

#[test]
fn survives_being_closed() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    let key = key.restart("auto");
    let signed = assert_with(
        &mut open(&key.device()),
        &registration.credential_id,
        Verification::None,
    )
    .unwrap();
    verify(
        &registration,
        &signed.authenticator_data,
        &signed.signature,
        &HASH,
        USER_PRESENT,
    );
}

#[test]
fn keeps_a_resident_credential() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    device.set_pin(&pin(PIN), None).unwrap();
    let registration = device
        .make_credential(&CredentialRequest {
            resident: true,
            verification: Verification::Pin(&pin(PIN)),
            ..registration_request()
        })
        .unwrap();
    assert_eq!(
        registration.verify_attestation().unwrap(),
        Attestation::SelfSigned
    );
}

#[test]
fn another_key_holds_nothing() {
    let (key, other) = (SoftwareKey::touched(), SoftwareKey::touched());
    let registration = register(&mut open(&key.device()));
    let id = registration.credential_id.as_slice();
    let mut device = open(&other.device());
    assert_eq!(
        device
            .find_credential(RP_ID, &[id], Verification::None, PATIENCE)
            .unwrap(),
        None
    );
    assert!(matches!(
        assert_with(&mut device, id, Verification::None),
        Err(Error::NoCredentials)
    ));
}

#[test]
fn another_relying_party_has_nothing() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    let ids = [registration.credential_id.as_slice()];
    assert_eq!(
        device
            .find_credential("example.com", &ids, Verification::None, PATIENCE)
            .unwrap(),
        None
    );
}

#[test]
fn refuses_to_register_twice() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    let result = device.make_credential(&CredentialRequest {
        exclude: &[&registration.credential_id],
        ..registration_request()
    });
    assert!(matches!(result.map(drop), Err(Error::CredentialExcluded)));
}

/// Forty long ids are more than a message of CTAPHID takes.
#[test]
fn refuses_to_register_twice_however_many_credentials_there_are() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    let others: Vec<Vec<u8>> = (0..40).map(|number| vec![number; 255]).collect();
    let mut exclude: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    device
        .make_credential(&CredentialRequest {
            exclude: &exclude,
            ..registration_request()
        })
        .unwrap();
    exclude.push(&registration.credential_id);
    let result = device.make_credential(&CredentialRequest {
        exclude: &exclude,
        ..registration_request()
    });
    assert!(matches!(result.map(drop), Err(Error::CredentialExcluded)));
}

#[test]
fn declining_is_an_answer() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    let key = key.restart("deny");
    let mut device = open(&key.device());
    let result = assert_with(&mut device, &registration.credential_id, Verification::None);
    assert!(matches!(result, Err(Error::Denied)));
    let result = device.make_credential(&registration_request());
    assert!(matches!(result.map(drop), Err(Error::Denied)));
}

#[test]
fn verifies_its_user_by_pin() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    assert!(!device.capabilities().pin_set);
    device.set_pin(&pin(PIN), None).unwrap();
    assert!(device.capabilities().pin_set);
    let registration = device
        .make_credential(&CredentialRequest {
            verification: Verification::Pin(&pin(PIN)),
            ..registration_request()
        })
        .unwrap();
    let signed = assert_with(
        &mut device,
        &registration.credential_id,
        Verification::Pin(&pin(PIN)),
    )
    .unwrap();
    let flags = USER_PRESENT | USER_VERIFIED;
    verify(
        &registration,
        &signed.authenticator_data,
        &signed.signature,
        &HASH,
        flags,
    );
}

#[test]
fn counts_wrong_pins() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    let id = registration.credential_id.as_slice();
    device.set_pin(&pin(PIN), None).unwrap();
    let full = device.pin_retries().unwrap();
    let wrong = pin("wrong");
    assert!(matches!(
        assert_with(&mut device, id, Verification::Pin(&wrong)),
        Err(Error::PinInvalid)
    ));
    assert_eq!(device.pin_retries().unwrap(), full - 1);
    assert!(matches!(
        assert_with(&mut device, id, Verification::Pin(&wrong)),
        Err(Error::PinInvalid)
    ));
    assert!(matches!(
        assert_with(&mut device, id, Verification::Pin(&wrong)),
        Err(Error::PinAuthBlocked)
    ));
}

#[test]
fn changes_its_pin() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    device.set_pin(&pin(PIN), None).unwrap();
    let result = device.set_pin(&pin("another"), Some(&pin("wrong")));
    assert!(matches!(result, Err(Error::PinInvalid)));
    device.set_pin(&pin("another"), Some(&pin(PIN))).unwrap();
    assert!(matches!(
        device.set_pin(&pin("123"), Some(&pin("another"))),
        Err(Error::PinPolicyViolation)
    ));
}

#[test]
fn helper_signs_the_client_data() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    let ids = [&b"another"[..], &registration.credential_id];
    let mut helper = Helper::asked(&request(&key.device(), &ids, UserVerification::Preferred));
    helper.expect_touch();
    let signed = helper.expect_assertion();
    assert_eq!(signed.credential_id, registration.credential_id);
    let (data, signature) = (&signed.authenticator_data, &signed.signature);
    verify(&registration, data, signature, &requested_hash(), USER_PRESENT);
}

#[test]
fn helper_asks_for_the_pin_and_uses_it() {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    device.set_pin(&pin(PIN), None).unwrap();
    drop(device);
    for uv in [UserVerification::Preferred, UserVerification::Required] {
        let mut helper = Helper::asked(&request(&key.device(), &[&registration.credential_id], uv));
        assert!(helper.expect_pin_wanted().retries.is_some());
        helper.send_pin(PIN);
        helper.expect_touch();
        let signed = helper.expect_assertion();
        let flags = USER_PRESENT | USER_VERIFIED;
        let (data, signature) = (&signed.authenticator_data, &signed.signature);
        verify(&registration, data, signature, &requested_hash(), flags);
    }
}

#[test]
fn helper_reports_what_the_user_did() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    let ids = [registration.credential_id.as_slice()];
    let key = key.restart("deny");
    let mut helper = Helper::asked(&request(&key.device(), &ids, UserVerification::Discouraged));
    helper.expect_touch();
    assert!(matches!(helper.expect_failure(), Failure::Declined { .. }));
}

#[test]
fn helper_needs_a_pin_where_it_is_required() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    let ids = [registration.credential_id.as_slice()];
    let failure = Helper::asked(&request(&key.device(), &ids, UserVerification::Required)).expect_failure();
    assert!(matches!(failure, Failure::PinRequiredNotSet { .. }));
}
