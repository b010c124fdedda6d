//! Facet lists, fetched while the main thread stays ready for the end.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use krb5_fido_keys::{FacetFetcher, FacetsError, cache_directory, fetch_voucher};
use krb5_fido_protocol::{fido::rp_id::VouchingList, helper::Failure};

use crate::{
    deadline::Deadline,
    link::{Event, Link, Stop},
};

/// More than any fetch takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the list at `url` vouches for in `realm`, or why it counts for nothing.
pub(crate) fn fetch(
    url: &str,
    realm: &str,
    link: &Link,
    deadline: Deadline,
) -> Result<Result<VouchingList, FacetsError>, Stop> {
    let limit = deadline.left()?;
    let (reports, url, realm) = (link.reports(), url.to_owned(), realm.to_owned());
    // It outlives a helper that ends before its time by no more than the process.
    thread::Builder::new()
        .spawn(move || {
            let fetcher = FacetFetcher::new(cache_directory(|name| env::var_os(name)));
            // Nobody listens when the login is over.
            let _sent = reports.send(Event::Fetched(fetch_voucher(&url, &realm, &fetcher, limit)));
        })
        .map_err(|_| Failure::Internal)?;
    // A fetch ends by itself, unless the file system under the cache hangs.
    match link.next(Instant::now().checked_add(PATIENCE))? {
        Some(Event::Fetched(fetched)) => Ok(fetched),
        _ => Err(Failure::Internal.into()),
    }
}
