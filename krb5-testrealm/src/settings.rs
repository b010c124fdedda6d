//! The realm's files and environment: krb5.conf for clients, for stock clients and for the daemons, kdc.conf, the ACL.
//!
//! The daemons get a krb5.conf of their own. libkrb5 merges kdc.conf and krb5.conf for a KDC, so that a client's
//! relation in `[libdefaults]`, spake_preauth_groups for one, would configure the KDC too where kdc.conf is silent.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    config::{Configuration, Relation},
    daemon::search_path,
    database::Backend,
    ports::Ports,
};

/// The KDC's log in the realm's directory.
pub(crate) const KDC_LOG: &str = "kdc.log";
const KDC_CONF: &str = "kdc.conf";
/// What our module makes beside a DB2 database.
const DEFAULT_STATE: &str = "fido";
/// The same for the KDC that every realm has, where the database is none.
pub(crate) const OWN_STATE: &str = "kdc.fido";
/// The variable that names the file which a KDC reads as its kdc.conf.
pub(crate) const KDC_PROFILE: &str = "KRB5_KDC_PROFILE";

/// Which krb5.conf a program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Krb5Conf {
    /// With the client module and all client relations.
    Client,
    /// The same without a module.
    StockClient,
    /// What krb5kdc and kadmind read besides kdc.conf.
    Daemon,
}

impl Krb5Conf {
    fn file_name(self) -> &'static str {
        match self {
            Krb5Conf::Client => "krb5.conf",
            Krb5Conf::StockClient => "krb5-stock.conf",
            Krb5Conf::Daemon => "krb5-daemon.conf",
        }
    }
}

/// The machine whose database is propagated to this one, and its ports.
#[derive(Debug, Clone)]
pub(crate) struct Primary {
    pub(crate) host: String,
    pub(crate) kdc: u16,
    pub(crate) kadmind: u16,
    pub(crate) kpasswd: u16,
    pub(crate) iprop: u16,
    /// Whether this machine asks for updates, instead of being sent the whole.
    pub(crate) is_asked: bool,
}

/// What differs between the KDCs over one database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KdcPlace<'a> {
    pub(crate) port: u16,
    /// The log's name in the realm's directory.
    pub(crate) log: &'a str,
    /// The name of what it keeps its counters in, where that is not beside the database.
    pub(crate) state: &'a str,
    pub(crate) module: Option<&'a Path>,
}

/// Everything that the realm's files are written from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) realm: String,
    /// Absolute, without symbolic links.
    pub(crate) directory: PathBuf,
    pub(crate) ports: Ports,
    /// Of a replica.
    pub(crate) primary: Option<Primary>,
    pub(crate) backend: Backend,
    pub(crate) client_module: Option<PathBuf>,
    pub(crate) helper: Option<PathBuf>,
    pub(crate) kdc_module: Option<PathBuf>,
    pub(crate) client_relations: Vec<Relation>,
    pub(crate) kdc_relations: Vec<Relation>,
}

impl Settings {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Adds what clients and the KDC need to know of a further realm.
    pub(crate) fn add_realm(&mut self, name: &str) -> Result<(), Error> {
        check_realm_name(name)?;
        let realm = |relation, value: String| Relation::new(&["realms", name], relation, value);
        let listen = format!("127.0.0.1:{}", self.ports.kdc());
        self.client_relations.push(realm("kdc", listen.clone()));
        if let Some(helper) = self.helper.as_deref() {
            self.client_relations
                .push(realm("fido_helper", utf8(helper)?.into()));
        }
        let file = |kind| Ok::<_, Error>(utf8(&self.file(&format!("{name}.{kind}")))?.to_owned());
        let of_kdc = [
            realm("kdc_listen", listen.clone()),
            realm("kdc_tcp_listen", listen),
            realm("database_module", "db".into()),
            realm("database_name", file("principal")?),
            realm("key_stash_file", file("stash")?),
        ];
        self.kdc_relations.extend(of_kdc);
        Ok(())
    }

