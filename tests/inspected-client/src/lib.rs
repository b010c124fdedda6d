//! The client module, from the same sources, with an allocator that writes down what it frees. `test_mistake` in
//! `[libdefaults]` names a mistake that it makes with `K'[0]`, to show that it would be noticed.

#![forbid(unsafe_code)]

#[path = "../../../clpreauth/src/config.rs"]
mod config;
#[path = "../../../clpreauth/src/dialog.rs"]
mod dialog;
mod mistaken;
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

use krb5_fido_inspector::Inspector;

#[global_allocator]
static ALLOCATOR: Inspector = Inspector;

krb5_plugin::clpreauth_module!(clpreauth_spake_initvt, mistaken::Mistaken);
