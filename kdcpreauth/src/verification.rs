//! What the KDC checks in an assertion, and what it remembers of it.

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        client_data::hash_request,
        counter::LastUse,
        decoy::spend_checks,
        factor::FidoAssertion,
        policy::{Decision, Usable},
        verify::{Accepted, AssertionContext, Presented, Signed, verify_signed},
    },
    registry::FIDO_NONCE_LEN,
    spake::kdc::{FidoAssertion as FidoAnswer, Mode},
};
use krb5_fido_state::{Use, credential_key};
use krb5_plugin::{
    Error, Failure, KeyBlock,
    kdcpreauth::{Exchange, Request},
};

use crate::{client::Client, log, states::States};

/// Bytes of a transcript hash of edwards25519.
const TRANSCRIPT_LEN: usize = 32;

/// Why an assertion gives no ticket.
pub(crate) enum Denied {
    /// It is not good for this request.
    Refused(Cause),
    /// The KDC cannot tell.
    Undecided(Failure),
}

impl From<Cause> for Denied {
    fn from(cause: Cause) -> Self {
        Self::Refused(cause)
    }
}

/// What an assertion must be made for, as far as the request says it.
pub(crate) struct Login {
    principal: Vec<u8>,
    request_hash: [u8; 32],
}

impl Login {
    pub(crate) fn of(exchange: &Exchange<'_>) -> Result<Self, Cause> {
        let client = exchange.request().client();
        Ok(Self {
            principal: client.unparse().map_err(|_| Cause::UnreadablePrincipal)?,
            request_hash: hash_request(exchange.request_body()),
        })
    }

    fn context<'a>(
        &'a self,
        client: &'a Client<'_>,
        nonce: &'a [u8; FIDO_NONCE_LEN],
        transcript: &'a [u8],
    ) -> AssertionContext<'a> {
        AssertionContext {
            principal: &self.principal,
            nonce,
            transcript,
            request_hash: self.request_hash,
            required: client.required(),
        }
    }
}

/// "What the KDC checks": the assertion must be good for this request, and its counter for this credential. That is stored
/// before anything comes of it.
pub(crate) fn verify(
    states: &States,
    request: Request<'_>,
    client: &Client<'_>,
    login: &Login,
    assertion: &FidoAssertion,
    answer: &FidoAnswer<'_, KeyBlock>,
) -> Result<Accepted, Denied> {
    if let Decision::Refuse(cause) = client.decide() {
        return Err(cause.into());
    }
    let context = login.context(client, answer.nonce(), answer.transcript());
    let signed = verify_signed(client.enrolment.credentials(), assertion, &context)?;
    let decide = |last: Option<&Use>| judge(&signed, client, last);
    let key = credential_key(&assertion.credential_id, signed.public_key());
    match states.update(&client.realm.state_dir, &key, decide) {
        Ok(decided) => Ok(decided?),
        Err(cause) => {
            log::not_decided(request, &cause);
            Err(Denied::Undecided(Failure::new(Error::DISCARD, cause)))
        }
    }
}

fn judge(signed: &Signed, client: &Client<'_>, last: Option<&Use>) -> Result<(Use, Accepted), Cause> {
    let last = last.map(|last| LastUse {
        counter: last.counter,
        digest: last.digest,
    });
    let (accepted, last) = signed.judge(client.realm.counter, last.as_ref())?;
    let used = Use {
        counter: last.counter,
        digest: last.digest,
        time: client.now,
        user_verified: accepted.factor.is_user_verified(),
    };
    Ok((used, accepted))
}

/// Writes down why an assertion was refused whose sender has proved the password: with what it says of itself.
pub(crate) fn log_refused(
    request: Request<'_>,
    client: &Client<'_>,
    assertion: Option<&FidoAssertion>,
    cause: Cause,
) {
    let presented = assertion.map(|assertion| Presented::of(client.enrolment.credentials(), assertion));
    log::assertion_refused(request, Mode::Encrypted, &presented.unwrap_or_default(), cause);
}

/// Spends the time that [`verify`] would have taken.
pub(crate) fn spend(
    client: &Client<'_>,
    login: &Login,
    usable: &[Usable<'_>],
    checked: Option<&FidoAssertion>,
) {
    let context = login.context(client, &[0; FIDO_NONCE_LEN], &[0; TRANSCRIPT_LEN]);
    spend_checks(client.enrolment.credentials(), usable, checked, &context);
}
