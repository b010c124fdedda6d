//! kfido enroll by administrators.

use krb5_fido_protocol::fido::{
    attestation::AttestationObject, authenticator_data::Aaguid, record::CredentialRecord,
};
use krb5_fido_tests::{Enrolled, PASSWORD, attribute, enrol, kadmin, set_pin, talk};
use krb5_testrealm::{Artifacts, Presence, Realm};
use serde_json::Value;

use crate::{
    json,
    support::{ADMIN, Site, assert_done, assert_failed},
};

const BOTH_FLAGS: &str = "REQUIRES_PRE_AUTH REQUIRES_HW_AUTH";
const DONE: &str = "Registered key1 for alice@KRBTEST.COM.\nSet +requires_hwauth.\n";
const ASKED: &str = "Password for admin/admin@KRBTEST.COM: \n";

#[test]
fn an_administrator_registers_a_key_with_a_key_table() {
    let site = Site::new();
    let enrolled = site.by_admin(&["enroll", "alice"]);
    assert_done(&enrolled, DONE, &site.talk(ADMIN));
    assert_eq!(site.labels("alice"), ["key1"]);
    assert_eq!(site.flags("alice"), BOTH_FLAGS);
    let record = site.record("key1");
    assert_eq!(record["by"], "admin/admin@KRBTEST.COM");
    assert_eq!(record["rp"], "krbtest.com");
    let login = site.realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_eq!(login.code(), Some(0), "{login}");
}

#[test]
fn an_administrator_registers_a_key_with_a_password() {
    let site = Site::new();
    let enrolled = site.with_password(&["-p", ADMIN, "enroll", "alice"], &[PASSWORD]);
    let talk = format!("{ASKED}{}", site.talk(ADMIN));
    assert_done(&enrolled, DONE, &talk);
    let cache = site.realm.klist(&[]).unwrap();
    assert_eq!(cache.code(), Some(1), "the default cache has a ticket: {cache}");
}

#[test]
fn an_administrator_with_a_key_touches_it_to_log_in() {
    let site = Site::new();
    enrol(&site.realm, ADMIN, &site.key, "mine");
    set_pin(&site.key, "1234");
    // The PIN for the login, and that for the registration.
    let typed = [PASSWORD, "1234", "1234"];
    let enrolled = site.with_password(&["-p", ADMIN, "enroll", "alice"], &typed);
    assert_eq!(
        (enrolled.code(), &*enrolled.stdout),
        (Some(0), DONE),
        "{enrolled}"
    );
    let pin = "PIN for software key (8 attempts left): \n";
    let login = format!("{ASKED}{pin}Touch your security key (software key) to log in to KRBTEST.COM.\n");
    let registration = site
        .talk(ADMIN)
        .replacen("Touch software", &format!("{pin}Touch software"), 1);
    assert_eq!(enrolled.stderr, format!("{login}{registration}"));
}

#[test]
fn a_ticket_in_a_cache_will_do() {
    let site = Site::new();
    let cache = format!("FILE:{}", site.realm.dir().join("admin.cache").display());
    let arguments = ["-S", "kadmin/admin", "-c", &cache];
    site.realm
        .kinit(ADMIN, PASSWORD, &arguments)
        .unwrap()
        .checked()
        .unwrap();
    let enrolled = site.realm.kfido(&["-c", &cache, "enroll", "alice"]).unwrap();
    assert_done(&enrolled, DONE, &site.talk(ADMIN));
    assert!(site.realm.klist(&["-c", &cache]).unwrap().success());
}

#[test]
fn a_cache_without_such_a_ticket_will_not_do() {
    let site = Site::new();
    let cache = format!("FILE:{}", site.realm.dir().join("admin.cache").display());
    let list = || site.realm.kfido(&["-c", &cache, "list", "alice"]).unwrap();
    let missing = list();
    let path = cache.strip_prefix("FILE:").unwrap();
    assert_failed(
        &missing,
        &format!("No credentials cache found while reading the credential cache {cache}"),
    );
    assert!(!std::fs::exists(path).unwrap());
    let arguments = ["-c", &cache];
    site.realm
        .kinit(ADMIN, PASSWORD, &arguments)
        .unwrap()
        .checked()
        .unwrap();
    assert_failed(
        &list(),
        "Matching credential not found (filename: CACHE) while connecting to kadmind of KRBTEST.COM as \
         admin/admin@KRBTEST.COM"
            .replace("CACHE", path)
            .as_str(),
    );
}

#[test]
fn a_record_keeps_the_registration_that_it_came_from() {
    let site = Site::new();
    site.by_admin(&["enroll", "alice"]).checked().unwrap();
    let value = attribute(&site.realm, "alice", "fido:key1").unwrap();
    let record = CredentialRecord::parse(&value).unwrap();
    let registration = record.registration().unwrap();
    let object = AttestationObject::parse(&registration.attestation_object).unwrap();
    assert_eq!(object.credential.id, record.id());
    assert_eq!(&object.public_key, record.public_key());
    assert_eq!(object.statement.format(), "packed");
    assert!(object.data.flags.is_user_present());
}

