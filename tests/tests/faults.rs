//! Faults of our own: a panic in any callback, and a helper that is missing, broken, killed or silent. Each ends in one
//! clear error to one client, and the KDC answers the next request.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{os::unix::net::UnixListener, path::PathBuf, time::Duration};

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, script_helper};
use krb5_testrealm::{Artifacts, Error, Finished, Modules, Realm, RealmBuilder};

const INTERNAL: &str = "internal error in the krb5-fido module";

fn artifact(name: &str) -> PathBuf {
    Artifacts::locate().unwrap().directory().join(name)
}

fn faulty_client(callback: &str) -> RealmBuilder {
    let artifacts = Artifacts::locate().unwrap();
    Realm::builder()
        .client_modules(Modules::At(artifact("libkrb5_fido_fault_client.so")))
        .client_relation("fido_helper", &artifacts.helper().display().to_string())
        .client_relation("libdefaults:test_fault", callback)
}

fn faulty_kdc(callback: &str) -> RealmBuilder {
    let module = Modules::At(artifact("libkrb5_fido_fault_kdc.so"));
    Realm::builder()
        .kdc_modules(module)
        .kdc_relation("libdefaults:test_fault", callback)
}

fn login(realm: &Realm) -> Finished {
    realm.kinit("alice", PASSWORD, &[]).unwrap()
}

fn assert_fails(login: &Finished, message: &str) {
    assert_eq!(login.code(), Some(1), "{login}");
    let expected = format!("kinit: {message} while getting initial credentials\n");
    assert!(login.stderr.ends_with(&expected), "{login}");
}

/// The client goes on as if nothing had happened.
fn assert_client_survives(callback: &str) {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_client(callback));
    let login = login(&realm);
    assert!(login.success(), "{callback}: {login}");
}

/// The KDC has panicked for one request and answers the next ones.
fn assert_kdc_survives(callback: &str, first: impl FnOnce(&Finished)) {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_kdc(callback));
    add_user(&realm, "bob");
    first(&login(&realm));
    assert!(login(&realm).success(), "{callback}");
    assert!(realm.kinit("bob", PASSWORD, &[]).unwrap().success(), "{callback}");
}

#[test]
fn panic_in_init_of_the_client_leaves_the_module_out() {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_client("init"));
    let login = login(&realm);
    assert_eq!(login.code(), Some(1), "{login}");
    assert!(!login.trace.contains("Sending SPAKE"), "{login}");
}

#[test]
fn panic_in_request_init_of_the_client_ends_this_mechanism() {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_client("request_init"));
    let login = login(&realm);
    assert_eq!(login.code(), Some(1), "{login}");
    assert!(login.stderr.contains("panicked"), "{login}");
}

#[test]
fn panic_in_gic_opts_of_the_client() {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_client("gic_opts"));
    let login = realm
        .kinit("alice", PASSWORD, &["-X", "fido_timeout=5s"])
        .unwrap();
    assert_eq!(login.code(), Some(1), "{login}");
    assert!(login.stderr.contains(INTERNAL), "{login}");
}

#[test]
fn panic_in_prep_questions_of_the_client_is_no_failure() {
    assert_client_survives("prep_questions");
}

#[test]
fn panic_in_process_of_the_client_is_one_error() {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_client("process"));
    let login = login(&realm);
    assert_fails(&login, INTERNAL);
    assert!(!login.stdout.contains("Password"), "{login}");
}

#[test]
fn panic_in_request_fini_of_the_client_is_no_failure() {
    assert_client_survives("request_fini");
}

#[test]
fn panic_in_fini_of_the_client_is_no_failure() {
    assert_client_survives("fini");
}

#[test]
fn panic_in_init_of_the_kdc_leaves_the_module_out_and_says_so() {
    let Enrolled { realm, key: _key } = Enrolled::start(faulty_kdc("init"));
    assert!(
        realm
            .kdc_log()
            .contains(&format!("preauth spake failed to initialize: {INTERNAL}"))
    );
    assert_eq!(login(&realm).code(), Some(1));
}

#[test]
fn panic_in_init_of_the_policy_keeps_the_kdc_from_starting() {
    match faulty_kdc("policy_init").kadmind(false).start() {
        Err(error @ Error::KdcStart(_)) => assert!(error.kdc_log().unwrap().contains(INTERNAL)),
        _ => panic!("the KDC starts"),
    }
}

#[test]
fn panic_in_edata_leaves_the_mechanism_out_of_one_hint() {
    assert_kdc_survives("edata", |first| assert_eq!(first.code(), Some(1), "{first}"));
}

#[test]
fn panic_in_verify_is_one_error() {
    assert_kdc_survives("verify", |first| {
        assert_eq!(first.code(), Some(1), "{first}");
        assert!(first.trace.contains("Preauthentication failed"), "{first}");
    });
}

#[test]
fn panic_in_free_modreq_is_no_failure() {
    assert_kdc_survives("free_modreq", |first| assert!(first.success(), "{first}"));
}

