//! kfido check: logins that do not work, and what it says of them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, enrol, kadmin};
use krb5_testrealm::{Artifacts, Finished, Presence, Realm};
use serde_json::{Value, json};

use crate::{
    check::{PROMPT, check, enrolled},
    json,
};

/// There is no ticket, kinit says the same, and after that there is this hint.
#[track_caller]
fn assert_failed(realm: &Realm, arguments: &[&str], typed: &[&str], talk: &str, hint: &str) -> Finished {
    let kinit = {
        let mut command = realm.command("kinit");
        // Not into the cache that is looked at.
        command.args(["-c", "MEMORY:none"]).args(arguments);
        let typed: String = typed.iter().map(|line| format!("{line}\n")).collect();
        realm.run(command, &typed).unwrap()
    };
    assert_eq!(kinit.code(), Some(1), "{kinit}");
    let message = kinit.stderr.replacen("kinit: ", "kfido: ", 1);
    let checked = check(realm, arguments, typed);
    assert_eq!(
        (checked.code(), &*checked.stderr),
        (Some(1), &*format!("{talk}{message}{hint}"))
    );
    checked
}

#[test]
fn a_wrong_password() {
    let Enrolled { realm, key: _key } = enrolled();
    let hint = "A wrong password, or a key that the KDC did not accept: the log of the KDC says which.\n";
    let checked = assert_failed(&realm, &["alice"], &["wrong"], PROMPT, hint);
    assert!(
        checked
            .stderr
            .contains("kfido: Password incorrect while getting initial credentials\n"),
        "{checked}"
    );
}

#[test]
fn no_password() {
    let Enrolled { realm, key: _key } = enrolled();
    let checked = assert_failed(&realm, &["alice"], &[], PROMPT, "");
    assert!(
        checked
            .stderr
            .contains("kfido: Pre-authentication failed: Cannot read password while"),
        "{checked}"
    );
}

#[test]
fn no_key() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm.set_client_relation("fido_device", &["none"]).unwrap();
    let arguments = ["-X", "fido_timeout=1s", "alice"];
    let checked = assert_failed(&realm, &arguments, &[PASSWORD], PROMPT, "");
    assert!(
        checked
            .stderr
            .contains("kfido: No security key attached: plug in"),
        "{checked}"
    );
    assert!(
        checked
            .stdout
            .ends_with("    security key        none attached\n"),
        "{checked}"
    );
}

#[test]
fn the_wrong_key() {
    let Enrolled { realm, key: _key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    add_user(&realm, "carol");
    enrol(&realm, "carol", &other, "red");
    let device = format!("fido_device={}", other.device());
    let waiting = "software key is not a security key registered for alice@KRBTEST.COM: plug in the right one to log in to \
                   KRBTEST.COM.\n";
    let arguments = ["-X", &device, "-X", "fido_timeout=1s", "alice"];
    let talk = format!("{PROMPT}{waiting}");
    let checked = assert_failed(&realm, &arguments, &[PASSWORD], &talk, "");
    let listed = format!("    security key        software key ({})\n", other.device());
    assert!(checked.stdout.ends_with(&listed), "{checked}");
}

#[test]
fn the_module_file_is_missing() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm
        .set_client_relation("plugins/clpreauth:module", &["spake:/nonexistent/fido_client.so"])
        .unwrap();
    let problem = "/nonexistent/fido_client.so is not there: No such file or directory (os error 2)";
    let hint = format!("Logins with a security key need the client module: {problem}.\n");
    let checked = assert_failed(&realm, &["alice"], &[PASSWORD], "", &hint);
    let line = format!("    client module       {problem}\n");
    assert!(checked.stdout.contains(&line), "{checked}");

    let without_key = check(&realm, &["--json", "bob"], &[PASSWORD]);
    assert_eq!(without_key.code(), Some(3), "{without_key}");
    let described = json(&without_key);
    assert_eq!(described["module"]["state"], "missing");
    assert_eq!(described["module_used"], false);
    assert_eq!(described["hint"], hint.trim_end());
}

#[test]
fn the_module_is_not_configured() {
    let Enrolled { realm, key: _key } = enrolled();
    let mut command: Command = realm.stock_client_command(Artifacts::locate().unwrap().kfido());
    command.args(["check", "--json", "alice"]);
    let checked = realm.run(command, &format!("{PASSWORD}\n")).unwrap();
    assert_eq!(checked.code(), Some(1), "{checked}");
    let described = json(&checked);
    let expected = json!({
        "path": null,
        "state": "not_configured",
        "error": "not configured: krb5.conf has no module = spake:PATH in clpreauth of [plugins]",
    });
    assert_eq!(described["module"], expected);
    assert_eq!(described["module_used"], false);
    assert_eq!(described["ticket"], Value::Null);
    assert!(described["error"]["code"].is_i64(), "{described}");
}

