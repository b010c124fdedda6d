//! Cookies that are old, of others, or hold what the KDC never wrote. The last are made with the KDC's own key: the module
//! does not rely on the secrecy of that key alone.

use super::{
    Scene,
    messages::{NO_COOKIE, WRONG_STAGE, send_response},
};
use krb5_fido_protocol::{
    registry::{FIDO_NONCE_LEN, PA_SPAKE, SF_FIDO, SF_NONE},
    spake::Group,
};
use krb5_fido_tests::{kerberos::*, *};

const MALFORMED: &str = "malformed SPAKE cookie";
const REPEATED: &str = "second factor offered twice";
const SCALAR: &str = "invalid SPAKE private scalar";

/// How long krb5kdc takes its own cookies (COOKIE_LIFETIME), in seconds.
const LIFETIME: i64 = 600;
/// More than the whole test takes.
const MARGIN: i64 = 200;

fn cookie_key(scene: &Scene) -> CookieKey {
    CookieKey::new(scene.realm(), &scene.client.principal())
}

#[test]
fn expired_cookie_of_a_challenge() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    for (age, is_taken) in [
        (LIFETIME - MARGIN, true),
        (LIFETIME + 1, false),
        (i64::MAX / 2, false),
    ] {
        let mut response = scene
            .client
            .begin()
            .respond(&scene.client.tgt_body(), &hello(&[1]));
        response.request.pa_data[0] = key.age(&response.request.pa_data[0], age);
        let reply = response.send();
        if is_taken {
            assert_eq!(reply.error().code, KDC_ERR_MORE_PREAUTH_DATA_REQUIRED);
        } else {
            scene.assert_refused(reply, NO_COOKIE);
        }
    }
}

#[test]
fn expired_cookie_of_the_factor() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    let body = scene.client.tgt_body();
    let answer_at_age = |age| {
        let asked = scene.ask();
        let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
        let mut answer = asked.answer(&body, &assertion);
        answer.request.pa_data[0] = key.age(&answer.request.pa_data[0], age);
        answer.send()
    };
    scene.assert_refused(answer_at_age(LIFETIME + 1), NO_COOKIE);
    answer_at_age(LIFETIME - MARGIN).issued();
}

#[test]
fn cookie_of_another_realm() {
    let scene = Scene::set();
    let other = Scene::set();
    let mut response = scene
        .client
        .begin()
        .respond(&scene.client.tgt_body(), &hello(&[1]));
    response.request.pa_data[0] = other.client.begin().cookie;
    scene.assert_refused(response.send(), NO_COOKIE);
}

#[test]
fn cookies_that_are_none() {
    let scene = Scene::set();
    for value in [
        &b""[..],
        b"MIT",
        b"MIT1",
        b"MIT1\0\0\0\x01",
        b"MIT1\0\0\0\x63abcdefgh",
        &[7; 4096],
    ] {
        let cookie = PaData::new(PA_FX_COOKIE, value);
        scene.assert_refused(send_response(&scene.client, &[9; 32], &cookie), NO_COOKIE);
    }
}

#[test]
fn cookie_with_the_state_of_another_mechanism() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    let mut opened = key.open(&scene.client.begin().cookie);
    opened.spake_mut().pa_type = PA_SPAKE - 1;
    let reply = send_response(&scene.client, &[9; 32], &key.make(&opened));
    scene.assert_refused(reply, NO_COOKIE);
}

#[test]
fn cookie_of_another_exchange_of_the_same_principal() {
    let scene = Scene::set();
    let mut response = scene
        .client
        .begin()
        .respond(&scene.client.tgt_body(), &hello(&[1]));
    response.request.pa_data[0] = scene.client.begin().cookie;
    scene.assert_refused(response.send(), "wrong password");
}

/// Sends an otherwise honest response under a cookie with this change.
fn refuse_changed(scene: &Scene, key: &CookieKey, cause: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let challenged = scene.client.begin();
    let mut response = challenged.respond(&scene.client.tgt_body(), &hello(&[1]));
    let cookie = response.request.pa_data.first_mut().unwrap();
    *cookie = key.change_spake(cookie, change);
    scene.assert_refused(response.send(), cause);
}

