//! Redirects need FIDO's authorization, and lead to nothing but facet lists.

use std::time::Duration;

use krb5_fido_https_server::{HttpsServer, Reply};

use crate::process::{Fetch, HOST, REALM};

/// A server with a list at `/list`, and `reply` at `/`.
fn redirecting(reply: Reply) -> HttpsServer {
    let server = HttpsServer::start(HOST);
    server.serve("/list", Reply::facets(&[REALM]));
    server.serve("/", reply);
    server
}

#[test]
fn authorized_redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let location = format!("https://{HOST}/list");
        let server = redirecting(Reply::authorized_redirect(&location).status(status));
        Fetch::of(&server, "/").finds_realm();
        assert_eq!((server.hits("/"), server.hits("/list")), (1, 1));
    }
}

#[test]
fn a_redirect_may_be_relative() {
    let server = redirecting(Reply::authorized_redirect("list"));
    Fetch::of(&server, "/").finds_realm();
}

#[test]
fn redirects_without_authorization_are_not_followed() {
    let unauthorized = Reply::redirect("/list");
    let name = "FIDO-AppID-Redirect-Authorized";
    for reply in [
        unauthorized.clone(),
        unauthorized.clone().header(name, "false"),
        unauthorized.clone().header(name, ""),
        unauthorized.clone().header(name, "true, true"),
        unauthorized.clone().header(name, "true").header(name, "false"),
        unauthorized.clone().header("AppID-Redirect-Authorized", "true"),
    ] {
        let server = redirecting(reply);
        let text = Fetch::of(&server, "/").fails("RedirectNotAuthorized");
        assert!(text.contains("FIDO-AppID-Redirect-Authorized: true"), "{text}");
        assert_eq!(server.hits("/list"), 0);
    }
}

#[test]
fn each_redirect_needs_authorization() {
    let server = redirecting(Reply::authorized_redirect("/next"));
    server.serve("/next", Reply::redirect("/list"));
    Fetch::of(&server, "/").fails("RedirectNotAuthorized");
    assert_eq!((server.hits("/next"), server.hits("/list")), (1, 0));
}

#[test]
fn redirects_lead_to_places_of_facet_lists_only() {
    for location in [
        "http://facets.test/list",
        "//localhost/list",
        "https://127.0.0.1/list",
        "https://user:password@facets.test/list",
        "/list#fragment",
        "file:///etc/passwd",
        "",
    ] {
        let server = redirecting(Reply::authorized_redirect(location));
        let text = Fetch::of(&server, "/").fails("RedirectTarget");
        assert!(text.contains(location), "{text}");
        assert_eq!(server.hits("/list"), 0);
    }
    let server = redirecting(Reply::authorized_redirect("/").without("location"));
    Fetch::of(&server, "/").fails("RedirectTarget");
}

#[test]
fn a_redirect_to_a_host_without_a_certificate_fails() {
    let server = redirecting(Reply::authorized_redirect("https://other.test/list"));
    Fetch::of(&server, "/").fails("Untrusted");
    assert_eq!(server.hits("/list"), 0);
}

#[test]
fn five_redirects_are_followed_and_no_more() {
    let server = redirecting(Reply::authorized_redirect("/1"));
    for hop in 1..4 {
        server.serve(
            &format!("/{hop}"),
            Reply::authorized_redirect(&format!("/{}", hop + 1)),
        );
    }
    server.serve("/4", Reply::authorized_redirect("/list"));
    Fetch::of(&server, "/").finds_realm();
    server.serve("/4", Reply::authorized_redirect("/5"));
    server.serve("/5", Reply::authorized_redirect("/list"));
    Fetch::of(&server, "/").fails("TooManyRedirects");
    assert_eq!((server.hits("/5"), server.hits("/list")), (1, 1));
}

#[test]
fn a_loop_ends() {
    let server = redirecting(Reply::authorized_redirect("/"));
    Fetch::of(&server, "/").fails("TooManyRedirects");
    assert_eq!(server.hits("/"), 6);
}

#[test]
fn redirects_share_one_limit() {
    let slow = |place: &str| Reply::authorized_redirect(place).delayed(Duration::from_millis(700));
    let server = redirecting(slow("/next"));
    server.serve("/next", slow("/list"));
    let fetch = Fetch::of(&server, "/").within(Duration::from_secs(1));
    fetch.fails_in_time("TimedOut");
}

#[test]
fn nothing_of_one_place_is_told_to_the_next() {
    let server = redirecting(Reply::authorized_redirect("/list").header("set-cookie", "a=b; Path=/"));
    Fetch::of(&server, "/").finds_realm();
    let requests = server.requests("/list");
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    for name in ["cookie:", "referer:", "origin:", "authorization:"] {
        assert!(!request.head.contains(name), "{}", request.head);
    }
}
