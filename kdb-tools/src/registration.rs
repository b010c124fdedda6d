//! Registering a key that is attached to this machine.

mod attached;
mod attestation_object;
mod choice;
mod intent;

use std::time::Duration;

use krb5_fido_keys::{Assertion, AssertionRequest, CredentialRequest, Device, DeviceInfo, Pin, Verification};
use krb5_fido_protocol::{
    fido::{
        admission::check_registration,
        attestation::AttestationPolicy,
        client_data::{FidoClientData, Purpose},
        cose::Algorithm,
        factor::{FidoAssertion, UserVerification},
        label::Label,
        policy::{Enrolment, Settings},
        record::{CredentialRecord, NewCredential, Requirements},
        verify::{
            AssertionContext, Registration, RegistrationContext, verify_assertion, verify_registration,
        },
    },
    registry::FIDO_NONCE_LEN,
};
use time::UtcDateTime;

use crate::{Error, random::random};
use attestation_object::encode_object;

pub use attached::{Whose, register_attached};
pub use choice::ChosenKey;
pub use intent::Intent;

use choice::choose_key;

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
    /// The principal, by the name that it has in the database.
    pub principal: &'a str,
    /// The keys it has.
    pub enrolment: &'a Enrolment,
    /// The rpId to register for.
    pub rp_id: &'a str,
    /// The realm, as the key's display shows it.
    pub realm: &'a str,
    /// The attached keys, of which one must be new.
    pub found: Vec<DeviceInfo>,
    /// What the realm demands of keys.
    pub settings: &'a Settings,
    /// What is wanted besides.
    pub wishes: Wishes,
    /// Who registers it: goes into the record.
    pub by: &'a str,
}

/// What may be wanted of a registration besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The key must verify its user, by PIN or fingerprint.
    pub uv: bool,
    /// The key is to keep the credential itself, to be found without its id.
    pub resident: bool,
    /// The algorithm; without it the first of the realm that the key has.
    pub algorithm: Option<Algorithm>,
}

impl KeyRequest<'_> {
    /// The credentials that the principal has for the rpId.
    fn registered_ids(&self) -> Vec<&[u8]> {
        let records = self.enrolment.credentials().iter();
        records
            .filter(|(_, record)| record.rp_id() == self.rp_id)
            .map(|(_, record)| record.id())
            .collect()
    }

    fn excluded(&self, product: &str) -> Error {
        Error::KeyExcluded {
            product: product.to_owned(),
            principal: self.principal.to_owned(),
        }
    }
}

/// A registered key.
pub struct Registered {
    /// Its record.
    pub record: CredentialRecord,
    /// Its product name.
    pub product: String,
}

