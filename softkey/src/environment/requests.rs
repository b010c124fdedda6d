//! What a CTAP2 command wants a touch for.
//!
//! The command is read by opensk's own parser, which is what decides about it afterwards: the question cannot be about
//! something else than the command. Its length is bounded by CTAPHID, its nesting by the parser.

use std::cmp::Reverse;

use opensk::{
    api::{
        crypto::{sha256::Sha256, software_crypto::SoftwareSha256},
        key_store::KeyStore,
        persist::Persist,
    },
    ctap::{
        cbor_read,
        command::{AuthenticatorGetAssertionParameters, AuthenticatorMakeCredentialParameters, Command},
        data_formats::{
            CredentialProtectionPolicy, PublicKeyCredentialDescriptor, PublicKeyCredentialSource,
            PublicKeyCredentialType,
        },
        filter_listed_credential,
    },
};

use super::Environment;
use crate::{RelyingParty, Request};

/// What can be told about a resident credential.
struct Resident {
    id: Vec<u8>,
    user: Option<String>,
    order: u64,
    /// Asserts without user verification, when its id is given.
    if_listed: bool,
    /// Asserts without user verification and without being named.
    if_discovered: bool,
}

impl From<PublicKeyCredentialSource> for Resident {
    fn from(source: PublicKeyCredentialSource) -> Self {
        Self {
            if_listed: source.cred_protect_policy
                != Some(CredentialProtectionPolicy::UserVerificationRequired),
            if_discovered: source.is_discoverable(),
            id: source.credential_id,
            user: source.user_name.or(source.user_display_name),
            order: source.creation_order,
        }
    }
}

impl Environment {
    /// `None` for commands that need no touch, and for those that opensk refuses before it asks for one.
    pub(super) fn parse_request(&mut self, command: &[u8]) -> Option<Request> {
        match Command::deserialize(command).ok()? {
            Command::AuthenticatorMakeCredential(parameters) => Some(self.describe_registration(parameters)),
            Command::AuthenticatorGetAssertion(parameters) => Some(self.describe_signature(parameters)),
            Command::AuthenticatorReset => Some(Request::Reset),
            Command::AuthenticatorSelection => Some(Request::Selection),
            _ => None,
        }
    }

    fn describe_registration(&mut self, parameters: AuthenticatorMakeCredentialParameters) -> Request {
        if is_selection(parameters.pin_uv_auth_param.as_deref()) {
            return Request::Selection;
        }
        self.names.add(&parameters.rp.rp_id);
        Request::Registration {
            relying_party: RelyingParty::Id(parameters.rp.rp_id),
            user: parameters.user.user_name.or(parameters.user.user_display_name),
        }
    }

    fn describe_signature(&mut self, parameters: AuthenticatorGetAssertionParameters) -> Request {
        if is_selection(parameters.pin_uv_auth_param.as_deref()) {
            return Request::Selection;
        }
        let verified = parameters.pin_uv_auth_param.is_some();
        let residents = self.residents(&parameters.rp_id);
        let users = match &parameters.allow_list {
            Some(list) => self
                .find_listed(&parameters.rp_id, list, &residents, verified)
                .into_iter()
                .collect(),
            None => residents
                .into_iter()
                .filter(|resident| verified || resident.if_discovered)
                .filter_map(|resident| resident.user)
                .collect(),
        };
        Request::Signature {
            relying_party: RelyingParty::Id(parameters.rp_id),
            users,
        }
    }

    /// The user of the first credential in `list` that the key can use: the one that opensk takes. The key does not know
    /// those of credentials that are not resident.
    fn find_listed(
        &mut self,
        rp_id: &str,
        list: &[PublicKeyCredentialDescriptor],
        residents: &[Resident],
        verified: bool,
    ) -> Option<String> {
        let rp_id_hash = SoftwareSha256::digest(rp_id.as_bytes());
        for descriptor in list {
            if descriptor.key_type != PublicKeyCredentialType::PublicKey {
                continue;
            }
            let is_listed =
                |resident: &&Resident| resident.id == descriptor.key_id && (verified || resident.if_listed);
            if let Some(resident) = residents.iter().find(is_listed) {
                return resident.user.clone();
            }
            let source = self.unwrap_credential(&descriptor.key_id, &rp_id_hash).ok()?;
            if filter_listed_credential(source, verified).is_some() {
                return None;
            }
        }
        None
    }

    /// The resident credentials of a relying party, latest first.
    fn residents(&self, rp_id: &str) -> Vec<Resident> {
        let Ok(credentials) = self.store.iter_credentials() else {
            return Vec::new();
        };
        let mut residents: Vec<Resident> = credentials
            .filter_map(|credential| {
                let (_, bytes) = credential.ok()?;
                PublicKeyCredentialSource::try_from(cbor_read(&bytes).ok()?).ok()
            })
            .filter(|source| source.rp_id == rp_id)
            .map(Resident::from)
            .collect();
        residents.sort_by_key(|resident| Reverse(resident.order));
        residents
    }
}

/// An empty pinUvAuthParam asks for a touch and nothing else (CTAP 2.1 sections 6.1.2, 6.2.2, step 1).
fn is_selection(pin_uv_auth_param: Option<&[u8]>) -> bool {
    pin_uv_auth_param.is_some_and(<[u8]>::is_empty)
}
