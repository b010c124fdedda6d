//! DER for the messages of Kerberos (RFC 4120 section 5). Nothing is checked on writing, so that malformed messages can be
//! made of the same pieces.

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// GeneralString, which KerberosString is.
pub const GENERAL_STRING: u8 = 0x1b;
/// SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;

/// One value: its tag, its length in as few bytes as possible, its content.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut bytes = vec![tag];
    match content.len() {
        0 => bytes.push(0),
        1..0x80 => bytes.extend(significant),
        _ => {
            bytes.push(0x80 | u8::try_from(significant.len()).unwrap());
            bytes.extend(significant);
        }
    }
    bytes.extend(content);
    bytes
}

/// A SEQUENCE of values.
pub fn sequence(values: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &values.concat())
}

/// A value under an explicit context tag.
pub fn tagged(number: u8, inner: &[u8]) -> Vec<u8> {
    value(0xa0 | number, inner)
}

/// A value under an application tag.
pub fn application(number: u8, inner: &[u8]) -> Vec<u8> {
    value(0x60 | number, inner)
}

/// An INTEGER.
pub fn integer(number: impl Into<i64>) -> Vec<u8> {
    let bytes = number.into().to_be_bytes();
    let redundant = |pair: &[u8]| matches!(pair, [0, 0..=0x7f] | [0xff, 0x80..=0xff]);
    let start = bytes.windows(2).take_while(|pair| redundant(pair)).count();
    value(INTEGER, &bytes[start..])
}

/// An OCTET STRING.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    value(OCTET_STRING, bytes)
}

/// A KerberosString.
pub fn string(text: &str) -> Vec<u8> {
    value(GENERAL_STRING, text.as_bytes())
}

/// KerberosFlags: 32 bits, the first one the highest.
pub fn flags(flags: u32) -> Vec<u8> {
    value(BIT_STRING, &[&[0][..], &flags.to_be_bytes()].concat())
}

/// A value that was read.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// The tag.
    pub tag: u8,
    /// The content.
    pub content: &'a [u8],
}

impl<'a> Value<'a> {
    /// The first value of `bytes`, and what follows it.
    pub fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[tag, first], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match first {
            0..0x80 => (usize::from(first), rest),
            _ => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (
                    length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
                    rest,
                )
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        Some((Self { tag, content }, rest))
    }

    /// The one value of `bytes`.
    pub fn read_only(bytes: &'a [u8]) -> Option<Self> {
        Self::read(bytes).and_then(|(value, rest)| rest.is_empty().then_some(value))
    }

    /// The values in this one, up to the first malformed one.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut rest = self.content;
        std::iter::from_fn(move || {
            let (value, next) = Value::read(rest)?;
            rest = next;
            Some(value)
        })
    }

    /// The value in this one, which is a tag around it.
    pub fn inner(self) -> Option<Self> {
        Self::read_only(self.content)
    }

    /// The value under the explicit context tag `number` of this SEQUENCE.
    pub fn field(self, number: u8) -> Option<Self> {
        self.elements()
            .find(|element| element.tag == 0xa0 | number)?
            .inner()
    }

    /// The number that this INTEGER is.
    pub fn integer(self) -> Option<i64> {
        let (first, rest) = self.content.split_first()?;
        let start = i64::from(first.cast_signed());
        Some(rest.iter().fold(start, |sum, byte| sum << 8 | i64::from(*byte)))
    }

    /// The text that this string is.
    pub fn text(self) -> String {
        String::from_utf8_lossy(self.content).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_short_as_can_be() {
        for (number, expected) in [
            (0, &b"\x02\x01\x00"[..]),
            (127, b"\x02\x01\x7f"),
            (128, b"\x02\x02\x00\x80"),
            (-1, b"\x02\x01\xff"),
            (-128, b"\x02\x01\x80"),
            (-129, b"\x02\x02\xff\x7f"),
            (i64::from(u32::MAX), b"\x02\x05\x00\xff\xff\xff\xff"),
        ] {
            let encoded = integer(number);
            assert_eq!(encoded, expected);
            assert_eq!(Value::read_only(&encoded).unwrap().integer(), Some(number));
        }
    }

    #[test]
    fn lengths_are_as_short_as_can_be() {
        for (length, header) in [
            (0, &b"\x04\x00"[..]),
            (127, b"\x04\x7f"),
            (128, b"\x04\x81\x80"),
            (256, b"\x04\x82\x01\x00"),
        ] {
            let content = vec![7; length];
            let encoded = octets(&content);
            assert_eq!(encoded, [header, &content].concat());
            assert_eq!(Value::read_only(&encoded).unwrap().content, content);
        }
    }

    #[test]
    fn fields_are_found_by_their_number() {
        let encoded = sequence(&[tagged(1, &integer(5)), tagged(3, &string("x"))]);
        let read = Value::read_only(&encoded).unwrap();
        assert_eq!(read.field(1).unwrap().integer(), Some(5));
        assert_eq!(read.field(3).unwrap().text(), "x");
        assert!(read.field(2).is_none());
    }

    #[test]
    fn values_that_are_cut_short_are_not_read() {
        let encoded = sequence(&[octets(&[1; 200])]);
        for end in 0..encoded.len() {
            assert!(Value::read(&encoded[..end]).is_none());
        }
    }
}
