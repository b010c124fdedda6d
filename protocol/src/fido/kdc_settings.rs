//! The `fido_` relations of kdc.conf: what the KDC and the tools beside it read of a realm.
//!
//! Impossible values and relations that this version does not serve are [`Fault`]s: the KDC does not start then.

mod fault;

use core::num::{NonZeroU32, NonZeroUsize};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

pub use fault::{Cause, Fault};

use super::{
    authenticator_data::Aaguid,
    cose::Algorithm,
    counter::CounterPolicy,
    factor::{UserVerification, is_page},
    policy::{Enrolment, Exemptions, Policy, SelfEnrol, Settings},
};
use crate::{registry::CREDENTIALS_MAX_DEFAULT, relations::Relations, spake::kdc::Mode};

/// Where krb5kdc keeps its database unless it is told otherwise. A macro, so that only the crates that want to know are built
/// anew for another place.
#[macro_export]
macro_rules! kdc_state_dir {
    () => {
        match option_env!("KRB5_KDC_STATE_DIR") {
            Some(path) => path,
            None => "/var/lib/krb5kdc",
        }
    };
}

/// The directory of the store of last uses, in there or beside the database.
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
const MAX_CREDENTIALS: &str = "fido_max_credentials";
const ATTESTATION_ROOTS: &str = "fido_attestation_roots";
const AAGUIDS: &str = "fido_aaguids";
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
const REPEATABLE: [&str; 6] = [
    EXEMPT,
    INDICATOR,
    UV_INDICATOR,
    ATTESTATION_ROOTS,
    AAGUIDS,
    "fido_device",
];

/// Sections in which clients look for their relations, and realms for none.
const GENERAL_SECTIONS: [&str; 2] = ["libdefaults", "kdcdefaults"];

/// What is demanded of new keys, besides what is demanded of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// How many keys a principal may have.
    pub max_credentials: usize,
    /// Files of certificates (PEM, RFC 7468) in which attestations have to end; without any, nobody has to vouch for a key.
    pub attestation_roots: Vec<PathBuf>,
    /// The models that are taken; all, if there is none.
    pub aaguids: Vec<Aaguid>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            max_credentials: CREDENTIALS_MAX_DEFAULT,
            attestation_roots: Vec::new(),
            aaguids: Vec::new(),
        }
    }
}

/// What is configured for one realm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KdcSettings {
    /// Who must use a key, and how.
    pub settings: Settings,
    /// Which keys may be registered.
    pub admission: Admission,
    /// When credential ids go out.
    pub challenge: Mode,
    /// In mode clear, the bytes that no answer over UDP exceeds.
    pub datagram_limit: usize,
    /// What to do with counters that do not increase.
    pub counter: CounterPolicy,
    /// How many seconds tickets live that came without a verified factor.
    pub max_life: Option<NonZeroU32>,
    /// For how many seconds they can be renewed.
    pub max_renewable_life: Option<NonZeroU32>,
    /// This KDC's own store of last uses.
    pub state_dir: PathBuf,
    /// The facet list that clients are told of, in mode encrypted.
    pub facets_url: Option<String>,
    /// The page named in a notice.
    pub enrol_url: Option<String>,
    /// Asserted after a touch.
    pub indicators: Vec<String>,
    /// Asserted after PIN or fingerprint, besides.
    pub uv_indicators: Vec<String>,
    /// Asserted after any SPAKE exchange (stock relation).
    pub spake_indicators: Vec<String>,
}

/// What is configured for all realms, whether the KDC serves them or not: policy modules are not told their realms.
#[derive(Clone, Debug)]
pub struct KdcConfiguration {
    realms: HashMap<Vec<u8>, KdcSettings>,
    /// What holds for a realm that is not named.
    unnamed: KdcSettings,
}

/// What was read, or all that is wrong with it.
pub type Checked<T> = Result<T, Vec<Fault>>;

impl KdcConfiguration {
    /// Reads and checks the whole configuration. `kdc_state_dir` is that of the KDC, see [`crate::kdc_state_dir`].
    ///
    /// # Errors
    /// Those of `relations`.
    pub fn read<R: Relations>(relations: &R, kdc_state_dir: &str) -> Result<Checked<Self>, R::Error> {
        let mut faults = find_misplaced(relations)?;
        let mut realms = HashMap::new();
        // Each of the files that are read may have a section for a realm.
        let mut names = relations.subsections(&["realms"])?;
        names.sort();
        names.dedup();
        for name in names {
            match KdcSettings::read(relations, &name, kdc_state_dir)? {
                Ok(settings) => drop(realms.insert(name.into_bytes(), settings)),
                Err(more) => faults.extend(more),
            }
        }
        if !faults.is_empty() {
            return Ok(Err(faults));
        }
        let unnamed = KdcSettings {
            state_dir: Path::new(kdc_state_dir).join(STATE),
            ..KdcSettings::default()
        };
        Ok(Ok(Self { realms, unnamed }))
    }

