//! The KDC's modules: `spake` for preauthentication and `fido` for policy.

#![forbid(unsafe_code)]

mod client;
mod config;
mod enrolments;
mod log;
mod marks;
mod passes;
mod policy;
mod preauth;
mod states;
mod trace;
mod verification;

krb5_plugin::kdcpreauth_module!(kdcpreauth_spake_initvt, preauth::SpakeKdc);
krb5_plugin::kdcpolicy_module!(kdcpolicy_fido_initvt, policy::FidoPolicy);
