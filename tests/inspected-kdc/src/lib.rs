//! The KDC modules, from the same sources, with an allocator that writes down what it frees. `test_mistake` in
//! `[libdefaults]` names a mistake that they make with the client's key, to show that it would be noticed.

#![forbid(unsafe_code)]

#[path = "../../../kdcpreauth/src/client.rs"]
mod client;
#[path = "../../../kdcpreauth/src/config.rs"]
mod config;
#[path = "../../../kdcpreauth/src/door.rs"]
mod door;
#[path = "../../../kdcpreauth/src/enrolments.rs"]
mod enrolments;
#[path = "../../../kdcpreauth/src/log.rs"]
mod log;
#[path = "../../../kdcpreauth/src/marks.rs"]
mod marks;
mod mistaken;
#[path = "../../../kdcpreauth/src/passes.rs"]
mod passes;
#[path = "../../../kdcpreauth/src/policy.rs"]
mod policy;
#[path = "../../../kdcpreauth/src/preauth.rs"]
mod preauth;
#[path = "../../../kdcpreauth/src/states.rs"]
mod states;
#[path = "../../../kdcpreauth/src/trace.rs"]
mod trace;
#[path = "../../../kdcpreauth/src/verification.rs"]
mod verification;

use krb5_fido_inspector::Inspector;

#[global_allocator]
static ALLOCATOR: Inspector = Inspector;

krb5_plugin::kdcpreauth_module!(kdcpreauth_spake_initvt, mistaken::Mistaken);
krb5_plugin::kdcpolicy_module!(kdcpolicy_fido_initvt, policy::FidoPolicy);
krb5_plugin::kadm5_auth_module!(kadm5_auth_fido_initvt, door::Door);