    /// The realms that have a section, and what is configured for them.
    pub fn realms(&self) -> impl Iterator<Item = (&[u8], &KdcSettings)> {
        self.realms
            .iter()
            .map(|(name, settings)| (name.as_slice(), settings))
    }

    /// What is configured for a realm: the defaults where it has no section.
    pub fn realm(&self, name: &[u8]) -> &KdcSettings {
        self.realms.get(name).unwrap_or(&self.unnamed)
    }
}

/// Relations of realms that stand in general sections.
fn find_misplaced<R: Relations>(relations: &R) -> Result<Vec<Fault>, R::Error> {
    let mut faults = Vec::new();
    for section in GENERAL_SECTIONS {
        let names = ours(relations.relations(&[section])?);
        let misplaced = names
            .into_iter()
            .filter(|relation| !CLIENT_RELATIONS.contains(&relation.as_str()));
        faults.extend(misplaced.map(|relation| Fault::Misplaced { section, relation }));
    }
    Ok(faults)
}

impl KdcSettings {
    /// Reads and checks what is configured for one realm.
    ///
    /// # Errors
    /// Those of `relations`.
    pub fn read<R: Relations>(
        relations: &R,
        realm: &str,
        kdc_state_dir: &str,
    ) -> Result<Checked<Self>, R::Error> {
        let mut settings = Self {
            state_dir: default_state_dir(relations, realm, kdc_state_dir)?,
            ..Self::default()
        };
        let mut faults = Vec::new();
        let mut refuse = |relation: &str, value: String, cause: Cause| {
            faults.push(Fault::Impossible {
                realm: realm.to_owned(),
                relation: relation.to_owned(),
                value,
                cause,
            });
        };
        if let Some(section) = ours(relations.subsections(&["realms", realm])?).first() {
            refuse(section, "{".to_owned(), Cause::Section);
        }
        for relation in ours(relations.relations(&["realms", realm])?) {
            let values = relations.values(&["realms", realm, &relation])?;
            if values.len() > 1 && !REPEATABLE.contains(&relation.as_str()) {
                refuse(&relation, values.join("\", \""), Cause::Repeated);
            } else if let Err(cause) = settings.take(relations, &relation, &values) {
                refuse(&relation, values.join(" "), cause);
            }
        }
        if settings.challenge == Mode::Clear {
            match parse_datagram_limit(&relations.values(&["kdcdefaults", DATAGRAM_LIMIT])?) {
                Ok(limit) => settings.datagram_limit = limit,
                Err(cause) => refuse(CHALLENGE, CHALLENGE_CLEAR.to_owned(), cause),
            }
        }
        let stock = relations.values(&["realms", realm, SPAKE_INDICATOR])?;
        match parse_indicators(&stock) {
            Ok(indicators) => settings.spake_indicators = indicators,
            Err(cause) => refuse(SPAKE_INDICATOR, stock.join(" "), cause),
        }
        Ok(if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        })
    }

    /// Takes one relation, with all its values.
    fn take<R: Relations>(&mut self, relations: &R, relation: &str, values: &[String]) -> Result<(), Cause> {
        let value = values.first().map(String::as_str).unwrap_or_default();
        let (settings, admission) = (&mut self.settings, &mut self.admission);
        match relation {
            POLICY => settings.policy = Policy::parse(value)?,
            EXEMPT => settings.exempt = Exemptions::parse(&values.join(" "))?,
            USER_VERIFICATION => settings.uv = UserVerification::parse(value)?,
            ALGORITHMS => settings.algorithms = Algorithm::parse_list(value)?,
            SELF_ENROL => settings.self_enrol = SelfEnrol::parse(value)?,
            ENROL_URL => self.enrol_url = Some(parse_url(value)?),
            FACETS_URL => self.facets_url = Some(parse_url(value)?),
            INDICATOR => self.indicators = parse_indicators(values)?,
            UV_INDICATOR => self.uv_indicators = parse_indicators(values)?,
            CHALLENGE => self.challenge = parse_mode(value)?,
            COUNTER => self.counter = CounterPolicy::parse(value)?,
            MAX_LIFE => self.max_life = Some(parse_life(relations, value)?),
            MAX_RENEWABLE_LIFE => self.max_renewable_life = Some(parse_life(relations, value)?),
            STATE_DIR => self.state_dir = parse_path(value)?,
            MAX_CREDENTIALS => admission.max_credentials = parse_count(value)?,
            ATTESTATION_ROOTS => {
                let paths = values.iter().map(|value| parse_path(value));
                admission.attestation_roots = paths.collect::<Result<_, _>>()?;
            }
            AAGUIDS => admission.aaguids = parse_aaguids(values)?,
            client if CLIENT_RELATIONS.contains(&client) => {}
            _ => return Err(Cause::Unknown),
        }
        Ok(())
    }

    /// The authentication indicators that a login is worth: those of any SPAKE exchange; after a touch the principal's own, or
    /// else the realm's; after PIN or fingerprint the realm's for that, too.
    pub fn indicators_for<'a>(
        &'a self,
        enrolment: &'a Enrolment,
        is_touched: bool,
        is_user_verified: bool,
    ) -> impl Iterator<Item = &'a str> {
        let touched = enrolment.indicators().unwrap_or(&self.indicators);
        let parts = [
            Some(self.spake_indicators.as_slice()),
            is_touched.then_some(touched),
            is_user_verified.then_some(self.uv_indicators.as_slice()),
        ];
        parts.into_iter().flatten().flatten().map(String::as_str)
    }
}

