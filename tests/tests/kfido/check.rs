//! kfido check: logins that work, with the key or without.

use std::fs;

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, kadmin, set_pin, talk};
use krb5_testrealm::{Artifacts, Finished, Realm};
use serde_json::{Value, json};

use crate::{json, kfido};

pub(crate) const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
pub(crate) const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";

/// A realm with alice, who has a key, and bob, who has none, and a ticket in the default cache.
pub(crate) fn enrolled() -> Enrolled {
    let enrolled = Enrolled::start(Realm::builder());
    add_bob(&enrolled.realm);
    enrolled
}

pub(crate) fn add_bob(realm: &Realm) {
    add_user(realm, "bob");
    realm.kinit("bob", PASSWORD, &[]).unwrap().checked().unwrap();
}

/// Runs kfido check with these lines on standard input. The credential cache is as it was.
#[track_caller]
pub(crate) fn check(realm: &Realm, arguments: &[&str], typed: &[&str]) -> Finished {
    let mut command = kfido(realm);
    command.arg("check").args(arguments);
    let input: String = typed.iter().map(|line| format!("{line}\n")).collect();
    let cache = || fs::read(realm.dir().join("ccache")).ok();
    let (before, listed) = (cache(), realm.klist(&[]).unwrap().stdout);
    let checked = realm.run(command, &input).unwrap();
    assert!(cache() == before, "the cache has changed");
    assert_eq!(realm.klist(&[]).unwrap().stdout, listed);
    checked
}

/// The part of standard output that tells of this machine.
pub(crate) fn machine(key: &str) -> String {
    let artifacts = Artifacts::locate().unwrap();
    format!(
        "KRBTEST.COM
    client module       {}
    helper              {}
    signs for           krbtest.com, krb5realm:KRBTEST.COM
    security key        {key}
",
        artifacts.client_module().display(),
        artifacts.helper().display()
    )
}

/// Asserts how the ticket is told of, and that its end is a time.
#[track_caller]
pub(crate) fn assert_ticket_told(told: &str, client: &str, key: &str) {
    let ticket: Vec<&str> = told.lines().collect();
    assert_eq!(ticket.len(), 5, "{told}");
    assert_eq!(ticket[0], client);
    assert_eq!(
        ticket[1],
        "    ticket for          krbtgt/KRBTEST.COM@KRBTEST.COM"
    );
    let ends = ticket[2].strip_prefix("    ends                ").unwrap();
    assert!(ends.starts_with("20") && ends.ends_with('Z'), "{told}");
    assert_eq!(ticket[3], "    renewable until     not renewable");
    assert_eq!(ticket[4], format!("    security key        {key}"));
}

#[test]
fn a_login_with_the_key_works() {
    let Enrolled { realm, key } = enrolled();
    let checked = check(&realm, &["alice"], &[PASSWORD]);
    assert_eq!(checked.code(), Some(0), "{checked}");
    assert_eq!(checked.stderr, format!("{PROMPT}{TOUCH}"));
    let machine = machine(&format!("software key ({})", key.device()));
    let told = checked
        .stdout
        .strip_prefix(&machine)
        .unwrap_or_else(|| panic!("{checked}"));
    assert_ticket_told(told, "alice@KRBTEST.COM", "used");
    assert!(checked.trace.contains("SF-FIDO"), "{}", checked.trace);
}

#[test]
fn a_login_with_the_key_as_json() {
    let Enrolled { realm, key } = enrolled();
    let checked = check(&realm, &["--json", "alice"], &[PASSWORD]);
    assert_eq!(checked.code(), Some(0), "{checked}");
    assert_eq!(checked.stderr, format!("{PROMPT}{TOUCH}"));
    let mut described = json(&checked);
    assert!(
        described["ticket"]["ends"]
            .take()
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert_eq!(described["devices"][0]["device"], key.device());
    described["devices"].take();
    let artifacts = Artifacts::locate().unwrap();
    let expected = json!({
        "principal": "alice@KRBTEST.COM",
        "result": "key",
        "realm": "KRBTEST.COM",
        "module": {"path": artifacts.client_module().to_str(), "state": "loadable", "error": null},
        "helper": {"path": artifacts.helper().to_str(), "error": null},
        "names": [
            {"name": "krbtest.com", "rule": "registrable_domain"},
            {"name": "krb5realm:KRBTEST.COM", "rule": "realm"},
        ],
        "names_error": null,
        "facets_unused": [],
        "devices": null,
        "devices_error": null,
        "module_used": true,
        "ticket": {
            "client": "alice@KRBTEST.COM",
            "server": "krbtgt/KRBTEST.COM@KRBTEST.COM",
            "ends": null,
            "renewable_until": null,
        },
        "error": null,
        "hint": null,
    });
    assert_eq!(described, expected);
}

#[test]
fn a_pin_is_asked_for_after_the_password() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, "1234");
    let checked = check(&realm, &["alice"], &[PASSWORD, "1234"]);
    assert_eq!(checked.code(), Some(0), "{checked}");
    let pin = "PIN for software key (8 attempts left): \n";
    assert_eq!(checked.stderr, format!("{PROMPT}{pin}{TOUCH}"));
}

