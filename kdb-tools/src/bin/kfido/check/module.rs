//! The client module, as krb5.conf loads it into every login.

use std::{
    fs,
    path::{Path, PathBuf},
};

use krb5_plugin::{Context, Profile, check_loadable};

/// The name that the module has to have, to come in place of krb5's own.
const NAME: &str = "spake";

/// What libkrb5 looks for in it.
const INITVT: &std::ffi::CStr = c"clpreauth_spake_initvt";

/// Where libkrb5 looks for a relative path, unless plugin_base_dir says otherwise.
const BASE_DIRECTORY: &str = concat!(env!("KRB5_LIBDIR"), "/krb5/plugins");

/// What a login would find.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientModule {
    /// It can be loaded.
    Loadable(PathBuf),
    /// krb5.conf cannot be read.
    Unknown(String),
    /// krb5.conf does not name it.
    NotConfigured,
    /// krb5.conf names it, and disables it.
    Disabled(PathBuf),
    /// There is no such file, or it may not be read; with what the operating system says.
    Missing(PathBuf, String),
    /// The file is no such module; with what the loader says.
    NotLoadable(PathBuf, String),
}

impl ClientModule {
    pub(crate) fn find(context: Context<'_>) -> Self {
        let read = Profile::of(context).and_then(|profile| Self::find_in(&profile));
        read.unwrap_or_else(|error| Self::Unknown(error.text()))
    }

    fn find_in(profile: &Profile) -> krb5_plugin::Result<Self> {
        let values = |relation| profile.values(&["plugins", "clpreauth", relation]);
        let modules = values("module")?;
        // The first of a name counts.
        let mut paths = modules.iter().filter_map(|module| {
            let (name, path) = module.split_once(':')?;
            (name == NAME).then_some(path)
        });
        let Some(path) = paths.next() else {
            return Ok(Self::NotConfigured);
        };
        let base = profile.value(&["libdefaults", "plugin_base_dir"])?;
        let path = Path::new(base.as_deref().unwrap_or(BASE_DIRECTORY)).join(path);
        let is_named = |list: &[String]| list.iter().any(|name| name == NAME);
        let (disabled, enabled) = (values("disable")?, values("enable_only")?);
        if is_named(&disabled) || !(enabled.is_empty() || is_named(&enabled)) {
            return Ok(Self::Disabled(path));
        }
        Ok(Self::load(path))
    }

    fn load(path: PathBuf) -> Self {
        if let Err(error) = fs::File::open(&path) {
            return Self::Missing(path, error.to_string());
        }
        match check_loadable(&path, INITVT) {
            Ok(()) => Self::Loadable(path),
            Err(message) => Self::NotLoadable(path, message),
        }
    }

    /// A word for it that stays, for programs.
    pub(crate) const fn identifier(&self) -> &'static str {
        match self {
            Self::Loadable(_) => "loadable",
            Self::Unknown(_) => "unknown",
            Self::NotConfigured => "not_configured",
            Self::Disabled(_) => "disabled",
            Self::Missing(..) => "missing",
            Self::NotLoadable(..) => "not_loadable",
        }
    }

    /// Its file, if krb5.conf names one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Unknown(_) | Self::NotConfigured => None,
            Self::Loadable(path)
            | Self::Disabled(path)
            | Self::Missing(path, _)
            | Self::NotLoadable(path, _) => Some(path),
        }
    }

    /// Why no login uses it.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Loadable(_) => None,
            Self::Unknown(text) => Some(format!("krb5.conf cannot be read: {text}")),
            Self::NotConfigured => Some(
                "not configured: krb5.conf has no module = spake:PATH in clpreauth of [plugins]".to_owned(),
            ),
            Self::Disabled(path) => Some(format!("{} is disabled in [plugins]", path.display())),
            Self::Missing(path, reason) => Some(format!("{} is not there: {reason}", path.display())),
            Self::NotLoadable(path, reason) => Some(format!("{} cannot be loaded: {reason}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found with this clpreauth section.
    fn find(relations: &str, defaults: &str) -> ClientModule {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("krb5.conf");
        let text = format!("[libdefaults]\n{defaults}\n[plugins]\n clpreauth = {{\n{relations}\n }}\n");
        fs::write(&file, text).unwrap();
        ClientModule::find_in(&Profile::read(&file).unwrap()).unwrap()
    }

    #[test]
    fn other_modules_are_not_ours() {
        for relations in [
            "",
            "module = other:/x.so",
            "module = spake2:/x.so",
            "module = spake",
        ] {
            assert_eq!(find(relations, ""), ClientModule::NotConfigured, "{relations}");
        }
    }

    #[test]
    fn the_first_of_the_name_counts() {
        let found = find(
            "module = other:/x.so\nmodule = spake:/nonexistent/a.so\nmodule = spake:/b.so",
            "",
        );
        let missing = "No such file or directory (os error 2)".to_owned();
        assert_eq!(found, ClientModule::Missing("/nonexistent/a.so".into(), missing));
    }

    #[test]
    fn a_module_that_is_not_enabled_is_disabled() {
        let disabled = ClientModule::Disabled("/x.so".into());
        for more in [
            "disable = spake",
            "enable_only = pkinit",
            "enable_only = spake\ndisable = spake",
        ] {
            assert_eq!(
                find(&format!("module = spake:/x.so\n{more}"), ""),
                disabled,
                "{more}"
            );
        }
        for more in ["disable = pkinit", "enable_only = pkinit\nenable_only = spake"] {
            assert_ne!(
                find(&format!("module = spake:/x.so\n{more}"), ""),
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