impl ChosenKey {
    /// Registers it, verifies what it returned, and has it make one assertion that is checked as the KDC would.
    ///
    /// # Errors
    /// [`Error::KeyExcluded`], [`Error::Refused`], [`Error::NotAttested`], [`Error::Key`], [`Error::MalformedPin`],
    /// [`Error::Terminal`], [`Error::Random`].
    pub fn register(
        mut self,
        request: &KeyRequest<'_>,
        terminal: &dyn Terminal,
    ) -> Result<Registered, Error> {
        let product = self.product.clone();
        let refused = |cause| Error::Refused {
            product: product.clone(),
            cause,
        };
        let pin = ask_pin(&mut self.device, &product, terminal)?;
        terminal.show(&format!(
            "Touch {product} to register it for {}.",
            request.principal
        ));
        let nonce = random()?;
        let created = self.make_credential(request, &nonce, pin.as_ref())?;
        let registration = verify(request, self.algorithm, &created).map_err(refused)?;
        let object = attestation_object(&created)?;
        let transports = self.device.capabilities().transports.clone();
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
                registration: Some((&nonce, &object)),
            })
        };

        let first = record(registration.counter).map_err(refused)?;
        // As whoever stores the record will: whom the realm believes he knows.
        let takes_all = AttestationPolicy::default();
        check_registration(&first, request.principal.as_bytes(), &takes_all, now())
            .map_err(|cause| Error::NotAttested { cause })?;
        terminal.show(&format!("Touch {product} once more, to try it."));
        let counter = check_login(&mut self.device, request, first, pin.as_ref(), refused)?;
        Ok(Registered {
            record: record(counter).map_err(refused)?,
            product: self.product,
        })
    }

    fn make_credential(
        &mut self,
        request: &KeyRequest<'_>,
        nonce: &[u8; FIDO_NONCE_LEN],
        pin: Option<&Pin>,
    ) -> Result<krb5_fido_keys::Registration, Error> {
        let client_data = FidoClientData {
            principal: request.principal.as_bytes(),
            rp_id: request.rp_id,
            nonce,
            purpose: Purpose::Registration,
        };
        let hash = client_data.hash().map_err(|cause| Error::Refused {
            product: self.product.clone(),
            cause,
        })?;
        // The key shows or keeps names, and tells users apart by the handle: neither leaves the realm.
        let handle = user_handle(request.principal);
        let verification = verification(&self.device, pin);
        let made = self.device.make_credential(&CredentialRequest {
            rp_id: request.rp_id,
            rp_name: request.realm,
            user_id: &handle,
            user_name: request.principal,
            user_display_name: request.principal,
            client_data_hash: &hash,
            exclude: &request.registered_ids(),
            algorithm: match self.algorithm {
                Algorithm::EdDsa => krb5_fido_keys::Algorithm::EdDsa,
                _ => krb5_fido_keys::Algorithm::Es256,
            },
            hidden: false,
            resident: request.wishes.resident,
            verification,
            timeout: TOUCH_TIMEOUT,
        });
        made.map_err(|error| match error {
            krb5_fido_keys::Error::CredentialExcluded => request.excluded(&self.product),
            other => other.into(),
        })
    }
}

fn attestation_object(created: &krb5_fido_keys::Registration) -> Result<Vec<u8>, Error> {
    let object = encode_object(
        &created.format,
        &created.attestation_statement,
        &created.authenticator_data,
    );
    object.map_err(|_| krb5_fido_keys::Error::MalformedAnswer.into())
}

/// Checks what the key returned, and that it knew its user if that is wanted.
fn verify<'a>(
    request: &KeyRequest<'_>,
    algorithm: Algorithm,
    created: &'a krb5_fido_keys::Registration,
) -> Result<Registration<'a>, krb5_fido_protocol::Error> {
    let context = RegistrationContext {
        rp_id: request.rp_id,
        algorithms: &[algorithm],
        registered: request.enrolment.credentials(),
    };
    let registration = verify_registration(&created.authenticator_data, &context)?;
    if request.wishes.uv && !registration.flags.is_user_verified() {
        return Err(krb5_fido_protocol::Error::UserNotVerified);
    }
    Ok(registration)
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

/// What the KDC demands of a key of this principal now.
fn requirements<'a>(request: &KeyRequest<'a>) -> Requirements<'a> {
    request.enrolment.requirements(request.settings, now())
}

/// One assertion, verified as the KDC would; its counter.
fn check_login(
    device: &mut Device,
    request: &KeyRequest<'_>,
    record: CredentialRecord,
    pin: Option<&Pin>,
    refused: impl Fn(krb5_fido_protocol::Error) -> Error,
) -> Result<u32, Error> {
    let (nonce, transcript, request_hash) = (random()?, random::<FIDO_NONCE_LEN>()?, random()?);
    let client_data = FidoClientData {
        principal: request.principal.as_bytes(),
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
        credential_id: record.id(),
        verification: verification(device, pin),
        timeout: TOUCH_TIMEOUT,
    })?;
    let context = AssertionContext {
        principal: request.principal.as_bytes(),
        nonce: &nonce,
        transcript: &transcript,
        request_hash,
        required: match request.wishes.uv {
            true => Requirements {
                uv: UserVerification::Required,
                ..requirements(request)
            },
            false => requirements(request),
        },
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

fn now() -> UtcDateTime {
    UtcDateTime::now().truncate_to_second()
}