#[test]
fn password_and_pin_are_not_shown_on_a_terminal() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, "1234");
    let kfido = Artifacts::locate().unwrap().kfido();
    let command = format!("{} check alice", kfido.display());
    let dialog = [
        ("Password for alice@KRBTEST.COM: ", PASSWORD),
        ("PIN for software key (8 attempts left): ", "1234"),
    ];
    let seen = talk(&realm, &command, &dialog, &|| {});
    assert_eq!(seen.code, Some(0), "{}", seen.screen);
    for secret in [PASSWORD, "1234"] {
        assert!(!seen.screen.contains(secret), "{}", seen.screen);
    }
    assert!(
        seen.screen.contains("    security key        used\n"),
        "{}",
        seen.screen
    );
}

#[test]
fn who_has_no_key_logs_in_with_the_password_alone() {
    let Enrolled { realm, key } = enrolled();
    let checked = check(&realm, &["bob"], &[PASSWORD]);
    let machine = machine(&format!("software key ({})", key.device()));
    let told = checked
        .stdout
        .strip_prefix(&machine)
        .unwrap_or_else(|| panic!("{checked}"));
    assert_ticket_told(told, "bob@KRBTEST.COM", "not used: the password alone was enough");
    let hint = "Either no security key is registered for bob@KRBTEST.COM, or fido_policy of the realm lets the password do \
                where no key is attached.\n";
    assert_eq!(
        (checked.code(), checked.stderr),
        (Some(3), format!("Password for bob@KRBTEST.COM: \n{hint}"))
    );
}

#[test]
fn permissive_without_a_key() {
    let enrolled = Enrolled::start(Realm::builder().kdc_relation("fido_policy", "permissive"));
    let Enrolled { realm, key: _key } = &enrolled;
    let checked = check(realm, &["--json", "-X", "fido_device=none", "alice"], &[PASSWORD]);
    assert_eq!(checked.code(), Some(3), "{checked}");
    let described = json(&checked);
    assert_eq!(described["result"], "password");
    assert_eq!(described["devices"], json!([]));
    assert_eq!(described["module_used"], true);
    assert_eq!(described["error"], Value::Null);
    let checked = check(realm, &["alice"], &[PASSWORD]);
    assert_eq!(checked.code(), Some(0), "{checked}");
}

#[test]
fn a_ticket_for_another_service() {
    let Enrolled { realm, key: _key } = enrolled();
    let checked = check(&realm, &["--json", "-S", "kadmin/changepw", "alice"], &[PASSWORD]);
    assert_eq!(checked.code(), Some(0), "{checked}");
    assert_eq!(json(&checked)["ticket"]["server"], "kadmin/changepw@KRBTEST.COM");
}

#[test]
fn a_ticket_that_can_be_renewed() {
    let Enrolled { mut realm, key: _key } = enrolled();
    for principal in ["alice", "krbtgt/KRBTEST.COM"] {
        kadmin(&realm, &["modprinc", "-maxrenewlife", "7d", principal]);
    }
    realm.set_kdc_relation("max_renewable_life", &["7d"]).unwrap();
    realm
        .set_client_relation("libdefaults:renew_lifetime", &["2d"])
        .unwrap();
    let checked = check(&realm, &["--json", "alice"], &[PASSWORD]);
    let until = &json(&checked)["ticket"]["renewable_until"];
    assert!(
        until.as_str().is_some_and(|until| until.ends_with('Z')),
        "{checked}"
    );
}

#[test]
fn whoever_is_not_named_is_the_principal_of_the_cache_or_the_local_user() {
    let Enrolled { realm, key: _key } = enrolled();
    let named = |checked: &Finished| json(checked)["principal"].clone();
    assert_eq!(named(&check(&realm, &["--json"], &[PASSWORD])), "bob@KRBTEST.COM");
    // Somebody else's realm.
    let elsewhere = check(&realm, &["--json", "-r", "OTHER.ORG"], &[]);
    let id = realm.run(realm.command("whoami"), "").unwrap().stdout;
    assert_eq!(named(&elsewhere), format!("{}@OTHER.ORG", id.trim()));
    realm.kdestroy().unwrap();
    assert_eq!(
        named(&check(&realm, &["--json"], &[])),
        format!("{}@KRBTEST.COM", id.trim())
    );
}
