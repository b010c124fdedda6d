//! Tickets of our own, as any program gets them from libkrb5: for measuring and testing logins.
//!
//! Invariants:
//! 1. An [`InitialCredentials`] owns its exchange and its key table, made on the context that it keeps; each is freed once,
//!    the exchange first, since it reads the key table.
//! 2. It owns the options of the exchange and the list that they point to: both live until the exchange is freed.

use core::ptr;
use std::ffi::CString;

use krb5_sys::{KV5M_DATA, krb5_data, krb5_get_init_creds_opt, krb5_init_creds_context, krb5_keytab};

use crate::{Error, Failure, OwnedContext, OwnedPrincipal, Result, data};

/// No bytes.
const EMPTY: krb5_data = krb5_data {
    magic: KV5M_DATA,
    length: 0,
    data: ptr::null_mut(),
};

/// One AS exchange for a ticket-granting ticket, with the key taken out of a key table. It has neither a prompter nor a
/// responder.
pub struct InitialCredentials<'a> {
    context: &'a OwnedContext,
    exchange: krb5_init_creds_context,
    keytab: krb5_keytab,
    options: *mut krb5_get_init_creds_opt,
    optimistic: Vec<i32>,
}

impl<'a> InitialCredentials<'a> {
    /// Prepares an exchange for `client` (krb5_init_creds_init).
    ///
    /// `keytab` is a residual with its type, such as `FILE:/path`.
    ///
    /// # Errors
    /// A name with a NUL, an unknown type of key table, out of memory.
    pub fn new(context: &'a OwnedContext, client: &OwnedPrincipal<'_>, keytab: &str) -> Result<Self> {
        Self::optimistic(context, client, keytab, &[])
    }

    /// The same with pre-authentication of these pa-types in the first request, before the KDC has asked for any
    /// (krb5_get_init_creds_opt_set_preauth_list).
    ///
    /// # Errors
    /// Those of [`InitialCredentials::new`].
    pub fn optimistic(
        context: &'a OwnedContext,
        client: &OwnedPrincipal<'_>,
        keytab: &str,
        pa_types: &[i32],
    ) -> Result<Self> {
        let mut credentials = Self {
            context,
            exchange: ptr::null_mut(),
            keytab: ptr::null_mut(),
            options: ptr::null_mut(),
            optimistic: pa_types.to_vec(),
        };
        credentials.set_options()?;
        credentials.init(client)?;
        credentials.set_keytab(keytab)?;
        Ok(credentials)
    }

    fn set_options(&mut self) -> Result<()> {
        let context = self.context.get().as_raw();
        // SAFETY: the context is live, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_get_init_creds_opt_alloc(context, &raw mut self.options) })?;
        if self.optimistic.is_empty() {
            return Ok(());
        }
        let length = self.optimistic.len().try_into().map_err(|_| Error::INVALID)?;
        let list = self.optimistic.as_mut_ptr();
        // SAFETY: the options are live; they keep the address of the list, which outlives them (invariant 2).
        unsafe { krb5_sys::krb5_get_init_creds_opt_set_preauth_list(self.options, list, length) };
        Ok(())
    }

