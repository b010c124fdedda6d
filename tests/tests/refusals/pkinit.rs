//! PKINIT, with a certificate authority for the occasion.

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, assert_refused, assert_ticket, kadmin};
use krb5_testrealm::{Artifacts, Finished, Realm};

use crate::{assert_refused_by_policy, clear_hardware_flag, unpacked, with_kdc_module};

/// Makes an authority, and certificates of the KDC and of alice and bob, as MIT krb5's manual has them.
const AUTHORITY: &str = r#"
cd "$1"
san() {
    printf '[%s]\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=1.3.6.1.5.2.3.%s\n' "$1" "$2"
    printf 'subjectAltName=otherName:1.3.6.1.5.2.2;SEQUENCE:%s_name\n[%s_name]\n' "$1" "$1"
    printf 'realm=EXP:0,GeneralString:KRBTEST.COM\nprincipal=EXP:1,SEQUENCE:%s_principal\n' "$1"
    printf '[%s_principal]\ntype=EXP:0,INTEGER:1\nparts=EXP:1,SEQUENCE:%s_parts\n[%s_parts]\n' "$1" "$1" "$1"
    shift 2
    number=0
    for part in "$@"; do
        number=$((number + 1))
        printf 'part%s=GeneralString:%s\n' $number "$part"
    done
}
{ san kdc 5 krbtgt KRBTEST.COM; san alice 4 alice; san bob 4 bob; } > extensions
openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=ca -days 2 -keyout ca.key -out ca.pem
for name in kdc alice bob; do
    openssl req -newkey rsa:2048 -noenc -subj /CN=$name -keyout $name.key -out $name.csr
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions \
        -extensions $name -out $name.pem
done
"#;

/// alice has a key, bob has none; both have certificates, and the realm serves anonymous clients.
fn realm_with_certificates(policy: &str) -> Enrolled {
    let module = unpacked("pkinit", "krb5-pkinit");
    let ours = Artifacts::locate().unwrap().client_module();
    let builder = with_kdc_module(&module)
        .kdc_relation("fido_policy", policy)
        .client_relation("plugins/clpreauth:module", &module)
        .client_relation("plugins/clpreauth:module", &format!("spake:{}", ours.display()));
    let mut enrolled = Enrolled::start(builder);
    let realm = &mut enrolled.realm;
    add_user(realm, "bob");
    kadmin(
        realm,
        &["addprinc", "-randkey", "+requires_preauth", "WELLKNOWN/ANONYMOUS"],
    );
    let mut shell = realm.command("sh");
    shell.args(["-euc", AUTHORITY, "sh"]).arg(realm.dir());
    realm.run(shell, "").unwrap().checked().unwrap();
    let file = |names: &[&str]| {
        let paths: Vec<String> = names
            .iter()
            .map(|name| realm.dir().join(name).display().to_string())
            .collect();
        format!("FILE:{}", paths.join(","))
    };
    let (anchors, identity) = (file(&["ca.pem"]), file(&["kdc.pem", "kdc.key"]));
    realm.set_client_relation("pkinit_anchors", &[&anchors]).unwrap();
    realm.set_kdc_relation("pkinit_anchors", &[&anchors]).unwrap();
    realm.set_kdc_relation("pkinit_identity", &[&identity]).unwrap();
    enrolled
}

fn log_in(realm: &Realm, name: &str) -> Finished {
    let path = |kind: &str| realm.dir().join(format!("{name}.{kind}")).display().to_string();
    let identity = format!("X509_user_identity=FILE:{},{}", path("pem"), path("key"));
    let mut kinit = realm.command("kinit");
    kinit.args(["-X", &identity, name]);
    realm.run(kinit, "").unwrap()
}

#[test]
fn certificate_is_no_key() {
    let Enrolled { realm, key: _key } = realm_with_certificates("enrolled");
    assert_ticket(&realm, &log_in(&realm, "bob"), "IA");
    realm.kdestroy().unwrap().checked().unwrap();
    // The certificate is good, and no hardware to the KDC: libkrb5 tries again until it has had enough.
    assert_refused(
        &realm,
        &log_in(&realm, "alice"),
        "Looping detected inside krb5_get_in_tkt",
    );
    clear_hardware_flag(&realm);
    let mark = realm.kdc_log_mark();
    assert_refused_by_policy(&realm, &log_in(&realm, "alice"), mark);
    // Nor is she kept from the key.
    assert_ticket(&realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
}

#[test]
fn whoever_must_enrol_first_gets_nothing_for_a_certificate() {
    let Enrolled { realm, key: _key } = realm_with_certificates("required");
    let mark = realm.kdc_log_mark();
    assert_refused_by_policy(&realm, &log_in(&realm, "bob"), mark);
}

#[test]
fn permissive_takes_a_certificate() {
    let Enrolled { realm, key: _key } = realm_with_certificates("permissive");
    assert_ticket(&realm, &log_in(&realm, "alice"), "IA");
}

#[test]
fn nobody_in_particular_goes_on_getting_tickets() {
    for policy in ["enrolled", "required"] {
        let Enrolled { realm, key: _key } = realm_with_certificates(policy);
        let mut kinit = realm.command("kinit");
        kinit.arg("-n");
        assert_ticket(&realm, &realm.run(kinit, "").unwrap(), "IAa");
    }
}
