//! Scripts of whole exchanges: each step is four bytes, its kind and three operands, as the modules that read them have it.

use super::Seed;

/// Attributes of the principal, by number.
const NO_KEY: u8 = 0;
const KEY: u8 = 1;
const DISABLED_KEY: u8 = 2;
const KEY_OF_VERIFIED_USER: u8 = 5;

/// Policies, by number.
const PERMISSIVE: u8 = 0;
const ENROLLED: u8 = 1;
const REQUIRED: u8 = 2;

const CLEAR: u8 = 0x10;

/// What a response says, by number.
const HELLO: u8 = 0;
const NONE: u8 = 1;
const ASSERTION: u8 = 3;
const WRONG_PASSWORD: u8 = 0x80;

const NO_COOKIE: u8 = 0xff;

type Steps = Vec<[u8; 4]>;

const fn support(group: u8) -> [u8; 4] {
    [0, group, 0, 0]
}

const HINT: [u8; 4] = [1, 0, 0, 0];

const fn respond(challenge: u8, factor: u8, body: u8) -> [u8; 4] {
    [2, challenge, factor, body]
}

const fn submit(message: u8, cookie: u8, body: u8) -> [u8; 4] {
    [3, message, cookie, body]
}

const fn open(session: u8, reply: u8) -> [u8; 4] {
    [4, session, reply, 0]
}

const fn answer(asked: u8, alteration: u8, body: u8) -> [u8; 4] {
    [5, asked, alteration, body]
}

const fn change(attributes: u8, policy: u8, flags: u8) -> [u8; 4] {
    [6, attributes, policy, flags]
}

/// A login with the key: what is altered in the assertion, the request and cookie that it travels with.
fn with_key(group: u8, alteration: u8, body: u8, cookie: u8) -> Steps {
    vec![
        support(group),
        respond(0, HELLO, 0),
        submit(0, 0, 0),
        open(0, 0),
        answer(0, alteration, 1),
        submit(1, cookie, body),
    ]
}

pub(super) fn seeds() -> Vec<Seed> {
    let kdc = kdc_scripts().into_iter().map(|(name, setup, steps)| {
        let bytes = [setup.to_vec(), steps.concat()].concat();
        Seed::new("kdc_pass", name, bytes)
    });
    let client = client_scripts().into_iter().map(|(name, setup, steps)| {
        let bytes = [setup.to_vec(), steps.concat()].concat();
        Seed::new("client_pass", name, bytes)
    });
    kdc.chain(client).collect()
}

fn kdc_scripts() -> Vec<(String, [u8; 3], Steps)> {
    let mut scripts = kdc_logins();
    scripts.extend(kdc_confusions());
    for bit in 0..8 {
        let name = format!("altered-{bit}");
        let steps = with_key(0, 1 << bit, 1, 1);
        scripts.push((name, [KEY_OF_VERIFIED_USER, ENROLLED, 0], steps));
    }
    scripts
}

fn kdc_logins() -> Vec<(String, [u8; 3], Steps)> {
    let alone = |challenge: [u8; 4]| vec![challenge, respond(0, NONE, 0), submit(0, 0, 0)];
    let in_the_clear = || vec![support(0), respond(0, ASSERTION, 0), submit(0, 0, 0)];
    let mut scripts = vec![
        ("password-alone", [NO_KEY, ENROLLED, 0], alone(support(0))),
        ("password-alone-optimistic", [NO_KEY, ENROLLED, 0], alone(HINT)),
        (
            "password-alone-permissive",
            [KEY, PERMISSIVE, 0],
            alone(support(0)),
        ),
        ("password-alone-enrolled", [KEY, ENROLLED, 0], alone(support(0))),
        ("key-clear", [KEY, REQUIRED, CLEAR], in_the_clear()),
        ("key-clear-permissive", [KEY, PERMISSIVE, CLEAR], in_the_clear()),
        ("key-permissive", [KEY, PERMISSIVE, 0], with_key(0, 0, 1, 1)),
        (
            "notice",
            [DISABLED_KEY, ENROLLED, 0],
            vec![support(0), respond(0, HELLO, 0), submit(0, 0, 0), open(0, 0)],
        ),
    ];
    let groups = [("edwards25519", 0), ("p-256", 29), ("p-384", 30), ("p-521", 31)];
    let with_groups = groups.map(|(name, group)| (name, [KEY, ENROLLED, 0], with_key(group, 0, 1, 1)));
    scripts.extend(with_groups);
    let named = scripts.into_iter();
    named
        .map(|(name, setup, steps)| (name.to_owned(), setup, steps))
        .collect()
}

