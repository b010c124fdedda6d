//! What the KDC has against a login.

use krb5_fido_protocol::{
    registry::{PA_SPAKE, SF_FIDO},
    spake::{
        Group,
        message::{PaSpake, SecondFactor},
    },
};
use krb5_fido_tests::{kerberos::*, *};
use krb5_testrealm::{Finished, Modules, Realm, RealmBuilder};

use super::{Played, enrolled, log_in};

const PAGE: &str = "https://keys.krbtest.com/enrol";

fn with_page() -> RealmBuilder {
    Realm::builder().kdc_relation("fido_enrol_url", PAGE)
}

/// alice's key was removed, and a key is demanded nevertheless.
fn without_key(builder: RealmBuilder) -> Played {
    let Enrolled { realm, key: _key } = Enrolled::start(builder.kdc_relation("fido_policy", "required"));
    let removal = realm.kdb5_fido(&["remove", "alice", "blue", "--yes"]);
    removal.unwrap().checked().unwrap();
    log_in(&realm, &[], &[])
}

pub(crate) fn none_registered() -> Played {
    without_key(Realm::builder())
}

pub(crate) fn none_registered_and_a_page() -> Played {
    without_key(with_page()).with("URL", PAGE)
}

/// alice's key is disabled.
fn with_disabled_key(builder: RealmBuilder) -> Played {
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    set_member(&realm, "disabled", true.into());
    log_in(&realm, &[], &[])
}

pub(crate) fn none_usable() -> Played {
    with_disabled_key(Realm::builder())
}

pub(crate) fn none_usable_and_a_page() -> Played {
    with_disabled_key(with_page()).with("URL", PAGE)
}

/// A KDC that challenges at once, with what no version of SF-FIDO has.
pub(crate) fn unintelligible() -> Played {
    let Enrolled { mut realm, key: _key } = enrolled();
    let challenge = PaSpake::Challenge {
        group: Group::Edwards25519.id(),
        public: points::M.to_vec(),
        factors: vec![SecondFactor {
            factor_type: SF_FIDO,
            data: Some(b"?".to_vec()),
        }],
    };
    let hint = PaData::new(PA_SPAKE, &challenge.encode().unwrap());
    let answer = encode_error(realm.name(), KDC_ERR_PREAUTH_REQUIRED, &[hint]);
    let kdc = ScriptedKdc::start(move |_| answer.clone());
    kdc.take_place(&mut realm);
    log_in(&realm, &[], &[])
}

pub(crate) fn wrong_password() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    realm.kinit("alice", "incorrect horse", &[]).unwrap().into()
}

/// The KDC has seen the key sign more often than it did.
fn with_clone(log_in: impl FnOnce(&Realm) -> Played) -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    set_counter(&realm, u32::MAX);
    log_in(&realm)
}

pub(crate) fn signature_refused() -> Played {
    with_clone(|realm| log_in(realm, &[], &[]))
}

pub(crate) fn signature_refused_without_a_password() -> Played {
    with_clone(|realm| {
        let keytab = write_keytab(realm);
        let login = realm.kinit("alice", "", &["-k", "-t", &keytab]);
        login.unwrap().into()
    })
}

/// Logs alice in with krb5's own client.
fn stock(realm: &Realm) -> Finished {
    realm.stock_kinit("alice", PASSWORD, &[]).unwrap()
}

pub(crate) fn client_without_the_module() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    stock(&realm).into()
}

pub(crate) fn client_module_not_found() -> Played {
    let builder = Realm::builder().client_modules(Modules::At("/nonexistent/fido_client.so".into()));
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    log_in(&realm, &[], &[])
}

pub(crate) fn policy() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    stock(&realm).into()
}