/// A field of a cookie: its length and its bytes.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A cookie of stage 0 as the stock module writes it, with this scalar.
fn stock_cookie(group: Group, scalar: &[u8]) -> Vec<u8> {
    let hash = vec![3; group.hash_len()];
    [
        &b"\0\x01\0\0"[..],
        &group.id().to_be_bytes(),
        &field(scalar),
        &field(&hash),
    ]
    .concat()
}

#[test]
fn scalars_out_of_range() {
    let scene = Scene::set_with_all_groups();
    let key = cookie_key(&scene);
    for group in Group::ALL {
        let zero = vec![0; group.scalar_len()];
        let mut no_multiple_of_the_cofactor = zero.clone();
        no_multiple_of_the_cofactor[0] = 9;
        let beyond = vec![0xff; group.scalar_len()];
        let mut scalars = vec![zero, beyond];
        if group == Group::Edwards25519 {
            scalars.push(no_multiple_of_the_cofactor);
        }
        for scalar in scalars {
            refuse_changed(&scene, &key, SCALAR, |cookie| {
                *cookie = stock_cookie(group, &scalar);
            });
        }
    }
}

#[test]
fn scalars_of_a_wrong_length() {
    let scene = Scene::set_with_all_groups();
    let key = cookie_key(&scene);
    for group in Group::ALL {
        for length in [0, 1, group.scalar_len() - 1, group.scalar_len() + 1] {
            refuse_changed(&scene, &key, SCALAR, |cookie| {
                *cookie = stock_cookie(group, &vec![8; length]);
            });
        }
    }
}

#[test]
fn cookies_of_unknown_groups() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    for group in [0, 5, -1, i32::MAX] {
        refuse_changed(&scene, &key, "unknown SPAKE group", |cookie| {
            cookie[4..8].copy_from_slice(&group.to_be_bytes());
        });
    }
}

#[test]
fn cookies_of_another_version() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    for version in [0, 3, 0xffff_u16] {
        refuse_changed(&scene, &key, "unknown SPAKE cookie version", |cookie| {
            cookie[..2].copy_from_slice(&version.to_be_bytes());
        });
    }
    // The stock module's version has no list of factors.
    refuse_changed(&scene, &key, MALFORMED, |cookie| cookie[1] = 1);
}

#[test]
fn cookies_of_another_stage() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    for stage in [1, 2, 0xffff_u16] {
        refuse_changed(&scene, &key, WRONG_STAGE, |cookie| {
            cookie[2..4].copy_from_slice(&stage.to_be_bytes());
        });
    }
}

#[test]
fn cookies_cut_short_or_too_long() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    for length in [0, 1, 3, 7, 11, 43, 47, 79, 83, 119] {
        refuse_changed(&scene, &key, MALFORMED, |cookie| cookie.truncate(length));
    }
    refuse_changed(&scene, &key, MALFORMED, |cookie| cookie.push(0));
    refuse_changed(&scene, &key, MALFORMED, |cookie| {
        cookie[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    });
}

/// One record of an offered factor.
fn record(factor_type: i32, data: &[u8]) -> Vec<u8> {
    [&factor_type.to_be_bytes()[..], &field(data)].concat()
}

#[test]
fn cookies_that_offer_a_factor_twice() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    let fido = record(SF_FIDO, &[0; 1 + FIDO_NONCE_LEN]);
    let none = record(SF_NONE, b"");
    for repeated in [vec![fido], vec![none.clone(), none]] {
        refuse_changed(&scene, &key, REPEATED, |cookie| cookie.extend(repeated.concat()));
    }
}

#[test]
fn cookies_that_offer_unknown_factors() {
    let scene = Scene::set();
    let key = cookie_key(&scene);
    for unknown in [record(2, b""), record(-1, b"x"), record(SF_NONE, b"x")] {
        refuse_changed(&scene, &key, MALFORMED, |cookie| cookie.extend(unknown));
    }
}
