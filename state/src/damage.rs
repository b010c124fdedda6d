//! Whether an LMDB file (data format 1, 64 bits, little-endian) can be mapped and believed: every page that can be reached
//! lies in the file and is what it claims to be. LMDB itself checks some of that, and dies of the rest.
//!
//! ```text
//! page: number u64, pad u16, flags u16, lower u16, upper u16 (or u32 pages of overflow), then u16 offsets of nodes up to lower
//! node: low u16, high u16, flags u16, size of key u16, key, data
//! meta: after the head of page 0 and 1: magic u32, version u32, address u64, map size u64, two trees, last page u64,
//!       transaction u64
//! tree: pad u32 (of the first one: the size of pages), flags u16, depth u16, three counts of pages u64, entries u64, root u64
//! ```

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It has no page that says where the trees are.
    #[error("it is no LMDB file, or its first pages are damaged")]
    Head,
    /// A page is not there.
    #[error("a part of it is missing")]
    Missing,
    /// A page is not what it is used for, or points outside itself.
    #[error("a page of it is damaged")]
    Page,
    /// Its pages are sound, and an entry is not one of this program.
    #[error("an entry of it is malformed")]
    Entry,
}

/// What a look at the file comes to.
pub(crate) enum Verdict {
    /// There is none, or an empty one: LMDB makes it.
    Fresh,
    Sound,
    Damaged(Damage),
    /// Of another version of LMDB.
    OtherVersion,
}

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;
const META: u16 = 0x08;

/// A node's data lie on pages of their own.
const BIG_DATA: u16 = 0x01;

const PAGE_HEAD: usize = 16;

/// The largest page that LMDB makes, in bytes.
const PAGE_SIZE_MAX: u32 = 65536;

const NO_ROOT: u64 = u64::MAX;

/// Deeper than any tree of this many pages.
const DEPTH_MAX: u16 = 32;

/// How often a file is read anew that is written meanwhile.
const READINGS_MAX: u8 = 20;

/// Looks through the file, which other processes may write at the same time.
///
/// LMDB writes over no page of the last transaction or the one before. So a reading is of one piece as long as no more than one
/// transaction has ended since it began.
pub(crate) fn inspect(file: &Path) -> io::Result<Verdict> {
    for _ in 0..READINGS_MAX {
        let bytes = match fs::read(file) {
            Ok(bytes) if bytes.is_empty() => return Ok(Verdict::Fresh),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Fresh),
            Err(error) => return Err(error),
        };
        let (verdict, transaction) = judge(&bytes);
        let Some(read) = transaction.filter(|_| matches!(verdict, Verdict::Damaged(_))) else {
            return Ok(verdict);
        };
        if read_transaction(file)?.is_none_or(|now| now.saturating_sub(read) <= 1) {
            return Ok(verdict);
        }
    }
    // Nobody writes so much into a damaged file.
    Ok(Verdict::Sound)
}

/// What there is to say of a whole file, and its last transaction if that can be told.
fn judge(bytes: &[u8]) -> (Verdict, Option<u64>) {
    match read_head(bytes) {
        Err(verdict) => (verdict, None),
        Ok(head) => {
            let pages = Pages {
                bytes,
                size: head.page_size,
                last: head.last_page,
            };
            let walked = head.trees.iter().try_for_each(|tree| pages.walk(tree));
            let verdict = walked.map_or_else(Verdict::Damaged, |()| Verdict::Sound);
            (verdict, Some(head.transaction))
        }
    }
}

/// The last transaction as it is now.
fn read_transaction(file: &Path) -> io::Result<Option<u64>> {
    let mut heads = Vec::new();
    let heads_max = 2 * u64::from(PAGE_SIZE_MAX);
    fs::File::open(file)?.take(heads_max).read_to_end(&mut heads)?;
    Ok(read_head(&heads).ok().map(|head| head.transaction))
}

struct Head {
    page_size: usize,
    trees: [Tree; 2],
    last_page: u64,
    transaction: u64,
}

#[derive(Clone, Copy)]
struct Tree {
    depth: u16,
    root: u64,
}

/// The newer of the two heads. LMDB opens no file that has not both: it writes their beginnings once, when it makes the file.
fn read_head(bytes: &[u8]) -> Result<Head, Verdict> {
    let first = read_meta(bytes, 0)?;
    let second = read_meta(bytes, first.page_size)?;
    Ok(match second.transaction > first.transaction {
        true => second,
        false => first,
    })
}

fn read_meta(bytes: &[u8], start: usize) -> Result<Head, Verdict> {
    let damaged = || Verdict::Damaged(Damage::Head);
    let mut reader = Reader(bytes.get(start..).ok_or_else(damaged)?);
    let mut read = || -> Option<(u16, u32, u32)> {
        reader.skip(10)?;
        let flags = reader.u16()?;
        reader.skip(4)?;
        Some((flags, reader.u32()?, reader.u32()?))
    };
    match read().ok_or_else(damaged)? {
        (flags, MAGIC, VERSION) if flags & META != 0 => {}
        (_, MAGIC, _) => return Err(Verdict::OtherVersion),
        _ => return Err(damaged()),
    }
    read_trees(&mut reader).ok_or_else(damaged)
}

