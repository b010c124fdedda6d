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
        let Some(client) = client else { return Ok(()) };
        let enrolment = Enrolment::from_attributes(client.strings()?);
        if is_verified || !enrolment.is_enrolled() {
            return Ok(());
        }
        log::ticket_refused(request);
        Err(Failure::new(
            Error::POLICY,
            "a security key is registered, and was not used",
        ))
    }
}