#[test]
fn a_key_that_speaks_u2f_alone_is_registered_with_a_statement_of_its_own() {
    let site = Site::new();
    let old = site
        .realm
        .softkey_with("old", Presence::Auto, &["--u2f-only"])
        .unwrap();
    let arguments = ["enroll", "alice", "--device", &old.device()];
    site.by_admin(&arguments).checked().unwrap();
    let value = attribute(&site.realm, "alice", "fido:key1").unwrap();
    let registration = CredentialRecord::parse(&value).unwrap().registration().unwrap();
    let object = AttestationObject::parse(&registration.attestation_object).unwrap();
    assert_eq!(object.statement.format(), "fido-u2f");
    assert_eq!(object.credential.aaguid, Aaguid([0; 16]));
}

#[test]
fn the_record_as_json() {
    let site = Site::new();
    let enrolled = site.by_admin(&["enroll", "alice", "--json", "--name", "blue"]);
    assert_eq!(
        (enrolled.code(), &*enrolled.stderr),
        (Some(0), &*site.talk(ADMIN))
    );
    let (printed, record) = (json(&enrolled), site.record("blue"));
    for name in ["rp", "alg", "created", "aaguid", "fmt", "counter", "by"] {
        assert_eq!(printed[name], record[name], "{name}");
    }
    assert_eq!(printed["principal"], "alice@KRBTEST.COM");
    assert_eq!(printed["label"], "blue");
    assert_eq!(printed["state"], "usable");
    assert_eq!(printed["requires_preauth"], true);
    assert_eq!(printed["requires_hwauth"], true);
    assert_eq!(printed["not_after"], Value::Null);
    assert_eq!(printed.as_object().unwrap().len(), 13);
}

#[test]
fn permissive_of_the_principal_itself_leaves_requires_hwauth_off() {
    let site = Site::new();
    kadmin(&site.realm, &["setstr", "alice", "fido_policy", "permissive"]);
    let enrolled = site.by_admin(&["enroll", "alice"]);
    let told = "Registered key1 for alice@KRBTEST.COM.\n+requires_preauth was set already.\n\
                The policy is permissive: requires_hwauth stays off, and the password alone will do, too.\n";
    assert_done(&enrolled, told, &site.talk(ADMIN));
    assert_eq!(site.flags("alice"), "REQUIRES_PRE_AUTH");
}

/// kadmind may be told to change flags on their way.
#[test]
fn flags_that_kadmind_does_not_let_through_are_a_warning() {
    let site = Site::with_acl("helper@KRBTEST.COM * *@KRBTEST.COM -requires_hwauth");
    site.realm.add_principal("helper", PASSWORD, &[]).unwrap();
    site.add_to_keytab("helper");
    let enrolled = site.by("helper", &["enroll", "alice"]);
    let warning = "kfido: warning: the key is registered, but the flags of alice@KRBTEST.COM do not demand it, which \
                   kdb5_fido check-config --fix mends on the KDC: The change to alice@KRBTEST.COM does not stay: logins and \
                   other programs write back what they read before, or the disk is full; nothing was changed, try again\n";
    assert_done(
        &enrolled,
        "Registered key1 for alice@KRBTEST.COM.\n",
        &format!("{}{warning}", site.talk("helper")),
    );
    assert_eq!(site.flags("alice"), "REQUIRES_PRE_AUTH");
    assert_eq!(site.labels("alice"), ["key1"]);
}

#[test]
fn a_key_that_is_registered_is_refused_and_left_out_among_several() {
    let site = Site::new();
    let second = site.realm.softkey("second", Presence::Auto).unwrap();
    let third = site.realm.softkey("third", Presence::Auto).unwrap();
    let [first, other, new] = [&site.key, &second, &third].map(|key| key.device());
    let both = ["--device", &first, "--device", &other];
    let enroll = |devices: &[&str]| site.by_admin(&[&["enroll", "alice"], devices].concat());
    enroll(&both[..2]).checked().unwrap();
    let again = enroll(&both[..2]);
    let refused = "kfido: software key is registered for alice@KRBTEST.COM already\n";
    assert!(again.stderr.ends_with(refused), "{again}");

    let several = [&both[..], &["--device", &new]].concat();
    assert_failed(
        &enroll(&several),
        &format!("Several security keys are attached ({other}, {new}): name one with --device"),
    );
    let new = enroll(&both);
    assert_eq!(new.code(), Some(0), "{new}");
    assert!(
        new.stderr
            .contains(&format!("software key ({})", second.device())),
        "{new}"
    );
    assert_eq!(site.labels("alice"), ["key1", "key2"]);
    assert_failed(
        &enroll(&both),
        &format!(
            "All attached security keys are registered for alice@KRBTEST.COM already ({first}, {other}): attach another one"
        ),
    );
}

