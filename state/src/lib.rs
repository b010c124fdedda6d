//! What one KDC remembers of credentials: the highest signature counter, and their last use. It is this KDC's own, and never
//! goes into the principal database.
//!
//! A [`Store`] is a directory with an LMDB file (the engine of krb5's own klmdb), shared by the processes of `krb5kdc -w`.
//! Each use is one transaction that reads, decides and writes; LMDB has one writer at a time. A process that is killed in the
//! middle of one has written nothing, and holds nobody up. After each transaction its data are on the disk; the page that makes
//! them valid follows with the next one, so that a power failure can cost the last use and no more.
//!
//! An LMDB file is mapped into memory and believed. So it is looked through before it is opened ([`damage`]): a file that was
//! cut or garbled would end the process otherwise. It is moved aside then, and said so.

#![deny(unsafe_code)]

mod damage;
mod error;
mod last_use;
mod mapped;
mod place;
mod store;

pub use damage::Damage;
pub use error::Error;
pub use last_use::{CREDENTIAL_LEN, CredentialKey, Use, credential_key};
pub use store::{Opened, Store, open_copy};
