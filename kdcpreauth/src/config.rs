//! The `fido_` relations of kdc.conf.
//!
//! Impossible values and relations that this version does not serve keep the KDC from starting: see
//! [`crate::policy::FidoPolicy`], whose init is the one that can.

use std::{
    collections::HashMap,
    ffi::CString,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        cose::Algorithm,
        counter::CounterPolicy,
        factor::{UserVerification, is_page},
        policy::{Exemptions, Policy, SelfEnrol, Settings},
    },
    spake::kdc::Mode,
};
use krb5_plugin::{Error, Failure, Profile, kdcpolicy::Limits, parse_duration};

/// Where krb5kdc keeps its database unless it is told otherwise.
const KDC_STATE_DIR: &str = match option_env!("KRB5_KDC_STATE_DIR") {
    Some(path) => path,
    None => "/var/lib/krb5kdc",
};

/// The store's directory in there.
const STATE: &str = "fido";

const PREFIX: &str = "fido_";
const POLICY: &str = "fido_policy";
const EXEMPT: &str = "fido_exempt";
const USER_VERIFICATION: &str = "fido_uv";
const ALGORITHMS: &str = "fido_algorithms";
const SELF_ENROL: &str = "fido_self_enrol";
const ENROL_URL: &str = "fido_enrol_url";
const INDICATOR: &str = "fido_indicator";
const UV_INDICATOR: &str = "fido_uv_indicator";
const CHALLENGE: &str = "fido_challenge";
const COUNTER: &str = "fido_counter";
const STATE_DIR: &str = "fido_state_dir";
const MAX_LIFE: &str = "fido_max_life";
const MAX_RENEWABLE_LIFE: &str = "fido_max_renewable_life";
const FACETS_URL: &str = "fido_facets_url";
const SPAKE_INDICATOR: &str = "spake_preauth_indicator";

const CHALLENGE_ENCRYPTED: &str = "encrypted";
const CHALLENGE_CLEAR: &str = "clear";

/// The longest answer over UDP, in bytes: a stock relation of `[kdcdefaults]`.
const DATAGRAM_LIMIT: &str = "kdc_max_dgram_reply_size";

/// What `fido_challenge = clear` wants it to be at most. Where it is unset, krb5kdc allows 65536.
const DATAGRAM_LIMIT_MAX: usize = 4096;

/// Relations that belong to clients, the facet list's URL to both. A KDC meets them because its profile holds krb5.conf too.
const CLIENT_RELATIONS: [&str; 7] = [
    "fido_device",
    "fido_facets",
    FACETS_URL,
    "fido_helper",
    "fido_public_suffix_list",
    "fido_rp_id",
    "fido_timeout",
];

/// Relations that may stand more than once; the rest have one value.
const REPEATABLE: [&str; 4] = [EXEMPT, INDICATOR, UV_INDICATOR, "fido_device"];

/// Relations of the KDC that this version does not serve.
const LATER_RELATIONS: [&str; 3] = ["fido_aaguids", "fido_attestation_roots", "fido_max_credentials"];

/// What is configured for one realm.
#[derive(Default)]
pub(crate) struct Realm {
    /// Who must use a key, and how.
    pub(crate) settings: Settings,
    /// When credential ids go out.
    pub(crate) challenge: Mode,
    /// In mode clear, the bytes that no answer over UDP exceeds.
    pub(crate) datagram_limit: usize,
    /// What to do with counters that do not increase.
    pub(crate) counter: CounterPolicy,
    /// How long tickets live that came without a verified factor.
    pub(crate) limits: Limits,
    /// This KDC's own store.
    pub(crate) state_dir: PathBuf,
    /// The facet list that clients are told of, in mode encrypted.
    pub(crate) facets_url: Option<String>,
    /// The page named in a notice.
    pub(crate) enrol_url: Option<String>,
    /// Asserted after a touch.
    pub(crate) fido_indicators: Vec<CString>,
    /// Asserted after PIN or fingerprint, besides.
    pub(crate) fido_uv_indicators: Vec<CString>,
    /// Asserted after any SPAKE exchange (stock relation).
    pub(crate) spake_indicators: Vec<CString>,
}

