//! kdc.conf, and the store that it names.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
};

use krb5_fido_tests::Enrolled;
use krb5_testrealm::{Error, Realm};

use super::{assert_finds, check, identifiers, only_what, tidy, with_alice};

/// Adds to kdc.conf, and leaves the KDC as it is.
fn append(realm: &Realm, text: &str) {
    let file = realm.dir().join("kdc.conf");
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn impossible_values_are_told_in_the_words_of_krb5kdc() {
    let mut realm = with_alice(tidy());
    append(
        &realm,
        "[libdefaults]\n fido_uv = required\n[realms]\n KRBTEST.COM = {\n  fido_policy = sometimes\n  fido_polisy = x\n  \
         fido_max_life = soon\n  fido_challenge = clear\n  fido_counter = log\n  fido_counter = off\n  \
         fido_enrol_url = http://x\n }\n OTHER.ORG = {\n  fido_algorithms = ES512\n }\n",
    );
    let (code, report) = check(&realm, &[]);
    assert_eq!(code, Some(1));
    let findings = report["findings"].as_array().unwrap();
    let told: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["id"] == "impossible_value")
        .map(|finding| finding["what"].as_str().unwrap())
        .collect();
    assert_eq!(told.len(), 8, "{report:#}");
    assert_eq!(findings.last().unwrap()["id"], "not_checked");
    // krb5kdc says the first one alone.
    let Err(Error::KdcStart(failure)) = realm.restart_kdc() else {
        panic!("the KDC starts");
    };
    assert!(failure.log.contains(told[0]), "{}\n{}", told[0], failure.log);
    for (number, value) in [
        (
            6,
            "[realms] KRBTEST.COM: fido_challenge = \"clear\": kdc_max_dgram_reply_size must be set",
        ),
        (
            1,
            "[realms] KRBTEST.COM: fido_counter = \"log\", \"off\": it stands more than once",
        ),
        (
            5,
            "[realms] KRBTEST.COM: fido_polisy = \"x\": there is no such relation",
        ),
        (
            7,
            "[realms] OTHER.ORG: fido_algorithms = \"ES512\": ES512 is never allowed",
        ),
    ] {
        assert!(told[number].starts_with(value), "{told:#?}");
    }
}

#[test]
fn each_value_that_krb5kdc_refuses_is_refused_with_the_same_line() {
    for value in [
        "fido_policy = Enrolled",
        "fido_exempt = ho?t",
        "fido_self_enrol = yes",
        "fido_indicator = \"\"",
        "fido_state_dir = fido",
        "fido_aaguids = x",
        "fido_facets_url = x",
        "fido_uv = {\n x = y\n }",
    ] {
        let mut realm = with_alice(tidy());
        append(&realm, &format!("[realms]\n KRBTEST.COM = {{\n {value}\n }}\n"));
        let (_, report) = check(&realm, &[]);
        let told = report["findings"][0]["what"].as_str().unwrap();
        let Err(Error::KdcStart(failure)) = realm.restart_kdc() else {
            panic!("the KDC starts");
        };
        assert!(failure.log.contains(told), "{told}\n{}", failure.log);
    }
}

#[test]
fn another_realms_impossible_value_hides_nothing_of_this_one() {
    let realm = with_alice(tidy().kdc_relation("fido_policy", "required"));
    append(
        &realm,
        "[realms]\n OTHER.ORG = {\n  fido_policy = sometimes\n }\n",
    );
    let (_, report) = check(&realm, &[]);
    assert_eq!(
        identifiers(&report)[..3],
        ["error impossible_value", "warning no_enrol_url", "warning no_key"]
    );
    // Other commands want to know of their own realm alone.
    assert!(realm.kdb5_fido(&["list"]).unwrap().success());
}

#[test]
fn required_without_a_page_to_enrol() {
    let builder = tidy()
        .kdc_relation("fido_policy", "required")
        .kdc_relation("fido_exempt", "*");
    let realm = with_alice(builder.clone());
    assert_finds(&realm, &["warning no_enrol_url"]);
    let with_page = builder.kdc_relation("fido_enrol_url", "https://keys.example.com/");
    assert_finds(&with_alice(with_page), &[]);
}

#[test]
fn store_that_others_may_write() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    assert_finds(&realm, &[]);
    let login = realm.kinit("alice", krb5_fido_tests::PASSWORD, &[]).unwrap();
    assert!(login.success(), "{login}");
    assert_finds(&realm, &[]);
    let directory = realm.dir().join("fido");
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
    let report = assert_finds(&realm, &["error state_dir_unusable"]);
    assert!(
        only_what(&report).contains("it may be written by others"),
        "{report:#}"
    );
}

#[test]
fn store_of_another_version_and_a_damaged_one() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let login = realm.kinit("alice", krb5_fido_tests::PASSWORD, &[]).unwrap();
    assert!(login.success(), "{login}");
    let file = realm.dir().join("fido/data.mdb");
    let sound = fs::read(&file).unwrap();
    let mut other = sound.clone();
    // The number of LMDB's format, in both heads.
    (other[20], other[4096 + 20]) = (2, 2);
    fs::write(&file, &other).unwrap();
    assert_finds(&realm, &["error state_dir_other_version"]);
    fs::write(&file, &sound[..4096 * 2]).unwrap();
    assert_finds(&realm, &["error state_dir_damaged"]);
    assert_eq!(
        fs::read(&file).unwrap().len(),
        4096 * 2,
        "it was left where it is"
    );
}

#[test]
fn store_that_cannot_be_made() {
    let realm = with_alice(tidy().kdc_relation("fido_state_dir", "/nonexistent/fido"));
    let report = assert_finds(&realm, &["error state_dir_unusable"]);
    assert!(
        only_what(&report).contains("the directory that it is to be made in is not there"),
        "{report:#}"
    );
}
