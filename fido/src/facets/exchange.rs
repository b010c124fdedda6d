//! Asking the server.
//!
//! reqwest follows no redirect and keeps no time here, since FIDO's rules for redirects are not HTTP's, and since the limit
//! is on everything together: the resolver, the proxy, TLS, each redirect, and the body, however slowly it drips.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT},
};
use krb5_fido_protocol::registry::FACET_LIST_MAX;
use reqwest::{Client, Response, redirect::Policy};
use tokio::{runtime, time::timeout};

use super::{
    REDIRECTS_MAX,
    entry::Entry,
    error::{FacetsError, UrlError, printable, quote},
    url::FacetsUrl,
};

/// Of every facet list (FIDO AppID and Facets v2.0 section 3.1.1, step 4).
const MEDIA_TYPE: &str = "application/fido.trusted-apps+json";

/// Without it in the response, a redirect must not be followed (section 3.1.1, step 8).
const REDIRECT_AUTHORIZED: &str = "fido-appid-redirect-authorized";

const AGENT: &str = concat!("krb5-fido/", env!("CARGO_PKG_VERSION"));

/// What the server answered.
pub(super) struct Answer {
    pub(super) entry: Entry,
    /// Whether it came over redirects.
    pub(super) redirected: bool,
}

/// What goes into each request: nothing that tells one user from another (section 3.1.1, step 4).
pub(super) fn request_headers() -> HeaderMap {
    let pairs = [(ACCEPT, MEDIA_TYPE), (USER_AGENT, AGENT)];
    pairs
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

/// Fetches the list of `url`, or what has become of `stored`, within `limit`.
pub(super) fn ask(url: &FacetsUrl, stored: Option<&Entry>, limit: Duration) -> Result<Answer, FacetsError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| FacetsError::Resources {
            url: url.to_string(),
            reason: describe(&error),
        })?;
    let answer = runtime.block_on(async {
        let answer = timeout(limit, async { Exchange::new(url)?.run(stored).await });
        answer.await.map_err(|_| FacetsError::TimedOut {
            url: url.to_string(),
            limit,
        })?
    });
    // Not waiting for the resolver, which has time limits of its own.
    runtime.shutdown_background();
    answer
}

struct Exchange<'a> {
    url: &'a FacetsUrl,
    client: Client,
}

impl<'a> Exchange<'a> {
    fn new(url: &'a FacetsUrl) -> Result<Self, FacetsError> {
        let builder = Client::builder().https_only(true).redirect(Policy::none());
        let client = builder.build().map_err(|error| FacetsError::TrustStore {
            url: url.to_string(),
            reason: describe(&error),
        })?;
        Ok(Self { url, client })
    }

    async fn run(&self, stored: Option<&Entry>) -> Result<Answer, FacetsError> {
        if let Some(stored) = stored {
            let asked = SystemTime::now();
            let response = self.send(self.url, stored.validators()).await?;
            if response.status() != StatusCode::NOT_MODIFIED {
                return self.follow(asked, response).await;
            }
            if let Some(entry) = stored.refreshed(asked, response.headers()) {
                let redirected = false;
                return Ok(Answer { entry, redirected });
            }
            // That was about another entry: once more without validators.
        }
        let asked = SystemTime::now();
        let response = self.send(self.url, HeaderMap::new()).await?;
        self.follow(asked, response).await
    }

    async fn send(&self, place: &FacetsUrl, validators: HeaderMap) -> Result<Response, FacetsError> {
        let request = self.client.get(place.parsed().clone());
        let sent = request
            .headers(request_headers())
            .headers(validators)
            .send()
            .await;
        sent.map_err(|error| {
            let (url, reason) = (self.url.to_string(), describe(&error));
            match is_about_certificate(&error) {
                true => FacetsError::Untrusted { url, reason },
                false => FacetsError::Unreachable { url, reason },
            }
        })
    }

