//! One response, and for how long it may be used.
//!
//! ```text
//! krb5-fido facets 1
//! https://www.example.com/facets.json        the URL as written
//! 1795812345                                 when it was asked for, in seconds since 1970
//! cache-control: max-age=3600                those of KEPT that the server sent
//! etag: "7"
//!                                            an empty line, and the body
//! {"trustedFacets": [...]}
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{
        AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, PRAGMA,
        VARY,
    },
};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use krb5_fido_protocol::{Error, fido::facets::FacetList, registry::FACET_LIST_MAX};

use super::{exchange, url::FacetsUrl};

/// How long a response is used without asking again, whatever the server says: a realm that was taken out of a list must
/// not live on.
const FRESH_MAX: Duration = Duration::from_secs(24 * 3600);

/// The longest file, in bytes.
pub(super) const ENTRY_MAX: usize = FACET_LIST_MAX + 16 * 1024;

/// The first line.
const FORMAT: &str = "krb5-fido facets 1";

/// The header fields that freshness and revalidation depend on.
const KEPT: [HeaderName; 8] = [
    AGE,
    CACHE_CONTROL,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    PRAGMA,
    VARY,
];

/// This cache serves one user, and holds nothing to be fresh unless the server says so.
const OPTIONS: CacheOptions = CacheOptions {
    shared: false,
    cache_heuristic: 0.0,
    immutable_min_time_to_live: Duration::ZERO,
    ignore_cargo_cult: false,
};

/// A facet list and what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    asked: SystemTime,
    headers: HeaderMap,
    body: Vec<u8>,
    list: FacetList,
}

impl Entry {
    /// Reads the body of a response to what was asked for at `asked`.
    pub(super) fn new(asked: SystemTime, headers: &HeaderMap, body: Vec<u8>) -> Result<Self, Error> {
        Ok(Self {
            asked,
            headers: keep(headers),
            list: FacetList::parse(&body)?,
            body,
        })
    }

    pub(super) fn into_list(self) -> FacetList {
        self.list
    }

    /// Whether the server lets it be stored.
    pub(super) fn is_storable(&self) -> bool {
        self.policy().is_storable()
    }

    /// Whether it may be used without asking the server. An entry from the future is not.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        let is_recent = now.duration_since(self.asked).is_ok_and(|age| age < FRESH_MAX);
        is_recent
            && matches!(
                self.policy().before_request(&request(), now),
                BeforeRequest::Fresh(_)
            )
    }

    /// The header fields of a request for anything newer than this; none if the server gave no validators.
    pub(super) fn validators(&self) -> HeaderMap {
        let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
        pairs
            .into_iter()
            .filter_map(|(sent, asked)| Some((asked, self.headers.get(sent)?.clone())))
            .collect()
    }

    /// What it becomes by a response of status 304 (RFC 9111 section 4.3.4); `None` if that is about something else.
    pub(super) fn refreshed(&self, asked: SystemTime, headers: &HeaderMap) -> Option<Self> {
        let newer = keep(headers);
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.headers_mut() = newer.clone();
        match self.policy().after_response(&request(), &response, asked) {
            AfterResponse::Modified(..) => None,
            AfterResponse::NotModified(..) => {
                let mut refreshed = self.clone();
                refreshed.asked = asked;
                refreshed.headers.remove(AGE);
                refreshed.headers.extend(newer);
                Some(refreshed)
            }
        }
    }

    pub(super) fn encode(&self, url: &FacetsUrl) -> Vec<u8> {
        let asked = self.asked.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut file = format!("{FORMAT}\n{url}\n{}\n", asked.as_secs()).into_bytes();
        for (name, value) in &self.headers {
            file.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
        file.push(b'\n');
        file.extend(&self.body);
        file
    }

    /// Reads a file that should be the entry of `url`.
    pub(super) fn parse(file: &[u8], url: &FacetsUrl) -> Option<Self> {
        let end = file.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, rest) = file.split_at_checked(end)?;
        let mut lines = str::from_utf8(head).ok()?.split('\n');
        if lines.next()? != FORMAT || lines.next()? != url.as_str() {
            return None;
        }
        let asked = Duration::from_secs(lines.next()?.parse().ok()?);
        let headers = lines.map(parse_header).collect::<Option<HeaderMap>>()?;
        Some(Self {
            asked: UNIX_EPOCH.checked_add(asked)?,
            headers: try_keep(&headers)?,
            body: rest.get(2..)?.to_vec(),
            list: FacetList::parse(rest.get(2..)?).ok()?,
        })
    }

    fn policy(&self) -> CachePolicy {
        let mut response = Response::new(());
        *response.headers_mut() = self.headers.clone();
        CachePolicy::new_options(&request(), &response, self.asked, OPTIONS)
    }
}

/// A request as each of ours is. An entry belongs to one URL, which therefore need not be in it.
fn request() -> Request<()> {
    let mut request = Request::new(());
    *request.headers_mut() = exchange::request_headers();
    request
}

fn parse_header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.parse().ok()?, value.parse().ok()?))
}

/// Those of [`KEPT`]. What cannot be read might forbid to be stored, and then does.
fn keep(headers: &HeaderMap) -> HeaderMap {
    let forbidden = || HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    try_keep(headers).unwrap_or_else(forbidden)
}

/// Each in one line, as the policy wants them: it compares directives by their lower case, forgets all but one line when it
/// is refreshed, and counts an age up without a limit.
fn try_keep(headers: &HeaderMap) -> Option<HeaderMap> {
    let mut kept = HeaderMap::new();
    for name in KEPT {
        let lines = headers.get_all(&name).iter().map(|value| value.to_str().ok());
        let mut line = lines.collect::<Option<Vec<_>>>()?.join(", ");
        if line.is_empty() {
            continue;
        }
        if name == CACHE_CONTROL || name == PRAGMA {
            line.make_ascii_lowercase();
        }
        if name == AGE && line.parse::<u32>().is_err() {
            return None;
        }
        kept.insert(name, line.parse().ok()?);
    }
    Some(kept)
}
