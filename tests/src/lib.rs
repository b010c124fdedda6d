//! What tests that cross rooms need: a realm with an enrolled principal, a scripted AS client, keys that sign what they
//! should not, and what to look for in logs, traces and the output of kinit.
#![allow(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod as_client;
pub mod barrage;
mod compiled;
mod cookie;
pub mod der;
mod dialog;
mod enrolled;
mod footprint;
mod freed;
mod holding_key;
mod intent;
pub mod kerberos;
mod keytab;
mod lasting_program;
mod link;
mod marked_helper;
pub mod mutants;
mod observed;
pub mod points;
mod scripted_kdc;
mod statement;
mod trace;
pub mod watched;
mod wire;

pub use as_client::{Agreed, Answer, AsClient, Asked, Challenged, Response, asserted, fido, hello, none};
pub use compiled::compile;
pub use cookie::{CookieKey, SecureCookie};
pub use dialog::{Dialog, talk};
pub use enrolled::{
    Enrolled, PASSWORD, add_alias, add_service, add_user, armor, ask_for, attribute, enrol, kadmin, memory,
    script_helper, set_counter, set_member, set_member_of, set_pin, without_registration, write_keytab,
};
pub use footprint::Footprint;
pub use freed::{Freed, Secret};
pub use holding_key::HoldingKey;
pub use intent::{AAGUID, PARTY, intent};
pub use lasting_program::LastingProgram;
pub use marked_helper::MarkedHelper;
pub use observed::{LogLine, PATIENCE, as_lines, assert_refused, assert_ticket, await_output, sent_types};
pub use scripted_kdc::{ScriptedKdc, encode_error, encode_referral};
pub use statement::{PaperKey, Statement, USER_PRESENT, authenticator_data, sign};
pub use trace::{comparable_lines, hides_result, module_lines};