    /// Follows redirects from the first response to the list.
    async fn follow(&self, asked: SystemTime, mut response: Response) -> Result<Answer, FacetsError> {
        let mut place = self.url.clone();
        let mut redirected = false;
        for _ in 0..REDIRECTS_MAX {
            if !is_redirect(response.status()) {
                break;
            }
            place = self.authorized_target(&place, &response)?;
            response = self.send(&place, HeaderMap::new()).await?;
            redirected = true;
        }
        if is_redirect(response.status()) {
            let url = self.url.to_string();
            return Err(FacetsError::TooManyRedirects { url });
        }
        self.check(&response)?;
        let headers = response.headers().clone();
        let body = self.read(response).await?;
        let entry = Entry::new(asked, &headers, body).map_err(|cause| FacetsError::List {
            url: self.url.to_string(),
            cause,
        })?;
        Ok(Answer { entry, redirected })
    }

    fn authorized_target(&self, from: &FacetsUrl, response: &Response) -> Result<FacetsUrl, FacetsError> {
        let url = self.url.to_string();
        if only(response.headers(), REDIRECT_AUTHORIZED) != Some("true") {
            return Err(FacetsError::RedirectNotAuthorized { url });
        }
        let location = only(response.headers(), LOCATION.as_str()).unwrap_or_default();
        let target = match location {
            "" => Err(UrlError::Host),
            location => from.join(location),
        };
        target.map_err(|cause| FacetsError::RedirectTarget {
            url,
            target: quote(location),
            cause,
        })
    }

    fn check(&self, response: &Response) -> Result<(), FacetsError> {
        let url = self.url.to_string();
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            return Err(FacetsError::Status { url, status });
        }
        let media_type =
            only(response.headers(), CONTENT_TYPE.as_str()).and_then(|value| value.split(';').next());
        match media_type.is_some_and(|value| value.trim().eq_ignore_ascii_case(MEDIA_TYPE)) {
            true => Ok(()),
            false => Err(FacetsError::ContentType { url }),
        }
    }

    /// Reads no more of the body than a list may have, whatever length it is said to have.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, FacetsError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| FacetsError::Incomplete {
            url: self.url.to_string(),
            reason: describe(&error),
        })? {
            if chunk.len() > FACET_LIST_MAX.saturating_sub(body.len()) {
                let url = self.url.to_string();
                return Err(FacetsError::TooLong { url });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Those that send a GET elsewhere (RFC 9110 section 15.4).
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The value of a header field that is there once, and is text.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::trim),
        _ => None,
    }
}

/// The innermost reason, the others being the names of layers.
fn describe(error: &(dyn Error + 'static)) -> String {
    let innermost = causes(error).last();
    printable(&innermost.unwrap_or(error).to_string())
}

fn is_about_certificate(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let cause = cause.downcast_ref();
        matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// The error, what caused it, and so on. What an [`io::Error`] wraps is not among its sources, but is in here.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error = *error;
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    fn wrapped(error: rustls::Error) -> io::Error {
        io::Error::other(io::Error::other(error))
    }

    #[test]
    fn bad_certificates_are_found_below_other_errors() {
        let error = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(
            describe(&wrapped(error.clone())),
            "invalid peer certificate: UnknownIssuer"
        );
        assert!(is_about_certificate(&wrapped(error)));
    }

    #[test]
    fn other_errors_are_not_about_certificates() {
        let error = wrapped(rustls::Error::DecryptError);
        assert!(!is_about_certificate(&error) && !is_about_certificate(&io::Error::other("certificate")));
        assert_eq!(describe(&error), "cannot decrypt peer's message");
        assert_eq!(describe(&io::Error::from(io::ErrorKind::TimedOut)), "timed out");
    }

    #[test]
    fn header_fields_that_stand_twice_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(only(&headers, "location"), None);
        headers.append(LOCATION, HeaderValue::from_static(" a "));
        assert_eq!(only(&headers, "location"), Some("a"));
        headers.append(LOCATION, HeaderValue::from_static("a"));
        assert_eq!(only(&headers, "location"), None);
        headers.insert(LOCATION, HeaderValue::from_bytes(b"\xe4").unwrap());
        assert_eq!(only(&headers, "location"), None);
    }
}