    fn init(&mut self, client: &OwnedPrincipal<'_>) -> Result<()> {
        // SAFETY: context and principal are live; NULL stands for no prompter and a start at once; the options live as long
        // as the exchange (invariant 2); the out parameter is valid (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_init_creds_init(
                self.context.get().as_raw(),
                client.as_raw(),
                None,
                ptr::null_mut(),
                0,
                self.options,
                &raw mut self.exchange,
            )
        })
    }

    fn set_keytab(&mut self, name: &str) -> Result<()> {
        let name = CString::new(name).map_err(|_| Error::INVALID)?;
        let context = self.context.get().as_raw();
        // SAFETY: the context is live, the name is copied, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_kt_resolve(context, name.as_ptr(), &raw mut self.keytab) })?;
        // SAFETY: all three are live; the key table stays open as long as the exchange (invariant 1).
        Error::check(unsafe { krb5_sys::krb5_init_creds_set_keytab(context, self.exchange, self.keytab) })
    }

    /// The first request, which is not sent (krb5_init_creds_step). The first one of a context loads its modules.
    ///
    /// # Errors
    /// Out of memory, or what a module fails with.
    pub fn first_request(self) -> Result<Vec<u8>> {
        let context = self.context.get().as_raw();
        let [mut answer, mut request, mut realm] = [EMPTY; 3];
        let mut flags = 0;
        // SAFETY: context and exchange are live; there is no answer yet, which no data stand for; the out parameters are
        // valid (krb5.h).
        let code = unsafe {
            krb5_sys::krb5_init_creds_step(
                context,
                self.exchange,
                &raw mut answer,
                &raw mut request,
                &raw mut realm,
                &raw mut flags,
            )
        };
        // SAFETY: filled in by the call or empty.
        let copy = unsafe { data::data_bytes(&raw const request) }.to_vec();
        for mut data in [request, realm] {
            // SAFETY: from libkrb5, freed once.
            unsafe { krb5_sys::krb5_free_data_contents(context, &raw mut data) };
        }
        Error::check(code).map(|()| copy)
    }

    /// Talks to the KDC until there is a ticket (krb5_init_creds_get). It is not kept.
    ///
    /// # Errors
    /// What the KDC or a module refuses with, with libkrb5's text.
    pub fn get(self) -> core::result::Result<(), Failure> {
        let context = self.context.get();
        // SAFETY: context and exchange are live (krb5.h).
        let code = unsafe { krb5_sys::krb5_init_creds_get(context.as_raw(), self.exchange) };
        Error::check(code).map_err(|error| context.failure(error))
    }
}

impl Drop for InitialCredentials<'_> {
    fn drop(&mut self) {
        let context = self.context.get().as_raw();
        // SAFETY: NULL or ours, freed once (krb5.h takes NULL).
        unsafe { krb5_sys::krb5_init_creds_free(context, self.exchange) };
        // SAFETY: NULL or ours, freed once, and nobody reads them any more (krb5.h takes NULL).
        unsafe { krb5_sys::krb5_get_init_creds_opt_free(context, self.options) };
        if !self.keytab.is_null() {
            // SAFETY: ours, closed once, and nobody reads it any more.
            unsafe { krb5_sys::krb5_kt_close(context, self.keytab) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Profile;

    const CONFIGURATION: &str = "[libdefaults]\n default_realm = R.TEST\n dns_lookup_kdc = false\n";

    fn with_exchange<T>(
        keytab: &str,
        body: impl FnOnce(InitialCredentials<'_>) -> core::result::Result<T, Failure>,
    ) -> core::result::Result<T, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("krb5.conf");
        fs::write(&file, CONFIGURATION).unwrap();
        let context = OwnedContext::with_profile(&Profile::read(&file).unwrap()).unwrap();
        let client = OwnedPrincipal::parse(context.get(), "alice").unwrap();
        body(InitialCredentials::new(&context, &client, keytab)?)
    }

    #[test]
    fn the_first_request_is_an_as_req() {
        let request = with_exchange("FILE:/nonexistent", |exchange| Ok(exchange.first_request()?)).unwrap();
        // [APPLICATION 10], constructed (RFC 4120 section 5.4.1).
        assert_eq!(request.first(), Some(&0x6a));
    }

    #[test]
    fn a_realm_without_a_kdc_is_an_error_with_libkrb5s_text() {
        let failure = with_exchange("FILE:/nonexistent", |exchange| exchange.get()).unwrap_err();
        let text = "Cannot find KDC for realm \"R.TEST\"";
        assert_eq!(failure.message.as_deref(), Some(text));
    }

    #[test]
    fn an_unknown_type_of_key_table_is_an_error() {
        assert!(with_exchange("NOTYPE:x", |exchange| exchange.get()).is_err());
        let failure = with_exchange("FILE:a\0b", |exchange| exchange.get()).unwrap_err();
        assert_eq!(failure.error, Error::INVALID);
    }
}
