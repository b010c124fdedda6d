//! krb5-fido-helper, from the same sources, with an allocator that writes down what it frees. The file `$HOME/mistake`, if
//! there is one, is read and freed as it is: a mistake, to show that it would be noticed.

#![forbid(unsafe_code)]

#[path = "../../../fido/src/helper/attached.rs"]
mod attached;
#[path = "../../../fido/src/helper/deadline.rs"]
mod deadline;
#[path = "../../../fido/src/helper/facets.rs"]
mod facets;
#[path = "../../../fido/src/helper/failure.rs"]
mod failure;
#[path = "../../../fido/src/helper/key.rs"]
mod key;
#[path = "../../../fido/src/helper/key_thread.rs"]
mod key_thread;
#[path = "../../../fido/src/helper/link.rs"]
mod link;
#[path = "../../../fido/src/helper/login.rs"]
mod login;
#[path = "../../../fido/src/helper/party.rs"]
mod party;
#[path = "../../../fido/src/helper/plan.rs"]
mod plan;
#[path = "../../../fido/src/helper/serve.rs"]
mod serve;

use std::{env, fs, path::PathBuf, process::ExitCode};

use krb5_fido_inspector::Inspector;

#[global_allocator]
static ALLOCATOR: Inspector = Inspector;

fn main() -> ExitCode {
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    drop(fs::read(home.join("mistake")));
    serve::answer_module()
}
