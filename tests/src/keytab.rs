//! Keys out of keytab files of version 0x0502 (MIT krb5, keytab file format).

use std::{fs, path::Path};

use krb5_plugin::KeyBlock;

const VERSION: [u8; 2] = [5, 2];

/// The first key of the encryption type `enctype`; `None` if there is none, or the file is no keytab.
pub(crate) fn read_key(path: &Path, enctype: i32) -> Option<KeyBlock> {
    let file = fs::read(path).ok()?;
    let mut entries = Reader(file.strip_prefix(&VERSION)?);
    while let Some(size) = entries.number32() {
        // A negative size is a hole.
        let entry = entries.take(usize::try_from(size.unsigned_abs()).ok()?)?;
        let key = (size > 0).then(|| read_entry(entry)).flatten();
        if let Some((found, contents)) = key
            && found == enctype
        {
            return Some(KeyBlock::new(enctype, contents));
        }
    }
    None
}

/// The encryption type and the key of one entry.
fn read_entry(entry: &[u8]) -> Option<(i32, &[u8])> {
    let mut fields = Reader(entry);
    let components = fields.number16()?;
    for _realm_and_components in 0..=components {
        fields.data()?;
    }
    let (_name_type, _timestamp, _version) = (fields.number32()?, fields.number32()?, fields.take(1)?);
    Some((fields.number16()?.into(), fields.data()?))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn number32(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_be_bytes)
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let length = self.number16()?;
        self.take(length.into())
    }
}
