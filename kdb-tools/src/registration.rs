//! Registering a key that is attached to this machine.

use std::time::Duration;

use krb5_fido_keys::{Assertion, AssertionRequest, CredentialRequest, Device, DeviceInfo, Pin, Verification};
use krb5_fido_protocol::{
    fido::{
        client_data::{FidoClientData, Purpose},
        cose::Algorithm,
        factor::{FidoAssertion, UserVerification},
        label::Label,
        policy::Settings,
        record::{CredentialRecord, NewCredential, Requirements},
        verify::{
            AssertionContext, Registration, RegistrationContext, verify_assertion, verify_registration,
        },
    },
    registry::FIDO_NONCE_LEN,
};
use time::UtcDateTime;

use crate::{Error, Listed};

/// COSE algorithms that keys are asked for, best first.
const ALGORITHMS: &[Algorithm] = &[Algorithm::Es256];

/// How long a key waits for each touch.
const TOUCH_TIMEOUT: Duration = Duration::from_secs(60);

/// The person at the key.
pub trait Terminal {
    /// Shows a line.
    fn show(&self, line: &str);

    /// Asks for the PIN of a key.
    ///
    /// # Errors
    /// [`Error::Terminal`], [`Error::MalformedPin`].
    fn ask_pin(&self, product: &str, retries: Option<u8>) -> Result<Pin, Error>;
}

/// Which key is to be registered, and for whom.
pub struct KeyRequest<'a> {
    /// The principal and the keys it has.
    pub listed: &'a Listed,
    /// The rpId to register for.
    pub rp_id: &'a str,
    /// The realm, as the key's display shows it.
    pub realm: &'a str,
    /// The attached keys, of which there must be one.
    pub found: Vec<DeviceInfo>,
    /// What the realm demands of keys.
    pub settings: &'a Settings,
    /// Who registers it: goes into the record.
    pub by: &'a str,
}

/// A registered key.
pub struct Registered {
    /// Its record.
    pub record: CredentialRecord,
    /// Its product name.
    pub product: String,
}

/// Registers a key, verifies what it returned, and has it make one assertion that is checked as the KDC would.
///
/// # Errors
/// [`Error::NoKey`], [`Error::SeveralKeys`], [`Error::KeyExcluded`], [`Error::Refused`],
/// [`Error::Key`], [`Error::MalformedPin`], [`Error::Terminal`], [`Error::Random`].
pub fn register(request: &KeyRequest<'_>, terminal: &dyn Terminal) -> Result<Registered, Error> {
    let found = only_key(&request.found)?;
    let mut device = Device::open(found)?;
    let product = found.product().to_owned();
    let pin = ask_pin(&mut device, &product, terminal)?;
    check_demands(request, &device, &product, pin.as_ref())?;
    let refused = |cause| Error::Refused {
        product: product.clone(),
        cause,
    };

    terminal.show(&format!(
        "Touch {product} to register it for {}.",
        request.listed.principal
    ));
    let client_data = FidoClientData {
        principal: request.listed.principal.as_bytes(),
        rp_id: request.rp_id,
        nonce: &random()?,
        purpose: Purpose::Registration,
    };
    let created = make_credential(
        &mut device,
        request,
        &client_data.hash().map_err(refused)?,
        pin.as_ref(),
    )
    .map_err(|error| match error {
        krb5_fido_keys::Error::CredentialExcluded => Error::KeyExcluded {
            product: product.clone(),
            principal: request.listed.principal.clone(),
        },
        other => other.into(),
    })?;
    created.verify_attestation()?;
    let context = RegistrationContext {
        rp_id: request.rp_id,
        algorithms: ALGORITHMS,
        registered: request.listed.enrolment.credentials(),
    };
    let registration = verify_registration(&created.authenticator_data, &context).map_err(refused)?;
    let transports = device.capabilities().transports.clone();
    let transports: Vec<&str> = transports.iter().map(String::as_str).collect();
    let record = |counter| {
        CredentialRecord::new(&NewCredential {
            rp_id: request.rp_id,
            id: registration.id,
            public_key: &registration.public_key,
            aaguid: registration.aaguid,
            format: &created.format,
            transports: &transports,
            counter,
            created: now(),
            by: request.by,
        })
    };

    terminal.show(&format!("Touch {product} once more, to try it."));
    let first = record(registration.counter).map_err(refused)?;
    let counter = check_login(&mut device, request, first, &registration, pin.as_ref(), refused)?;
    Ok(Registered {
        record: record(counter).map_err(refused)?,
        product: product.clone(),
    })
}

fn only_key(found: &[DeviceInfo]) -> Result<&DeviceInfo, Error> {
    match found {
        [] => Err(Error::NoKey),
        [only] => Ok(only),
        several => {
            let keys: Vec<String> = several.iter().map(DeviceInfo::device).collect();
            Err(Error::SeveralKeys {
                keys: keys.join(", "),
            })
        }
    }
}

