//! Spoofed requests get no large answers.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use super::*;
use krb5_fido_protocol::{
    registry::PA_SPAKE,
    spake::{Group, client::encode_support},
};
use krb5_fido_tests::*;

/// How long the KDC may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Sends a request in a datagram: the answer, and its length.
fn send_datagram(realm: &Realm, request: &AsRequest) -> (KrbError, usize) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, realm.kdc_port())).unwrap();
    socket.send(&request.encode()).unwrap();
    let mut answer = vec![0; 0x1_0000];
    let length = socket.recv(&mut answer).unwrap();
    (Reply::read(&answer[..length]).unwrap().error(), length)
}

fn assert_too_big(realm: &Realm, request: &AsRequest) {
    let (error, length) = send_datagram(realm, request);
    assert_eq!(error.code, KRB_ERR_RESPONSE_TOO_BIG);
    assert!(length < request.encode().len(), "{length}");
}

#[test]
fn challenge_goes_over_tcp_alone() {
    let mut scene = Scene::set(clear());
    let body = scene.client.tgt_body().encode();
    let support = encode_support(&[Group::Edwards25519]).unwrap();
    let plain = AsRequest {
        pa_data: Vec::new(),
        body: body.clone(),
    };
    let support = AsRequest {
        pa_data: vec![PaData::new(PA_SPAKE, &support)],
        body,
    };
    assert_eq!(
        send_datagram(scene.realm(), &plain).0.code,
        KDC_ERR_PREAUTH_REQUIRED
    );
    assert_too_big(scene.realm(), &support);
    let error = scene.client.send(&support).error();
    assert_eq!(error.code, KDC_ERR_MORE_PREAUTH_DATA_REQUIRED);

    let relation = "spake_preauth_kdc_challenge";
    scene
        .enrolled
        .realm
        .set_kdc_relation(relation, &["edwards25519"])
        .unwrap();
    assert_too_big(scene.realm(), &plain);
    assert_eq!(scene.client.send(&plain).error().code, KDC_ERR_PREAUTH_REQUIRED);
}

#[test]
fn client_goes_on_over_tcp() {
    let Enrolled { realm, key: _key } = Enrolled::start(clear());
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IHA");
    let over_tcp = "Request or response is too big for UDP; retrying with TCP";
    assert_eq!(login.trace.matches(over_tcp).count(), 1, "{}", login.trace);
}

#[test]
fn under_fast_the_challenge_fits_into_a_datagram() {
    let Enrolled { realm, key: _key } = Enrolled::start(clear());
    let armor = armor(&realm);
    let login = alice(&realm, &["-T", &armor]);
    assert_ticket(&realm, &login, "IHA");
    assert!(!login.trace.contains("is too big for UDP"), "{}", login.trace);
}

#[test]
fn smaller_limits_are_kept() {
    for limit in ["1400", "0"] {
        let builder = Realm::builder()
            .kdc_relation("fido_challenge", "clear")
            .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", limit);
        let scene = Scene::set(builder);
        assert_ticket(scene.realm(), &alice(scene.realm(), &[]), "IHA");
        let data = scene.client.begin().offered().swap_remove(0).data.unwrap();
        assert_eq!(data.len(), if limit == "0" { 1024 } else { 2048 });
    }
}
