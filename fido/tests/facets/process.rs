//! A fetch in a process of its own, since SSL_CERT_FILE and https_proxy hold for a whole process.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use krb5_fido_https_server::HttpsServer;
use krb5_fido_keys::{FacetFetcher, FacetsError, FacetsUrl};

pub(crate) const HOST: &str = "facets.test";
pub(crate) const REALM: &str = "KRBTEST.COM";

const URL: &str = "FACETS_TEST_URL";
const CACHE: &str = "FACETS_TEST_CACHE";
const LIMIT: &str = "FACETS_TEST_LIMIT";
const RESULT: &str = "FACETS_TEST_RESULT";

/// More than a slow machine needs to start and to end a process.
const LATE: Duration = Duration::from_secs(15);

/// What came of a fetch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A list, which holds [`REALM`] or not.
    List(bool),
    /// The variant of the error, and its text.
    Failed(String, String),
}

/// A fetch to be.
pub(crate) struct Fetch<'a> {
    server: &'a HttpsServer,
    url: String,
    cache: Option<PathBuf>,
    limit: Duration,
}

impl<'a> Fetch<'a> {
    pub(crate) fn of(server: &'a HttpsServer, path: &str) -> Self {
        Self::of_url(server, &server.url(path))
    }

    pub(crate) fn of_url(server: &'a HttpsServer, url: &str) -> Self {
        Self {
            server,
            url: url.to_owned(),
            cache: None,
            limit: Duration::from_secs(10),
        }
    }

    pub(crate) fn cached(mut self, cache: &Path) -> Self {
        self.cache = Some(cache.to_owned());
        self
    }

    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn run(&self) -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let result = directory.path().join("result");
        let mut child = Command::new(env::current_exe().unwrap());
        child
            .args(["--exact", "process::fetches_what_its_environment_says"])
            .env_clear()
            .envs(self.server.environment())
            .env(URL, &self.url)
            .env(LIMIT, self.limit.as_millis().to_string())
            .env(RESULT, &result);
        if let Some(cache) = &self.cache {
            child.env(CACHE, cache);
        }
        let output = child.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = fs::read_to_string(&result).unwrap();
        match text.split_once('\n').unwrap() {
            ("Found", holds) => Outcome::List(holds == "true"),
            (variant, text) => Outcome::Failed(variant.to_owned(), text.to_owned()),
        }
    }

    pub(crate) fn finds_realm(&self) {
        assert_eq!(self.run(), Outcome::List(true));
    }

    /// Fails with this variant, and says so with the URL in it. The text.
    pub(crate) fn fails(&self, expected: &str) -> String {
        match self.run() {
            Outcome::Failed(variant, text) => {
                assert_eq!(variant, expected, "{text}");
                assert!(text.contains(&self.url), "{text}");
                text
            }
            Outcome::List(_) => panic!("no {expected}"),
        }
    }

    /// Fails with this variant after its limit, and not much later.
    pub(crate) fn fails_in_time(&self, expected: &str) {
        let begun = Instant::now();
        self.fails(expected);
        let late = begun.elapsed().checked_sub(self.limit).unwrap();
        assert!(late < LATE, "{late:?} late");
    }
}

/// What the child does. Without a word from its parent it has no time, and fetches nothing.
#[test]
fn fetches_what_its_environment_says() {
    let url = env::var(URL).unwrap_or_else(|_| "https://facets.test/".to_owned());
    let limit = env::var(LIMIT).map_or(0, |limit| limit.parse().unwrap());
    let fetcher = FacetFetcher::new(env::var_os(CACHE).map(PathBuf::from));
    let list = FacetsUrl::parse(&url).and_then(|url| fetcher.fetch(&url, Duration::from_millis(limit)));
    let Some(result) = env::var_os(RESULT) else {
        assert!(matches!(list, Err(FacetsError::TimedOut { .. })), "{list:?}");
        return;
    };
    let text = match list {
        Ok(list) => format!("Found\n{}", list.holds_realm(REALM)),
        Err(error) => {
            let debug = format!("{error:?}");
            let variant = debug.split(' ').next().unwrap();
            format!("{variant}\n{error}")
        }
    };
    fs::write(result, text).unwrap();
}