#[test]
fn a_key_that_must_know_its_user() {
    let site = Site::new();
    let arguments = ["-p", ADMIN, "enroll", "alice", "--uv"];
    let refused = site.with_password(&arguments, &[PASSWORD]);
    let message = "kfido: software key does not know its user, as --uv demands: set a PIN with fido2-token -S, if it can have \
                   one; nothing was stored\n";
    assert_eq!(refused.code(), Some(1));
    assert_eq!(refused.stderr, format!("{ASKED}{message}"));
    set_pin(&site.key, "1234");
    let enrolled = site.with_password(&arguments, &[PASSWORD, "1234"]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    let value = attribute(&site.realm, "alice", "fido:key1").unwrap();
    let registration = CredentialRecord::parse(&value).unwrap().registration().unwrap();
    let object = AttestationObject::parse(&registration.attestation_object).unwrap();
    assert!(object.data.flags.is_user_verified());
}

#[test]
fn a_key_with_another_algorithm_that_it_keeps_itself() {
    let site = Site::new();
    let arguments = ["enroll", "alice", "--algorithm", "eddsa", "--resident"];
    let enrolled = site.by_admin(&arguments);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    assert!(
        enrolled
            .stderr
            .contains("\n    kept                by the key itself"),
        "{enrolled}"
    );
    assert_eq!(site.record("key1")["alg"], -8);
    let login = site.realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_eq!(login.code(), Some(0), "{login}");
}

#[test]
fn an_algorithm_that_a_key_does_not_have() {
    let site = Site::new();
    let old = site
        .realm
        .softkey_with("old", Presence::Auto, &["--u2f-only"])
        .unwrap();
    let arguments = [
        "enroll",
        "alice",
        "--algorithm",
        "EdDSA",
        "--device",
        &old.device(),
    ];
    assert_failed(
        &site.by_admin(&arguments),
        "software key has no algorithm that it may be asked for: EdDSA; nothing was stored",
    );
}

#[test]
fn whoever_sits_at_a_terminal_is_asked_whether_it_is_meant() {
    let site = Site::new();
    let kfido = Artifacts::locate().unwrap().kfido();
    let command = |more: &str| {
        let login = format!("{} -k -t {} -p {ADMIN}", kfido.display(), site.keytab());
        format!("{login} enroll alice {more}")
    };
    let question = "Is that meant? (type yes): ";
    let before = site.alice();
    let declined = talk(&site.realm, &command(""), &[(question, "no")], &|| ());
    let end = format!("{question}no\nkfido: Not confirmed; nothing was stored\n");
    assert_eq!(declined.code, Some(1));
    assert_eq!(declined.screen, format!("{}{end}", site.intent("alice", ADMIN)));
    assert_eq!(site.alice(), before);
    let meant = talk(&site.realm, &command(""), &[(question, "yes")], &|| ());
    assert_eq!(meant.code, Some(0), "{}", meant.screen);
    let unasked = talk(&site.realm, &command("--yes"), &[], &|| ());
    assert!(!unasked.screen.contains(question), "{}", unasked.screen);
}

#[test]
fn nobody_is_asked_for_a_touch_where_the_name_of_the_key_will_not_do() {
    let site = Site::new();
    site.by_admin(&["enroll", "alice", "--name", "blue"])
        .checked()
        .unwrap();
    let before = site.alice();
    let enroll = |name: &str| site.by_admin(&["enroll", "alice", "--name", name]);
    assert_failed(
        &enroll("blue"),
        "alice@KRBTEST.COM has a key named blue already: choose another name",
    );
    assert_failed(
        &enroll("a b"),
        "\"a b\" cannot be the name of a key: a letter or digit, then up to 31 letters, digits, '.', '_' or '-'",
    );
    assert_eq!(site.alice(), before);
}

#[test]
fn a_realm_that_wants_a_key_for_kadmin_gets_one() {
    let enrolled = Enrolled::in_realm(Realm::builder().start().unwrap());
    let Enrolled { realm, key: _key } = &enrolled;
    let mut command = crate::kfido(realm);
    command.args(["list"]);
    command.arg("alice");
    let listed = realm.run(command, &format!("{PASSWORD}\n")).unwrap();
    let talk = "Password for alice@KRBTEST.COM: \nTouch your security key (software key) to log in to KRBTEST.COM.\n";
    assert_eq!((listed.code(), &*listed.stderr), (Some(0), talk));
    assert!(
        listed
            .stdout
            .starts_with("alice@KRBTEST.COM\n    blue         usable    "),
        "{listed}"
    );
}
