//! Tickets without a verified factor may live less long.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use krb5_fido_tests::*;
use krb5_testrealm::{Realm, RealmBuilder};

const HOUR: u64 = 3600;

fn enrolled() -> Enrolled {
    let builder = limited().kdc_relation("fido_policy", "permissive");
    let enrolled = Enrolled::start(builder);
    add_user(&enrolled.realm, "bob");
    enrolled
}

fn limited() -> RealmBuilder {
    Realm::builder()
        .kdc_relation("fido_max_life", "2h")
        .kdc_relation("fido_max_renewable_life", "1d")
        .kdc_relation("max_life", "10h")
        .kdc_relation("max_renewable_life", "7d")
}

/// How long the ticket lives and can be renewed, in seconds, as klist tells.
fn lives(realm: &Realm, name: &str, arguments: &[&str]) -> (u64, Option<u64>) {
    let options = [&["-l", "9h", "-r", "6d"], arguments].concat();
    let login = realm.kinit(name, PASSWORD, &options).unwrap();
    assert!(login.success(), "{login}{}", login.trace);
    let mut klist = realm.command("klist");
    klist.env("LC_ALL", "C").env("TZ", "UTC");
    let listing = realm.run(klist, "").unwrap().stdout;
    let ticket = listing
        .lines()
        .find(|line| line.contains(" krbtgt/") || line.contains(" kadmin/"))
        .unwrap();
    let words: Vec<&str> = ticket.split_whitespace().collect();
    let [start_day, start, end_day, end, ..] = words[..] else {
        panic!("{listing}")
    };
    let begun = seconds(start_day, start);
    let renewable = listing
        .split_once("renew until ")
        .and_then(|(_, until)| {
            until
                .split_whitespace()
                .next()
                .zip(until.split_whitespace().nth(1))
        })
        .map(|(day, time)| seconds(day, time) - begun);
    (seconds(end_day, end) - begun, renewable)
}

/// `MM/DD/YY` and `HH:MM:SS` as seconds since 1970.
fn seconds(day: &str, time: &str) -> u64 {
    let date = std::process::Command::new("date")
        .args(["-u", "+%s", "-d", &format!("{day} {time}")])
        .output()
        .unwrap();
    String::from_utf8(date.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn ticket_with_a_key_lives_as_long_as_the_realm_allows() {
    let Enrolled { realm, key: _key } = enrolled();
    assert_eq!(lives(&realm, "alice", &[]), (9 * HOUR, Some(6 * 24 * HOUR)));
}

#[test]
fn ticket_without_one_is_limited() {
    let Enrolled { realm, key: _key } = enrolled();
    let limited = (2 * HOUR, Some(24 * HOUR));
    assert_eq!(lives(&realm, "alice", &["-X", "fido_device=none"]), limited);
    assert_eq!(lives(&realm, "bob", &[]), limited);
}

#[test]
fn whoever_is_exempt_is_not_limited() {
    let Enrolled { realm, key: _key } = enrolled();
    add_user(&realm, "host/www");
    assert_eq!(lives(&realm, "host/www", &[]).0, 9 * HOUR);
}

#[test]
fn impossible_durations_keep_the_kdc_from_starting() {
    for relation in ["fido_max_life", "fido_max_renewable_life"] {
        for value in ["soon", "0", "-1h"] {
            let error = Realm::builder().kdc_relation(relation, value).start().err();
            let text = error.unwrap().to_string();
            let message = format!(
                "[realms] KRBTEST.COM: {relation} = \"{value}\": it must be a duration of at least a second, such as 8h"
            );
            assert!(text.contains(&message), "{text}");
        }
    }
}

#[test]
fn ticket_for_kadmin_lives_for_five_minutes_and_for_three_hours_with_a_key() {
    let Enrolled { realm, key: _key } = Enrolled::start(limited());
    kadmin(
        &realm,
        &[
            "modprinc",
            "-maxlife",
            "9h",
            "-maxrenewlife",
            "6d",
            "kadmin/admin",
        ],
    );
    add_user(&realm, "bob");
    for service in ["kadmin/admin", "kadmin/changepw"] {
        assert_eq!(lives(&realm, "bob", &["-S", service]).0, 300);
        assert_eq!(lives(&realm, "bob", &["-S", service]).1.unwrap_or(300), 300);
    }
    assert_eq!(lives(&realm, "alice", &["-S", "kadmin/admin"]).0, 3 * HOUR);
}

#[test]
fn ticket_for_kadmin_of_whom_required_leaves_alone_lives_as_long_as_the_realm_allows() {
    let Enrolled { realm, key: _key } = Enrolled::start(limited().kdc_relation("fido_exempt", "*/cron"));
    kadmin(&realm, &["modprinc", "-maxlife", "9h", "kadmin/admin"]);
    add_user(&realm, "admin/cron");
    assert_eq!(lives(&realm, "admin/cron", &["-S", "kadmin/admin"]).0, 9 * HOUR);
}