/// The rest of a meta page.
fn read_trees(reader: &mut Reader<'_>) -> Option<Head> {
    reader.skip(16)?;
    let (page_size, free) = read_tree(reader)?;
    let (_, main) = read_tree(reader)?;
    let page_size = usize::try_from(page_size).ok()?;
    let is_possible = page_size.is_power_of_two() && (512..=65536).contains(&page_size);
    Some(Head {
        page_size: is_possible.then_some(page_size)?,
        trees: [free, main],
        last_page: reader.u64()?,
        transaction: reader.u64()?,
    })
}

fn read_tree(reader: &mut Reader<'_>) -> Option<(u32, Tree)> {
    let pad = reader.u32()?;
    reader.skip(2)?;
    let depth = reader.u16()?;
    reader.skip(32)?;
    let root = reader.u64()?;
    Some((pad, Tree { depth, root }))
}

struct Pages<'a> {
    bytes: &'a [u8],
    size: usize,
    last: u64,
}

impl<'a> Pages<'a> {
    fn walk(&self, tree: &Tree) -> Result<(), Damage> {
        match tree.root {
            NO_ROOT => Ok(()),
            _ if tree.depth == 0 || tree.depth > DEPTH_MAX => Err(Damage::Head),
            root => self.check_page(root, tree.depth - 1),
        }
    }

    /// `count` pages from `number` on, the first of which has these flags.
    fn find(&self, number: u64, count: u64) -> Result<&'a [u8], Damage> {
        let end = number.checked_add(count).ok_or(Damage::Page)?;
        // The first two are heads.
        if number < 2 || count == 0 || end - 1 > self.last {
            return Err(Damage::Page);
        }
        let place = |page: u64| usize::try_from(page).ok()?.checked_mul(self.size);
        let (start, end) = place(number).zip(place(end)).ok_or(Damage::Missing)?;
        self.bytes.get(start..end).ok_or(Damage::Missing)
    }

    /// A page that stands so many levels above the leaves, and all below it.
    fn check_page(&self, number: u64, level: u16) -> Result<(), Damage> {
        let page = self.find(number, 1)?;
        let mut reader = Reader(page);
        let head = (|| {
            let number = reader.u64()?;
            reader.skip(2)?;
            Some((number, reader.u16()?, reader.u16()?, reader.u16()?))
        })();
        let (named, flags, lower, upper) = head.ok_or(Damage::Page)?;
        let kind = if level == 0 { LEAF } else { BRANCH };
        let (lower, upper) = (usize::from(lower), usize::from(upper));
        let is_ordered =
            PAGE_HEAD <= lower && lower <= upper && upper <= page.len() && lower.is_multiple_of(2);
        if named != number || flags != kind || !is_ordered || (level > 0 && lower == PAGE_HEAD) {
            return Err(Damage::Page);
        }
        for _ in 0..(lower - PAGE_HEAD) / 2 {
            let offset = reader.u16().map(usize::from);
            let offset = offset.filter(|offset| *offset >= upper);
            let node = offset.and_then(|offset| page.get(offset..)).ok_or(Damage::Page)?;
            self.check_node(node, level)?;
        }
        Ok(())
    }

    fn check_node(&self, node: &[u8], level: u16) -> Result<(), Damage> {
        let mut reader = Reader(node);
        let head = (|| Some((reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?)))();
        let (low, high, flags, key) = head.ok_or(Damage::Page)?;
        reader.skip(key.into()).ok_or(Damage::Page)?;
        let number = u64::from(low) | u64::from(high) << 16;
        if level > 0 {
            return self.check_page(number | u64::from(flags) << 32, level - 1);
        }
        match flags {
            0 => {
                let length = usize::try_from(number).map_err(|_| Damage::Page)?;
                reader.skip(length).ok_or(Damage::Page)
            }
            BIG_DATA => self.check_overflow(reader.u64().ok_or(Damage::Page)?, number),
            _ => Err(Damage::Page),
        }
    }

    /// Pages that hold one value of this length.
    fn check_overflow(&self, number: u64, length: u64) -> Result<(), Damage> {
        let mut reader = Reader(self.find(number, 1)?);
        let head = (|| {
            let number = reader.u64()?;
            reader.skip(2)?;
            Some((number, reader.u16()?, reader.u32()?))
        })();
        let (named, flags, count) = head.ok_or(Damage::Page)?;
        let room = u64::try_from(self.size)
            .ok()
            .and_then(|size| size.checked_mul(count.into()))
            .and_then(|room| room.checked_sub(16));
        if named != number || flags != OVERFLOW || room.is_none_or(|room| room < length) {
            return Err(Damage::Page);
        }
        self.find(number, count.into()).map(drop)
    }
}

/// Reads little-endian integers; `None` at the end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;
