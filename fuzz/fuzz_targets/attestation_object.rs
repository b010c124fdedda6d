//! See [`krb5_fido_fuzz::attestation_object`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| krb5_fido_fuzz::attestation_object(data));
