//! Facet lists, fetched while the main thread stays ready for the end.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use krb5_fido_keys::{FacetFetcher, FacetsError, FacetsUrl, cache_directory};
use krb5_fido_protocol::{fido::rp_id::VouchingList, helper::Failure, registry::RP_ID_REALM_PREFIX};

use crate::{
    deadline::Deadline,
    link::{Event, Link, Stop},
};

/// More than any fetch takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a list counts for nothing. For people; the texts name the list.
pub(crate) enum Unused {
    /// It cannot be asked for.
    Malformed(String),
    /// It was not to be had, or does not hold the realm.
    Fruitless(String),
}

/// What the list at `url` vouches for, if it holds `realm`.
pub(crate) fn fetch(
    url: &str,
    realm: &str,
    link: &Link,
    deadline: Deadline,
) -> Result<Result<VouchingList, Unused>, Stop> {
    let url = match FacetsUrl::parse(url) {
        Ok(url) => url,
        Err(error) => return Ok(Err(Unused::Malformed(error.to_string()))),
    };
    let limit = deadline.left()?;
    let (reports, wanted) = (link.reports(), url.clone());
    // It outlives a helper that ends before its time by no more than the process.
    thread::Builder::new()
        .spawn(move || {
            let fetcher = FacetFetcher::new(cache_directory(|name| env::var_os(name)));
            // Nobody listens when the login is over.
            let _sent = reports.send(Event::Fetched(fetcher.fetch(&wanted, limit)));
        })
        .map_err(|_| Failure::Internal)?;
    // A fetch ends by itself, unless the file system under the cache hangs.
    let Some(Event::Fetched(fetched)) = link.next(Instant::now().checked_add(PATIENCE))? else {
        return Err(Failure::Internal.into());
    };
    let text = |error: FacetsError| Unused::Fruitless(error.to_string());
    Ok(fetched
        .map_err(text)
        .and_then(|list| match list.holds_realm(realm) {
            true => Ok(VouchingList {
                url: url.as_str().to_owned(),
                host: url.host().to_owned(),
            }),
            false => Err(Unused::Fruitless(format!(
                "the facet list {} does not hold {RP_ID_REALM_PREFIX}{realm}",
                url.as_str()
            ))),
        }))
}
