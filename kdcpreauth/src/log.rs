//! Lines in the KDC's log, joined to its own AS_REQ lines by principal and nonce. Never a secret, never a credential id.

use core::fmt;
use std::path::Path;

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        admission::Refusal,
        counter::Progress,
        factor::NoticeCode,
        policy::ShownName,
        record::CredentialRecord,
        verify::{Accepted, Presented},
    },
    spake::kdc::Mode,
};
use krb5_fido_state::Opened;
use krb5_plugin::{
    Failure,
    kdcpreauth::Request,
    log::{Level, write},
};

pub(crate) fn assertion_accepted(request: Request<'_>, mode: Mode, accepted: &Accepted) {
    let aaguid = accepted.aaguid.map(|aaguid| format!(" aaguid={aaguid}"));
    let (level, progress) = match accepted.progress {
        Progress::Forward => (Level::Info, String::new()),
        Progress::Repeated => (Level::Info, " repeated".to_owned()),
        Progress::Behind(highest) => (
            Level::Warning,
            format!(" behind={highest}: there may be a copy of this key"),
        ),
    };
    write(
        level,
        &format!(
            "fido: {} accepted label={} up=1 uv={} counter={} mode={}{}{progress}",
            whom(request),
            accepted.label,
            u8::from(accepted.flags.is_user_verified()),
            accepted.counter,
            name(mode),
            aaguid.unwrap_or_default(),
        ),
    );
}

/// A refusal, with what is known of the key that was presented.
pub(crate) fn assertion_refused(request: Request<'_>, mode: Mode, presented: &Presented, cause: Cause) {
    let Presented {
        label,
        aaguid,
        flags,
        counter,
    } = presented;
    let known = [
        label.as_ref().map(|label| format!(" label={label}")),
        flags.map(|flags| {
            let (up, uv) = (flags.is_user_present(), flags.is_user_verified());
            format!(" up={} uv={}", u8::from(up), u8::from(uv))
        }),
        counter.map(|counter| format!(" counter={counter}")),
        Some(format!(" mode={}", name(mode))),
        aaguid.map(|aaguid| format!(" aaguid={aaguid}")),
    ];
    let known: String = known.into_iter().flatten().collect();
    write(
        Level::Notice,
        &format!("fido: {}{known} refused: {cause}", whom(request)),
    );
}

const fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Encrypted => "encrypted",
        Mode::Clear => "clear",
    }
}

/// A fault of the KDC's own: the request is not answered.
pub(crate) fn not_decided(request: Request<'_>, cause: &str) {
    write(
        Level::Error,
        &format!("fido: {} not decided: {cause}", whom(request)),
    );
}

/// A store that was not there as it should be.
pub(crate) fn state_opened(directory: &Path, opened: &Opened) {
    let path = directory.display();
    match opened {
        Opened::Found => {}
        Opened::Created => write(
            Level::Notice,
            &format!("fido: state store {path}: made; counters begin with those of the records"),
        ),
        Opened::Replaced { aside, damage } => write(
            Level::Error,
            &format!(
                "fido: state store {path}: {damage}; it is now {}, and counters begin anew with those of the records",
                aside.display()
            ),
        ),
    }
}

pub(crate) fn notice_sent(request: Request<'_>, code: NoticeCode) {
    let what = match code {
        NoticeCode::EnrolRequired => "no security key is registered",
        NoticeCode::NoneUsable => "no registered security key may be used",
    };
    write(
        Level::Notice,
        &format!("fido: {} turned away: {what}", whom(request)),
    );
}

pub(crate) fn setting_refused(request: Request<'_>, cause: Cause) {
    write(
        Level::Warning,
        &format!(
            "fido: {} has a setting that cannot be followed: {cause}",
            whom(request)
        ),
    );
}

pub(crate) fn record_unusable(request: Request<'_>, record: &str) {
    write(
        Level::Notice,
        &format!("fido: {} cannot use {record}", whom(request)),
    );
}

pub(crate) fn ticket_refused(request: Request<'_>) {
    write(
        Level::Notice,
        &format!(
            "fido: {} refused: a ticket without the registered key",
            whom(request)
        ),
    );
}

/// A ticket for kadmin by a ticket-granting ticket.
pub(crate) fn administration_refused(client: &[u8]) {
    write(
        Level::Notice,
        &format!(
            "fido: {} refused: a ticket for kadmin without a login of its own",
            String::from_utf8_lossy(client)
        ),
    );
}

fn whom(request: Request<'_>) -> String {
    let client = request.client().unparse().unwrap_or_default();
    format!("{} nonce={}", String::from_utf8_lossy(&client), request.nonce())
}

/// A change of a string attribute that kadmind was asked for.
pub(crate) struct DoorEvent<'a> {
    pub(crate) caller: &'a [u8],
    pub(crate) principal: &'a [u8],
    pub(crate) attribute: &'a [u8],
    /// The key that comes or goes, if it can be read.
    pub(crate) record: Option<&'a CredentialRecord>,
    pub(crate) is_removal: bool,
}

/// The module finds nothing wrong with it; kadmind's own line, which follows, says whether it was made, and from where.
pub(crate) fn let_in(event: &DoorEvent<'_>) {
    write(Level::Notice, &format!("fido: {event}"));
}

pub(crate) fn kept_out(event: &DoorEvent<'_>, refusal: &Refusal) {
    write(Level::Notice, &format!("fido: {event} refused: {refusal}"));
}

/// kadmind does not start, and does not say why.
pub(crate) fn door_closed(failure: &Failure) {
    let text = failure.message.as_deref().unwrap_or_default();
    write(Level::Error, &format!("fido: kadmind cannot start: {text}"));
}

impl fmt::Display for DoorEvent<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        let does = match self.is_removal {
            true => "removes",
            false => "sets",
        };
        write!(
            formatter,
            "{} {does} {} of {}",
            text(self.caller),
            ShownName(self.attribute),
            text(self.principal)
        )?;
        let Some(record) = self.record else {
            return Ok(());
        };
        write!(formatter, " rp={}", record.rp_id())?;
        if let Some(aaguid) = record.aaguid() {
            write!(formatter, " aaguid={aaguid}")?;
        }
        if let Some(id) = record.invitation() {
            write!(formatter, " invite={id}")?;
        }
        Ok(())
    }
}
