//! A refusal by the KDC costs no second touch, and is in nobody's way afterwards.

use std::{thread, time::Duration};

use super::{PROMPT, TOUCH, alice, enrolled};
use krb5_fido_tests::*;

const NOT_REPEATED: &str = "The KDC refused the login a moment ago: it is not repeated, so that the key need not be touched once more";

/// After how long a login is no repetition of the one before.
const AT_ONCE: Duration = Duration::from_millis(2100);

#[test]
fn refusal_is_not_repeated_at_the_primary() {
    let Enrolled { mut realm, key: _key } = enrolled();
    set_counter(&realm, u32::MAX);
    let refused = "Password incorrect";
    let alone = alice(&realm, &[]);
    assert_refused(&realm, &alone, refused);
    let port = realm.kdc_port();
    realm
        .set_client_relation("primary_kdc", &[&format!("localhost:{port}")])
        .unwrap();
    let mark = realm.kdc_log_mark();
    let with_primary = alice(&realm, &[]);
    assert_refused(&realm, &with_primary, refused);
    for login in [&alone, &with_primary] {
        assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"), "{login}");
    }
    assert!(
        with_primary
            .trace
            .contains("SF-FIDO login was refused: it is not repeated"),
        "{}",
        with_primary.trace
    );
    let (needed, more) = (LogLine::needed(), LogLine::more());
    let refused = LogLine::failed("signature counter did not increase");
    assert_eq!(
        as_lines(&realm.kdc_log_since(mark)),
        [needed.clone(), more.clone(), more, refused, needed]
    );
    set_counter(&realm, 0);
    assert_ticket(&realm, &alice(&realm, &[]), "IHA");
}

#[test]
fn wrong_password_is_tried_at_the_primary_since_it_costs_no_touch() {
    let Enrolled { mut realm, key } = enrolled();
    let port = realm.kdc_port();
    realm
        .set_client_relation("primary_kdc", &[&format!("localhost:{port}")])
        .unwrap();
    let before = memory(&key);
    let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
    assert_refused(&realm, &login, "Password incorrect");
    let retried = "Retrying AS request with primary KDC";
    assert!(login.trace.contains(retried), "{}", login.trace);
    let failures = as_lines(&realm.kdc_log())
        .iter()
        .filter(|line| line.status == "PREAUTH_FAILED" && **line != LogLine::more())
        .count();
    assert_eq!(failures, 2);
    assert_eq!(memory(&key), before);
}

#[test]
fn one_ticket_after_another_in_one_context() {
    let Enrolled { realm, key: _key } = enrolled();
    let program = LastingProgram::start(&realm);
    for _ in 0..4 {
        assert_eq!(program.log_in(), Ok(()));
    }
}

#[test]
fn program_that_tries_again_at_once_is_told_so_and_may_try_later() {
    let Enrolled { realm, key: _key } = enrolled();
    let program = LastingProgram::start(&realm);
    set_counter(&realm, u32::MAX);
    let refused = Err("Preauthentication failed".to_owned());
    assert_eq!(program.log_in(), refused);
    assert_eq!(program.log_in(), Err(NOT_REPEATED.to_owned()));
    assert_eq!(program.log_in(), refused);
    thread::sleep(AT_ONCE);
    set_counter(&realm, 0);
    assert_eq!(program.log_in(), Ok(()));
}
