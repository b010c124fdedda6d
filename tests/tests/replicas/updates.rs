//! Incremental propagation: what kpropd asks for, and what it gets if it has not asked for long.

use krb5_fido_tests::{PASSWORD, enrol, kadmin};
use krb5_testrealm::{Modules, Propagation::Iprop, Realm};

use crate::Fleet;

/// What kpropd says where updates will not do.
const WHOLE: &str = "Full resync needed";

/// alice's key is enrolled, and what else is changed, while the replica does not ask. Tells whether it was sent everything
/// in the end.
fn change_unseen(fleet: &mut Fleet, change: impl Fn(&Realm)) -> bool {
    fleet.replicas[0].stop_kpropd();
    enrol(&fleet.primary, "alice", &fleet.key, "blue");
    change(&fleet.primary);
    fleet.replicas[0].restart_kpropd().unwrap();
    fleet.propagate();
    fleet.replicas[0].kpropd_output().contains(WHOLE)
}

#[test]
fn replica_that_was_away_gets_what_it_missed() {
    let mut fleet = Fleet::pair(Iprop);
    assert!(!change_unseen(&mut fleet, |_| ()));
    fleet.log_in_everywhere("IHA");
}

/// The update log has forgotten what the replica missed. Under a policy that demands a key of everybody, kprop and kpropd go
/// on logging in as host/* and kiprop/*.
#[test]
fn replica_that_was_away_for_too_long_gets_everything() {
    let builder = Realm::builder()
        .kdc_relation("iprop_ulogsize", "4")
        .kdc_relation("fido_policy", "required");
    let mut fleet = Fleet::of(Iprop, builder, &[Modules::Ours]);
    let is_whole = change_unseen(&mut fleet, |primary| {
        for number in ["one", "two", "three", "four"] {
            kadmin(primary, &["setstr", "alice", "number", number]);
        }
    });
    assert!(is_whole);
    fleet.log_in_everywhere("IHA");
}

#[test]
fn change_over_the_network_is_an_update_like_any_other() {
    let fleet = Fleet::pair(Iprop).enrol();
    let administrator = ["-p", "carol/admin", "-w", PASSWORD];
    fleet.primary.add_principal("carol/admin", PASSWORD, &[]).unwrap();
    for query in [
        &["delstr", "alice", "fido:blue"][..],
        &["modprinc", "-requires_hwauth", "alice"],
    ] {
        let mut kadmin = fleet.primary.command("kadmin");
        kadmin.args(administrator).args(query);
        fleet.primary.run(kadmin, "").unwrap().checked().unwrap();
    }
    fleet.propagate();
    fleet.log_in_everywhere("IA");
}
