//! Two keys where there can be one, and what lies at the socket's path.

use std::{fs, os::unix::net::UnixListener};

use rustix::process::Signal;

use crate::program::{Place, Program};

#[test]
fn a_second_key_in_the_same_directory_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let said = Program::spawn(&place.directory(), &place.path("other"), "auto").fails();
    assert!(
        said.contains(&format!(
            "another softkey is using {}",
            place.directory().display()
        )),
        "{said}"
    );
    place.connect().ping();
}

#[test]
fn a_directory_is_free_again_when_its_key_was_killed() {
    let place = Place::new();
    place.start("auto").stop_by(Signal::KILL);
    place.start("auto").stop();
}

#[test]
fn a_second_key_on_the_same_socket_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let said = Program::spawn(&place.path("other"), &place.socket(), "auto").fails();
    assert!(
        said.contains(&format!(
            "another program listens on {}",
            place.socket().display()
        )),
        "{said}"
    );
    place.connect().ping();
}

#[test]
fn a_socket_that_is_held_by_a_client_is_in_use_too() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    Program::spawn(&place.path("other"), &place.socket(), "auto").fails();
    client.ping();
}

#[test]
fn a_stale_socket_is_replaced() {
    let place = Place::new();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(place.socket().exists());
    let _program = place.start("auto");
    place.connect().ping();
}

#[test]
fn the_socket_of_a_killed_key_is_replaced() {
    let place = Place::new();
    place.start("auto").stop_by(Signal::KILL);
    assert!(place.socket().exists());
    let _program = place.start("auto");
    place.connect().ping();
}

#[test]
fn a_file_in_place_of_the_socket_is_left_alone() {
    let place = Place::new();
    fs::write(place.socket(), "precious").unwrap();
    let said = place.start_fails();
    assert!(
        said.contains(&format!(
            "{} exists and is not a socket",
            place.socket().display()
        )),
        "{said}"
    );
    assert_eq!(fs::read(place.socket()).unwrap(), b"precious");
}

#[test]
fn a_path_too_long_for_a_socket_is_named() {
    let place = Place::new();
    let socket = place.path(&"x".repeat(120));
    let said = Program::spawn(&place.directory(), &socket, "auto").fails();
    assert!(
        said.contains(&format!("cannot listen on {}", socket.display())),
        "{said}"
    );
}

#[test]
fn a_socket_of_somebody_else_outlives_the_key() {
    let place = Place::new();
    let program = place.start("auto");
    fs::remove_file(place.socket()).unwrap();
    let _other = UnixListener::bind(place.socket()).unwrap();
    program.stop();
    assert!(place.socket().exists());
}
