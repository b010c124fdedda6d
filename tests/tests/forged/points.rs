//! Public keys that are no element of their group, in each group.

use super::{Scene, messages::send_response};
use krb5_fido_protocol::spake::Group;
use krb5_fido_tests::*;

const INVALID: &str = "invalid SPAKE public key";

/// The KDC refuses each of these public keys.
fn refuse(scene: &Scene, group: Group, publics: &[Vec<u8>], cause: &str) {
    for public in publics {
        let Challenged { cookie, .. } = scene.client.begin_with(&[group]);
        let reply = send_response(&scene.client, public, &cookie);
        scene.assert_refused(reply, cause);
    }
}

/// The KDC refuses all that `make` gives for any group.
fn refuse_in_each_group(make: fn(Group) -> Vec<Vec<u8>>) {
    let scene = Scene::set_with_all_groups();
    for group in Group::ALL {
        refuse(&scene, group, &make(group), INVALID);
    }
}

#[test]
fn public_keys_of_a_wrong_length() {
    refuse_in_each_group(points::of_wrong_length);
}

#[test]
fn public_keys_off_the_curve() {
    refuse_in_each_group(points::off_the_curve);
}

#[test]
fn public_keys_that_are_the_identity() {
    refuse_in_each_group(points::identity);
}

#[test]
fn public_keys_of_small_order() {
    refuse_in_each_group(points::of_small_order);
}

#[test]
fn public_keys_in_another_encoding_than_the_canonical_one() {
    refuse_in_each_group(points::not_canonical);
}

/// Whoever knows the password could make the KDC's result a constant.
#[test]
fn public_keys_whose_result_is_the_identity() {
    let scene = Scene::set();
    let (constant, other) = points::of_constant_result(&scene.client.key(), points::N);
    refuse(
        &scene,
        Group::Edwards25519,
        &constant,
        "SPAKE computation ends in the identity element",
    );
    refuse(&scene, Group::Edwards25519, &[other], "wrong password");
}
