//! What the KDC asks before it issues a ticket.

use core::ffi::CStr;

use krb5_fido_protocol::fido::policy::Enrolment;
use krb5_plugin::{Context, Error, Failure, Profile, kdb::Entry, kdcpolicy::Module, kdcpreauth::Request};

use crate::{config::Configuration, log, marks};

/// Refuses any ticket of an enrolled principal that did not come out of a verified factor.
pub(crate) struct FidoPolicy;

impl Module for FidoPolicy {
    const NAME: &'static CStr = c"fido";
    const REFUSED: &'static CStr = c"FIDO_REQUIRED";

    /// The one init function whose error keeps the KDC from starting: the configuration is checked here.
    fn init(context: Context<'_>) -> Result<Self, Failure> {
        Configuration::check(&Profile::of(context)?)?;
        Ok(Self)
    }

    fn check_as(
        &self,
        _: Context<'_>,
        request: Request<'_>,
        client: Option<Entry<'_>>,
    ) -> Result<(), Failure> {
        // Taken in any case: a mark is worth one answer.
        let is_verified = marks::take(request);
        let client = client.ok_or(Error::POLICY)?;
        let attributes = client
            .strings()
            .map_err(|error| Failure::new(Error::POLICY, error.text()))?;
        let enrolment = Enrolment::from_attributes(attributes);
        if let Some(cause) = enrolment.refusal() {
            log::setting_refused(request, cause);
            return Err(Failure::new(Error::POLICY, cause.to_string()));
        }
        if enrolment.is_enrolled() && !is_verified {
            log::ticket_refused(request);
            return Err(Failure::new(
                Error::POLICY,
                "a security key is registered, and was not used",
            ));
        }
        Ok(())
    }
}
