//! What can be known before anybody is asked for a password.

use std::path::{Path, PathBuf};

use krb5_fido_keys::RealmRules;
use krb5_fido_protocol::fido::client_settings::DEVICE;
use krb5_fido_tools::{
    CLIENT_MODULE, ClientRealm, Error, Module,
    format::{line, object},
    warn_of_unused,
};
use krb5_plugin::Context;
use rustix::fs::{Access, access};
use serde_json::{Map, Value, json};

use crate::{
    PROGRAM,
    devices::AttachedKey,
    rp_id::{list_names, list_unused},
};

/// This machine, as a login in a realm finds it.
pub(crate) struct Installed {
    realm: String,
    pub(crate) module: Module,
    helper: Result<Helper, Error>,
    names: Result<RealmRules, Error>,
    keys: Result<Vec<AttachedKey>, Error>,
}

/// krb5-fido-helper.
struct Helper {
    path: PathBuf,
    /// Why it cannot be started.
    problem: Option<String>,
}

impl Installed {
    /// Looks at everything. `options` are those of `-X`, of which fido_device wins over krb5.conf.
    pub(crate) fn look(context: Context<'_>, realm: &str, options: &[(String, String)]) -> Self {
        let module = Module::find(CLIENT_MODULE, context);
        // Read for each of them: an impossible value is the error of all.
        let in_realm = || ClientRealm::read(context, realm);
        let named: Vec<String> = options
            .iter()
            .filter(|(attribute, _)| attribute == DEVICE)
            .map(|(_, device)| device.clone())
            // The module takes the last one.
            .next_back()
            .into_iter()
            .collect();
        let names = in_realm().and_then(|client| client.rules());
        if let Ok(names) = &names {
            warn_of_unused(PROGRAM, &names.unused);
        }
        let keys = in_realm().and_then(|client| client.find_keys(&named));
        Self {
            realm: realm.to_owned(),
            module,
            helper: in_realm().and_then(|client| client.helper()).map(Helper::look_at),
            names,
            keys: keys.map(|keys| keys.into_iter().map(AttachedKey::look_at).collect()),
        }
    }

    /// Why no key can be talked to, whatever is attached.
    pub(crate) fn helper_problem(&self) -> Option<&str> {
        self.helper.as_ref().ok()?.problem.as_deref()
    }

    /// Lines for people.
    pub(crate) fn tell(&self) -> String {
        let module = match (self.module.problem(), self.module.path()) {
            (None, Some(path)) => path.display().to_string(),
            (problem, _) => problem.unwrap_or_default(),
        };
        let helper = match &self.helper {
            Ok(helper) => helper.tell(),
            Err(error) => error.to_string(),
        };
        let keys = match &self.keys {
            Ok(keys) => keys.iter().map(AttachedKey::summary).collect(),
            Err(error) => vec![error.to_string()],
        };
        let mut text = format!("{}\n", self.realm);
        text += &line("client module", &module);
        text += &line("helper", &helper);
        text += &line("signs for", &self.tell_names());
        if keys.is_empty() {
            text += &line("security key", "none attached");
        }
        for key in keys {
            text += &line("security key", &key);
        }
        text
    }

    fn tell_names(&self) -> String {
        match &self.names {
            Ok(names) => {
                let accepted = names.rules.accepted().into_iter();
                accepted.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        }
    }

    /// Members of a JSON object.
    pub(crate) fn describe(&self) -> Map<String, Value> {
        let (helper, helper_problem) = match &self.helper {
            Ok(helper) => (Some(helper.path.display().to_string()), helper.problem.clone()),
            Err(error) => (None, Some(error.to_string())),
        };
        let keys = self.keys.as_deref().map(|keys| {
            let keys = keys.iter().map(AttachedKey::describe);
            Value::Array(keys.map(Value::Object).collect())
        });
        object([
            ("realm", json!(self.realm)),
            (
                "module",
                json!({
                    "path": self.module.path().map(|path| path.display().to_string()),
                    "state": self.module.identifier(),
                    "error": self.module.problem(),
                }),
            ),
            ("helper", json!({"path": helper, "error": helper_problem})),
            ("names", or_null(self.names.as_ref().map(list_names))),
            ("names_error", error_text(&self.names)),
            ("facets_unused", or_null(self.names.as_ref().map(list_unused))),
            ("devices_error", error_text(&self.keys)),
            ("devices", or_null(keys)),
        ])
    }
}

fn or_null<E>(value: Result<Value, E>) -> Value {
    value.unwrap_or(Value::Null)
}

fn error_text<T>(result: &Result<T, Error>) -> Value {
    json!(result.as_ref().err().map(ToString::to_string))
}

impl Helper {
    fn look_at(path: PathBuf) -> Self {
        Self {
            problem: problem_of(&path),
            path,
        }
    }

    fn tell(&self) -> String {
        let path = self.path.display();
        match &self.problem {
            None => path.to_string(),
            Some(problem) => format!("{path} cannot be started: {problem}"),
        }
    }
}

fn problem_of(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some("it is a directory".to_owned());
    }
    let error = access(path, Access::EXEC_OK).err()?;
    Some(std::io::Error::from(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_a_program() {
        let problem = |path| problem_of(Path::new(path));
        assert_eq!(problem("/bin/true"), None);
        assert_eq!(
            problem("/nonexistent").as_deref(),
            Some("No such file or directory (os error 2)")
        );
        assert_eq!(
            problem("/etc/passwd").as_deref(),
            Some("Permission denied (os error 13)")
        );
        assert_eq!(problem("/etc").as_deref(), Some("it is a directory"));
    }
}