fn kdc_confusions() -> Vec<(String, [u8; 3], Steps)> {
    let two = vec![
        support(0),
        support(0),
        respond(0, HELLO, 0),
        submit(0, 1, 0),
        submit(0, 0, 1),
        submit(0, NO_COOKIE, 0),
        submit(0, 0, 0),
        open(0, 0),
        answer(0, 0, 1),
        submit(1, 0, 1),
        submit(1, 2, 0),
        submit(1, 2, 1),
        submit(1, 2, 1),
        submit(0, 2, 0),
    ];
    let guess = vec![support(0), respond(0, HELLO | WRONG_PASSWORD, 0), submit(0, 0, 0)];
    let mut changed = with_key(0, 0, 1, 1);
    changed.insert(5, change(DISABLED_KEY, ENROLLED, 0));
    let raw = vec![support(0), [7, 0, 0, 4], *b"\xa0\x02\x30\x00"];
    let scripts = [
        ("cookies-mixed-up", [KEY, ENROLLED, 0], two),
        ("wrong-password", [KEY, ENROLLED, 0], guess),
        ("disabled-meanwhile", [KEY, ENROLLED, 0], changed),
        ("raw", [KEY, ENROLLED, 0], raw),
    ];
    scripts
        .map(|(name, setup, steps)| (name.to_owned(), setup, steps))
        .into()
}

fn client_scripts() -> Vec<(&'static str, [u8; 2], Steps)> {
    const KEY_ATTACHED: u8 = 1;
    const RP_ID_CONFIGURED: u8 = 2;
    const ALL_GROUPS: u8 = 4;
    const FIDO: u8 = 1;
    const NONE: u8 = 2;
    const UNKNOWN: u8 = 4;
    const WITH_DATA: u8 = 8;
    let hint = [0, 0, 0, 0];
    let challenge = |group, offered| [1, group, offered, 0];
    let factor = |message| [2, 0, message, 0];
    let repeat = |message| [3, message, 0, 0];
    let login = |message| vec![hint, challenge(0, FIDO), factor(message)];
    vec![
        ("password-alone", [0, 0], vec![hint, challenge(0, NONE)]),
        (
            "either-without-key",
            [0, 0],
            vec![hint, challenge(0, FIDO | NONE)],
        ),
        (
            "either-with-key",
            [0, KEY_ATTACHED],
            vec![hint, challenge(0, FIDO | NONE), factor(0)],
        ),
        ("key", [0, KEY_ATTACHED], login(0)),
        ("key-configured", [0, RP_ID_CONFIGURED], login(2)),
        ("key-of-the-realm", [0, 0], login(3)),
        ("strangers", [0, 0], login(1)),
        ("notice", [0, 0], login(4)),
        (
            "optimistic",
            [0, ALL_GROUPS],
            vec![challenge(29, FIDO), factor(0)],
        ),
        (
            "optimistic-rejected",
            [0, 0],
            vec![challenge(29, FIDO), challenge(0, FIDO), factor(0)],
        ),
        ("unknown-factor", [0, 0], vec![hint, challenge(0, UNKNOWN)]),
        ("nothing-offered", [0, 0], vec![hint, challenge(0, 0)]),
        (
            "data-in-the-clear",
            [0, 0],
            vec![hint, challenge(0, FIDO | NONE | WITH_DATA)],
        ),
        (
            "wrong-password",
            [0, 0],
            vec![hint, challenge(0, FIDO | WRONG_PASSWORD), factor(0)],
        ),
        (
            "repeated",
            [0, 0],
            vec![
                hint,
                hint,
                challenge(0, FIDO),
                repeat(2),
                factor(0),
                repeat(4),
                challenge(0, NONE),
            ],
        ),
        ("raw", [0, 0], vec![hint, [4, 0, 0, 4], *b"\xa3\x02\x30\x00"]),
    ]
}
