//! Why there is no facet list.

use std::time::Duration;

use krb5_fido_protocol::registry::{FACET_LIST_MAX, RP_ID_REALM_PREFIX};

use super::{REDIRECTS_MAX, url::URL_MAX};

/// Why a text is not the URL of a facet list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// More than 2,048 bytes.
    #[error("longer than {URL_MAX} bytes")]
    TooLong,
    /// Any other scheme, or none.
    #[error("it does not start with https://")]
    NotHttps,
    /// Other characters than the printable ones of ASCII, or a backslash.
    #[error("it has characters that do not belong into a URL")]
    Characters,
    /// A user name or a password before the host.
    #[error("it has a user name")]
    UserInfo,
    /// A part behind `#`, which no server would be told.
    #[error("it has a fragment, the part behind #")]
    Fragment,
    /// An IP address, a name without a dot, or what is no name.
    #[error("its host is not a domain name of two or more labels")]
    Host,
    /// No port number behind the colon.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

/// One variant per cause. Every text from outside is made printable before it gets in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FacetsError {
    /// What was configured, or what the KDC names, is no URL of a facet list.
    #[error("{url} is not the URL of a facet list: {cause}")]
    Url {
        /// Its beginning.
        url: String,
        /// What is wrong with it.
        cause: UrlError,
    },
    /// The operating system lacks what it takes to wait for the network.
    #[error("the facet list {url} cannot be asked for: {reason}")]
    Resources {
        /// As configured.
        url: String,
        /// What the operating system says.
        reason: String,
    },
    /// No certificates to trust.
    #[error(
        "the facet list {url} cannot be asked for: {reason}; is the package ca-certificates installed, and SSL_CERT_FILE \
         right if it is set?"
    )]
    TrustStore {
        /// As configured.
        url: String,
        /// What TLS says.
        reason: String,
    },
    /// Name resolution, the proxy, the connection or TLS failed.
    #[error("the facet list {url} cannot be reached: {reason}")]
    Unreachable {
        /// As configured.
        url: String,
        /// What the operating system or TLS says.
        reason: String,
    },
    /// The server's certificate does not verify: its issuer, its time, or its name.
    #[error("the server of the facet list {url} is not trusted: {reason}")]
    Untrusted {
        /// As configured.
        url: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// Not there in time, redirects and all.
    #[error("the facet list {url} did not arrive within {limit:?}")]
    TimedOut {
        /// As configured.
        url: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A redirect without `FIDO-AppID-Redirect-Authorized: true`.
    #[error(
        "the facet list {url} is redirected without the header FIDO-AppID-Redirect-Authorized: true; the server must send \
         it, or the URL of the list itself be configured"
    )]
    RedirectNotAuthorized {
        /// As configured.
        url: String,
    },
    /// A redirect without a place, or to one that no facet list may have.
    #[error("the facet list {url} is redirected to {target}: {cause}")]
    RedirectTarget {
        /// As configured.
        url: String,
        /// The beginning of what the server says.
        target: String,
        /// What is wrong with it.
        cause: UrlError,
    },
    /// More than five redirects.
    #[error("the facet list {url} is redirected more than {REDIRECTS_MAX} times")]
    TooManyRedirects {
        /// As configured.
        url: String,
    },
    /// Any other status than 200.
    #[error("the server of the facet list {url} answers with the HTTP status {status}")]
    Status {
        /// As configured.
        url: String,
        /// What it answers.
        status: u16,
    },
    /// Any other Content-Type, or none.
    #[error(
        "the facet list {url} does not come as application/fido.trusted-apps+json; the server must send this Content-Type"
    )]
    ContentType {
        /// As configured.
        url: String,
    },
    /// A body of more than [`FACET_LIST_MAX`] bytes.
    #[error("the facet list {url} is longer than {FACET_LIST_MAX} bytes")]
    TooLong {
        /// As configured.
        url: String,
    },
    /// The body ended before its end.
    #[error("the facet list {url} did not arrive whole: {reason}")]
    Incomplete {
        /// As configured.
        url: String,
        /// What the operating system or TLS says.
        reason: String,
    },
    /// The body is no facet list, or one for other clients only.
    #[error("the facet list {url} is not one: {cause}")]
    List {
        /// As configured.
        url: String,
        /// What is wrong with it.
        cause: krb5_fido_protocol::Error,
    },
    /// The list vouches for others.
    #[error("the facet list {url} does not hold {RP_ID_REALM_PREFIX}{realm}")]
    RealmNotListed {
        /// As configured.
        url: String,
        /// The realm that was looked for.
        realm: String,
    },
}

/// How much of a text that was refused is shown, in characters.
const SHOWN_MAX: usize = 100;

/// A text from outside, fit for a terminal: its beginning, in quotes.
pub(super) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("{shown:?}{more}")
}

/// The words of another library, which may quote the server's.
pub(super) fn printable(text: &str) -> String {
    let shown = text.chars().take(2 * SHOWN_MAX);
    shown
        .map(|character| if character.is_control() { '?' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_do_nothing_to_a_terminal() {
        assert_eq!(quote("\u{1b}[2J\n"), r#""\u{1b}[2J\n""#);
        assert_eq!(printable("\u{1b}[2J\nä\u{9b}"), "?[2J?ä?");
        assert_eq!(quote("https://x"), "\"https://x\"");
    }

    #[test]
    fn texts_from_outside_are_cut() {
        let long = "ä".repeat(5000);
        assert_eq!(quote(&long), format!("\"{}\"...", "ä".repeat(SHOWN_MAX)));
        assert_eq!(printable(&long).chars().count(), 2 * SHOWN_MAX);
    }
}
