//! The database of the KDC itself.
//!
//! Invariant: what kadm5 is given to open lives for the call.

use core::{ffi::c_char, mem, ptr};
use std::ffi::CString;

use krb5_sys::{KADM5_API_VERSION_4, KADM5_CONFIG_REALM, KADM5_STRUCT_VERSION, kadm5_config_params};

use super::{Database, version};
use crate::{Error, Failure, OwnedContext, Result};

/// The configuration of a KDC: krb5.conf and kdc.conf (kadm5_init_krb5_context).
///
/// # Errors
/// A configuration that cannot be read.
pub fn kdc_context() -> Result<OwnedContext> {
    let mut raw = ptr::null_mut();
    // SAFETY: the out parameter is valid (kadm5/admin.h).
    Error::check(unsafe { krb5_sys::kadm5_init_krb5_context(&raw mut raw) })?;
    // SAFETY: a live context on success, ours.
    Ok(unsafe { OwnedContext::from_raw(raw) })
}

impl<'a> Database<'a> {
    /// Opens the database of `realm`, and its update log where iprop is on. Changes are made in the name of
    /// `administrator`; `arguments` are for the database module, such as dbname=PATH.
    ///
    /// # Errors
    /// The text says what could not be opened.
    pub fn open(
        context: &'a OwnedContext,
        realm: &str,
        administrator: &str,
        arguments: &[String],
    ) -> core::result::Result<Self, Failure> {
        let realm_name = CString::new(realm).map_err(|_| Error::INVALID)?;
        let client = CString::new(administrator).map_err(|_| Error::INVALID)?;
        let arguments = arguments.iter().map(|argument| CString::new(argument.as_str()));
        let arguments: Vec<CString> = arguments
            .collect::<core::result::Result<_, _>>()
            .map_err(|_| Error::INVALID)?;
        let pointers = arguments.iter().map(|argument| argument.as_ptr().cast_mut());
        let mut pointers: Vec<*mut c_char> = pointers.chain([ptr::null_mut()]).collect();
        // SAFETY: the structure is plain data for which zero means unset; `mask` names what is set (kadm5/admin.h).
        let mut parameters: kadm5_config_params = unsafe { mem::zeroed() };
        parameters.mask = KADM5_CONFIG_REALM.into();
        parameters.realm = realm_name.as_ptr().cast_mut();
        let mut handle = ptr::null_mut();
        // SAFETY: all strings and structures live for the call; the local library takes no password (kadm5/admin.h).
        let opened = Error::check(unsafe {
            krb5_sys::kadm5_init_with_password(
                context.get().as_raw(),
                client.as_ptr().cast_mut(),
                ptr::null_mut(),
                krb5_sys::KADM5_ADMIN_SERVICE.as_ptr().cast_mut().cast(),
                &raw mut parameters,
                version(KADM5_STRUCT_VERSION),
                version(KADM5_API_VERSION_4),
                pointers.as_mut_ptr(),
                &raw mut handle,
            )
        });
        opened.map_err(|error| context.get().failure(error))?;
        let database = Self {
            context,
            handle,
            is_local: true,
        };
        // SAFETY: a live handle (kadm5/admin.h).
        Error::check(unsafe { krb5_sys::kadm5_init_iprop(handle, ptr::null_mut()) }).map_err(|error| {
            let text = context.get().message(error);
            Failure::new(
                error,
                format!("Cannot open the update log (iprop_logfile): {text}"),
            )
        })?;
        Ok(database)
    }
}