/// The key's PIN, where it has one and does not verify its user by itself.
fn ask_pin(device: &mut Device, product: &str, terminal: &dyn Terminal) -> Result<Option<Pin>, Error> {
    let capabilities = device.capabilities();
    if !capabilities.pin_set || capabilities.uv_configured {
        return Ok(None);
    }
    let retries = device.pin_retries().ok();
    let pin = terminal.ask_pin(product, retries)?;
    Ok(Some(pin))
}

fn verification<'a>(device: &Device, pin: Option<&'a Pin>) -> Verification<'a> {
    match pin {
        Some(pin) => Verification::Pin(pin),
        None if device.capabilities().uv_configured => Verification::BuiltIn,
        None => Verification::None,
    }
}

/// Refuses, before anybody touches it, a key that the KDC would refuse.
fn check_demands(
    request: &KeyRequest<'_>,
    device: &Device,
    product: &str,
    pin: Option<&Pin>,
) -> Result<(), Error> {
    let required = requirements(request);
    if !ALGORITHMS
        .iter()
        .any(|algorithm| required.algorithms.contains(algorithm))
    {
        return Err(Error::NoCommonAlgorithm {
            realm: request.realm.to_owned(),
        });
    }
    let verifies = !matches!(verification(device, pin), Verification::None);
    if required.uv == UserVerification::Required && !verifies {
        return Err(Error::PinNotSet {
            realm: request.realm.to_owned(),
            product: product.to_owned(),
        });
    }
    Ok(())
}

/// What the KDC demands of a key of this principal now.
fn requirements<'a>(request: &KeyRequest<'a>) -> Requirements<'a> {
    request.listed.enrolment.requirements(request.settings, now())
}

fn make_credential(
    device: &mut Device,
    request: &KeyRequest<'_>,
    client_data_hash: &[u8; 32],
    pin: Option<&Pin>,
) -> Result<krb5_fido_keys::Registration, krb5_fido_keys::Error> {
    let records = request.listed.enrolment.credentials().iter();
    let exclude: Vec<&[u8]> = records
        .filter(|(_, record)| record.rp_id() == request.rp_id)
        .map(|(_, record)| record.id())
        .collect();
    // The key shows or keeps names, and tells users apart by the handle: neither leaves the realm.
    let handle = user_handle(&request.listed.principal);
    device.make_credential(&CredentialRequest {
        rp_id: request.rp_id,
        rp_name: request.realm,
        user_id: &handle,
        user_name: &request.listed.principal,
        user_display_name: &request.listed.principal,
        client_data_hash,
        exclude: &exclude,
        algorithm: krb5_fido_keys::Algorithm::Es256,
        hidden: false,
        resident: false,
        verification: verification(device, pin),
        timeout: TOUCH_TIMEOUT,
    })
}

/// One assertion, verified as the KDC would; its counter.
fn check_login(
    device: &mut Device,
    request: &KeyRequest<'_>,
    record: CredentialRecord,
    registration: &Registration<'_>,
    pin: Option<&Pin>,
    refused: impl Fn(krb5_fido_protocol::Error) -> Error,
) -> Result<u32, Error> {
    let (nonce, transcript, request_hash) = (random()?, random()?, random()?);
    let client_data = FidoClientData {
        principal: request.listed.principal.as_bytes(),
        rp_id: request.rp_id,
        nonce: &nonce,
        purpose: Purpose::Assertion {
            transcript: &transcript,
            request: &request_hash,
        },
    };
    let Assertion {
        credential_id,
        authenticator_data,
        signature,
    } = device.get_assertion(&AssertionRequest {
        rp_id: request.rp_id,
        client_data_hash: &client_data.hash().map_err(&refused)?,
        credential_id: registration.id,
        verification: verification(device, pin),
        timeout: TOUCH_TIMEOUT,
    })?;
    let context = AssertionContext {
        principal: request.listed.principal.as_bytes(),
        nonce: &nonce,
        transcript: &transcript,
        request_hash,
        required: requirements(request),
    };
    let credentials = [(Label::lowest_free(&[]), record)];
    let assertion = FidoAssertion {
        credential_id,
        authenticator_data,
        signature,
    };
    let accepted = verify_assertion(&credentials, &assertion, &context).map_err(refused)?;
    Ok(accepted.counter)
}

/// A user handle: at most 64 bytes, the same for the same principal (WebAuthn section 5.4.3).
fn user_handle(principal: &str) -> [u8; 32] {
    krb5_fido_protocol::fido::client_data::hash_request(principal.as_bytes())
}

fn random() -> Result<[u8; FIDO_NONCE_LEN], Error> {
    let mut bytes = [0; FIDO_NONCE_LEN];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

fn now() -> UtcDateTime {
    UtcDateTime::now().truncate_to_second()
}
