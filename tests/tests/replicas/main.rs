//! A primary and its replicas, each with a database and a KDC of its own. Changes are made at the primary and come to the
//! replicas with kprop or with iprop.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

/// Runs each function as a test with either way of propagation.
macro_rules! each_way {
    ($($name:ident)*) => {
        mod kprop {
            $(#[test]
            fn $name() {
                super::$name(krb5_testrealm::Propagation::Kprop);
            })*
        }
        mod iprop {
            $(#[test]
            fn $name() {
                super::$name(krb5_testrealm::Propagation::Iprop);
            })*
        }
    };
}

mod changes;
mod late;
mod primary_down;
mod state;
mod updates;

use krb5_fido_tests::{PASSWORD, add_user, assert_ticket, enrol};
use krb5_testrealm::{Finished, Modules, Presence, Propagation, Realm, RealmBuilder, Replica, SoftKey};

/// What the stock client says of a key that our KDC asks for, where requires_hwauth leaves nothing else.
const NO_MODULE: &str = "Pre-authentication failed: Preauthentication failed";
/// What clients say of a stock KDC that has nothing for requires_hwauth.
const NOTHING_OFFERED: &str = "Generic preauthentication failure";
/// What they say of a ticket that our policy module refuses.
const POLICY: &str = "KDC policy rejects request";

/// A realm with alice and her key, which is not enrolled yet.
struct Fleet {
    replicas: Vec<Replica>,
    key: SoftKey,
    primary: Realm,
}

impl Fleet {
    /// With two replicas.
    fn start(propagation: Propagation) -> Self {
        Self::of(propagation, Realm::builder(), &[Modules::Ours, Modules::Ours])
    }

    /// With one.
    fn pair(propagation: Propagation) -> Self {
        Self::of(propagation, Realm::builder(), &[Modules::Ours])
    }

    /// With replicas of these modules.
    fn of(propagation: Propagation, builder: RealmBuilder, modules: &[Modules]) -> Self {
        let builder = builder.kadmind(propagation == Propagation::Iprop);
        let mut primary = builder.start().unwrap();
        add_user(&primary, "alice");
        let key = primary.softkey("key", Presence::Auto).unwrap();
        primary
            .set_client_relation("fido_device", &[&key.device()])
            .unwrap();
        let replicas = modules
            .iter()
            .map(|modules| primary.replica(propagation, modules.clone()).unwrap());
        Self {
            replicas: replicas.collect(),
            key,
            primary,
        }
    }

    /// Enrols the key at the primary, and has the replicas know.
    fn enrol(self) -> Self {
        enrol(&self.primary, "alice", &self.key, "blue");
        self.propagate();
        self
    }

    /// Removes a key at the primary.
    fn remove(&self, label: &str) {
        let removed = self.primary.kdb5_fido(&["remove", "alice", label, "--yes"]);
        removed.unwrap().checked().unwrap();
    }

    fn propagate(&self) {
        for replica in &self.replicas {
            self.primary.propagate(replica).unwrap();
        }
    }

    /// The realm as each replica has it.
    fn realms(&self) -> impl Iterator<Item = &Realm> {
        self.replicas.iter().map(Replica::realm)
    }

    /// alice gets a ticket with these flags at each replica.
    fn log_in_everywhere(&self, flags: &str) {
        for realm in self.realms() {
            log_in(realm, flags);
        }
    }
}

fn log_in(realm: &Realm, flags: &str) {
    assert_ticket(realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), flags);
    realm.kdestroy().unwrap();
}

/// alice tries with a client that has the stock module.
fn without_module(realm: &Realm) -> Finished {
    realm.stock_kinit("alice", PASSWORD, &[]).unwrap()
}