/// `fido` beside a DB2 database, where krb5 keeps what else belongs to it; else in the KDC's state directory, which a database
/// elsewhere says nothing of.
fn default_state_dir<R: Relations>(
    relations: &R,
    realm: &str,
    kdc_state_dir: &str,
) -> Result<PathBuf, R::Error> {
    let module = relations.value(&["realms", realm, "database_module"])?;
    let module = module.as_deref().unwrap_or(realm);
    let library = relations.value(&["dbmodules", module, "db_library"])?;
    let is_db2 = library.is_none_or(|library| library == "db2");
    let named = match relations.value(&["dbmodules", module, "database_name"])? {
        None => relations.value(&["realms", realm, "database_name"])?,
        named => named,
    };
    let database = named.filter(|_| is_db2).map(PathBuf::from);
    let beside = database.as_deref().and_then(Path::parent);
    Ok(beside.unwrap_or(Path::new(kdc_state_dir)).join(STATE))
}

fn parse_life<R: Relations>(relations: &R, value: &str) -> Result<NonZeroU32, Cause> {
    let seconds = relations.parse_duration(value).and_then(NonZeroU32::new);
    seconds.ok_or(Cause::Life)
}

fn parse_count(value: &str) -> Result<usize, Cause> {
    let count = value.parse().map_err(|_| Cause::Count);
    count.map(NonZeroUsize::get)
}

fn parse_aaguids(values: &[String]) -> Result<Vec<Aaguid>, Cause> {
    let words = values.iter().flat_map(|value| value.split_whitespace());
    let aaguids: Vec<Aaguid> = words
        .map(|word| Aaguid::parse(word).ok_or(Cause::Aaguid))
        .collect::<Result<_, _>>()?;
    // An empty list would let everything in.
    match aaguids.is_empty() {
        true => Err(Cause::Aaguid),
        false => Ok(aaguids),
    }
}

fn parse_path(value: &str) -> Result<PathBuf, Cause> {
    match Path::new(value).is_absolute() {
        true => Ok(value.into()),
        false => Err(Cause::RelativePath),
    }
}

fn parse_mode(value: &str) -> Result<Mode, Cause> {
    match value {
        CHALLENGE_ENCRYPTED => Ok(Mode::Encrypted),
        CHALLENGE_CLEAR => Ok(Mode::Clear),
        _ => Err(Cause::Challenge),
    }
}

/// The last value counts, as for krb5kdc. What it would make something else of is refused.
fn parse_datagram_limit(values: &[String]) -> Result<usize, Cause> {
    let value = values.last().ok_or(Cause::DatagramLimitUnset)?;
    let limit = value.parse().ok().filter(|limit| *limit <= DATAGRAM_LIMIT_MAX);
    limit.ok_or_else(|| Cause::DatagramLimit { value: value.clone() })
}

fn parse_url(value: &str) -> Result<String, Cause> {
    match is_page(value) {
        true => Ok(value.to_owned()),
        false => Err(Cause::Url),
    }
}

/// Indicators end up in C strings.
fn parse_indicators(values: &[String]) -> Result<Vec<String>, Cause> {
    let is_word = |value: &String| !value.is_empty() && !value.contains('\0');
    match values.iter().all(is_word) {
        true => Ok(values.to_vec()),
        false => Err(Cause::Indicator),
    }
}

/// The names that are ours, each once.
fn ours(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| name.starts_with(PREFIX));
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
