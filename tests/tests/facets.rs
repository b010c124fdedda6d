//! Keys registered for the host or the URL of a facet list, at a real HTTPS server.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{process::Command, time::Duration};

use krb5_fido_https_server::{Flaw, HttpsServer, Reply};
use krb5_fido_tests::*;
use krb5_testrealm::{Finished, Realm};

const REALM: &str = "KRBTEST.COM";
const HOST: &str = "facets.test";
const LIST: &str = "/facets";
const OTHER: &str = "/elsewhere";
const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";

const NOT_ACCEPTED: &str = "The KDC of KRBTEST.COM asked for signatures for other names than this client accepts: see fido_rp_id \
                            in krb5.conf, or ask your administrator";

/// A realm whose alice has a key for the host or URL of a facet list.
struct Site {
    enrolled: Enrolled,
    server: HttpsServer,
}

impl Site {
    /// The key is registered for the server's host; clients are told of its list, which holds the realm.
    fn start() -> Self {
        Self::registered_for(HOST, HttpsServer::start(HOST))
    }

    fn registered_for(rp_id: &str, server: HttpsServer) -> Self {
        let builder = Realm::builder().client_relation("fido_rp_id", rp_id);
        let mut enrolled = Enrolled::start(builder);
        server.serve(LIST, Reply::facets(&[REALM]));
        enrolled.realm.set_client_relation("fido_rp_id", &[]).unwrap();
        let site = Self { enrolled, server };
        let url = site.server.url(LIST);
        site.with_relation("fido_facets_url", &[&url])
    }

    fn with_relation(mut self, relation: &str, values: &[&str]) -> Self {
        let realm = &mut self.enrolled.realm;
        realm.set_client_relation(relation, values).unwrap();
        self
    }

    /// The KDC tells its clients of this URL.
    fn with_kdcs_list(mut self, url: &str) -> Self {
        let realm = &mut self.enrolled.realm;
        realm.set_kdc_relation("fido_facets_url", &[url]).unwrap();
        self
    }

    fn realm(&self) -> &Realm {
        &self.enrolled.realm
    }

    fn log_in(&self) -> Finished {
        let mut kinit: Command = self.realm().command("kinit");
        kinit.arg("alice").envs(self.server.environment());
        self.realm().run(kinit, &format!("{PASSWORD}\n")).unwrap()
    }

    fn assert_accepted(&self) {
        let login = self.log_in();
        assert_ticket(self.realm(), &login, "IHA");
        assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
        self.realm().kdestroy().unwrap();
    }

    /// kinit says why, without a touch.
    fn assert_refused(&self, reason: &str) {
        let before = memory(&self.enrolled.key);
        let login = self.log_in();
        let message = format!(
            "The KDC of KRBTEST.COM asked for signatures for other names than this client accepts, and {reason}"
        );
        assert_refused(self.realm(), &login, &message);
        assert_eq!(login.stdout, PROMPT);
        let traced = format!("SF-FIDO facet list not used: {reason}\n");
        assert!(login.trace.contains(&traced), "{}", login.trace);
        assert_eq!(memory(&self.enrolled.key), before);
    }

    /// The same, of the only list, for what its text says.
    fn assert_unused(&self, what: &str) {
        self.assert_refused(&format!("the facet list {} {what}", self.server.url(LIST)));
    }
}

/// No rule accepts the name, and no list may be asked.
fn assert_nobody_asked(site: &Site) {
    let login = site.log_in();
    assert_refused(site.realm(), &login, NOT_ACCEPTED);
    assert_eq!(login.stdout, PROMPT);
    assert_eq!(site.server.hits(LIST), 0);
}

#[test]
fn host_of_a_list_that_holds_the_realm() {
    let site = Site::start();
    site.assert_accepted();
    assert_eq!(site.server.hits(LIST), 1);
}

#[test]
fn url_of_such_a_list_as_an_app_id() {
    let server = HttpsServer::start(HOST);
    let url = server.url(LIST);
    Site::registered_for(&url, server).assert_accepted();
}

#[test]
fn list_that_is_not_needed_is_not_asked_for() {
    let site = Site::registered_for("krbtest.com", HttpsServer::start(HOST));
    site.assert_accepted();
    assert_eq!(site.server.hits(LIST), 0);
}

#[test]
fn list_without_the_realm() {
    let site = Site::start();
    site.server.serve(LIST, Reply::facets(&["OTHER.ORG"]));
    site.assert_unused("does not hold krb5realm:KRBTEST.COM");
}

#[test]
fn another_name_of_a_host_that_vouches() {
    let site = Site::registered_for("other.test", HttpsServer::start(HOST));
    let login = site.log_in();
    assert_refused(site.realm(), &login, NOT_ACCEPTED);
    let skipped = "SF-FIDO relying party not accepted: other.test\n";
    assert!(login.trace.contains(skipped), "{}", login.trace);
}

#[test]
fn url_that_is_none() {
    for url in [
        "http://facets.test/facets",
        "https://127.0.0.1/facets",
        "facets.test",
        "https://localhost/",
    ] {
        let site = Site::start().with_relation("fido_facets_url", &[url]);
        let login = site.log_in();
        let message = format!(
            "fido_facets_url has the impossible value \"{url}\": see krb5.conf, or the -X options of kinit"
        );
        assert_refused(site.realm(), &login, &message);
    }
}

