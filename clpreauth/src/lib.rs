//! The client preauthentication module `spake`: SPAKE (RFC 9588) with security keys.

#![forbid(unsafe_code)]

mod config;
mod dialog;
mod module;
mod passes;
mod refusal;
mod texts;
mod trace;

krb5_plugin::clpreauth_module!(clpreauth_spake_initvt, module::SpakeClient);
