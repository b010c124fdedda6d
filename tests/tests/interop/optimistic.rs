//! Clients that send SPAKESupport in their first request, before the KDC has asked for anything.

use krb5_fido_tests::{Enrolled, LogLine, as_lines, kadmin, memory, module_lines, sent_types};
use krb5_testrealm::{Finished, Realm};

use crate::{
    COOKIE_AND_SPAKE, GROUPS, LOGIN, LOGIN_WITH_KEY, SUPPORT, WRONG,
    sides::{Ours, Side, alike, issued, realm_with_bob},
};

/// A support message, and no cookie yet.
const SPAKE: [i32; 1] = [151];

at_each_kdc! {
    optimistic_support_saves_a_round_trip
    optimistic_support_with_a_wrong_key
    optimistic_support_without_a_common_group
}

/// Logs in with the keys of a file, as kinit has no option for it.
fn log_in(client: Side, realm: &Realm, principal: &str, keytab: &str) -> Finished {
    let program = env!("CARGO_BIN_EXE_optimistic-kinit");
    client.run(realm, &[program, principal, keytab], "")
}

/// A key table with the keys of a principal.
fn keytab(realm: &Realm, principal: &str) -> String {
    let path = realm.dir().join(format!("{principal}.keytab"));
    let keytab = format!("FILE:{}", path.display());
    kadmin(realm, &["ktadd", "-norandkey", "-k", &keytab, principal]);
    keytab
}

fn optimistic_support_saves_a_round_trip(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let keytab = keytab(&realm, "bob");
    let (login, log) = alike(&realm, |client| log_in(client, &realm, "bob", &keytab));
    assert!(login.success(), "{login}{}", login.trace);
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(sent_types(&login.trace), [&SPAKE[..], &COOKIE_AND_SPAKE]);
    assert_eq!(log, issued()[1..]);
}

fn optimistic_support_with_a_wrong_key(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let keytab = keytab(&realm, "bob");
    kadmin(&realm, &["cpw", "-pw", WRONG, "bob"]);
    let (login, log) = alike(&realm, |client| log_in(client, &realm, "bob", &keytab));
    assert_eq!(
        (login.code(), login.stderr.as_str()),
        (
            Some(1),
            "optimistic-kinit: Preauthentication failed while getting initial credentials\n"
        ),
        "{}",
        login.trace
    );
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(log, kdc.refused()[1..]);
}

/// The KDC refuses, with a hint at what else it takes: encrypted timestamp.
fn optimistic_support_without_a_common_group(kdc: Side) {
    let builder = Realm::builder()
        .kdc_relation(GROUPS, "edwards25519")
        .client_relation(GROUPS, "P-256");
    let realm = realm_with_bob(kdc, builder);
    let keytab = keytab(&realm, "bob");
    let (login, log) = alike(&realm, |client| log_in(client, &realm, "bob", &keytab));
    assert!(login.success(), "{login}{}", login.trace);
    assert_eq!(module_lines(&login.trace), [SUPPORT]);
    let timestamp = crate::COOKIE_AND_TIMESTAMP;
    assert_eq!(sent_types(&login.trace), [&SPAKE[..], &timestamp]);
    assert_eq!(log, [kdc.no_group(), LogLine::issue()]);
}

#[test]
fn optimistic_support_of_a_client_with_a_key() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let keytab = keytab(&realm, "alice");
    let before = memory(&key);
    let login = log_in(Ours, &realm, "alice", &keytab);
    assert!(login.success(), "{login}{}", login.trace);
    assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY);
    assert_eq!(
        sent_types(&login.trace),
        [&SPAKE[..], &COOKIE_AND_SPAKE, &COOKIE_AND_SPAKE]
    );
    let more = LogLine::more();
    let log = as_lines(&realm.kdc_log());
    assert_eq!(log, [more.clone(), more, LogLine::issue()]);
    assert_ne!(memory(&key), before);
}
