//! For whom this client signs: the KDC's list of relying parties is a hint, the rpId rules decide.

use krb5_fido_keys::{FacetsError, SuffixListError, rules_without_facets};
use krb5_fido_protocol::{
    fido::{
        client_data::{FidoClientData, Purpose},
        client_settings::{FACETS_URL, PUBLIC_SUFFIX_LIST},
        factor::{CredentialRef, RelyingParty},
        rp_id::RpIdRules,
    },
    helper::{Assert, Failure, Message},
};

use crate::{
    deadline::Deadline,
    facets::fetch,
    link::{Link, Stop},
};

/// A relying party that passed the rules, and what gets signed for it.
pub(crate) struct Party<'a> {
    pub(crate) rp_id: &'a str,
    pub(crate) credentials: &'a [CredentialRef],
    pub(crate) client_data_hash: [u8; 32],
}

impl<'a> Party<'a> {
    fn new(request: &'a Assert, party: &'a RelyingParty) -> Result<Self, Failure> {
        let data = FidoClientData {
            principal: &request.principal,
            rp_id: &party.rp_id,
            nonce: &request.nonce,
            purpose: Purpose::Assertion {
                transcript: &request.transcript,
                request: &request.request_hash,
            },
        };
        Ok(Self {
            rp_id: &party.rp_id,
            credentials: &party.credentials,
            client_data_hash: data.hash().map_err(|_| Failure::Internal)?,
        })
    }

    /// The credential ids, in the KDC's order.
    pub(crate) fn ids(&self) -> Vec<&'a [u8]> {
        self.credentials
            .iter()
            .map(|credential| credential.id.as_slice())
            .collect()
    }
}

/// The parties that this client signs for, in the KDC's order; at least one. The module is told of the others.
pub(crate) fn accept_parties<'a>(
    request: &'a Assert,
    link: &Link,
    deadline: Deadline,
) -> Result<Vec<Party<'a>>, Stop> {
    let mut rules = rules_without_facets(&request.realm, &request.settings).map_err(invalid_list)?;
    let unused = ask_facet_lists(&mut rules, request, link, deadline)?;
    let mut accepted = Vec::new();
    for party in &request.parties {
        match rules.accepts(&party.rp_id) {
            Some(_) => accepted.push(Party::new(request, party)?),
            None => link.send(&Message::Skipped(party.rp_id.clone()))?,
        }
    }
    if accepted.is_empty() {
        return Err(match unused {
            Some(reason) => Failure::FacetsUnused { reason }.into(),
            None => Failure::NoAcceptedRelyingParty.into(),
        });
    }
    Ok(accepted)
}

/// Has facet lists vouch for the parties that no other rule accepts. The module is told of lists that count for nothing;
/// the first reason is given back.
fn ask_facet_lists(
    rules: &mut RpIdRules,
    request: &Assert,
    link: &Link,
    deadline: Deadline,
) -> Result<Option<String>, Stop> {
    let mut first_unused = None;
    for url in request.settings.facet_lists(request.kdc_facets_url.as_deref()) {
        let accepts = |party: &RelyingParty| rules.accepts(&party.rp_id).is_some();
        if request.parties.iter().all(accepts) {
            break;
        }
        let reason = match fetch(url, &request.realm, link, deadline)? {
            Ok(list) => {
                rules.add_facets(list);
                continue;
            }
            Err(FacetsError::Url { .. }) if request.settings.facets_url.as_deref() == Some(url) => {
                return Err(Failure::InvalidConfiguration {
                    relation: FACETS_URL.to_owned(),
                    value: url.to_owned(),
                }
                .into());
            }
            Err(error) => error.to_string(),
        };
        link.send(&Message::FacetsUnused(reason.clone()))?;
        first_unused = first_unused.or(Some(reason));
    }
    Ok(first_unused)
}

fn invalid_list(error: SuffixListError) -> Failure {
    Failure::InvalidConfiguration {
        relation: PUBLIC_SUFFIX_LIST.to_owned(),
        value: error.path,
    }
}
