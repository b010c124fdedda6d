//! One response: what it must be like, how long, and how soon.

use std::time::Duration;

use krb5_fido_https_server::{HttpsServer, Reply};

use crate::process::{Fetch, HOST, Outcome, REALM};

const FACET_LIST_MAX: usize = 65_536;

/// With this behind each byte, even a short list takes a minute.
const DRIP: Duration = Duration::from_secs(1);

/// A good list of this many bytes.
fn padded(length: usize) -> Vec<u8> {
    let list =
        format!(r#"{{"trustedFacets":[{{"version":{{"major":1,"minor":0}},"ids":["krb5realm:{REALM}"]}}]}}"#);
    let mut list = list.into_bytes();
    list.resize(length, b' ');
    list
}

fn serving(reply: Reply) -> HttpsServer {
    let server = HttpsServer::start(HOST);
    server.serve("/list", reply);
    server
}

fn fails(reply: Reply, expected: &str) -> String {
    let server = serving(reply);
    Fetch::of(&server, "/list").fails(expected)
}

#[test]
fn a_good_list_is_fetched() {
    let server = serving(Reply::facets(&["OTHER.ORG", REALM]));
    Fetch::of(&server, "/list").finds_realm();
    assert_eq!(server.hits("/list"), 1);
}

#[test]
fn a_list_without_the_realm_is_fetched_too() {
    let server = serving(Reply::facets(&["OTHER.ORG"]));
    assert_eq!(Fetch::of(&server, "/list").run(), Outcome::List(false));
}

#[test]
fn requests_tell_nothing_of_the_user() {
    let server = serving(Reply::facets(&[REALM]));
    Fetch::of(&server, "/list").finds_realm();
    let head = server.requests("/list").pop().unwrap().head;
    let names: Vec<&str> = head
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    assert_eq!(names, ["accept", "user-agent", "host"], "{head}");
    assert!(
        head.contains("\r\naccept: application/fido.trusted-apps+json\r\n"),
        "{head}"
    );
    let agent = concat!("\r\nuser-agent: krb5-fido/", env!("CARGO_PKG_VERSION"), "\r\n");
    assert!(head.contains(agent), "{head}");
}

#[test]
fn status_200_alone_counts() {
    for status in [201, 203, 204, 206, 300, 304, 400, 403, 404, 410, 500, 503] {
        let text = fails(Reply::facets(&[REALM]).status(status), "Status");
        assert!(text.contains(&status.to_string()), "{text}");
    }
}

#[test]
fn the_content_type_is_that_of_facet_lists() {
    let untyped = Reply::facets(&[REALM]).without("content-type");
    for good in [
        "application/fido.trusted-apps+json; charset=utf-8",
        "Application/FIDO.trusted-apps+JSON ;x=y",
    ] {
        let server = serving(untyped.clone().header("content-type", good));
        Fetch::of(&server, "/list").finds_realm();
    }
    for bad in [
        "application/json",
        "",
        "text/html; x=application/fido.trusted-apps+json",
        "application/fido.trusted-apps+json+x",
    ] {
        fails(untyped.clone().header("content-type", bad), "ContentType");
    }
    fails(untyped.clone(), "ContentType");
    let twice = Reply::facets(&[REALM]).header("content-type", "text/html");
    fails(twice, "ContentType");
}

#[test]
fn lists_have_64_kib_at_most() {
    let list = |length| Reply::facets(&[]).body(padded(length));
    for good in [list(FACET_LIST_MAX), list(FACET_LIST_MAX).chunked()] {
        let server = serving(good);
        Fetch::of(&server, "/list").finds_realm();
    }
    for long in [list(FACET_LIST_MAX + 1), list(8 << 20)] {
        fails(long.clone(), "TooLong");
        fails(long.chunked(), "TooLong");
    }
}

#[test]
fn a_body_without_an_end_is_given_up() {
    let text = fails(Reply::facets(&[REALM]).declared(usize::MAX >> 1), "Incomplete");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn headers_without_an_end_are_given_up() {
    fails(
        Reply::facets(&[REALM]).header("x", &"x".repeat(4 << 20)),
        "Unreachable",
    );
}

#[test]
fn compressed_bodies_are_no_lists() {
    let bytes: &[u8] = &[
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let reply = Reply::facets(&[]).header("content-encoding", "gzip").body(bytes);
    fails(reply, "List");
}

#[test]
fn malformed_lists_say_so() {
    for text in ["", "{}", "null", "<html>", r#"{"trustedFacets":[]}"#] {
        fails(Reply::list(text), "List");
    }
}

#[test]
fn slow_headers_are_waited_for_no_longer_than_the_limit() {
    let patience = Duration::from_secs(1);
    let server = serving(Reply::facets(&[REALM]).delayed(Duration::from_secs(60)));
    Fetch::of(&server, "/list")
        .within(patience)
        .fails_in_time("TimedOut");
    let server = serving(Reply::facets(&[REALM]).dripping_head(DRIP));
    Fetch::of(&server, "/list")
        .within(patience)
        .fails_in_time("TimedOut");
}

#[test]
fn a_dripping_body_is_waited_for_no_longer_than_the_limit() {
    let server = serving(Reply::facets(&[REALM]).dripping(DRIP));
    Fetch::of(&server, "/list")
        .within(Duration::from_secs(1))
        .fails_in_time("TimedOut");
}

#[test]
fn nothing_is_waited_for_longer_than_ten_seconds() {
    let server = serving(Reply::facets(&[REALM]).dripping(DRIP));
    let fetch = Fetch::of(&server, "/list").within(Duration::from_secs(600));
    let text = fetch.fails("TimedOut");
    assert!(text.contains("within 10s"), "{text}");
}
