//! A realm with a principal whose key is enrolled, and what is done in it.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use krb5_fido_keys::{Device, DeviceSpec, Pin, discover};
use krb5_testrealm::{Finished, Presence, Realm, RealmBuilder, SoftKey};
use serde_json::Value;

/// The password of every principal.
pub const PASSWORD: &str = "correct horse";

/// A realm in which alice has a software key, under the label blue. Clients find it by `fido_device`.
#[derive(Debug)]
pub struct Enrolled {
    /// alice's key; it touches itself.
    pub key: SoftKey,
    /// The realm.
    pub realm: Realm,
}

impl Enrolled {
    /// Starts the realm, without kadmind.
    pub fn start(builder: RealmBuilder) -> Self {
        Self::in_realm(builder.kadmind(false).start().unwrap())
    }

    /// Enrols alice in a realm that runs.
    pub fn in_realm(mut realm: Realm) -> Self {
        add_user(&realm, "alice");
        let key = realm.softkey("key", Presence::Auto).unwrap();
        realm
            .set_client_relation("fido_device", &[&key.device()])
            .unwrap();
        enrol(&realm, "alice", &key, "blue");
        Self { key, realm }
    }
}

/// Runs a query of kadmin.local, which must succeed, and gives its output.
pub fn kadmin(realm: &Realm, query: &[&str]) -> String {
    realm.kadmin_local(query).unwrap().checked().unwrap().stdout
}

/// Adds a principal that must pre-authenticate.
pub fn add_user(realm: &Realm, name: &str) {
    realm
        .add_principal(name, PASSWORD, &["+requires_preauth"])
        .unwrap();
}

/// Gives a principal another name, and says whether this krb5 can: DB2 has aliases since krb5 1.22.
pub fn add_alias(realm: &Realm, alias: &str, principal: &str) -> bool {
    let added = realm.kadmin_local(&["add_alias", alias, principal]).unwrap();
    if !added.success() {
        assert_eq!(added.stderr, "kadmin.local: Command not found add_alias\n");
    }
    added.success()
}

/// Enrols a key, as the administrator of the KDC does.
pub fn enrol(realm: &Realm, principal: &str, key: &SoftKey, label: &str) {
    let arguments = ["enroll", principal, "--device", &key.device(), "--name", label];
    realm.kdb5_fido(&arguments).unwrap().checked().unwrap();
}

/// Gives a new key a PIN.
pub fn set_pin(key: &SoftKey, pin: &str) {
    let found = discover(&[DeviceSpec::parse(&key.device()).unwrap()]).unwrap();
    let mut device = Device::open(&found[0]).unwrap();
    device.set_pin(&Pin::new(pin.as_bytes()).unwrap(), None).unwrap();
}

/// The value of a string attribute of a principal.
pub fn attribute(realm: &Realm, principal: &str, name: &str) -> Option<String> {
    let listed = kadmin(realm, &["getstrs", principal]);
    let mut values = listed
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    values.next().map(str::to_owned)
}

/// A record as if its registration had not been kept: it was for one principal.
pub fn without_registration(record: &str) -> String {
    let mut record: Value = serde_json::from_str(record).unwrap();
    record.as_object_mut().unwrap().remove("reg");
    record.to_string()
}

/// Sets a member of the record of alice's key blue.
pub fn set_member(realm: &Realm, name: &str, value: Value) {
    set_member_of(realm, "blue", name, value);
}

/// Sets a member of the record of a key of alice's.
pub fn set_member_of(realm: &Realm, label: &str, name: &str, value: Value) {
    let attribute_name = format!("fido:{label}");
    let record = attribute(realm, "alice", &attribute_name).unwrap();
    let mut record: Value = serde_json::from_str(&record).unwrap();
    record.as_object_mut().unwrap().insert(name.to_owned(), value);
    // kadmin.local takes words in double quotes, in which a double quote is written twice.
    kadmin(realm, &["setstr", "alice", &attribute_name, &record.to_string()]);
}

/// Has the KDC believe that alice's key has signed this many times.
pub fn set_counter(realm: &Realm, counter: u32) {
    set_member(realm, "counter", counter.into());
}

/// Writes alice's key into a key table, and gives its path.
pub fn write_keytab(realm: &Realm) -> String {
    let keytab = realm.dir().join("alice.keytab").to_str().unwrap().to_owned();
    kadmin(realm, &["ktadd", "-norandkey", "-k", &keytab, "alice"]);
    keytab
}

/// Has clients start a shell script in the helper's place, and gives its path.
pub fn script_helper(realm: &mut Realm, text: &str) -> String {
    let script = realm.dir().join("helper");
    fs::write(&script, format!("#!/bin/bash\n{text}\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let script = script.to_str().unwrap().to_owned();
    realm.set_client_relation("fido_helper", &[&script]).unwrap();
    script
}

/// Adds a service whose tickets need an authentication indicator.
pub fn add_service(realm: &Realm, name: &str, indicator: &str) {
    kadmin(realm, &["addprinc", "-randkey", name]);
    kadmin(realm, &["setstr", name, "require_auth", indicator]);
}

/// Asks for a ticket to a service.
pub fn ask_for(realm: &Realm, service: &str) -> Finished {
    let mut kvno = realm.command("kvno");
    kvno.arg(service);
    realm.run(kvno, "").unwrap()
}

/// The name of a cache with a ticket of a host, which armors requests (RFC 6113 section 5.4).
pub fn armor(realm: &Realm) -> String {
    let keytab = format!("FILE:{}", realm.dir().join("host.keytab").display());
    let cache = format!("FILE:{}", realm.dir().join("armor").display());
    let host = "host/armor";
    kadmin(realm, &["addprinc", "-randkey", host]);
    kadmin(realm, &["ktadd", "-k", &keytab, host]);
    let mut kinit = realm.command("kinit");
    kinit.args(["-k", "-t", &keytab, "-c", &cache, host]);
    realm.run(kinit, "").unwrap().checked().unwrap();
    cache
}

/// Everything that a software key remembers: its signature counter changes with each touch.
pub fn memory(key: &SoftKey) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(key.directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}