#[test]
fn the_stock_module_is_not_taken_for_ours() {
    let Enrolled { mut realm, key: _key } = enrolled();
    // Ours is there and disabled, so that krb5 has none of the name.
    realm
        .set_client_relation("plugins/clpreauth:disable", &["spake"])
        .unwrap();
    let checked = check(&realm, &["--json", "bob"], &[PASSWORD]);
    assert_eq!(checked.code(), Some(3), "{checked}");
    assert_eq!(json(&checked)["module"]["state"], "disabled");
    realm
        .set_client_relation("plugins/clpreauth:disable", &[])
        .unwrap();

    let mut stock = realm.stock_client_command(Artifacts::locate().unwrap().kfido());
    stock.args(["check", "--json", "bob"]);
    let checked = realm.run(stock, &format!("{PASSWORD}\n")).unwrap();
    assert_eq!(checked.code(), Some(3), "{checked}");
    assert!(
        checked.trace.contains("SPAKE algorithm result: "),
        "{}",
        checked.trace
    );
    assert_eq!(json(&checked)["module_used"], false);

    let stock = format!("spake:{}", stock_module().display());
    realm
        .set_client_relation("plugins/clpreauth:module", &[&stock])
        .unwrap();
    let described = json(&check(&realm, &["--json", "bob"], &[PASSWORD]));
    assert_eq!(described["module"]["state"], "loadable");
    assert_eq!(described["module_used"], false);
    let hint = described["hint"].as_str().unwrap();
    assert!(hint.contains("the one in krb5.conf is another"), "{hint}");
    let described = json(&check(&realm, &["--json", "bob"], &["wrong"]));
    assert_eq!(described["result"], "failed");
    assert_eq!(described["hint"], hint);
}

/// krb5's own module.
fn stock_module() -> PathBuf {
    let pkg_config = Command::new("pkg-config")
        .args(["--variable=libdir", "krb5"])
        .output()
        .unwrap();
    let libraries = String::from_utf8(pkg_config.stdout).unwrap();
    Path::new(libraries.trim()).join("krb5/plugins/preauth/spake.so")
}

#[test]
fn the_helper_is_missing() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm
        .set_client_relation("fido_helper", &["/nonexistent/helper"])
        .unwrap();
    let hint = "Logins with a security key need krb5-fido-helper, which cannot be started: No such file or directory (os \
                error 2).\n";
    let checked = assert_failed(&realm, &["alice"], &[PASSWORD], PROMPT, hint);
    let line = "    helper              /nonexistent/helper cannot be started: No such file or directory (os error 2)\n";
    assert!(checked.stdout.contains(line), "{checked}");
}

#[test]
fn impossible_values_are_told_before_the_password_is_asked() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm.set_client_relation("fido_facets", &["maybe"]).unwrap();
    let checked = assert_failed(&realm, &["alice"], &[PASSWORD], PROMPT, "");
    let text = "fido_facets has the impossible value \"maybe\": see krb5.conf";
    for label in [
        "helper              ",
        "signs for           ",
        "security key        ",
    ] {
        let line = format!("    {label}{text}\n");
        assert!(checked.stdout.contains(&line), "{line}{checked}");
    }
    let described = json(&check(&realm, &["--json", "alice"], &[PASSWORD]));
    assert_eq!(described["names"], Value::Null);
    assert_eq!(described["names_error"], text);
    assert_eq!(described["devices_error"], text);
}

#[test]
fn a_principal_that_there_is_not() {
    let Enrolled { realm, key: _key } = enrolled();
    let hint = "Is the name right, and the realm?\n";
    assert_failed(&realm, &["mallory"], &[PASSWORD], "", hint);
}

#[test]
fn the_kdc_is_down() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm.stop_kdc();
    let hint = "Does a KDC run there? See kdc in [realms] of krb5.conf, or the DNS records of the realm.\n";
    assert_failed(&realm, &["alice"], &[PASSWORD], "", hint);
}

#[test]
fn an_expired_password_is_left_as_it_is() {
    let Enrolled { realm, key: _key } = enrolled();
    kadmin(&realm, &["modprinc", "-pwexpire", "yesterday", "alice"]);
    let checked = check(&realm, &["alice"], &[PASSWORD, "new one", "new one"]);
    assert_eq!(checked.code(), Some(1), "{checked}");
    let hint = "Set a new password, with kinit or kpasswd.\n";
    assert!(
        checked.stderr.ends_with(&format!(
            "kfido: Password has expired while getting initial credentials\n{hint}"
        )),
        "{checked}"
    );
    kadmin(&realm, &["modprinc", "-pwexpire", "never", "alice"]);
    assert_eq!(check(&realm, &["alice"], &[PASSWORD]).code(), Some(0));
}

#[test]
fn what_is_no_principal_is_refused() {
    let Enrolled { realm, key: _key } = enrolled();
    let checked = check(&realm, &["a@b@c"], &[PASSWORD]);
    assert_eq!(
        (checked.code(), &*checked.stdout, &*checked.stderr),
        (
            Some(1),
            "",
            "kfido: Malformed representation of principal while parsing the principal name a@b@c\n"
        )
    );
}
