//! One-time passwords, which a RADIUS server accepts whatever they are.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use krb5_fido_tests::{Enrolled, add_user, armor, assert_ticket, kadmin};
use krb5_testrealm::{Finished, Realm};

use crate::{assert_refused_by_policy, clear_hardware_flag, unpacked, with_kdc_module};

/// Answers each Access-Request with an Access-Accept (RFC 2865 section 5), over a Unix socket, where there is no secret.
const SERVER: &str = r"
import hashlib, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
while True:
    peer, _ = server.accept()
    request = peer.recv(4096)
    while request:
        head = bytes([2, request[1], 0, 20])
        peer.sendall(head + hashlib.md5(head + request[4:20]).digest())
        request = peer.recv(4096)
    peer.close()
";

/// A server that ends with the test. To be dropped before the realm.
struct Radius(Child);

impl Radius {
    fn start(realm: &Realm) -> Self {
        let socket = realm.dir().join("radius");
        let mut python = Command::new("python3");
        python.args(["-c", SERVER]).arg(&socket).stdin(Stdio::null());
        let server = Self(python.spawn().unwrap());
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < Duration::from_secs(30), "no RADIUS server");
            thread::sleep(Duration::from_millis(5));
        }
        server
    }
}

impl Drop for Radius {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log_in(realm: &Realm, name: &str, armor: &str) -> Finished {
    let mut kinit = realm.command("kinit");
    kinit.args(["-T", armor, name]);
    realm.run(kinit, "123456\n").unwrap()
}

#[test]
fn one_time_password_is_no_key() {
    // libkrb5 itself has the client's side.
    let builder =
        with_kdc_module(&unpacked("otp", "krb5-otp")).client_relation("plugins/clpreauth:disable", "spake");
    let Enrolled { mut realm, key: _key } = Enrolled::start(builder);
    let socket = realm.dir().join("radius").display().to_string();
    realm.set_kdc_relation("otp/DEFAULT:server", &[&socket]).unwrap();
    let _radius = Radius::start(&realm);
    add_user(&realm, "bob");
    for name in ["alice", "bob"] {
        kadmin(&realm, &["setstr", name, "otp", "[{}]"]);
    }
    let armor = armor(&realm);
    assert_ticket(&realm, &log_in(&realm, "bob", &armor), "IA");
    realm.kdestroy().unwrap().checked().unwrap();

    let mark = realm.kdc_log_mark();
    let refused = log_in(&realm, "alice", &armor);
    assert!(!refused.success(), "{refused}");
    assert!(!realm.kdc_log_since(mark).contains("ISSUE"));
    clear_hardware_flag(&realm);
    let mark = realm.kdc_log_mark();
    assert_refused_by_policy(&realm, &log_in(&realm, "alice", &armor), mark);
}
