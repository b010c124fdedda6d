//! The matrix: client ours or stock, KDC ours or stock, each group, a key of each encryption type; and password and security
//! key in both modes in each of the same cells of ours with ours.
//!
//! | | edwards25519 | P-256 | P-384 | P-521 |
//! |---|---|---|---|---|
//! | aes128-cts-hmac-sha1-96 | both clients at both KDCs; key in both modes | … | … | … |
//! | aes256-cts-hmac-sha1-96 | … | | | |
//! | aes128-cts-hmac-sha256-128 | … | | | |
//! | aes256-cts-hmac-sha384-192 | … | | | |

use krb5_fido_tests::{
    Enrolled, LogLine, PASSWORD, as_lines, assert_refused, assert_ticket, hides_result, kadmin, memory,
    module_lines, sent_types,
};
use krb5_testrealm::{Finished, Realm, RealmBuilder};

use crate::{
    ASSERTION, COOKIE_AND_SPAKE, FACTOR, FIDO_CHALLENGE, GROUPS, PROMPT, RESPONSE, RESULT, SUPPORT, TOUCH,
    WRONG,
    sides::{Ours, Side, Stock, issued, log_in, log_in_wrongly, realm_with_bob},
};

struct Group {
    name: &'static str,
    number: i32,
    /// Bytes of a public key and of the transcript hash (RFC 9588 section 11.2).
    public: usize,
    hash: usize,
}

const EDWARDS25519: Group = Group {
    name: "edwards25519",
    number: 1,
    public: 32,
    hash: 32,
};
const P256: Group = Group {
    name: "P-256",
    number: 2,
    public: 33,
    hash: 32,
};
const P384: Group = Group {
    name: "P-384",
    number: 3,
    public: 49,
    hash: 48,
};
const P521: Group = Group {
    name: "P-521",
    number: 4,
    public: 67,
    hash: 64,
};

struct Enctype {
    name: &'static str,
    /// As libkrb5 traces it.
    short: &'static str,
}

const AES128_SHA1: Enctype = Enctype {
    name: "aes128-cts-hmac-sha1-96",
    short: "aes128-cts",
};
const AES256_SHA1: Enctype = Enctype {
    name: "aes256-cts-hmac-sha1-96",
    short: "aes256-cts",
};
const AES128_SHA2: Enctype = Enctype {
    name: "aes128-cts-hmac-sha256-128",
    short: "aes128-sha2",
};
const AES256_SHA2: Enctype = Enctype {
    name: "aes256-cts-hmac-sha384-192",
    short: "aes256-sha2",
};

macro_rules! cells {
    ($cell:ident($argument:expr)) => {
        cells!(edwards25519: EDWARDS25519, $cell($argument));
        cells!(p256: P256, $cell($argument));
        cells!(p384: P384, $cell($argument));
        cells!(p521: P521, $cell($argument));
    };
    ($module:ident: $group:ident, $cell:ident($argument:expr)) => {
        mod $module {
            use super::super::*;

            #[test]
            fn aes128_cts_hmac_sha1_96() {
                $cell($argument, &$group, &AES128_SHA1);
            }

            #[test]
            fn aes256_cts_hmac_sha1_96() {
                $cell($argument, &$group, &AES256_SHA1);
            }

            #[test]
            fn aes128_cts_hmac_sha256_128() {
                $cell($argument, &$group, &AES128_SHA2);
            }

            #[test]
            fn aes256_cts_hmac_sha384_192() {
                $cell($argument, &$group, &AES256_SHA2);
            }
        }
    };
}

mod both_clients_at_our_kdc {
    cells!(password_alone(Ours));
}

mod both_clients_at_the_stock_kdc {
    cells!(password_alone(Stock));
}

mod key_in_mode_encrypted {
    cells!(password_and_key(Encrypted));
}

mod key_in_mode_clear {
    cells!(password_and_key(Clear));
}

