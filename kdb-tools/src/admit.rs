//! Whether a new record may be stored: one place for every command that stores some.

use krb5_fido_protocol::fido::{label::Label, record::CredentialRecord};

use crate::Error;

/// Refuses a record that its principal must not have besides the `others`, which are all the readable records that it has
/// then.
///
/// # Errors
/// [`Error::AlreadyRegistered`].
pub(crate) fn admit<'a>(
    principal: &str,
    record: &CredentialRecord,
    others: impl IntoIterator<Item = &'a (Label, CredentialRecord)>,
) -> Result<(), Error> {
    let mut others = others.into_iter();
    let twin = others.find(|(_, other)| other.id() == record.id());
    twin.map_or(Ok(()), |(label, _)| {
        Err(Error::AlreadyRegistered {
            principal: principal.to_owned(),
            label: label.to_string(),
        })
    })
}
