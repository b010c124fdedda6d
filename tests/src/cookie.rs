//! The KDC's secure cookie (RFC 6113 section 5.2), opened and made with the KDC's own key.
//!
//! MIT krb5's form: "MIT1", the version of the realm's key as a big-endian u32, and under a key that is derived from it for
//! one client the DER of a SecureCookie, a SEQUENCE of the time in seconds and the pa-data that the modules put there.

use krb5_fido_protocol::{kerberos::Key, registry::PA_SPAKE};
use krb5_plugin::KeyBlock;
use krb5_testrealm::Realm;

use crate::{
    as_client::ENCTYPE,
    der::{self, Value},
    enrolled::kadmin,
    kerberos::{PA_FX_COOKIE, PaData},
    keytab::read_key,
};

const MAGIC: &[u8] = b"MIT1";
/// KRB5_KEYUSAGE_PA_FX_COOKIE (krb5.h).
const KEY_USAGE_COOKIE: i32 = 513;

/// What a KDC encrypts the cookies of one client with.
pub struct CookieKey(KeyBlock);

/// What such a cookie holds.
#[derive(Clone, Debug)]
pub struct SecureCookie {
    header: Vec<u8>,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// One element for each mechanism.
    pub pa_data: Vec<PaData>,
}

impl CookieKey {
    /// Takes the realm's key out of its database.
    pub fn new(realm: &Realm, principal: &str) -> Self {
        let keytab = realm.dir().join("krbtgt.keytab");
        let service = format!("krbtgt/{}", realm.name());
        let path = keytab.to_str().unwrap();
        kadmin(realm, &["ktadd", "-norandkey", "-k", path, &service]);
        let key = read_key(&keytab, ENCTYPE).unwrap();
        let mut seed = vec![0; key.seed_length().unwrap()];
        key.prf_plus(format!("COOKIE{principal}").as_bytes(), &mut seed)
            .unwrap();
        Self(key.random_to_key(&seed).unwrap())
    }

    /// Opens a cookie of this client.
    pub fn open(&self, cookie: &PaData) -> SecureCookie {
        let (header, cipher) = cookie.value.split_at(MAGIC.len() + 4);
        assert!(header.starts_with(MAGIC), "not a secure cookie");
        let plain = self.0.decrypt(KEY_USAGE_COOKIE, cipher).unwrap().unwrap();
        let fields: Vec<Value<'_>> = Value::read(plain.expose()).unwrap().0.elements().collect();
        SecureCookie {
            header: header.to_vec(),
            time: fields[0].integer().unwrap(),
            pa_data: PaData::read_all(fields[1]).unwrap(),
        }
    }

    /// Makes a cookie.
    pub fn make(&self, cookie: &SecureCookie) -> PaData {
        let elements: Vec<Vec<u8>> = cookie.pa_data.iter().map(PaData::encode).collect();
        let plain = der::sequence(&[der::integer(cookie.time), der::sequence(&elements)]);
        let cipher = self.0.encrypt(KEY_USAGE_COOKIE, &plain).unwrap();
        PaData::new(PA_FX_COOKIE, &[&cookie.header[..], &cipher].concat())
    }

    /// The same cookie with this change to what the SPAKE module put there.
    pub fn change_spake(&self, cookie: &PaData, change: impl FnOnce(&mut Vec<u8>)) -> PaData {
        let mut opened = self.open(cookie);
        change(&mut opened.spake_mut().value);
        self.make(&opened)
    }

    /// The same cookie, made `seconds` earlier.
    pub fn age(&self, cookie: &PaData, seconds: i64) -> PaData {
        let mut opened = self.open(cookie);
        opened.time -= seconds;
        self.make(&opened)
    }
}

impl SecureCookie {
    /// The element of the SPAKE module.
    pub fn spake_mut(&mut self) -> &mut PaData {
        let mut elements = self.pa_data.iter_mut();
        elements.find(|element| element.pa_type == PA_SPAKE).unwrap()
    }
}
