//! What this process has read of the principals that log in: a login has several passes, and each needs the same records.
//!
//! What is kept holds as long as the entry has the same bytes, which are compared at each reading.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use krb5_fido_protocol::fido::policy::Enrolment;
use krb5_plugin::{Result, kdb::Entry};

/// How many bytes of string attributes are kept, about a third of what their readings take; then it begins anew.
const BYTES_MAX: usize = 1 << 20;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// What the string attributes of an entry with this name say.
///
/// # Errors
/// The entry's data is malformed, or out of memory.
pub(crate) fn read(entry: Entry<'_>, name: &[u8]) -> Result<Arc<Enrolment>> {
    let data = entry.string_data();
    if data.is_empty() {
        return Ok(Arc::default());
    }
    // A panic elsewhere while it was locked has left it usable: what it holds is compared before it is used.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(enrolment) = known.find(name, data) {
        return Ok(enrolment);
    }
    let enrolment = Arc::new(Enrolment::from_attributes(entry.strings()?));
    known.keep(name, data, &enrolment);
    Ok(enrolment)
}

#[derive(Default)]
struct Known {
    readings: HashMap<Vec<u8>, Reading>,
    bytes: usize,
}

struct Reading {
    data: Vec<u8>,
    enrolment: Arc<Enrolment>,
}

impl Known {
    fn find(&self, name: &[u8], data: &[u8]) -> Option<Arc<Enrolment>> {
        let reading = self.readings.get(name).filter(|reading| reading.data == data)?;
        Some(Arc::clone(&reading.enrolment))
    }

    fn keep(&mut self, name: &[u8], data: &[u8], enrolment: &Arc<Enrolment>) {
        let added = name.len() + data.len();
        if self.bytes + added > BYTES_MAX {
            *self = Self::default();
        }
        let reading = Reading {
            data: data.to_vec(),
            enrolment: Arc::clone(enrolment),
        };
        let replaced = self.readings.insert(name.to_vec(), reading);
        let removed = replaced.map_or(0, |replaced| name.len() + replaced.data.len());
        self.bytes = self.bytes + added - removed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolment() -> Arc<Enrolment> {
        Arc::default()
    }

    #[test]
    fn same_bytes_under_the_same_name_are_known() {
        let mut known = Known::default();
        let kept = enrolment();
        known.keep(b"alice@A", b"fido:a\0x\0", &kept);
        assert!(Arc::ptr_eq(
            &known.find(b"alice@A", b"fido:a\0x\0").unwrap(),
            &kept
        ));
    }

    #[test]
    fn other_bytes_and_other_names_are_not() {
        let mut known = Known::default();
        known.keep(b"alice@A", b"fido:a\0x\0", &enrolment());
        assert!(known.find(b"alice@A", b"fido:a\0y\0").is_none());
        assert!(known.find(b"alice@A", b"fido:a\0x\0fido:b\0x\0").is_none());
        assert!(known.find(b"alice@B", b"fido:a\0x\0").is_none());
    }

    #[test]
    fn last_reading_replaces_the_one_before() {
        let mut known = Known::default();
        known.keep(b"alice@A", b"fido:a\0x\0", &enrolment());
        known.keep(b"alice@A", b"fido:a\0longer\0", &enrolment());
        assert!(known.find(b"alice@A", b"fido:a\0x\0").is_none());
        assert!(known.find(b"alice@A", b"fido:a\0longer\0").is_some());
        assert_eq!(known.bytes, b"alice@A".len() + b"fido:a\0longer\0".len());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut known = Known::default();
        let data = vec![b'x'; 60_000];
        for number in 0..100_u8 {
            known.keep(&[number], &data, &enrolment());
            assert!(known.bytes <= BYTES_MAX);
            assert!(known.find(&[number], &data).is_some());
        }
        assert!(known.readings.len() < 20);
    }
}
