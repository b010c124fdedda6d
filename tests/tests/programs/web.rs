//! curl, and a web service in Python that demands the key: through the KDC, or by looking at the ticket.

use krb5_fido_tests::{Enrolled, add_user, kadmin};
use krb5_testrealm::{Finished, Realm};

use crate::{add_guarded_service, enrolled, in_namespaces, source, ticket};

const SERVICE: &str = "HTTP/localhost";

const SCRIPT: &str = r#"
cd "$1"
service=$2 port=$3
/usr/bin/python3 "$service" 127.0.0.1 "$port" > service.log 2>&1 &
until grep -qs listening service.log; do sleep 0.01; done
for user in alice bob; do
    KRB5CCNAME=FILE:$user.cache curl -sS --negotiate -u : -w '%{http_code}\n' "http://localhost:$port/"
done
"#;

fn prepare() -> Enrolled {
    let enrolled = enrolled();
    add_user(&enrolled.realm, "bob");
    add_guarded_service(&enrolled.realm, SERVICE);
    for user in ["alice", "bob"] {
        ticket(&enrolled.realm, user);
    }
    enrolled
}

fn fetch(realm: &Realm) -> Finished {
    let service = source("web_service.py");
    // The port of kadmind, which does not run.
    let port = realm.kadmind_port().to_string();
    let fetched = in_namespaces(realm, SCRIPT, &[service.to_str().unwrap(), &port], "");
    assert!(
        fetched.success() && fetched.stderr.is_empty(),
        "{fetched}{}",
        fetched.trace
    );
    fetched
}

#[test]
fn kdc_gives_no_ticket_without_the_key() {
    let Enrolled { realm, key: _key } = prepare();
    let expected = "alice@KRBTEST.COM: fido\n200\nticket wanted\n401\n";
    let fetched = fetch(&realm);
    assert_eq!(fetched.stdout, expected);
    let refused = "KDC policy rejects request";
    assert!(fetched.trace.contains(refused), "{}", fetched.trace);
}

#[test]
fn service_sees_who_came_without_the_key() {
    let Enrolled { realm, key: _key } = prepare();
    kadmin(&realm, &["delstr", SERVICE, "require_auth"]);
    let expected = "alice@KRBTEST.COM: fido\n200\nbob@KRBTEST.COM: \n200\n";
    assert_eq!(fetch(&realm).stdout, expected);
}
