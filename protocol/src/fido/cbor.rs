//! Well-formed CBOR of bounded depth, as CTAP 2.1 section 8 has it: definite lengths, no tags.

use minicbor::{Decoder, data::Type};

/// Levels of arrays and maps inside one another, the outermost included (CTAP 2.1 section 8).
pub(super) const DEPTH_MAX: u8 = 4;

/// The bytes of the map that `bytes` start with, and what follows it; `None` if there is no well-formed one.
pub(super) fn split_map(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut decoder = Decoder::new(bytes);
    if decoder.datatype().ok()? != Type::Map {
        return None;
    }
    skip_value(&mut decoder, DEPTH_MAX)?;
    bytes.split_at_checked(decoder.position())
}

/// Skips one value with at most `depth` levels. `Decoder::skip` would take stray breaks and any depth.
pub(super) fn skip_value(decoder: &mut Decoder<'_>, depth: u8) -> Option<()> {
    match decoder.datatype().ok()? {
        Type::Map => {
            let depth = depth.checked_sub(1)?;
            for _ in 0..decoder.map().ok()?? {
                skip_value(decoder, depth)?;
                skip_value(decoder, depth)?;
            }
            Some(())
        }
        Type::Array => {
            let depth = depth.checked_sub(1)?;
            for _ in 0..decoder.array().ok()?? {
                skip_value(decoder, depth)?;
            }
            Some(())
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.skip().ok(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => decoder.skip().ok(),
        Type::Bytes | Type::String => decoder.skip().ok(),
        Type::Bool | Type::Null | Type::Undefined => decoder.skip().ok(),
        Type::F16 | Type::F32 | Type::F64 => decoder.skip().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_a_map() {
        assert_eq!(
            split_map(b"\xa1\x01\x02rest"),
            Some((&b"\xa1\x01\x02"[..], &b"rest"[..]))
        );
        assert_eq!(split_map(b"\xa0"), Some((&b"\xa0"[..], &b""[..])));
    }

    #[test]
    fn takes_every_kind_of_value() {
        let map = b"\xa9\x01\x39\x01\x00\x02\x41\x00\x03\x61a\x04\x82\xf4\xf6\x05\xa0\x06\xf9\x3c\x00\
                    \x07\xfa\x00\x00\x00\x00\x08\xfb\x00\x00\x00\x00\x00\x00\x00\x00\x09\xf7";
        assert_eq!(split_map(map), Some((&map[..], &b""[..])));
        for end in 0..map.len() {
            assert_eq!(split_map(&map[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn refuses_what_is_no_map() {
        for value in [
            &b""[..],
            b"\x01",
            b"\x80",
            b"\x41\xa0",
            b"\xf6",
            b"\xff",
            b"\xc0\xa0",
        ] {
            assert_eq!(split_map(value), None);
        }
    }

    #[test]
    fn refuses_indefinite_lengths_tags_breaks_and_reserved_values() {
        for value in [
            &b"\xbf\xff"[..],
            b"\xa1\x01\x9f\xff",
            b"\xa1\x01\x5f\xff",
            b"\xa1\x01\x7f\xff",
            b"\xa1\x01\xc0\x00",
            b"\xa1\x01\xff",
            b"\xa1\xff\x01",
            b"\xa1\x01\xf8\x05",
            b"\xa1\x01\xe0",
            b"\xa1\x01\x1c",
            b"\xbc\x01\x01",
            b"\xa1\x01\x61\xff",
        ] {
            assert_eq!(split_map(value), None, "{value:02x?}");
        }
    }

    #[test]
    fn refuses_more_than_four_levels() {
        assert!(split_map(b"\xa1\x01\x81\x81\x80").is_some());
        assert_eq!(split_map(b"\xa1\x01\x81\x81\x81\x80"), None);
        let mut deep = b"\xa1\x01".to_vec();
        deep.resize(60_000, 0x81);
        assert_eq!(split_map(&deep), None);
    }

    #[test]
    fn refuses_lengths_beyond_the_input_at_once() {
        assert_eq!(split_map(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"), None);
        assert_eq!(split_map(b"\xa1\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(split_map(b"\xa1\x01\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
