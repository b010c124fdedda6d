//! What this machine lacks, and what programs do wrong.

use std::path::Path;

use krb5_fido_https_server::{HttpsServer, Reply};
use krb5_fido_protocol::helper::Failure;
use krb5_fido_tests::*;
use krb5_testrealm::{Artifacts, Modules, Realm};

use super::{BRIEFLY, Played, double, enrolled, log_in};

/// Logs alice in with a program that answers the question "fido" by this, and has no prompter.
pub(crate) fn answer(realm: &Realm, answer: &str) -> Played {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/answering.c");
    let mut program = realm.command(compile(&source, realm.dir().to_str().unwrap()));
    program.args(["alice", answer]);
    realm.run(program, &format!("{PASSWORD}\n")).unwrap().into()
}

/// Logs alice in with a relation of krb5.conf.
fn with_relation(relation: &str, value: &str) -> Played {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm.set_client_relation(relation, &[value]).unwrap();
    log_in(&realm, &[], &[])
}

pub(crate) fn name_not_accepted() -> Played {
    with_relation("fido_rp_id", "example.org")
}

pub(crate) fn facet_list() -> Played {
    let server = HttpsServer::start("facets.test");
    server.serve("/facets", Reply::facets(&["OTHER.ORG"]));
    let url = server.url("/facets");
    let builder = Realm::builder().client_relation("fido_rp_id", "facets.test");
    let Enrolled { mut realm, key: _key } = Enrolled::start(builder);
    realm.set_client_relation("fido_rp_id", &[]).unwrap();
    realm.set_client_relation("fido_facets_url", &[&url]).unwrap();
    let mut kinit = realm.command("kinit");
    kinit.arg("alice").envs(server.environment());
    let login: Played = realm.run(kinit, &format!("{PASSWORD}\n")).unwrap().into();
    let reason = format!("the facet list {url} does not hold krb5realm:KRBTEST.COM");
    login.with("REASON", reason)
}

pub(crate) fn impossible_value() -> Played {
    with_relation("fido_facets", "yes")
        .with("RELATION", "fido_facets")
        .with("VALUE", "yes")
}

pub(crate) fn no_such_option() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    log_in(&realm, &[], &["-X", "fido_devise=none"]).with("RELATION", "fido_devise")
}

pub(crate) fn helper_missing() -> Played {
    let path = "/nonexistent/krb5-fido-helper";
    with_relation("fido_helper", path)
        .with("PATH", path)
        .with("REASON", "No such file or directory")
}

pub(crate) fn helper_ends() -> Played {
    with_relation("fido_helper", "/bin/true").with("PATH", "/bin/true")
}

pub(crate) fn helper_hangs() -> Played {
    let Enrolled { mut realm, key: _key } = enrolled();
    let path = script_helper(&mut realm, "sleep 60");
    log_in(&realm, &[], &BRIEFLY).with("PATH", path)
}

pub(crate) fn helper_fails() -> Played {
    let login = |enrolled: &Enrolled| log_in(&enrolled.realm, &[], &[]);
    double::play(login, |helper| helper.fail(Failure::Internal))
}

pub(crate) fn malformed_answer() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    answer(&realm, "1234")
}

/// kinit gives up after the refusal, which it shows: only a program that goes on in one context is told.
pub(crate) fn not_repeated() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    set_counter(&realm, u32::MAX);
    let program = LastingProgram::start(&realm);
    program.log_in().unwrap_err();
    Played {
        shown: vec![program.log_in().unwrap_err()],
        status: None,
        values: Vec::new(),
    }
}

/// A fault is built into this module, which is ours otherwise.
pub(crate) fn panic() -> Played {
    let artifacts = Artifacts::locate().unwrap();
    let module = artifacts.directory().join("libkrb5_fido_fault_client.so");
    let builder = Realm::builder()
        .client_modules(Modules::At(module))
        .client_relation("fido_helper", artifacts.helper().to_str().unwrap())
        .client_relation("libdefaults:test_fault", "process");
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    log_in(&realm, &[], &[])
}
