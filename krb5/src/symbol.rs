//! Functions that the process may or may not have.

use core::ffi::{CStr, c_void};

/// The address of an exported symbol; NULL where no loaded object has it.
pub(crate) fn find_symbol(name: &CStr) -> *mut c_void {
    // SAFETY: dlsym takes any name.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}
