//! Facet lists over HTTPS (FIDO AppID and Facets v2.0 section 3.1): fetched by the rules of that specification, and kept as
//! long as HTTP allows (RFC 9111).
//!
//! Everything is refused that does not come over HTTPS from a host with a certificate that verifies, with status 200, as
//! `application/fido.trusted-apps+json`, in 64 KiB and within ten seconds. Redirects need FIDO's header of authorization,
//! each of them, and are followed five times.
//!
//! A list that came over redirects is not stored: each response on the way would have to be kept, with a time of its own.
//! An entry is fresh for as long as the server says, but not beyond 24 hours, and not at all unless it says something. A
//! stale one is only good for asking whether it has changed; if the server cannot be reached, there is no list.

mod cache;
mod entry;
mod error;
mod exchange;
mod url;

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use krb5_fido_protocol::fido::facets::FacetList;

use cache::Cache;
pub use cache::cache_directory;
pub use error::{FacetsError, UrlError};
pub use url::FacetsUrl;

/// How long a fetch may take, even if the caller has more time.
const LIMIT: Duration = Duration::from_secs(10);

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;

/// Fetches facet lists. Making one is free; certificates, proxies (`https_proxy`, `all_proxy`, `no_proxy`) and the cache are
/// looked at when a list is fetched.
pub struct FacetFetcher {
    cache: Option<Cache>,
}

impl FacetFetcher {
    /// `cache_directory` is made when there is something to store; without it every list is fetched anew.
    pub fn new(cache_directory: Option<PathBuf>) -> Self {
        Self {
            cache: cache_directory.map(Cache::new),
        }
    }

    /// The list of `url`: from the cache while it is fresh, else from the server, within `limit` or ten seconds, whichever
    /// is less. Blocks, so it is not for asynchronous tasks; a thread that waits here can be left to itself.
    ///
    /// Trusts the certificates that the system does, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
    ///
    /// # Errors
    /// [`FacetsError`]; never because of the cache.
    pub fn fetch(&self, url: &FacetsUrl, limit: Duration) -> Result<FacetList, FacetsError> {
        let stored = self.cache.as_ref().and_then(|cache| cache.read(url));
        let stale = match stored {
            Some(entry) if entry.is_fresh(SystemTime::now()) => return Ok(entry.into_list()),
            stored => stored,
        };
        let answer = exchange::ask(url, stale.as_ref(), limit.min(LIMIT))?;
        if let Some(cache) = &self.cache {
            match answer.redirected {
                true => cache.forget(url),
                false => cache.replace(url, &answer.entry),
            }
        }
        Ok(answer.entry.into_list())
    }
}
