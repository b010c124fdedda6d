//! What counters say, under each `fido_counter`.

use super::*;

#[test]
fn counter_that_stands_still_or_goes_back_is_refused() {
    let scene = Scene::set();
    scene.accept(7);
    for counter in [7, 6, 1, 0] {
        scene.refuse(counter);
    }
    let line = scene.last_line();
    assert_eq!(
        line,
        format!(
            "label=paper up=1 uv=0 counter=0 mode=encrypted aaguid=00000000-0000-0000-0000-000000000000 refused: {BEHIND}"
        )
    );
    scene.accept(8);
    assert_eq!(scene.last_use().unwrap().counter, 8);
}

#[test]
fn key_that_does_not_count_is_not_refused() {
    let scene = Scene::set();
    for _ in 0..3 {
        scene.accept(0);
    }
    assert_eq!(scene.last_use().unwrap().counter, 0);
    scene.accept(5);
    scene.refuse(0);
}

#[test]
fn counter_outlives_the_kdc() {
    let mut scene = Scene::set();
    scene.accept(7);
    scene.realm.restart_kdc().unwrap();
    scene.refuse(7);
    scene.accept(8);
}

#[test]
fn counter_is_known_to_all_workers() {
    let scene = Scene::set_with(Realm::builder().kdc_workers(4));
    for counter in 1..20 {
        scene.accept(counter);
        scene.refuse(counter);
    }
}

#[test]
fn of_a_pair_with_one_secret_the_backup_retires_the_first() {
    let scene = Scene::set();
    for counter in [1, 2, 3, 2_000_000_000] {
        scene.accept(counter);
    }
    scene.refuse(4);
    scene.accept(2_000_000_001);
}

#[test]
fn log_accepts_and_says_so() {
    let scene = Scene::set_with(Realm::builder().kdc_relation("fido_counter", "log"));
    scene.accept(7);
    assert_eq!(
        scene.last_line(),
        "accepted label=paper up=1 uv=0 counter=7 mode=encrypted aaguid=00000000-0000-0000-0000-000000000000"
    );
    scene.accept(5);
    let line = scene.last_line();
    assert!(
        line.ends_with(" behind=7: there may be a copy of this key"),
        "{line}"
    );
    assert!(scene.realm.kdc_log().contains("(Warning): fido: "), "no warning");
    assert_eq!(scene.last_use().unwrap().counter, 7);
}

#[test]
fn off_accepts_in_silence() {
    let scene = Scene::set_with(Realm::builder().kdc_relation("fido_counter", "off"));
    for counter in [7, 5, 7] {
        scene.accept(counter);
        assert!(!scene.last_line().contains("behind"));
    }
    assert_eq!(scene.last_use().unwrap().counter, 7);
}

#[test]
fn realms_of_one_kdc_have_their_own_ways() {
    let mut scene = Scene::set_with(Realm::builder().kdc_relation("fido_counter", "log"));
    scene.realm.serve_also("KRBTEST.ORG").unwrap();
    let own = scene.realm.dir().join("own-state");
    let relation = |name| format!("realms/KRBTEST.ORG:{name}");
    scene
        .realm
        .set_kdc_relation(&relation("fido_state_dir"), &[own.to_str().unwrap()])
        .unwrap();
    scene.accept(7);
    scene.accept(7);
    let directories = [scene.directory(), own].map(|directory| directory.exists());
    assert_eq!(directories, [true, false]);
}

#[test]
fn same_request_again_is_told_as_such() {
    let mut scene = Scene::set();
    let request = scene.login(7).0.request.encode();
    let first = scene.client.send_bytes(&request);
    scene.realm.restart_kdc().unwrap();
    let second = scene.client.send_bytes(&request);
    for reply in [first, second] {
        Reply::read(&reply).unwrap().issued();
    }
    assert!(scene.last_line().ends_with(" repeated"), "{}", scene.last_line());
    scene.refuse(7);
}

#[test]
fn impossible_values_keep_the_kdc_from_starting() {
    for (relation, value, cause) in [
        ("fido_counter", "on", "unknown fido_counter value"),
        ("fido_state_dir", "fido", "it must be an absolute path"),
    ] {
        let started = Realm::builder().kdc_relation(relation, value).start();
        let error = started.err().unwrap().to_string();
        let message = format!("[realms] KRBTEST.COM: {relation} = \"{value}\": {cause}");
        assert!(error.contains(&message), "{error}");
    }
}

/// A credential id is whatever an authenticator says.
#[test]
fn counter_of_a_key_that_claims_the_id_of_another_is_its_own() {
    let scene = Scene::set();
    scene.accept(7);
    let forger = PaperKey::generate().with_id(scene.paper.id());
    let record = forger.record("krbtest.com");
    kadmin(&scene.realm, &["setstr", "bob", "fido:forged", &record]);
    let forged = Scene {
        client: AsClient::new(&scene.realm, "bob"),
        paper: forger,
        realm: scene.realm,
    };
    forged.accept(u32::MAX);
    let honest = Scene {
        client: scene.client,
        paper: scene.paper,
        realm: forged.realm,
    };
    honest.accept(8);
}

/// The same directory under another name.
#[test]
fn realms_may_share_a_store_however_it_is_spelt() {
    let mut scene = Scene::set();
    scene.accept(7);
    let spelt = scene.realm.dir().join("home/../fido");
    scene
        .realm
        .set_kdc_relation("fido_state_dir", &[spelt.to_str().unwrap()])
        .unwrap();
    scene.refuse(7);
    scene.accept(8);
}
