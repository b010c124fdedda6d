//! For whom this client signs: the KDC's list of relying parties is a hint, the rpId rules decide.

use krb5_fido_keys::{SuffixListError, read_suffix_list};
use krb5_fido_protocol::{
    fido::{
        client_data::{FidoClientData, Purpose},
        factor::{CredentialRef, RelyingParty},
        rp_id::RpIdRules,
    },
    helper::{Assert, Failure, Message},
};

use crate::link::{Link, Stop};

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
pub(crate) fn accept_parties<'a>(request: &'a Assert, link: &Link) -> Result<Vec<Party<'a>>, Stop> {
    let rules = rules(request)?;
    let mut accepted = Vec::new();
    for party in &request.parties {
        match rules.accepts(&party.rp_id) {
            Some(_) => accepted.push(Party::new(request, party)?),
            None => link.send(&Message::Skipped(party.rp_id.clone()))?,
        }
    }
    if accepted.is_empty() {
        return Err(Failure::NoAcceptedRelyingParty.into());
    }
    Ok(accepted)
}

fn rules(request: &Assert) -> Result<RpIdRules, Failure> {
    let list = match (&request.settings.rp_id, &request.settings.public_suffix_list) {
        (Some(_), _) => None,
        (None, path) => read_suffix_list(&request.realm, path.as_deref()).map_err(invalid_list)?,
    };
    Ok(RpIdRules::new(
        &request.realm,
        request.settings.rp_id.as_deref(),
        list.as_deref(),
    ))
}

fn invalid_list(error: SuffixListError) -> Failure {
    Failure::InvalidConfiguration {
        relation: "fido_public_suffix_list".to_owned(),
        value: error.path,
    }
}
