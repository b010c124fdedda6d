//! What the KDC sends.

use super::*;
use krb5_fido_protocol::registry::{PA_SPAKE, SF_FIDO};
use krb5_fido_tests::*;

fn types(challenged: &Challenged<'_>) -> Vec<i32> {
    let offered = challenged.offered();
    offered.iter().map(|factor| factor.factor_type).collect()
}

fn fido_data(challenged: &Challenged<'_>) -> Option<Vec<u8>> {
    challenged.offered().swap_remove(0).data
}

#[test]
fn challenge_names_the_credentials_and_no_facet_list() {
    let scene = Scene::set(clear());
    let challenged = scene.client.begin();
    assert_eq!(types(&challenged), [SF_FIDO]);
    // Padded so that the error around it does not fit into a datagram.
    assert_eq!(fido_data(&challenged).unwrap().len(), DATAGRAM_LIMIT);
    let challenge = challenged.clear_challenge().unwrap();
    assert_eq!(challenge.parties.len(), 1);
    assert_eq!(challenge.parties[0].rp_id, "krbtest.com");
    assert_eq!(challenge.parties[0].credentials.len(), 1);
    assert_ne!(
        scene.client.begin().clear_challenge().unwrap().nonce,
        challenge.nonce
    );
}

#[test]
fn principal_without_a_usable_credential_is_offered_the_encrypted_mode() {
    let scene = Scene::set(clear());
    let realm = scene.realm();
    let offered = |name: &str| {
        let client = AsClient::new(realm, name);
        let challenged = client.begin();
        (types(&challenged), fido_data(&challenged))
    };
    add_user(realm, "bob");
    assert_eq!(offered("bob"), (vec![SF_NONE], None));
    kadmin(realm, &["setstr", "bob", "fido_policy", "required"]);
    assert_eq!(offered("bob"), (vec![SF_FIDO], None));
    kadmin(realm, &["setstr", "bob", "fido_policy", "sometimes"]);
    assert_eq!(offered("bob"), (vec![SF_FIDO], None));
    kadmin(realm, &["setstr", "bob", "fido_policy", "permissive"]);
    kadmin(realm, &["setstr", "bob", "fido:red", "garbled"]);
    assert_eq!(offered("bob"), (vec![SF_FIDO, SF_NONE], None));
    // With a setting that cannot be followed, a key that could be used is not named either.
    kadmin(realm, &["setstr", "alice", "fido_policy", "sometimes"]);
    assert_eq!(offered("alice"), (vec![SF_FIDO], None));
    kadmin(realm, &["setstr", "alice", "fido_policy", "permissive"]);
    kadmin(realm, &["modprinc", "-requires_hwauth", "alice"]);
    let client = AsClient::new(realm, "alice");
    let challenged = client.begin();
    assert_eq!(types(&challenged), [SF_FIDO, SF_NONE]);
    assert!(challenged.clear_challenge().is_some());
}

#[test]
fn each_realm_has_its_own_mode() {
    let scene = Scene::set(
        Realm::builder()
            .kdc_relation("realms/OTHER.ORG:fido_challenge", "clear")
            .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "1400"),
    );
    assert!(scene.client.begin().clear_challenge().is_none());
}

#[test]
fn optimistic_challenge_is_padded_too() {
    let scene = Scene::set(optimistic());
    let challenged = scene.client.begin_optimistic();
    assert_eq!(fido_data(&challenged).unwrap().len(), DATAGRAM_LIMIT);
    let body = scene.client.tgt_body();
    let agreed = challenged.agree();
    let assertion = sign(&scene.enrolled.key, &agreed.statement(&body));
    let response = agreed.respond(&body, &asserted(&assertion));
    let part = response.send().issued().open(response.reply_key()).unwrap();
    assert_eq!(part.flags & FLAG_HW_AUTHENT, FLAG_HW_AUTHENT);
    // So is the one in the error after a failure.
    let refused = scene.client.send(&AsRequest {
        pa_data: vec![PaData::new(PA_SPAKE, b"")],
        body: scene.client.tgt_body().encode(),
    });
    let hint = refused.error().pa_value(PA_SPAKE).unwrap().len();
    assert!(hint > DATAGRAM_LIMIT, "{hint}");
}