/// What is configured for all realms of the profile, whether this KDC serves them or not: policy modules are not told
/// their realms.
pub(crate) struct Configuration {
    realms: HashMap<Vec<u8>, Realm>,
    /// What holds for a realm that the profile does not name.
    unnamed: Realm,
}

impl Configuration {
    /// Reads and checks the whole configuration.
    pub(crate) fn read(profile: &Profile) -> Result<Self, Failure> {
        for section in ["libdefaults", "kdcdefaults"] {
            for relation in relations(profile, &[section])? {
                if !CLIENT_RELATIONS.contains(&relation.as_str()) {
                    return Err(invalid(format!(
                        "{relation} stands in [{section}], and belongs into the realm's subsection of [realms]"
                    )));
                }
            }
        }
        let names = profile.subsections(&["realms"])?;
        let read = |name: String| Ok((name.clone().into_bytes(), read_realm(profile, &name)?));
        let realms = names.into_iter().map(read).collect::<Result<_, Failure>>()?;
        Ok(Self {
            realms,
            unnamed: Realm {
                state_dir: Path::new(KDC_STATE_DIR).join(STATE),
                ..Realm::default()
            },
        })
    }

    /// What is configured for a realm: the defaults where it has no section.
    pub(crate) fn realm(&self, name: &[u8]) -> &Realm {
        self.realms.get(name).unwrap_or(&self.unnamed)
    }
}

fn read_realm(profile: &Profile, name: &str) -> Result<Realm, Failure> {
    let mut realm = Realm {
        state_dir: default_state_dir(profile, name)?,
        ..Realm::default()
    };
    if let Some(section) = ours(profile.subsections(&["realms", name])?).first() {
        return Err(refused(name, section, "{", "this is a relation, not a section"));
    }
    for relation in relations(profile, &["realms", name])? {
        let values = profile.values(&["realms", name, &relation])?;
        if values.len() > 1 && !REPEATABLE.contains(&relation.as_str()) {
            return Err(refused(
                name,
                &relation,
                &values.join("\", \""),
                "it stands more than once",
            ));
        }
        let joined = values.join(" ");
        take(&mut realm, &relation, values).map_err(|cause| refused(name, &relation, &joined, &cause))?;
    }
    if realm.challenge == Mode::Clear {
        let values = profile.values(&["kdcdefaults", DATAGRAM_LIMIT])?;
        realm.datagram_limit = parse_datagram_limit(&values)
            .map_err(|cause| refused(name, CHALLENGE, CHALLENGE_CLEAR, &cause))?;
    }
    let stock = profile.values(&["realms", name, SPAKE_INDICATOR])?;
    realm.spake_indicators = indicators(stock.clone())
        .map_err(|cause| refused(name, SPAKE_INDICATOR, &stock.join(" "), &cause))?;
    Ok(realm)
}

/// Takes one relation, with all its values. An error is the cause alone.
fn take(realm: &mut Realm, relation: &str, values: Vec<String>) -> Result<(), String> {
    let cause = |cause: Cause| cause.to_string();
    let value = values.first().map(String::as_str).unwrap_or_default();
    let settings = &mut realm.settings;
    match relation {
        POLICY => settings.policy = Policy::parse(value).map_err(cause)?,
        EXEMPT => settings.exempt = Exemptions::parse(&values.join(" ")).map_err(cause)?,
        USER_VERIFICATION => settings.uv = UserVerification::parse(value).map_err(cause)?,
        ALGORITHMS => settings.algorithms = Algorithm::parse_list(value).map_err(cause)?,
        SELF_ENROL => settings.self_enrol = SelfEnrol::parse(value).map_err(cause)?,
        ENROL_URL => realm.enrol_url = Some(parse_url(value)?),
        FACETS_URL => realm.facets_url = Some(parse_url(value)?),
        INDICATOR => realm.fido_indicators = indicators(values)?,
        UV_INDICATOR => realm.fido_uv_indicators = indicators(values)?,
        CHALLENGE => realm.challenge = parse_mode(value)?,
        COUNTER => realm.counter = CounterPolicy::parse(value).map_err(cause)?,
        MAX_LIFE => realm.limits.life = Some(parse_life(value)?),
        MAX_RENEWABLE_LIFE => realm.limits.renewable_life = Some(parse_life(value)?),
        STATE_DIR => realm.state_dir = parse_directory(value)?,
        client if CLIENT_RELATIONS.contains(&client) => {}
        later if LATER_RELATIONS.contains(&later) => {
            return Err("this version does not serve this relation".to_owned());
        }
        _ => return Err("there is no such relation".to_owned()),
    }
    Ok(())
}

