//! The KDC modules, from the same sources, with a panic in the callback that `test_fault` in `[libdefaults]` names. It
//! panics once, so that the next request shows whether the KDC goes on.

#![forbid(unsafe_code)]

#[path = "../../../kdcpreauth/src/client.rs"]
mod client;
#[path = "../../../kdcpreauth/src/config.rs"]
mod config;
#[path = "../../../kdcpreauth/src/door.rs"]
mod door;
#[path = "../../../kdcpreauth/src/enrolments.rs"]
mod enrolments;
mod faulty;
#[path = "../../../kdcpreauth/src/log.rs"]
mod log;
#[path = "../../../kdcpreauth/src/marks.rs"]
mod marks;
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

krb5_plugin::kdcpreauth_module!(kdcpreauth_spake_initvt, faulty::FaultyPreauth);
krb5_plugin::kdcpolicy_module!(kdcpolicy_fido_initvt, faulty::FaultyPolicy);
krb5_plugin::kadm5_auth_module!(kadm5_auth_fido_initvt, faulty::FaultyDoor);
