//! kfido enroll and kfido register.

use std::{
    io::{IsTerminal, stdin},
    path::Path,
};

use krb5_fido_protocol::fido::{
    invite::{InvitationId, code::InvitationCode},
    policy::{Enrolment, Settings},
    record::CredentialRecord,
};
use krb5_fido_tools::{
    Attempted, ClientRealm, Console, Error, KadmindError, Keys, LineByLine, Registered, Terminal, Whose,
    check_replaceable,
    command_line::RegistrationOptions,
    describe::{describe_flags, describe_key, requirements, tell_flags_set},
    print, register_attached, write_private,
};
use krb5_plugin::{OwnedContext, kadm5::Flags};
use serde_json::Value;
use time::UtcDateTime;

use crate::{
    PROGRAM,
    session::{Session, warn},
    somebody::{name_of, parse, realm_of},
};

/// What may be in vain, before anybody touches a key.
const NOT_INVITED: &str =
    "No invitation is open: unless fido_self_enrol of the realm is password, kadmind may refuse the key.";

/// How often a code may be typed.
const CODE_ATTEMPTS: u32 = 3;

pub(crate) fn run(
    session: &mut Session<'_>,
    name: Option<&str>,
    registration: &RegistrationOptions,
) -> Result<(), Error> {
    // Before anybody touches a key: the name must be free.
    Keys::choose_label(&session.listed, name)?;
    if session.is_own() {
        session.own_keys()?.check_not_held()?;
    }
    let invited = Invited::of(session)?;
    let realm = ClientRealm::read(session.context.get(), session.access.realm())?;
    let whose = Whose {
        principal: session.principal(),
        enrolment: &session.listed.enrolment,
        settings: &session.settings,
        by: session.access.client(),
    };
    let registered = register_attached(PROGRAM, &realm, &whose, registration, &LineByLine)?;
    let record = match invited {
        Some(invited) => &invited.mark(registered, session.principal())?,
        None => &registered.record,
    };
    session.reconnect()?;
    let added = session.keys.add(session.asked(), name, record);
    let added = added.map_err(|error| session.explained(error, Attempted::Add(record)))?;
    let flags = close_password(session);
    let text = match session.as_json {
        true => {
            let required = requirements(&session.listed.enrolment, &session.settings);
            let mut object = describe_key(&added.principal, &added.label, record, &required);
            object.extend(describe_flags(
                flags.map_or(added.flags_after, |(_, after)| after),
            ));
            format!("{}\n", Value::Object(object))
        }
        false => {
            let flags = flags.map(|(before, after)| format!("{}\n", tell_flags_set(before, after)));
            let flags = flags.unwrap_or_default();
            format!("Registered {} for {}.\n{flags}", added.label, added.principal)
        }
    };
    print(&text).map_err(Error::OutputAfterChange)
}

/// An open invitation, which the new record says it was made under: that spends it.
struct Invited {
    id: InvitationId,
    /// The code, which whoever is invited was told.
    code: Option<InvitationCode>,
}

impl Invited {
    fn of(session: &Session<'_>) -> Result<Option<Self>, Error> {
        let enrolment = &session.listed.enrolment;
        let Some(invitation) = enrolment.open_invitation(UtcDateTime::now()) else {
            if session.is_own() && !enrolment.is_enrolled() {
                Console.show(NOT_INVITED);
            }
            return Ok(None);
        };
        let code = match invitation.code() {
            Some(hash) if session.is_own() => Some(ask_for_code(invitation.id(), hash)?),
            _ => None,
        };
        Ok(Some(Self {
            id: invitation.id(),
            code,
        }))
    }

    fn mark(&self, registered: Registered, principal: &str) -> Result<CredentialRecord, Error> {
        let Registered { mut record, product } = registered;
        let proof = self
            .code
            .as_ref()
            .map(|code| code.prove(self.id, principal.as_bytes(), &record));
        let proof = proof
            .transpose()
            .map_err(|cause| Error::Refused { product, cause })?;
        record.set_invitation(self.id, proof.as_ref());
        Ok(record)
    }
}

/// Asks until it is the right one, as far as a terminal is there: nothing is sent anywhere.
fn ask_for_code(id: InvitationId, hash: &[u8; 32]) -> Result<InvitationCode, Error> {
    for _ in 0..CODE_ATTEMPTS {
        let typed = Console
            .ask("Code of the invitation: ", true)
            .map_err(Error::Terminal)?;
        match InvitationCode::parse(typed.expose()) {
            Ok(code) if code.hash(id).is_ok_and(|found| found == *hash) => return Ok(code),
            Ok(_) => Console.show("That is the code of another invitation."),
            Err(cause) => Console.show(&format!("{cause}.")),
        }
        if !stdin().is_terminal() {
            break;
        }
    }
    Err(KadmindError::WrongCode.into())
}

/// Sets the flags of somebody else, as far as kadmind allows it; those before and after.
fn close_password(session: &Session<'_>) -> Option<(Flags, Flags)> {
    if session.is_own() {
        return None;
    }
    match session.keys.mend_flags(session.asked()) {
        Ok(mended) => Some((mended.before, mended.after)),
        Err(cause) => {
            warn(&KadmindError::FlagsNotSet {
                principal: session.principal().to_owned(),
                cause: Box::new(cause),
            });
            None
        }
    }
}

/// Where the record of a registration goes.
pub(crate) struct Output<'a> {
    pub(crate) path: &'a Path,
    pub(crate) force: bool,
}

impl Output<'_> {
    fn is_standard(&self) -> bool {
        self.path == Path::new("-")
    }
}

pub(crate) fn run_offline(
    context: &OwnedContext,
    principal: &str,
    registration: &RegistrationOptions,
    out: &Output<'_>,
) -> Result<(), Error> {
    let principal = parse(context.get(), principal)?;
    let name = name_of(&principal)?;
    if !out.is_standard() {
        check_replaceable(out.path, out.force)?;
    }
    let realm = ClientRealm::read(context.get(), &realm_of(&principal))?;
    let whose = Whose {
        principal: &name,
        enrolment: &Enrolment::default(),
        settings: &Settings::default(),
        by: &name,
    };
    let registered = register_attached(PROGRAM, &realm, &whose, registration, &LineByLine)?;
    let refused = |cause| Error::Refused {
        product: registered.product.clone(),
        cause,
    };
    let record = format!("{}\n", registered.record.encode().map_err(refused)?);
    if out.is_standard() {
        return print(&record).map_err(Error::Output);
    }
    write_private(out.path, &record, out.force)?;
    Console.show(&format!(
        "Its record for {name} is in {}: kdb5_fido add stores it.",
        out.path.display()
    ));
    Ok(())
}
