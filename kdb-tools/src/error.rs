//! Why an enrolment command failed: what, where, and what to do.

use std::path::{Path, PathBuf};

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        admission::{UnreadableRoots, Unregistered},
        client_settings::InvalidValue,
        kdc_settings::Fault,
    },
};
use krb5_plugin::{Failure, kadm5};

use crate::{DocumentFault, KadmindError};

/// One variant per cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be read.
    #[error("{text} while reading the Kerberos configuration: see KRB5_CONFIG and KRB5_KDC_PROFILE")]
    Configuration {
        /// What krb5 says.
        text: String,
    },
    /// The configuration of clients cannot be read, or names no realm.
    #[error("{text} while reading the Kerberos configuration: see KRB5_CONFIG")]
    ClientConfiguration {
        /// What krb5 says.
        text: String,
    },
    /// A relation of krb5.conf that no client logs in with.
    #[error("{0}: see krb5.conf")]
    InvalidSetting(#[from] InvalidValue),
    /// A relation of kdc.conf that the KDC would not start with.
    #[error(transparent)]
    ImpossibleValue(Fault),
    /// The realm accepts no algorithm that keys are asked for.
    #[error(
        "fido_algorithms of {realm} accepts none of the algorithms that keys are asked for here: {algorithms}"
    )]
    NoCommonAlgorithm {
        /// The realm.
        realm: String,
        /// What keys are asked for.
        algorithms: String,
    },
    /// The key has no algorithm that it may be asked for.
    #[error("{product} has no algorithm that it may be asked for: {algorithms}; nothing was stored")]
    AlgorithmMissing {
        /// The key.
        product: String,
        /// What it may be asked for.
        algorithms: String,
    },
    /// User verification was asked for, and the key cannot do it.
    #[error(
        "{product} does not know its user, as --uv demands: set a PIN with fido2-token -S, if it can have one; nothing \
         was stored"
    )]
    CannotVerify {
        /// The key.
        product: String,
    },
    /// The realm demands verification that the key cannot do.
    #[error(
        "{realm} wants the PIN of {product}, and none is set: set one with fido2-token -S; nothing was stored"
    )]
    PinNotSet {
        /// The realm.
        realm: String,
        /// The key.
        product: String,
    },
    /// The database cannot be opened.
    #[error(
        "{text} while opening the database of {realm}: this command runs on the KDC, as its administrator"
    )]
    DatabaseUnavailable {
        /// The realm.
        realm: String,
        /// What krb5 says.
        text: String,
    },
    /// What kadmind, or the way to it, does not let happen.
    #[error(transparent)]
    Kadmind(#[from] KadmindError),
    /// The database cannot be read or written.
    #[error("{text} while {doing}")]
    Database {
        /// What was being done, and to whose entry.
        doing: String,
        /// What krb5 says.
        text: String,
    },
    /// No principal of that name.
    #[error("Principal does not exist: {principal}")]
    UnknownPrincipal {
        /// The name as given.
        principal: String,
    },
    /// Nobody was named, and nothing else tells who is meant.
    #[error("Neither a credential cache nor a local user tells who logs in: name the principal")]
    NoPrincipal,
    /// Not a principal name.
    #[error("{text} while parsing the principal name {principal}")]
    MalformedPrincipal {
        /// The name as given.
        principal: String,
        /// What krb5 says.
        text: String,
    },
    /// The label is taken.
    #[error("{principal} has a key named {label} already: choose another name")]
    LabelTaken {
        /// The principal.
        principal: String,
        /// The label.
        label: String,
    },
    /// Not a label.
    #[error(
        "\"{label}\" cannot be the name of a key: a letter or digit, then up to 31 letters, digits, '.', '_' or '-'"
    )]
    MalformedLabel {
        /// The label as given.
        label: String,
    },
    /// The key is registered.
    #[error("This key is registered for {principal} already, as {label}")]
    AlreadyRegistered {
        /// The principal.
        principal: String,
        /// Its label there.
        label: String,
    },
    /// The attached key says that it is registered.
    #[error("{product} is registered for {principal} already")]
    KeyExcluded {
        /// The key.
        product: String,
        /// The principal.
        principal: String,
    },
    /// Several keys are attached, and there is nothing to register.
    #[error("All attached security keys are registered for {principal} already ({keys}): attach another one")]
    AllRegistered {
        /// Their devices.
        keys: String,
        /// The principal.
        principal: String,
    },
    /// No key at all.
    #[error("{principal} has no security key")]
    NoKeys {
        /// The principal.
        principal: String,
    },
    /// A record that cannot be read is no key that could be disabled.
    #[error(
        "{label} of {principal} cannot be read, and is not accepted: {cause}; remove it with kdb5_fido remove"
    )]
    UnreadableRecord {
        /// The principal.
        principal: String,
        /// The label.
        label: String,
        /// Why.
        cause: Cause,
    },
    /// An attribute that could not be written again as it is.
    #[error("{attribute} of {principal} is not UTF-8: it can only be removed")]
    NotText {
        /// The principal.
        principal: String,
        /// The attribute.
        attribute: String,
    },
    /// No key of that name.
    #[error("{principal} has no key named {label}: list shows what there is")]
    NoSuchLabel {
        /// The principal.
        principal: String,
        /// The label.
        label: String,
    },
    /// 65,535 bytes of string attributes are used up.
    #[error(
        "The string attributes of {principal} have no room for it (65,535 bytes in all): remove one first"
    )]
    AttributesFull {
        /// The principal.
        principal: String,
    },
    /// The update log for replicas cannot take the entry.
    #[error(
        "{text} while {doing}: where iprop is on, an entry has about 63,000 bytes at most; remove other string attributes \
         first"
    )]
    UpdateLogFull {
        /// What was being done, and to whose entry.
        doing: String,
        /// What krb5 says.
        text: String,
    },
    /// The change was gone again each time it was read back.
    #[error(
        "The change to {principal} does not stay: logins and other programs write back what they read before, or the \
         disk is full; nothing was changed, try again"
    )]
    NotStored {
        /// The principal.
        principal: String,
    },
    /// A change failed half way, and so did undoing it.
    #[error("{cause}; {principal} is left half changed: look at it with kadmin.local getprinc and getstrs")]
    NotUndone {
        /// The principal.
        principal: String,
        /// Why the change failed.
        cause: Box<Error>,
    },
    /// The last key goes only with `--yes`.
    #[error(
        "{label} is the last key of {principal}: without one fido_policy decides whether the password alone will do; say --yes if that is meant"
    )]
    LastKey {
        /// The principal.
        principal: String,
        /// The label.
        label: String,
    },
    /// A file cannot be read.
    #[error("Could not read {}: {source}", describe(path))]
    UnreadableFile {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is there already.
    #[error("{} is there already: --force replaces it", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A directory, device or link.
    #[error("{} is no regular file: name another", path.display())]
    NoFile {
        /// Where the file was to be.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("Could not write {}: {source}", path.display())]
    UnwritableFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an export document.
    #[error("No export document in {}: {cause}", describe(path))]
    MalformedDocument {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// Why.
        cause: DocumentFault,
    },
    /// An export document that is too long.
    #[error(
        "The document in {} is too long: at most {max} bytes are read; export principals in parts",
        describe(path)
    )]
    DocumentTooLong {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// The limit, in bytes.
        max: u64,
    },
    /// The document is of another realm.
    #[error(
        "The document is of {document:?}, and this is {realm}: --any-realm takes its principals for those of {realm}"
    )]
    ForeignDocument {
        /// The realm of the document.
        document: String,
        /// This realm.
        realm: String,
    },
    /// An attribute that import does not set.
    #[error(
        "{attribute:?} is no attribute that is imported: fido:LABEL, fido_policy, fido_uv and fido_indicator are"
    )]
    ForeignAttribute {
        /// The attribute.
        attribute: String,
    },
    /// An attribute whose value is none.
    #[error("{attribute:?} in the document: {cause}")]
    MalformedAttribute {
        /// The attribute.
        attribute: String,
        /// Why.
        cause: Cause,
    },
    /// An attribute that has another value already.
    #[error("{principal} has another {attribute} already: --replace puts that of the document in its place")]
    AttributeDiffers {
        /// The principal.
        principal: String,
        /// The attribute.
        attribute: String,
    },
    /// A key that is registered under another label already.
    #[error("The key of {attribute} is registered for {principal} already, as {label}: --replace moves it")]
    RegisteredElsewhere {
        /// The principal.
        principal: String,
        /// The attribute in the document.
        attribute: String,
        /// The label in the database.
        label: String,
    },
    /// Some principals could not be imported.
    #[error("{failed} of {all} principals could not be imported: {names}")]
    ImportIncomplete {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
        /// Which, as the document names them.
        names: String,
    },
    /// Not a credential record.
    #[error("No credential record in {}: {cause}", describe(path))]
    MalformedRecord {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// Why.
        cause: Cause,
    },
    /// Not a device.
    #[error(
        "\"{device}\" is no device: auto, none, an absolute path, or unix: and an absolute path would be"
    )]
    MalformedDevice {
        /// The value as given.
        device: String,
    },
    /// No key is attached.
    #[error("No security key attached: plug one in, or name it with --device")]
    NoKey,
    /// It cannot be told which keys are attached.
    #[error("{0} while looking for security keys")]
    KeySearch(krb5_fido_keys::Error),
    /// Several keys are attached.
    #[error("Several security keys are attached ({keys}): name one with --device")]
    SeveralKeys {
        /// Their devices.
        keys: String,
    },
    /// An rpId that no client in the realm signs for.
    #[error(
        "No client signs for \"{rp_id}\" in {realm}: {accepted} would do, or set fido_rp_id in krb5.conf everywhere"
    )]
    ForeignRelyingParty {
        /// The rpId as given.
        rp_id: String,
        /// The realm.
        realm: String,
        /// What clients sign for.
        accepted: String,
    },
    /// The store of last uses, or a copy of another KDC's.
    #[error(transparent)]
    State(#[from] krb5_fido_state::Error),
    /// The public suffix list.
    #[error(transparent)]
    SuffixList(#[from] krb5_fido_keys::SuffixListError),
    /// What the key returned is refused.
    #[error("What {product} returned is refused: {cause}; nothing was stored")]
    Refused {
        /// The key.
        product: String,
        /// Why.
        cause: Cause,
    },
    /// The key failed.
    #[error("{0} while registering a key; nothing was stored")]
    Key(#[from] krb5_fido_keys::Error),
    /// A PIN that no key has.
    #[error("No security key has such a PIN: 1 to 63 bytes of UTF-8; nothing was stored")]
    MalformedPin,
    /// The question whether this is to be registered was not answered with yes.
    #[error("Not confirmed; nothing was stored")]
    NotConfirmed,
    /// The terminal failed.
    #[error("Could not ask on the terminal: {0}; nothing was changed")]
    Terminal(std::io::Error),
    /// The result could not be printed.
    #[error("Could not write to standard output: {0}")]
    Output(std::io::Error),
    /// The same, after a change.
    #[error("Could not write to standard output: {0}; the change itself was made")]
    OutputAfterChange(std::io::Error),
    /// As many keys as the realm lets a principal have.
    #[error(
        "{principal} has as many keys as fido_max_credentials of the realm allows, {max}: remove one first"
    )]
    TooManyKeys {
        /// The principal.
        principal: String,
        /// The number.
        max: usize,
    },
    /// The registration that the record carries does not stand up, or nobody vouches for the key who counts.
    #[error("The key is not let in: {cause}; nothing was stored")]
    NotAttested {
        /// Why.
        cause: Unregistered,
    },
    /// A file of fido_attestation_roots.
    #[error("{0}: see kdc.conf")]
    UnreadableRoots(#[from] UnreadableRoots),
    /// The principal's fido_invite cannot be read.
    #[error("{cause}: remove it with kadmin delstr, or invite anew; nothing was changed")]
    Invitation {
        /// Why.
        cause: Cause,
    },
    /// fido_self_enrol is no.
    #[error(
        "Nobody registers a first key himself in {realm}, invited or not: fido_self_enrol of kdc.conf says no"
    )]
    NobodyInvited {
        /// The realm.
        realm: String,
    },
    /// fido_exempt names the principal.
    #[error(
        "fido_exempt names {principal}: such a principal does not register keys itself, use kdb5_fido enroll"
    )]
    ExemptFromInvitation {
        /// The principal.
        principal: String,
    },
    /// It needs no invitation.
    #[error(
        "{principal} has a key that may be used, {label}, and registers others with it: if its keys are lost, say --replace"
    )]
    HasUsableKeys {
        /// The principal.
        principal: String,
        /// The label of the first of them.
        label: String,
    },
    /// The operating system has no randomness.
    #[error("The system's random number generator failed: {0}")]
    Random(getrandom::Error),
}

impl Error {
    /// The KDC's configuration cannot be read.
    pub fn from_profile(error: krb5_plugin::Error) -> Self {
        Self::Configuration { text: error.text() }
    }

    /// A failure of kadm5 while something was done to the entry of a principal.
    pub(crate) fn database(failure: Failure, principal: &str, doing: &str) -> Self {
        let (doing, principal) = (format!("{doing} of {principal}"), principal.to_owned());
        match failure.error.code() {
            kadm5::UNKNOWN_PRINCIPAL => Self::UnknownPrincipal { principal },
            code if kadm5::REFUSALS.contains(&code) => KadmindError::Refused {
                doing,
                text: failure.text(),
                reason: None,
            }
            .into(),
            kadm5::STRINGS_TOO_LONG => Self::AttributesFull { principal },
            kadm5::UPDATE_LOG_ERROR => Self::UpdateLogFull {
                doing,
                text: failure.text(),
            },
            _ => Self::Database {
                doing,
                text: failure.text(),
            },
        }
    }
}

fn describe(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.display().to_string()
}
