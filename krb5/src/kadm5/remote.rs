//! The database as kadmind gives access to it.
//!
//! Invariant: what kadm5 is given to connect with lives for the call, but for the cache, which outlives the connection.

use core::{
    ffi::{CStr, c_void},
    mem, ptr,
};
use std::ffi::CString;

use krb5_sys::{
    KADM5_API_VERSION_4, KADM5_CONFIG_ADMIN_SERVER, KADM5_CONFIG_REALM, KADM5_STRUCT_VERSION,
    kadm5_config_params,
};

use super::{Database, version};
use crate::{CredentialCache, Error, Failure, OwnedContext, Result};

/// The service that kadmind runs under, in each realm.
pub const ADMIN_SERVICE: &str = "kadmin/admin";

/// Which kadmind is meant.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// The realm.
    pub realm: &'a str,
    /// HOST or HOST:PORT; what krb5.conf says where it is not given.
    pub address: Option<&'a str>,
}

/// What kadmind is shown.
#[derive(Clone, Copy)]
pub enum Authentication<'a> {
    /// A ticket that is got with a key out of a key table; the default one where none is named.
    Keytab(Option<&'a str>),
    /// A ticket for [`ADMIN_SERVICE`] in a cache.
    Cache(&'a CredentialCache<'a>),
}

impl<'a> Database<'a> {
    /// Connects to kadmind as `client`, a principal with its realm.
    ///
    /// # Errors
    /// There is no ticket, no kadmind answers, or it does not take the ticket: the text says which.
    pub fn connect(
        context: &'a OwnedContext,
        server: &Server<'_>,
        client: &str,
        authentication: Authentication<'a>,
    ) -> core::result::Result<Self, Failure> {
        let client = CString::new(client).map_err(|_| Error::INVALID)?;
        let realm = CString::new(server.realm).map_err(|_| Error::INVALID)?;
        let address = optional(server.address)?;
        // SAFETY: the structure is plain data for which zero means unset; `mask` names what is set (kadm5/admin.h).
        let mut parameters: kadm5_config_params = unsafe { mem::zeroed() };
        parameters.mask = KADM5_CONFIG_REALM.into();
        parameters.realm = realm.as_ptr().cast_mut();
        if let Some(address) = &address {
            parameters.mask |= i64::from(KADM5_CONFIG_ADMIN_SERVER);
            parameters.admin_server = address.as_ptr().cast_mut();
        }
        let handle = match authentication {
            Authentication::Keytab(keytab) => {
                init_with_keytab(context, &client, &mut parameters, optional(keytab)?.as_deref())
            }
            Authentication::Cache(cache) => init_with_cache(context, &client, &mut parameters, cache),
        };
        Ok(Self {
            context,
            handle: handle.map_err(|error| context.get().failure(error))?,
            is_local: false,
        })
    }
}

fn init_with_keytab(
    context: &OwnedContext,
    client: &CStr,
    parameters: &mut kadm5_config_params,
    keytab: Option<&CStr>,
) -> Result<*mut c_void> {
    let mut handle = ptr::null_mut();
    // SAFETY: all strings and structures live for the call, a NULL key table is the default one, the out parameter is valid
    // (kadm5/admin.h).
    Error::check(unsafe {
        krb5_sys::kadm5_init_with_skey(
            context.get().as_raw(),
            client.as_ptr().cast_mut(),
            keytab.map_or(ptr::null_mut(), |keytab| keytab.as_ptr().cast_mut()),
            krb5_sys::KADM5_ADMIN_SERVICE.as_ptr().cast_mut().cast(),
            parameters,
            version(KADM5_STRUCT_VERSION),
            version(KADM5_API_VERSION_4),
            ptr::null_mut(),
            &raw mut handle,
        )
    })?;
    Ok(handle)
}

fn init_with_cache(
    context: &OwnedContext,
    client: &CStr,
    parameters: &mut kadm5_config_params,
    cache: &CredentialCache<'_>,
) -> Result<*mut c_void> {
    let mut handle = ptr::null_mut();
    // SAFETY: all strings and structures live for the call, the cache as long as the connection, the out parameter is valid
    // (kadm5/admin.h).
    Error::check(unsafe {
        krb5_sys::kadm5_init_with_creds(
            context.get().as_raw(),
            client.as_ptr().cast_mut(),
            cache.as_raw(),
            krb5_sys::KADM5_ADMIN_SERVICE.as_ptr().cast_mut().cast(),
            parameters,
            version(KADM5_STRUCT_VERSION),
            version(KADM5_API_VERSION_4),
            ptr::null_mut(),
            &raw mut handle,
        )
    })?;
    Ok(handle)
}

fn optional(text: Option<&str>) -> Result<Option<CString>> {
    text.map(CString::new).transpose().map_err(|_| Error::INVALID)
}