/// `fido` beside a DB2 database, where krb5 keeps what else belongs to it; else in the KDC's state directory, which a database
/// elsewhere says nothing of.
fn default_state_dir(profile: &Profile, realm: &str) -> Result<PathBuf, Failure> {
    let module = profile.value(&["realms", realm, "database_module"])?;
    let module = module.as_deref().unwrap_or(realm);
    let library = profile.value(&["dbmodules", module, "db_library"])?;
    let is_db2 = library.is_none_or(|library| library == "db2");
    let named = match profile.value(&["dbmodules", module, "database_name"])? {
        None => profile.value(&["realms", realm, "database_name"])?,
        named => named,
    };
    let database = named.filter(|_| is_db2).map(PathBuf::from);
    let beside = database.as_deref().and_then(Path::parent);
    Ok(beside.unwrap_or(Path::new(KDC_STATE_DIR)).join(STATE))
}

fn parse_life(value: &str) -> Result<NonZeroU32, String> {
    let seconds = parse_duration(value).ok().and_then(NonZeroU32::new);
    seconds.ok_or_else(|| "it must be a duration of at least a second, such as 8h".to_owned())
}

fn parse_directory(value: &str) -> Result<PathBuf, String> {
    match Path::new(value).is_absolute() {
        true => Ok(value.into()),
        false => Err("it must be an absolute path".to_owned()),
    }
}

fn parse_mode(value: &str) -> Result<Mode, String> {
    match value {
        CHALLENGE_ENCRYPTED => Ok(Mode::Encrypted),
        CHALLENGE_CLEAR => Ok(Mode::Clear),
        _ => Err("unknown fido_challenge value".to_owned()),
    }
}

/// The last value counts, as for krb5kdc. What it would make something else of is refused.
fn parse_datagram_limit(values: &[String]) -> Result<usize, String> {
    let Some(value) = values.last() else {
        return Err(format!(
            "{DATAGRAM_LIMIT} must be set in [kdcdefaults], to at most {DATAGRAM_LIMIT_MAX}"
        ));
    };
    let limit = value.parse().ok().filter(|limit| *limit <= DATAGRAM_LIMIT_MAX);
    limit.ok_or_else(|| {
        format!(
            "{DATAGRAM_LIMIT} = \"{value}\" in [kdcdefaults] must be a number of at most {DATAGRAM_LIMIT_MAX}"
        )
    })
}

fn parse_url(value: &str) -> Result<String, String> {
    match is_page(value) {
        true => Ok(value.to_owned()),
        false => Err("it begins with https:// and has no spaces".to_owned()),
    }
}

fn indicators(values: Vec<String>) -> Result<Vec<CString>, String> {
    let parse = |value: String| match CString::new(value.as_str()) {
        Ok(indicator) if !value.is_empty() => Ok(indicator),
        _ => Err("an indicator is a word".to_owned()),
    };
    values.into_iter().map(parse).collect()
}

/// The names of our relations in a section, each once.
fn relations(profile: &Profile, section: &[&str]) -> Result<Vec<String>, Failure> {
    Ok(ours(profile.relations(section)?))
}

/// The names that are ours, each once.
fn ours(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| name.starts_with(PREFIX));
    names.sort();
    names.dedup();
    names
}

fn refused(realm: &str, relation: &str, value: &str, cause: &str) -> Failure {
    invalid(format!("[realms] {realm}: {relation} = \"{value}\": {cause}"))
}

fn invalid(message: String) -> Failure {
    Failure::new(Error::INVALID, message)
}
