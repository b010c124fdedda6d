//! The public suffix list that rpIds are derived with.

use std::{fs, path::Path};

use psl::Psl;

/// Where distributions keep the list.
const SYSTEM_LIST: &str = "/usr/share/publicsuffix/public_suffix_list.dat";

/// A configured list that cannot be read, or whose path is not absolute.
#[derive(Debug, thiserror::Error)]
#[error("fido_public_suffix_list: {path} is no absolute path of a file that can be read")]
pub struct SuffixListError {
    /// The path as configured.
    pub path: String,
}

/// The list to derive the rpId of `realm` with: the configured one, else the system's, else what the copy in this program
/// has for the realm.
///
/// # Errors
/// [`SuffixListError`]: a configured list is not replaced by another.
pub fn read_suffix_list(realm: &str, configured: Option<&str>) -> Result<Option<Vec<u8>>, SuffixListError> {
    match configured {
        None => Ok(fs::read(SYSTEM_LIST).ok().or_else(|| built_in_rule(realm))),
        Some(path) => {
            let list = if Path::new(path).is_absolute() {
                fs::read(path).ok()
            } else {
                None
            };
            list.map(Some).ok_or_else(|| SuffixListError {
                path: path.to_owned(),
            })
        }
    }
}

/// The public suffix of `realm` by the psl crate's copy of the list, as a list of that one rule.
fn built_in_rule(realm: &str) -> Option<Vec<u8>> {
    let name = realm.to_ascii_lowercase();
    let suffix = psl::List.suffix(name.as_bytes())?;
    suffix.is_known().then(|| suffix.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use krb5_fido_protocol::fido::rp_id::RpIdRules;

    use super::*;

    fn accepts(realm: &str, rp_id: &str) -> bool {
        let rule = built_in_rule(realm);
        RpIdRules::new(realm, None, rule.as_deref())
            .accepts(rp_id)
            .is_some()
    }

    #[test]
    fn built_in_list_gives_registrable_domains() {
        assert!(accepts("ATHENA.MIT.EDU", "mit.edu"));
        assert!(accepts("EXAMPLE.CO.UK", "example.co.uk"));
        assert!(accepts("ME.GITHUB.IO", "me.github.io"));
    }

    #[test]
    fn built_in_list_gives_nothing_else() {
        for (realm, rp_id) in [
            ("ATHENA.MIT.EDU", "edu"),
            ("ATHENA.MIT.EDU", "athena.mit.edu"),
            ("CO.UK", "co.uk"),
            ("GITHUB.IO", "github.io"),
            ("EXAMPLE.LOCAL", "example.local"),
            ("LOCALHOST", "localhost"),
            ("", ""),
        ] {
            assert!(!accepts(realm, rp_id), "{realm} {rp_id}");
        }
    }

    #[test]
    fn unknown_suffixes_have_no_rule() {
        for realm in ["EXAMPLE.LOCAL", "LOCAL", "", "."] {
            assert_eq!(built_in_rule(realm), None, "{realm:?}");
        }
    }
}
