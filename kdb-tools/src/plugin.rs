//! The modules, as krb5 loads them: it says nothing about one that it cannot load.

use std::{
    ffi::CStr,
    fs,
    path::{Path, PathBuf},
};

use krb5_plugin::{Context, Profile, check_loadable};

/// A module of ours, and how krb5 loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Its section in `[plugins]`.
    pub interface: &'static str,
    /// The name that it has to have: that of krb5's own, in the place of which it comes, or the one that its function has.
    pub name: &'static str,
    /// What krb5 looks for in it.
    pub initvt: &'static CStr,
    /// Where it is configured.
    pub file: &'static str,
}

/// The client module.
pub const CLIENT_MODULE: Plugin = Plugin {
    interface: "clpreauth",
    name: "spake",
    initvt: c"clpreauth_spake_initvt",
    file: "krb5.conf",
};

/// The KDC's module for preauthentication.
pub const KDC_MODULE: Plugin = Plugin {
    interface: "kdcpreauth",
    name: "spake",
    initvt: c"kdcpreauth_spake_initvt",
    file: "kdc.conf",
};

/// The KDC's module for policy, in the same file.
pub const POLICY_MODULE: Plugin = Plugin {
    interface: "kdcpolicy",
    name: "fido",
    initvt: c"kdcpolicy_fido_initvt",
    file: "kdc.conf",
};

/// kadmind's module, in the same file.
pub const KADMIND_MODULE: Plugin = Plugin {
    interface: "kadm5_auth",
    name: "fido",
    initvt: c"kadm5_auth_fido_initvt",
    file: "kdc.conf",
};

/// Where krb5 looks for a relative path, unless plugin_base_dir says otherwise.
const BASE_DIRECTORY: &str = concat!(env!("KRB5_LIBDIR"), "/krb5/plugins");

/// What `[plugins]` says of an interface.
pub struct Interface {
    /// Each `module`, which is to be a name, a colon and a path.
    pub modules: Vec<String>,
    /// Where relative paths begin.
    base: PathBuf,
    disabled: Vec<String>,
    enabled: Vec<String>,
}

impl Interface {
    /// Reads the section of an interface, such as `kdcpreauth`.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn read(profile: &Profile, name: &str) -> krb5_plugin::Result<Self> {
        let values = |relation| profile.values(&["plugins", name, relation]);
        let base = profile.value(&["libdefaults", "plugin_base_dir"])?;
        Ok(Self {
            modules: values("module")?,
            base: base.unwrap_or_else(|| BASE_DIRECTORY.to_owned()).into(),
            disabled: values("disable")?,
            enabled: values("enable_only")?,
        })
    }

    /// Name and path of each module, as far as they are well-formed. The first of a name counts.
    pub fn named(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let split = self.modules.iter().filter_map(|module| module.split_once(':'));
        split.map(|(name, path)| (name, self.base.join(path)))
    }

    /// Whether a module of this name, built in or not, is left out.
    pub fn disables(&self, name: &str) -> bool {
        let is_named = |list: &[String]| list.iter().any(|listed| listed == name);
        is_named(&self.disabled) || !(self.enabled.is_empty() || is_named(&self.enabled))
    }
}

/// What krb5 would find of a module of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    plugin: Plugin,
    /// Whether it can be loaded, or why not.
    pub state: Loading,
}

/// Whether a module can be loaded.
#[derive(Debug, PartialEq, Eq)]
pub enum Loading {
    /// It can.
    Loadable(PathBuf),
    /// The configuration cannot be read.
    Unknown(String),
    /// The configuration does not name it.
    NotConfigured,
    /// The configuration names it, and disables it.
    Disabled(PathBuf),
    /// There is no such file, or it may not be read; with what the operating system says.
    Missing(PathBuf, String),
    /// The file is no such module; with what the loader says.
    NotLoadable(PathBuf, String),
}

impl Module {
    /// Looks for it in the configuration of a context.
    pub fn find(plugin: Plugin, context: Context<'_>) -> Self {
        let read = Profile::of(context).and_then(|profile| Self::find_in(plugin, &profile));
        read.unwrap_or_else(|error| Self {
            plugin,
            state: Loading::Unknown(error.text()),
        })
    }