#[test]
fn server_without_tls() {
    let server = HttpsServer::start_flawed(HOST, Flaw::Plain);
    let site = Site::registered_for(HOST, server);
    let login = site.log_in();
    let message = format!("and the facet list {} cannot be reached: ", site.server.url(LIST));
    assert!(login.stderr.contains(&message), "{login}");
}

#[test]
fn certificates_that_do_not_verify() {
    for flaw in [Flaw::Expired, Flaw::OtherHost, Flaw::Untrusted] {
        let site = Site::registered_for(HOST, HttpsServer::start_flawed(HOST, flaw));
        let login = site.log_in();
        let message = format!(
            "and the server of the facet list {} is not trusted: ",
            site.server.url(LIST)
        );
        assert!(login.stderr.contains(&message), "{flaw:?} {login}");
        assert_eq!(login.stdout, PROMPT);
    }
}

#[test]
fn redirects_need_their_header() {
    let site = Site::start();
    site.server.serve(OTHER, Reply::facets(&[REALM]));
    let target = site.server.url(OTHER);
    site.server.serve(LIST, Reply::redirect(&target));
    site.assert_unused(
        "is redirected without the header FIDO-AppID-Redirect-Authorized: true; the server must send it, \
         or the URL of the list itself be configured",
    );
    site.server.serve(LIST, Reply::authorized_redirect(&target));
    site.assert_accepted();
}

#[test]
fn another_content_type() {
    let site = Site::start();
    let reply = Reply::facets(&[REALM]).header("Content-Type", "application/json");
    site.server.serve(LIST, reply);
    site.assert_unused(
        "does not come as application/fido.trusted-apps+json; the server must send this Content-Type",
    );
}

#[test]
fn list_that_is_too_long() {
    let site = Site::start();
    site.server
        .serve(LIST, Reply::list(&" ".repeat(1 << 20)).chunked());
    site.assert_unused("is longer than 65536 bytes");
}

#[test]
fn list_that_takes_too_long() {
    let site = Site::start().with_relation("fido_timeout", &["2s"]);
    let slow = Reply::facets(&[REALM]).dripping(Duration::from_millis(300));
    site.server.serve(LIST, slow);
    let login = site.log_in();
    assert!(login.stderr.contains(" did not arrive within "), "{login}");
    assert!(login.elapsed < Duration::from_secs(8), "{:?}", login.elapsed);
}

#[test]
fn server_that_is_down() {
    let mut site = Site::start();
    site.server.stop();
    let login = site.log_in();
    assert!(login.stderr.contains(" cannot be reached: "), "{login}");
}

#[test]
fn server_that_is_down_after_it_was_asked() {
    let mut site = Site::start();
    let kept = Reply::facets(&[REALM]).header("Cache-Control", "max-age=600");
    site.server.serve(LIST, kept);
    site.assert_accepted();
    site.assert_accepted();
    assert_eq!(site.server.hits(LIST), 1);
    site.server.stop();
    site.assert_accepted();
}

#[test]
fn server_that_is_down_after_its_answer_has_aged() {
    let mut site = Site::start();
    let kept = Reply::facets(&[REALM]).header("Cache-Control", "max-age=0");
    site.server.serve(LIST, kept);
    site.assert_accepted();
    site.server.stop();
    let login = site.log_in();
    assert!(login.stderr.contains(" cannot be reached: "), "{login}");
}

#[test]
fn list_that_only_the_kdc_names() {
    let site = Site::start();
    let url = site.server.url(LIST);
    let site = site.with_relation("fido_facets_url", &[]).with_kdcs_list(&url);
    // `configured` is the default.
    assert_nobody_asked(&site);
    for facets in ["configured", "no"] {
        assert_nobody_asked(
            &Site::start()
                .with_relation("fido_facets_url", &[])
                .with_relation("fido_facets", &[facets]),
        );
    }
    let site = site.with_relation("fido_facets", &["kdc"]);
    site.assert_accepted();
    assert_eq!(site.server.hits(LIST), 1);
}

#[test]
fn list_of_the_kdc_comes_after_the_configured_one() {
    let site = Site::start().with_relation("fido_facets", &["kdc"]);
    let kdcs = site.server.url(OTHER);
    let site = site.with_kdcs_list(&kdcs);
    site.server.serve(OTHER, Reply::facets(&[REALM]));
    site.assert_accepted();
    assert_eq!((site.server.hits(LIST), site.server.hits(OTHER)), (1, 0));
    site.server.serve(LIST, Reply::new(404));
    site.assert_accepted();
    assert_eq!((site.server.hits(LIST), site.server.hits(OTHER)), (2, 1));
}

#[test]
fn url_of_the_kdc_that_is_none_is_its_fault() {
    let site = Site::start()
        .with_relation("fido_facets_url", &[])
        .with_relation("fido_facets", &["kdc"])
        .with_kdcs_list("https://127.0.0.1/facets");
    site.assert_refused(
        "\"https://127.0.0.1/facets\" is not the URL of a facet list: \
         its host is not a domain name of two or more labels",
    );
}

#[test]
fn no_list_is_asked_for_where_none_may_be() {
    assert_nobody_asked(&Site::start().with_relation("fido_facets", &["no"]));
}

#[test]
fn pinned_name_leaves_no_room_for_lists() {
    assert_nobody_asked(&Site::start().with_relation("fido_rp_id", &["krbtest.com"]));
}