fn password_alone(kdc: Side, group: &Group, enctype: &Enctype) {
    let realm = realm_with_bob(kdc, permit(Realm::builder(), group));
    set_enctype(&realm, "bob", enctype);
    let mut lines = exchange(group);
    lines.push(RESPONSE.to_owned());

    let (login, log) = log_in(&realm, "bob", &[]);
    assert_eq!(module_lines(&login.trace), lines);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_key(&login, enctype);
    assert_eq!(log, issued());

    let (login, log) = log_in_wrongly(&realm, "bob", &[]);
    assert_eq!(module_lines(&login.trace), lines);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(log, kdc.refused());
    let replies = realm.kdc_log().matches(&format!("rep={}(", enctype.name)).count();
    assert_eq!(replies, 2, "{}", realm.kdc_log());
}

fn password_and_key(mode: Mode, group: &Group, enctype: &Enctype) {
    let Enrolled { realm, key } = Enrolled::start(mode.set(permit(Realm::builder(), group)));
    set_enctype(&realm, "alice", enctype);

    let before = memory(&key);
    let login = Ours.kinit(&realm, "alice", WRONG, &[]);
    assert_refused(&realm, &login, "Password incorrect");
    let mut lines = exchange(group);
    lines.extend(mode.lines_of_a_wrong_password().iter().map(ToString::to_string));
    assert_eq!(module_lines(&login.trace), lines);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(memory(&key) == before, mode == Encrypted);

    let mark = realm.kdc_log_mark();
    let login = Ours.kinit(&realm, "alice", PASSWORD, &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
    let mut lines = exchange(group);
    lines.extend(mode.lines().iter().map(ToString::to_string));
    assert_eq!(module_lines(&login.trace), lines);
    assert!(hides_result(&login.trace), "{}", login.trace);
    assert_key(&login, enctype);
    let mut log = vec![LogLine::needed(), LogLine::issue()];
    log.splice(1..1, vec![LogLine::more(); mode.answers()]);
    assert_eq!(as_lines(&realm.kdc_log_since(mark)), log);
    assert_eq!(
        sent_types(&login.trace),
        vec![COOKIE_AND_SPAKE; mode.answers() + 1]
    );
}

/// `fido_challenge`.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Encrypted,
    Clear,
}
use Mode::{Clear, Encrypted};

impl Mode {
    fn set(self, builder: RealmBuilder) -> RealmBuilder {
        match self {
            Encrypted => builder.kdc_relation("fido_challenge", "encrypted"),
            Clear => builder
                .kdc_relation("fido_challenge", "clear")
                .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "4096"),
        }
    }

    /// What the client's module traces after the transcript hash.
    fn lines(self) -> [&'static str; 4] {
        match self {
            Encrypted => [FACTOR, RESPONSE, FIDO_CHALLENGE, ASSERTION],
            Clear => [FACTOR, FIDO_CHALLENGE, ASSERTION, RESPONSE],
        }
    }

    /// The same when the password is wrong: in mode clear nobody is told before the touch.
    fn lines_of_a_wrong_password(self) -> &'static [&'static str] {
        match self {
            Encrypted => &[FACTOR, RESPONSE],
            Clear => &[FACTOR, FIDO_CHALLENGE, ASSERTION, RESPONSE],
        }
    }

    /// How often the KDC asks for more.
    fn answers(self) -> usize {
        match self {
            Encrypted => 2,
            Clear => 1,
        }
    }
}

fn permit(builder: RealmBuilder, group: &Group) -> RealmBuilder {
    builder
        .kdc_relation(GROUPS, group.name)
        .client_relation(GROUPS, group.name)
}

fn set_enctype(realm: &Realm, name: &str, enctype: &Enctype) {
    let keysalt = format!("{}:normal", enctype.name);
    kadmin(realm, &["cpw", "-e", &keysalt, "-pw", PASSWORD, name]);
}

/// What a client's module traces until it responds.
fn exchange(group: &Group) -> Vec<String> {
    let Group {
        number, public, hash, ..
    } = group;
    vec![
        SUPPORT.to_owned(),
        format!("SPAKE challenge received with group {number}, pubkey <{public} octets>"),
        format!("SPAKE key generated with pubkey <{public} octets>"),
        RESULT.to_owned(),
        format!("SPAKE final transcript hash: <{hash} octets>"),
    ]
}

/// The key of the password, and the one that opened the reply, have this type.
fn assert_key(login: &Finished, enctype: &Enctype) {
    for line in ["Selected etype info: etype ", "AS key determined by preauth: "] {
        let line = format!("{line}{}", enctype.short);
        assert!(login.trace.contains(&line), "{}", login.trace);
    }
}
