//! Where a facet list may be.

use std::fmt;

use reqwest::Url;

use super::error::{FacetsError, UrlError, quote};

/// The longest URL of a facet list, in bytes.
pub(super) const URL_MAX: usize = 2048;

/// The longest domain name in text (RFC 1035 section 2.3.4, without the root's dot).
const DOMAIN_MAX: usize = 253;

/// The longest label of a domain name (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;

const SCHEME: &str = "https://";

/// The place of a facet list: an https URL with a domain name for a host.
///
/// The text is checked as it was written, and then has to mean the same to the parser that requests are made with: what
/// that parser would mend (`https:/example.com`, `https://0x7f.1`, tabs) is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetsUrl {
    text: String,
    host: String,
    parsed: Url,
}

impl FacetsUrl {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// [`FacetsError::Url`].
    pub fn parse(text: &str) -> Result<Self, FacetsError> {
        Self::check(text).map_err(|cause| FacetsError::Url {
            url: quote(text),
            cause,
        })
    }

    /// The text as it was written, which is what an appId is hashed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host's name in lower case, without the port: the rpId that the list vouches for.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// For requests.
    pub(super) fn parsed(&self) -> &Url {
        &self.parsed
    }

    /// The place that a redirect from here leads to. `location` may be relative (RFC 9110 section 10.2.2).
    pub(super) fn join(&self, location: &str) -> Result<Self, UrlError> {
        let joined = self.parsed.join(location).map_err(|_| UrlError::Host)?;
        Self::check(joined.as_str())
    }

    fn check(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_MAX {
            return Err(UrlError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(UrlError::NotHttps)?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(UrlError::Characters);
        }
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let host = parse_authority(authority)?;
        let parsed = Url::parse(text).map_err(|_| UrlError::Host)?;
        // An address in disguise has another text by now.
        if parsed.domain() != Some(host.as_str()) {
            return Err(UrlError::Host);
        }
        Ok(Self {
            text: text.to_owned(),
            host,
            parsed,
        })
    }
}

impl fmt::Display for FacetsUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The host in lower case.
fn parse_authority(authority: &str) -> Result<String, UrlError> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let labels: Vec<&str> = host.split('.').collect();
    if host.len() > DOMAIN_MAX || labels.len() < 2 || !labels.iter().all(|label| is_ldh(label)) {
        return Err(UrlError::Host);
    }
    if port.is_some_and(|port| !is_port(port)) {
        return Err(UrlError::Port);
    }
    Ok(host.to_ascii_lowercase())
}

/// Letters, digits and hyphens, with no hyphen at either end (RFC 5890 section 2.3.1).
fn is_ldh(label: &str) -> bool {
    let all_ldh = label
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (1..=LABEL_MAX).contains(&label.len()) && all_ldh && !label.starts_with('-') && !label.ends_with('-')
}

fn is_port(port: &str) -> bool {
    let all_digits = port.bytes().all(|byte| byte.is_ascii_digit());
    all_digits && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> UrlError {
        match FacetsUrl::parse(text) {
            Err(FacetsError::Url { cause, .. }) => cause,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn assert_refused(expected: UrlError, texts: &[&str]) {
        for text in texts {
            assert_eq!(cause(text), expected, "{text:?}");
        }
    }

    #[test]
    fn keeps_the_text_as_it_is_and_the_host_in_lower_case() {
        for (text, host) in [
            ("https://example.com", "example.com"),
            ("https://www.Example.COM/Facets.json", "www.example.com"),
            ("https://example.com:8443/a/../b?c=d%20e", "example.com"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
            ("https://1.example.com?x@y:z", "1.example.com"),
        ] {
            let url = FacetsUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.host()), (text, host));
        }
    }

    #[test]
    fn refuses_other_schemes() {
        let texts = [
            "",
            "example.com",
            "http://example.com/",
            "HTTPS://example.com/",
            "https:example.com",
            "https:/example.com",
            " https://example.com/",
            "file:///etc/passwd",
            "krb5realm:EXAMPLE.COM",
        ];
        assert_refused(UrlError::NotHttps, &texts);
    }

    #[test]
    fn refuses_characters_that_parsers_pass_over_or_mend() {
        let texts = [
            "https://example.com/\n",
            "https://exa\tmple.com/",
            "https://example.com/a b",
            "https://example.com\\@evil.test/",
            "https://example.com/\0",
            "https://example.com/\u{7f}",
            "https://bücher.example/",
        ];
        assert_refused(UrlError::Characters, &texts);
    }

    #[test]
    fn refuses_user_names_and_fragments() {
        let texts = [
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://@example.com/",
            "https://example.com:443@evil.test/",
        ];
        assert_refused(UrlError::UserInfo, &texts);
        let texts = ["https://example.com/#", "https://example.com#@evil.test/"];
        assert_refused(UrlError::Fragment, &texts);
    }

    #[test]
    fn refuses_hosts_that_are_no_domain_names() {
        let long_label = format!("https://{}.example/", "a".repeat(64));
        let long_name = format!("https://{}example/", "a.".repeat(124));
        let texts = [
            "https://",
            "https:///example.com/",
            "https://?example.com",
            "https://localhost/",
            "https://com",
            "https://192.0.2.1/",
            "https://192.0.2.1.",
            "https://0x7f.1/",
            "https://1.2",
            "https://example.0x10",
            "https://example.08",
            "https://[2001:db8::1]/",
            "https://example.com./",
            "https://.example.com/",
            "https://example..com/",
            "https://-a.example/",
            "https://a-.example/",
            "https://a_b.example/",
            "https://%65xample.com/",
            "https://xn--a.example/",
            "https://*.example.com/",
            &long_label,
            &long_name,
        ];
        assert_refused(UrlError::Host, &texts);
    }

    #[test]
    fn refuses_ports_that_are_none() {
        let texts = [
            "https://example.com:/",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://example.com:+443/",
            "https://example.com:443:443/",
            "https://example.com:https/",
        ];
        assert_refused(UrlError::Port, &texts);
    }

    #[test]
    fn limits_urls_to_2048_bytes() {
        let mut text = "https://example.com/".to_owned();
        text.extend(std::iter::repeat_n('a', URL_MAX - text.len()));
        assert!(FacetsUrl::parse(&text).is_ok());
        text.push('a');
        assert_eq!(cause(&text), UrlError::TooLong);
    }

    #[test]
    fn redirects_lead_to_such_places_only() {
        let from = FacetsUrl::parse("https://example.com/a/b").unwrap();
        for (location, place) in [
            ("c", "https://example.com/a/c"),
            ("/c?d", "https://example.com/c?d"),
            ("//other.test/c", "https://other.test/c"),
            ("https://other.test/", "https://other.test/"),
        ] {
            assert_eq!(from.join(location).unwrap().as_str(), place);
        }
        for (location, cause) in [
            ("http://example.com/", UrlError::NotHttps),
            ("//localhost/", UrlError::Host),
            ("https://127.0.0.1/", UrlError::Host),
            ("//user@example.com/", UrlError::UserInfo),
            ("c#d", UrlError::Fragment),
            ("data:application/fido.trusted-apps+json,{}", UrlError::NotHttps),
        ] {
            assert_eq!(from.join(location), Err(cause), "{location}");
        }
    }
}
