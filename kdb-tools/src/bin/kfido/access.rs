//! A login to kadmind.

use krb5_fido_tools::{Error, KadmindError, Keys, command_line::kfido::Arguments};
use krb5_plugin::{
    Context, CredentialCache, OwnedContext, OwnedPrincipal,
    kadm5::{ADMIN_SERVICE, Authentication, Server},
    login::{Login, log_in},
};

use crate::{
    screen::{Screen, failure_text},
    somebody::{find_host, find_myself, name_of, parse, realm_of},
};

/// Who logs in, and what shows that it is he.
pub(crate) struct Access<'a> {
    context: &'a OwnedContext,
    client: String,
    realm: String,
    address: Option<&'a str>,
    proof: Proof<'a>,
}

enum Proof<'a> {
    Keytab(Option<&'a str>),
    Cache(CredentialCache<'a>),
}

impl<'a> Access<'a> {
    /// Finds out who logs in, and gets a ticket if a password is wanted for it. `principal` is whose keys are meant, if that
    /// was said.
    pub(crate) fn get(
        context: &'a OwnedContext,
        arguments: &'a Arguments,
        principal: Option<&str>,
    ) -> Result<Self, Error> {
        let cache = arguments.kadmind.cache.as_deref();
        let cache = cache.map(|name| open_cache(context.get(), name)).transpose()?;
        let client = find_client(context.get(), arguments, principal, cache.as_ref())?;
        let proof = match cache {
            Some(cache) => Proof::Cache(cache),
            None if arguments.kadmind.use_keytab => Proof::Keytab(arguments.kadmind.keytab.as_deref()),
            None => Proof::Cache(ask_for_password(context, &client)?),
        };
        Ok(Self {
            context,
            client: name_of(&client)?,
            realm: arguments
                .common
                .realm
                .clone()
                .unwrap_or_else(|| realm_of(&client)),
            address: arguments.kadmind.server.as_deref(),
            proof,
        })
    }

    /// Connects to kadmind.
    pub(crate) fn connect(&'a self) -> Result<Keys<'a>, Error> {
        let server = Server {
            realm: &self.realm,
            address: self.address,
        };
        let authentication = match &self.proof {
            Proof::Keytab(keytab) => Authentication::Keytab(*keytab),
            Proof::Cache(cache) => Authentication::Cache(cache),
        };
        Keys::connect(self.context, &server, &self.client, authentication)
    }

    /// Who logs in, with the realm.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// The realm of kadmind.
    pub(crate) fn realm(&self) -> &str {
        &self.realm
    }
}

fn open_cache<'a>(context: Context<'a>, name: &str) -> Result<CredentialCache<'a>, Error> {
    CredentialCache::resolve(context, name).map_err(|error| unreadable(name, error))
}

fn unreadable(cache: &str, error: krb5_plugin::Error) -> Error {
    KadmindError::CacheUnreadable {
        cache: cache.to_owned(),
        text: error.text(),
    }
    .into()
}

fn find_client<'a>(
    context: Context<'a>,
    arguments: &Arguments,
    principal: Option<&str>,
    cache: Option<&CredentialCache<'a>>,
) -> Result<OwnedPrincipal<'a>, Error> {
    if let Some(name) = &arguments.kadmind.client {
        return parse(context, name);
    }
    if let Some(cache) = cache {
        let name = arguments.kadmind.cache.as_deref().unwrap_or_default();
        return cache.principal().map_err(|error| unreadable(name, error));
    }
    if arguments.kadmind.use_keytab {
        return find_host(context);
    }
    match principal {
        Some(name) => parse(context, name),
        None => find_myself(context, arguments.common.realm.as_deref()),
    }
}

/// A ticket for kadmind alone, in memory.
fn ask_for_password<'a>(
    context: &'a OwnedContext,
    client: &OwnedPrincipal<'_>,
) -> Result<CredentialCache<'a>, Error> {
    let name = name_of(client)?;
    let no_ticket = |text| KadmindError::NoTicket {
        client: name.clone(),
        text,
    };
    let cache = CredentialCache::in_memory(context.get()).map_err(|error| no_ticket(error.text()))?;
    let login = Login {
        client,
        service: Some(ADMIN_SERVICE),
        options: &[],
        cache: Some(&cache),
    };
    let attempt = log_in(context, &login, &Screen::open());
    let asked = attempt.password_asked;
    attempt
        .outcome
        .map_err(|failure| no_ticket(failure_text(&failure, asked)))?;
    Ok(cache)
}
