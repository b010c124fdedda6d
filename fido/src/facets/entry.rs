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

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"trustedFacets":[{"version":{"major":1,"minor":0},"ids":["krb5realm:R"]}]}"#;
    const ASKED: Duration = Duration::from_secs(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn asked() -> SystemTime {
        UNIX_EPOCH + ASKED
    }

    fn url() -> FacetsUrl {
        FacetsUrl::parse("https://example.com/facets").unwrap()
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn entry(fields: &[(&'static str, &str)]) -> Entry {
        Entry::new(asked(), &headers(fields), LIST.to_vec()).unwrap()
    }

    /// Whether it is fresh after `age`, and whether it may be stored.
    fn state(fields: &[(&'static str, &str)], age: Duration) -> (bool, bool) {
        let entry = entry(fields);
        (entry.is_fresh(asked() + age), entry.is_storable())
    }

    #[test]
    fn is_fresh_as_long_as_the_server_says() {
        for fields in [
            &[("cache-control", "max-age=7200")],
            &[("cache-control", "private, max-age=\"7200\"")],
            &[("cache-control", "MAX-AGE=7200")],
        ] {
            assert_eq!(state(fields, HOUR), (true, true), "{fields:?}");
            assert_eq!(state(fields, 2 * HOUR), (false, true), "{fields:?}");
        }
        let expires = [
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
            ("expires", "Fri, 15 Jan 2027 10:00:00 GMT"),
        ];
        assert_eq!(state(&expires, HOUR), (true, true));
        assert_eq!(state(&expires, 2 * HOUR), (false, true));
        let aged = [("cache-control", "max-age=7200"), ("age", "3601")];
        assert_eq!(state(&aged, HOUR), (false, true));
    }

    #[test]
    fn is_not_fresh_unless_the_server_says_so() {
        for fields in [
            &[][..],
            &[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")],
            &[("etag", "\"1\"")],
            &[("cache-control", "public")],
            &[("cache-control", "immutable")],
            &[("cache-control", "s-maxage=7200")],
            &[("cache-control", "max-age=0")],
            &[("cache-control", "max-age=-1")],
            &[("cache-control", "max-age=x")],
            &[("cache-control", "max-age=7200, no-cache")],
            &[("cache-control", "max-age=7200"), ("cache-control", "No-Cache")],
            &[("cache-control", "max-age=7200"), ("vary", "*")],
            &[
                ("cache-control", "max-age=7200"),
                ("vary", "accept"),
                ("vary", "*"),
            ],
            &[("expires", "0")],
            &[
                ("expires", "Fri, 15 Jan 2027 10:00:00 GMT"),
                ("pragma", "no-cache"),
            ],
        ] {
            assert_eq!(state(fields, Duration::ZERO), (false, true), "{fields:?}");
        }
    }

    #[test]
    fn is_not_stored_against_the_servers_will_nor_if_that_cannot_be_read() {
        for fields in [
            &[("cache-control", "no-store")][..],
            &[("cache-control", "max-age=7200"), ("cache-control", "NO-STORE")],
            &[("cache-control", "max-age=7200, x=\u{e4}")],
            &[("cache-control", "max-age=7200"), ("age", "4294967296")],
            &[("cache-control", "max-age=7200"), ("age", "18446744073709551615")],
            &[("cache-control", "max-age=7200"), ("age", "1"), ("age", "1")],
        ] {
            assert_eq!(state(fields, Duration::ZERO), (false, false), "{fields:?}");
        }
    }

    #[test]
    fn is_never_fresh_for_longer_than_a_day_nor_before_its_time() {
        let long = entry(&[("cache-control", "max-age=18446744073709551615, immutable")]);
        let second = Duration::from_secs(1);
        assert!(long.is_fresh(asked()) && long.is_fresh(asked() + FRESH_MAX - second));
        assert!(!long.is_fresh(asked() + FRESH_MAX) && !long.is_fresh(asked() - second));
        assert!(!long.is_fresh(UNIX_EPOCH));
    }

    #[test]
    fn asks_for_newer_with_the_validators_of_the_server() {
        let both = entry(&[("etag", "W/\"1\""), ("last-modified", "x")]);
        let expected = headers(&[("if-none-match", "W/\"1\""), ("if-modified-since", "x")]);
        assert_eq!(both.validators(), expected);
        assert!(entry(&[("date", "x")]).validators().is_empty());
    }

    #[test]
    fn not_modified_takes_over_what_is_new() {
        let old = entry(&[("etag", "\"1\""), ("age", "9"), ("date", "x"), ("vary", "accept")]);
        let newer = headers(&[
            ("etag", "\"1\""),
            ("cache-control", "max-age=7200"),
            ("content-type", "x"),
        ]);
        let refreshed = old.refreshed(asked() + HOUR, &newer).unwrap();
        assert!(refreshed.is_fresh(asked() + 2 * HOUR) && !refreshed.is_fresh(asked()));
        let expected = [
            ("etag", "\"1\""),
            ("date", "x"),
            ("vary", "accept"),
            ("cache-control", "max-age=7200"),
        ];
        assert_eq!(refreshed.headers, headers(&expected));
        assert_eq!(refreshed.list, old.list);
    }

    #[test]
    fn not_modified_is_about_the_same_entry() {
        for (old, newer) in [
            (&[("etag", "\"1\"")][..], &[("etag", "\"2\"")][..]),
            (&[("etag", "\"1\"")], &[]),
            (&[], &[("etag", "\"1\"")]),
            (&[("last-modified", "x")], &[("last-modified", "y")]),
        ] {
            assert_eq!(
                entry(old).refreshed(asked(), &headers(newer)),
                None,
                "{old:?} {newer:?}"
            );
        }
    }

    #[test]
    fn is_read_as_it_was_written() {
        let written = entry(&[
            ("Cache-Control", "A=\"b\""),
            ("etag", "\"1\""),
            ("set-cookie", "x"),
        ]);
        let file = written.encode(&url());
        let head = "krb5-fido facets 1\nhttps://example.com/facets\n1800000000\n\
            cache-control: a=\"b\"\netag: \"1\"\n\n";
        assert_eq!(file, [head.as_bytes(), LIST].concat());
        assert_eq!(Entry::parse(&file, &url()), Some(written));
    }

    #[test]
    fn is_not_read_if_anything_is_wrong_with_it() {
        let file = entry(&[("cache-control", "max-age=1"), ("age", "2")]).encode(&url());
        for end in 0..file.len() {
            assert_eq!(Entry::parse(&file[..end], &url()), None, "{end} bytes");
        }
        let text = String::from_utf8(file).unwrap();
        for (part, other) in [
            ("facets 1", "facets 01"),
            ("/facets\n", "/Facets\n"),
            ("1800000000", "-1"),
            ("1800000000", "18446744073709551616"),
            ("1800000000", ""),
            ("max-age=1\n", "max-age=1\u{e4}\n"),
            ("age: 2", "age: 18446744073709551615"),
            ("age: 2", "age: 2\nage: 2"),
            ("age: 2", "age 2"),
            ("age: 2", "a ge: 2"),
            ("\n\n{", "\n\n{{"),
            ("ids", "IDS"),
        ] {
            assert!(text.contains(part));
            let wrong = text.replace(part, other);
            assert_eq!(Entry::parse(wrong.as_bytes(), &url()), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_list_is_no_entry() {
        assert!(Entry::new(asked(), &headers(&[]), b"{}".to_vec()).is_err());
    }
}
