//! See [`krb5_fido_fuzz::door`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| krb5_fido_fuzz::door(data));
