//! Who is meant.

use krb5_fido_tools::Error;
use krb5_plugin::{Context, OwnedPrincipal, default_cache_principal, host_principal, local_user_name};

pub(crate) fn parse<'a>(context: Context<'a>, name: &str) -> Result<OwnedPrincipal<'a>, Error> {
    OwnedPrincipal::parse(context, name).map_err(|error| Error::MalformedPrincipal {
        principal: name.to_owned(),
        text: error.text(),
    })
}

/// Whom kinit takes; with a realm, somebody in it.
pub(crate) fn find_myself<'a>(
    context: Context<'a>,
    realm: Option<&str>,
) -> Result<OwnedPrincipal<'a>, Error> {
    let is_meant = |principal: &OwnedPrincipal<'_>| {
        realm.is_none_or(|realm| principal.get().realm() == realm.as_bytes())
    };
    match default_cache_principal(context).filter(is_meant) {
        Some(principal) => Ok(principal),
        None => parse(context, &local_user_name().ok_or(Error::NoPrincipal)?),
    }
}

/// This host, for a key table. A host whose realm krb5.conf does not tell is in the default realm.
pub(crate) fn find_host(context: Context<'_>) -> Result<OwnedPrincipal<'_>, Error> {
    let host = host_principal(context).map_err(|error| Error::ClientConfiguration { text: error.text() })?;
    match name_of(&host)?.strip_suffix('@') {
        Some(name) => parse(context, name),
        None => Ok(host),
    }
}

/// The name with its realm.
pub(crate) fn name_of(principal: &OwnedPrincipal<'_>) -> Result<String, Error> {
    let name = principal.get().unparse();
    let name = name.map_err(|error| Error::ClientConfiguration { text: error.text() })?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

pub(crate) fn realm_of(principal: &OwnedPrincipal<'_>) -> String {
    String::from_utf8_lossy(principal.get().realm()).into_owned()
}
