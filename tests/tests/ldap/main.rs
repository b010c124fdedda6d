//! Two KDCs over one directory: the principals are in OpenLDAP.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod aliases;
mod directory;
mod keys;

use krb5_fido_tests::{Enrolled, PASSWORD, assert_ticket};
use krb5_testrealm::{Database, Finished, Modules, Realm, RealmBuilder, SecondKdc};

/// What clients say of a ticket that our policy module refuses.
const POLICY: &str = "KDC policy rejects request";

fn builder() -> RealmBuilder {
    Realm::builder().database(Database::Ldap)
}

/// A realm with alice and her key.
struct Fleet {
    second: SecondKdc,
    enrolled: Enrolled,
}

impl Fleet {
    fn start(builder: RealmBuilder) -> Self {
        let enrolled = Enrolled::start(builder);
        let second = enrolled.realm.second_kdc(Modules::Ours).unwrap();
        Self { second, enrolled }
    }

    /// Does something with clients that ask the one KDC, and with clients that ask the other.
    fn at_each_kdc(&mut self, check: impl Fn(&Realm)) {
        let second = self.second.address();
        for addresses in [&[][..], &[&*second]] {
            let realm = &mut self.enrolled.realm;
            realm.set_client_relation("kdc", addresses).unwrap();
            check(realm);
        }
        self.enrolled.realm.set_client_relation("kdc", &[]).unwrap();
    }
}

fn log_in(realm: &Realm, name: &str, flags: &str) {
    assert_ticket(realm, &realm.kinit(name, PASSWORD, &[]).unwrap(), flags);
    realm.kdestroy().unwrap();
}

/// With a client that has the stock module.
fn without_module(realm: &Realm, name: &str) -> Finished {
    realm.stock_kinit(name, PASSWORD, &[]).unwrap()
}
