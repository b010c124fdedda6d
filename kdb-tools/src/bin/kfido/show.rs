//! kfido show: everything about a key.

use krb5_fido_tools::Error;

use crate::session::Session;

pub(crate) fn run(session: &Session<'_>, label: &str) -> Result<(), Error> {
    Err(session.listed.no_such_label(label))
}
