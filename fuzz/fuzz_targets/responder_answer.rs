//! See [`krb5_fido_fuzz::responder_answer`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| krb5_fido_fuzz::responder_answer(data));