    /// Writes all files, over those that are there.
    pub(crate) fn write(&self) -> Result<(), Error> {
        for kind in [Krb5Conf::Client, Krb5Conf::StockClient, Krb5Conf::Daemon] {
            self.write_file(kind.file_name(), &self.krb5_conf(kind)?.to_string())?;
        }
        self.write_kdc_conf(KDC_CONF, self.own_place())?;
        let realm = &self.realm;
        self.write_file("kadm5.acl", &format!("*/admin@{realm} *\nkiprop/*@{realm} p\n"))
    }

    fn own_place(&self) -> KdcPlace<'_> {
        KdcPlace {
            port: self.ports.kdc(),
            log: KDC_LOG,
            state: OWN_STATE,
            module: self.kdc_module.as_deref(),
        }
    }

    /// Where a KDC keeps its counters: beside a DB2 database, else where it is told.
    pub(crate) fn state_directory(&self, state: &str) -> PathBuf {
        self.file(match self.backend {
            Backend::Db2 => DEFAULT_STATE,
            Backend::Lmdb | Backend::Ldap(_) => state,
        })
    }

    /// Writes what a KDC at this place reads as its kdc.conf.
    pub(crate) fn write_kdc_conf(&self, name: &str, place: KdcPlace<'_>) -> Result<(), Error> {
        self.write_file(name, &self.kdc_conf(place)?.to_string())
    }

    fn write_file(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.file(name);
        fs::write(&path, text).map_err(Error::file("write", path))
    }

    fn krb5_conf(&self, kind: Krb5Conf) -> Result<Configuration, Error> {
        let mut defaults = self.common_relations(kind);
        if kind == Krb5Conf::Client {
            let section = ["realms", &self.realm];
            let helper = self.helper.as_deref().map(utf8).transpose()?;
            defaults.extend(helper.map(|path| Relation::new(&section, "fido_helper", path)));
            let module = self.client_module.as_deref().map(utf8).transpose()?;
            defaults.extend(module.map(|path| load_module("clpreauth", "spake", path)));
        }
        let chosen: Vec<Relation> = match kind {
            Krb5Conf::Client => self.client_relations.clone(),
            Krb5Conf::StockClient => self
                .client_relations
                .iter()
                .filter(|r| !r.loads_client_module())
                .cloned()
                .collect(),
            Krb5Conf::Daemon => Vec::new(),
        };
        Ok(Configuration::merge(defaults, &chosen))
    }

    fn common_relations(&self, kind: Krb5Conf) -> Vec<Relation> {
        let library = |name, value: &str| Relation::new(&["libdefaults"], name, value);
        let realm = |name, address| Relation::new(&["realms", &self.realm], name, address);
        let [kdc, kadmind, kpasswd] = self.addresses(kind);
        vec![
            library("default_realm", &self.realm),
            library("dns_lookup_kdc", "false"),
            library("dns_lookup_realm", "false"),
            library("dns_canonicalize_hostname", "false"),
            library("rdns", "false"),
            library("qualify_shortname", ""),
            realm("kdc", kdc),
            realm("admin_server", kadmind),
            realm("kpasswd_server", kpasswd),
        ]
    }

    /// KDC, kadmind and password change.
    fn addresses(&self, kind: Krb5Conf) -> [String; 3] {
        let here = |port| format!("127.0.0.1:{port}");
        let Some(primary) = &self.primary else {
            return [self.ports.kdc(), self.ports.kadmind(), self.ports.kpasswd()].map(here);
        };
        let (kadmind, kpasswd) = (primary.kadmind, primary.kpasswd);
        match kind {
            Krb5Conf::Client | Krb5Conf::StockClient => [self.ports.kdc(), kadmind, kpasswd].map(here),
            // kpropd, which wants the name of the machine and may ask before there is a KDC here.
            Krb5Conf::Daemon => {
                let there = |port| format!("{}:{port}", primary.host);
                [here(primary.kdc), there(kadmind), there(kpasswd)]
            }
        }
    }

    fn kdc_conf(&self, place: KdcPlace<'_>) -> Result<Configuration, Error> {
        let mut defaults = self.kdc_realm_relations(place.port)?;
        defaults.extend(self.backend.relations()?);
        for (program, log) in [
            ("kdc", place.log),
            ("admin_server", "kadmind.log"),
            ("default", "other.log"),
        ] {
            let target = format!("FILE:{}", utf8(&self.file(log))?);
            defaults.push(Relation::new(&["logging"], program, target));
        }
        match place.module.map(utf8).transpose()? {
            // Without groups the stock module of the KDC stays off.
            None => defaults.push(Relation::new(
                &["libdefaults"],
                "spake_preauth_groups",
                "edwards25519",
            )),
            Some(path) => {
                if !matches!(self.backend, Backend::Db2) {
                    let state = self.state_directory(place.state);
                    let section = ["realms", &self.realm];
                    defaults.push(Relation::new(&section, "fido_state_dir", utf8(&state)?));
                }
                defaults.push(load_module("kdcpreauth", "spake", path));
                defaults.push(load_module("kdcpolicy", "fido", path));
                defaults.push(load_module("kadm5_auth", "fido", path));
            }
        }
        Ok(Configuration::merge(defaults, &self.kdc_relations))
    }

    fn kdc_realm_relations(&self, kdc: u16) -> Result<Vec<Relation>, Error> {
        let realm = |name, value: String| Relation::new(&["realms", &self.realm], name, value);
        let listen = |name, port| realm(name, format!("127.0.0.1:{port}"));
        let file = |name, file| Ok::<_, Error>(realm(name, utf8(&self.file(file))?.to_owned()));
        let ports = &self.ports;
        let primary = self.primary.as_ref();
        let iprop = primary.map_or(ports.iprop(), |primary| primary.iprop);
        let has_log = self.backend.has_update_log() && primary.is_none_or(|primary| primary.is_asked);
        Ok(vec![
            listen("kdc_listen", kdc),
            listen("kdc_tcp_listen", kdc),
            listen("kadmind_listen", ports.kadmind()),
            listen("kpasswd_listen", ports.kpasswd()),
            listen("iprop_listen", ports.iprop()),
            // kadmind insists on the port beside the address.
            realm("iprop_port", iprop.to_string()),
            realm("iprop_enable", has_log.to_string()),
            file("iprop_logfile", "principal.ulog")?,
            realm("database_module", "db".into()),
            file("database_name", "principal")?,
            file("key_stash_file", "stash")?,
            file("acl_file", "kadm5.acl")?,
        ])
    }

    /// The whole environment of a program in this realm.
    pub(crate) fn environment(&self, krb5_conf: Krb5Conf) -> Vec<(&'static str, OsString)> {
        let file = |name| self.file(name).into_os_string();
        let file_type = |name| {
            let mut value = OsString::from("FILE:");
            value.push(self.file(name));
            value
        };
        let mut variables = vec![
            ("PATH", search_path()),
            ("HOME", file("home")),
            ("LANG", "C".into()),
            ("TERM", env::var_os("TERM").unwrap_or_else(|| "dumb".into())),
            ("KRB5_CONFIG", file(krb5_conf.file_name())),
            (KDC_PROFILE, file(KDC_CONF)),
            ("KRB5CCNAME", file_type("ccache")),
            ("KRB5_KTNAME", file_type("keytab")),
            ("KRB5_CLIENT_KTNAME", file_type("client.keytab")),
            ("KRB5RCACHENAME", "dfl:".into()),
            ("KRB5RCACHEDIR", self.directory.clone().into_os_string()),
            // Never written: it keeps GSS-API from the machine's /etc/gss.
            ("GSS_MECH_CONFIG", file("gss-mechanisms")),
        ];
        variables.extend(self.backend.libraries().map(|path| ("LD_LIBRARY_PATH", path)));
        variables
    }
}

