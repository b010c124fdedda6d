//! See [`krb5_fido_fuzz::suffix_list`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| krb5_fido_fuzz::suffix_list(data));