#[test]
fn panic_in_check_as_refuses_one_ticket() {
    assert_kdc_survives("check_as", |first| {
        assert_fails(first, "KDC policy rejects request")
    });
}

#[test]
fn panic_in_init_of_the_door_keeps_kadmind_from_starting() {
    let Err(Error::KadmindStart(failure)) = faulty_kdc("door_init").start() else {
        panic!("kadmind has started");
    };
    assert!(failure.log.contains("while initializing"), "{}", failure.log);
}

#[test]
fn panic_in_setstr_refuses_one_change() {
    let realm = faulty_kdc("setstr").start().unwrap();
    add_user(&realm, "admin/admin");
    add_user(&realm, "bob");
    let cache = format!("FILE:{}", realm.dir().join("admin").display());
    let ticket = realm.kinit("admin/admin", PASSWORD, &["-S", "kadmin/admin", "-c", &cache]);
    ticket.unwrap().checked().unwrap();
    let set = || {
        let mut kadmin = realm.command("kadmin");
        kadmin.args([
            "-r",
            realm.name(),
            "-c",
            &cache,
            "setstr",
            "bob",
            "fido_policy",
            "required",
        ]);
        realm.run(kadmin, "").unwrap().stderr
    };
    assert!(set().contains("Operation requires ``modify'' privilege"));
    assert_eq!(set(), "");
}

#[test]
fn panic_in_fini_of_the_kdc_is_no_failure() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(faulty_kdc("fini"));
    realm.restart_kdc().unwrap();
    assert!(login(&realm).success());
}

#[test]
fn a_password_that_cannot_be_read_is_one_error() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    let mut kinit = realm.command("kinit");
    kinit.arg("alice");
    let login = realm.run(kinit, "").unwrap();
    assert_eq!(login.code(), Some(1), "{login}");
    assert!(login.stderr.contains("Cannot read password"), "{login}");
}

#[test]
fn a_client_without_a_key_of_the_wanted_type_is_one_error() {
    let builder = Realm::builder().client_relation("libdefaults:default_tkt_enctypes", "camellia256-cts");
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    let login = login(&realm);
    assert_fails(&login, "KDC has no support for encryption type");
    assert!(realm.kdc_log().contains("alice@KRBTEST.COM"));
}

/// A realm whose clients start `helper`.
fn with_helper(helper: &str) -> Enrolled {
    let mut enrolled = Enrolled::start(Realm::builder());
    enrolled
        .realm
        .set_client_relation("fido_helper", &[helper])
        .unwrap();
    enrolled
}

/// A realm whose clients start a script in the helper's place.
fn with_script(text: &str) -> (Enrolled, String) {
    let mut enrolled = Enrolled::start(Realm::builder());
    let script = script_helper(&mut enrolled.realm, text);
    (enrolled, script)
}

#[test]
fn a_helper_that_is_not_executable() {
    let Enrolled { realm, key: _key } = with_helper("/etc/passwd");
    assert_fails(
        &login(&realm),
        "Could not start /etc/passwd, which talks to security keys: Permission denied; see fido_helper \
         in krb5.conf",
    );
}

#[test]
fn a_helper_that_talks_nonsense() {
    let (Enrolled { realm, key: _key }, path) =
        with_script("printf 'nonsense and more nonsense' >&3; sleep 30");
    assert_fails(
        &login(&realm),
        &format!("{path}, which talks to security keys, ended unexpectedly: log in again"),
    );
}

#[test]
fn a_helper_that_claims_an_endless_frame() {
    let (Enrolled { realm, key: _key }, path) = with_script("printf '\\377\\377\\377\\377' >&3; sleep 30");
    assert_fails(
        &login(&realm),
        &format!("{path}, which talks to security keys, ended unexpectedly: log in again"),
    );
}

#[test]
fn a_helper_that_never_answers() {
    let (Enrolled { realm, key: _key }, path) = with_script("sleep 60");
    let login = realm
        .kinit("alice", PASSWORD, &["-X", "fido_timeout=1s"])
        .unwrap();
    assert_fails(
        &login,
        &format!(
            "{path}, which talks to security keys, did not answer: unplug the key, plug it in again, and log in again"
        ),
    );
    assert!(login.elapsed < Duration::from_secs(30), "{login}");
}

#[test]
fn a_helper_that_is_killed_while_the_key_waits() {
    let helper = Artifacts::locate().unwrap().helper();
    let text = format!("(sleep 0.3; kill -9 $$) 3>&- & exec {}", helper.display());
    let (Enrolled { mut realm, key: _key }, path) = with_script(&text);
    // A key that accepts connections and never says a word.
    let silent = realm.dir().join("silent");
    let _listener = UnixListener::bind(&silent).unwrap();
    let device = format!("unix:{}", silent.display());
    realm.set_client_relation("fido_device", &[&device]).unwrap();
    assert_fails(
        &login(&realm),
        &format!("{path}, which talks to security keys, ended unexpectedly: log in again"),
    );
}
