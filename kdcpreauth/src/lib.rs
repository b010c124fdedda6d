//! The KDC's modules: `spake` for preauthentication, `fido` for policy, and `fido` for what kadmind is asked to do.

#![forbid(unsafe_code)]

mod client;
mod config;
mod door;
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
krb5_plugin::kadm5_auth_module!(kadm5_auth_fido_initvt, door::Door);
