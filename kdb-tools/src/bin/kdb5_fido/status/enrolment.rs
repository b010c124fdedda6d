//! Who may register a key for the principal.

use krb5_fido_protocol::fido::policy::{SelfEnrol, Subject, find_usable, is_exempt, may_enrol};
use krb5_fido_tools::format::utc_time;
use serde_json::{Value, json};

/// In a sentence.
pub(super) fn tell(subject: &Subject<'_>) -> String {
    let enrolment = subject.enrolment;
    if is_exempt(subject) {
        return "administrators alone: fido_exempt".to_owned();
    }
    if let Err(cause) = enrolment.invitation() {
        return format!("administrators: {cause}");
    }
    let invitation = enrolment.open_invitation(subject.now);
    match (may_enrol(subject), invitation) {
        (true, Some(invitation)) => {
            let code = invitation.code().map(|_| " and a code");
            format!(
                "itself, one, with the password{} until {}",
                code.unwrap_or_default(),
                utc_time(invitation.until())
            )
        }
        (true, None) => "itself, the first, with the password: fido_self_enrol = password".to_owned(),
        (false, _) if !find_usable(subject).is_empty() => "itself, with a key that it has".to_owned(),
        (false, _) if subject.settings.self_enrol == SelfEnrol::No => {
            "administrators: fido_self_enrol = no".to_owned()
        }
        (false, _) => "administrators: it is not invited".to_owned(),
    }
}

/// Whether the password alone does, and the invitation.
pub(super) fn describe(subject: &Subject<'_>) -> Value {
    let enrolment = subject.enrolment;
    let invitation = enrolment.invitation().ok().flatten();
    let described = invitation.map(|invitation| {
        json!({
            "id": invitation.id().to_string(),
            "until": utc_time(invitation.until()),
            "by": invitation.by(),
            "code": invitation.code().is_some(),
            "spent": enrolment.is_invitation_spent(),
            "open": enrolment.open_invitation(subject.now).is_some(),
        })
    });
    json!({
        "by_password": may_enrol(subject),
        "invitation": described,
        "error": enrolment.invitation().err().map(|cause| cause.to_string()),
    })
}
