//! The one place where an LMDB file is mapped into memory.
//!
//! Invariants:
//! 1. The file lies in a directory that only the KDC's own user may write into ([`crate::place`]), and its pages were looked
//!    through ([`crate::damage`]): nobody but LMDB changes it while it is mapped, and what LMDB follows in it leads somewhere.
//! 2. Processes lock each other out by LMDB's own lock file, which is never switched off but for reading a copy.
//! 3. A process that was forked does not use its parent's mapping: stores are opened where they are used first.
#![allow(unsafe_code)]

use std::path::Path;

use heed::{Env, EnvFlags, EnvOpenOptions, WithoutTls};

/// The most that a store can grow to, in bytes: some six million credentials. It takes no memory until it is used.
const MAP_SIZE: usize = 1 << 30;

/// Opens the store's file for reading and writing, and makes it if it is not there. The caller keeps the invariants.
pub(crate) fn open(directory: &Path) -> heed::Result<Env<WithoutTls>> {
    let mut options = options();
    // SAFETY: not one of the flags that give up locking or the order of writes: after a crash of the system the last
    // transaction may be undone, and nothing else (lmdb.h, MDB_NOMETASYNC).
    let options = unsafe { options.flags(EnvFlags::NO_META_SYNC) };
    // SAFETY: invariants 1 to 3 (lmdb.h, mdb_env_open).
    unsafe { options.open(directory) }
}

/// Opens a file that no process writes, such as a copy.
pub(crate) fn open_copy(file: &Path) -> heed::Result<Env<WithoutTls>> {
    let mut options = options();
    let flags = EnvFlags::READ_ONLY | EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK;
    // SAFETY: nobody writes it, so that there is nobody to lock out (lmdb.h, MDB_NOLOCK).
    let options = unsafe { options.flags(flags) };
    // SAFETY: invariant 1.
    unsafe { options.open(file) }
}

fn options() -> EnvOpenOptions<WithoutTls> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_SIZE);
    options
}