    /// Looks for it in a configuration.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn find_in(plugin: Plugin, profile: &Profile) -> krb5_plugin::Result<Self> {
        let interface = Interface::read(profile, plugin.interface)?;
        let path = interface.named().find(|(name, _)| *name == plugin.name);
        let state = match path {
            None => Loading::NotConfigured,
            Some((name, path)) if interface.disables(name) => Loading::Disabled(path),
            Some((_, path)) => load(path, plugin.initvt),
        };
        Ok(Self { plugin, state })
    }

    /// A word for it that stays, for programs.
    pub const fn identifier(&self) -> &'static str {
        match self.state {
            Loading::Loadable(_) => "loadable",
            Loading::Unknown(_) => "unknown",
            Loading::NotConfigured => "not_configured",
            Loading::Disabled(_) => "disabled",
            Loading::Missing(..) => "missing",
            Loading::NotLoadable(..) => "not_loadable",
        }
    }

    /// Its file, if the configuration names one.
    pub fn path(&self) -> Option<&Path> {
        match &self.state {
            Loading::Unknown(_) | Loading::NotConfigured => None,
            Loading::Loadable(path)
            | Loading::Disabled(path)
            | Loading::Missing(path, _)
            | Loading::NotLoadable(path, _) => Some(path),
        }
    }

    /// Why it is not used.
    pub fn problem(&self) -> Option<String> {
        let Plugin {
            interface,
            name,
            file,
            ..
        } = self.plugin;
        match &self.state {
            Loading::Loadable(_) => None,
            Loading::Unknown(text) => Some(format!("{file} cannot be read: {text}")),
            Loading::NotConfigured => Some(format!(
                "not configured: {file} has no module = {name}:PATH in {interface} of [plugins]"
            )),
            Loading::Disabled(path) => Some(format!("{} is disabled in [plugins]", path.display())),
            Loading::Missing(path, reason) => Some(format!("{} is not there: {reason}", path.display())),
            Loading::NotLoadable(path, reason) => {
                Some(format!("{} cannot be loaded: {reason}", path.display()))
            }
        }
    }
}

fn load(path: PathBuf, initvt: &CStr) -> Loading {
    if let Err(error) = fs::File::open(&path) {
        return Loading::Missing(path, error.to_string());
    }
    match check_loadable(&path, initvt) {
        Ok(()) => Loading::Loadable(path),
        Err(message) => Loading::NotLoadable(path, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found with this clpreauth section.
    fn find(relations: &str, defaults: &str) -> Module {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("krb5.conf");
        let text = format!("[libdefaults]\n{defaults}\n[plugins]\n clpreauth = {{\n{relations}\n }}\n");
        fs::write(&file, text).unwrap();
        Module::find_in(CLIENT_MODULE, &Profile::read(&file).unwrap()).unwrap()
    }

    #[test]
    fn other_modules_are_not_ours() {
        for relations in [
            "",
            "module = other:/x.so",
            "module = spake2:/x.so",
            "module = spake",
        ] {
            assert_eq!(find(relations, "").state, Loading::NotConfigured, "{relations}");
        }
    }

    #[test]
    fn the_first_of_the_name_counts() {
        let found = find(
            "module = other:/x.so\nmodule = spake:/nonexistent/a.so\nmodule = spake:/b.so",
            "",
        );
        let missing = "No such file or directory (os error 2)".to_owned();
        assert_eq!(found.state, Loading::Missing("/nonexistent/a.so".into(), missing));
    }

    #[test]
    fn a_module_that_is_not_enabled_is_disabled() {
        let disabled = Loading::Disabled("/x.so".into());
        for more in [
            "disable = spake",
            "enable_only = pkinit",
            "enable_only = spake\ndisable = spake",
        ] {
            assert_eq!(
                find(&format!("module = spake:/x.so\n{more}"), "").state,
                disabled,
                "{more}"
            );
        }
        for more in ["disable = pkinit", "enable_only = pkinit\nenable_only = spake"] {
            assert_ne!(
                find(&format!("module = spake:/x.so\n{more}"), "").state,
                disabled,
                "{more}"
            );
        }
    }

    #[test]
    fn relative_paths_start_where_libkrb5_looks() {
        let path = |defaults| {
            find("module = spake:preauth/x.so", defaults)
                .path()
                .unwrap()
                .to_owned()
        };
        assert_eq!(path("plugin_base_dir = /base"), Path::new("/base/preauth/x.so"));
        assert_eq!(path(""), Path::new(BASE_DIRECTORY).join("preauth/x.so"));
    }

    #[test]
    fn a_file_that_is_no_module_cannot_be_loaded() {
        let found = find("module = spake:/etc/passwd", "");
        assert_eq!(found.identifier(), "not_loadable");
        assert!(
            found
                .problem()
                .unwrap()
                .starts_with("/etc/passwd cannot be loaded: ")
        );
    }
}
