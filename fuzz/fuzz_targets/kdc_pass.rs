//! See [`krb5_fido_fuzz::kdc_pass`].

#![no_main]

libfuzzer_sys::fuzz_target!(|script: krb5_fido_fuzz::KdcScript| {
    krb5_fido_fuzz::kdc_pass(&script);
});
