//! The client module, from the same sources, with a panic in the callback that `test_fault` in `[libdefaults]` names.

#![forbid(unsafe_code)]

#[path = "../../../clpreauth/src/config.rs"]
mod config;
#[path = "../../../clpreauth/src/dialog.rs"]
mod dialog;
mod faulty;
#[path = "../../../clpreauth/src/module.rs"]
mod module;
#[path = "../../../clpreauth/src/passes.rs"]
mod passes;
#[path = "../../../clpreauth/src/refusal.rs"]
mod refusal;
#[path = "../../../clpreauth/src/texts.rs"]
mod texts;
#[path = "../../../clpreauth/src/trace.rs"]
mod trace;

krb5_plugin::clpreauth_module!(clpreauth_spake_initvt, faulty::Faulty);
