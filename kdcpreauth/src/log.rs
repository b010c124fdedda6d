//! Lines in the KDC's log, joined to its own AS_REQ lines by principal and nonce. Never a secret, never a credential id.

use krb5_fido_protocol::{
    Error as Cause,
    fido::{factor::NoticeCode, verify::Accepted},
};
use krb5_plugin::{
    kdcpreauth::Request,
    log::{Level, write},
};

pub(crate) fn assertion_accepted(request: Request<'_>, accepted: &Accepted) {
    write(
        Level::Info,
        &format!(
            "fido: {} accepted label={} up=1 uv={} counter={}",
            whom(request),
            accepted.label,
            u8::from(accepted.flags.is_user_verified()),
            accepted.counter,
        ),
    );
}

pub(crate) fn assertion_refused(request: Request<'_>, cause: Cause) {
    write(
        Level::Notice,
        &format!("fido: {} refused: {cause}", whom(request)),
    );
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

fn whom(request: Request<'_>) -> String {
    let client = request.client().unparse().unwrap_or_default();
    format!("{} nonce={}", String::from_utf8_lossy(&client), request.nonce())
}
