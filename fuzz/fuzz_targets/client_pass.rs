//! See [`krb5_fido_fuzz::client_pass`].

#![no_main]

libfuzzer_sys::fuzz_target!(|script: krb5_fido_fuzz::ClientScript| {
    krb5_fido_fuzz::client_pass(&script);
});