/// Whether the name can stand in configuration and file names.
pub(crate) fn check_realm_name(name: &str) -> Result<(), Error> {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if name.is_empty() || !name.chars().all(is_name_char) {
        return Err(Error::RealmName(name.into()));
    }
    Ok(())
}

fn load_module(interface: &str, name: &str, path: &str) -> Relation {
    Relation::new(&["plugins", interface], "module", format!("{name}:{path}"))
}

pub(crate) fn utf8(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::PathNotUtf8(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(client: &[(&str, &str)], kdc: &[(&str, &str)], module: Option<&str>) -> Settings {
        let parse = |relations: &[(&str, &str)]| {
            relations
                .iter()
                .map(|(name, value)| Relation::parse(name, value, "R.TEST").unwrap())
                .collect()
        };
        Settings {
            realm: "R.TEST".into(),
            directory: "/nowhere".into(),
            ports: Ports::claim().unwrap(),
            primary: None,
            backend: Backend::Db2,
            client_module: module.map(Into::into),
            helper: module.map(|_| "/built/helper".into()),
            kdc_module: module.map(Into::into),
            client_relations: parse(client),
            kdc_relations: parse(kdc),
        }
    }

    fn krb5_conf(settings: &Settings, kind: Krb5Conf) -> String {
        settings.krb5_conf(kind).unwrap().to_string()
    }

    fn kdc_conf(settings: &Settings) -> String {
        settings.kdc_conf(settings.own_place()).unwrap().to_string()
    }

    #[test]
    fn stock_kdc_offers_the_default_group_unless_told_otherwise() {
        assert!(kdc_conf(&settings(&[], &[], None)).contains("spake_preauth_groups = edwards25519\n"));
        let other = kdc_conf(&settings(&[], &[("spake_preauth_groups", "P-256")], None));
        assert!(
            other.contains("spake_preauth_groups = P-256\n") && !other.contains("edwards25519"),
            "{other}"
        );
    }

    #[test]
    fn our_kdc_is_left_to_its_own_default_group() {
        let text = kdc_conf(&settings(&[], &[], Some("/built/m.so")));
        assert!(!text.contains("spake_preauth_groups"), "{text}");
        assert!(
            text.contains(" kdcpreauth = {\n  module = spake:/built/m.so\n"),
            "{text}"
        );
        assert!(
            text.contains(" kdcpolicy = {\n  module = fido:/built/m.so\n"),
            "{text}"
        );
        assert!(
            text.contains(" kadm5_auth = {\n  module = fido:/built/m.so\n"),
            "{text}"
        );
    }

    #[test]
    fn our_client_loads_module_and_helper() {
        let text = krb5_conf(&settings(&[], &[], Some("/built/m.so")), Krb5Conf::Client);
        assert!(text.contains("fido_helper = /built/helper\n"), "{text}");
        assert!(
            text.contains(" clpreauth = {\n  module = spake:/built/m.so\n"),
            "{text}"
        );
    }

    #[test]
    fn stock_client_differs_in_the_module_only() {
        let relations = [
            ("fido_timeout", "5s"),
            ("plugins/clpreauth:module", "spake:/other.so"),
        ];
        let settings = settings(&relations, &[], Some("/built/m.so"));
        let text = krb5_conf(&settings, Krb5Conf::StockClient);
        assert!(text.contains("fido_timeout = 5s\n"), "{text}");
        assert!(
            !text.contains("plugins") && !text.contains("fido_helper"),
            "{text}"
        );
    }

    #[test]
    fn daemons_see_no_client_relation() {
        let relations = [
            ("libdefaults:spake_preauth_groups", "P-256"),
            ("fido_device", "none"),
        ];
        let text = krb5_conf(&settings(&relations, &[], Some("/built/m.so")), Krb5Conf::Daemon);
        assert!(
            !text.contains("spake") && !text.contains("fido") && !text.contains("plugins"),
            "{text}"
        );
    }
}
