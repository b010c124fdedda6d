//! Strict DER (X.690 section 10) for the extensible, explicitly tagged types of RFC 9588 and of SF-FIDO.
//!
//! Lengths, tags and integers are read by the `der` crate. Its derive refuses unknown trailing elements, which an
//! extensible SEQUENCE must skip, so the SEQUENCEs themselves are walked here.

#[cfg(feature = "verify")]
use der::asn1::UintRef;
use der::{
    Decode, Encode, Header, Length, Reader, SliceReader, Tag, TagNumber,
    asn1::{OctetStringRef, Utf8StringRef},
};

use crate::{Error, registry::MESSAGE_MAX};

/// Reads one value of at most [`MESSAGE_MAX`] bytes that nothing may follow.
pub(crate) fn decode<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Input<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    decode_padded(bytes, 1, read)
}

/// Reads one value that fewer than `block` bytes of padding may follow, as decryption leaves them with some encryption
/// types.
pub(crate) fn decode_padded<'a, T>(
    bytes: &'a [u8],
    block: usize,
    read: impl FnOnce(&mut Input<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    if bytes.len() > MESSAGE_MAX {
        return Err(Error::MessageTooLong);
    }
    let mut input = Input::new(bytes)?;
    let value = read(&mut input)?;
    match usize::try_from(input.0.remaining_len())? < block {
        true => Ok(value),
        false => Err(Error::MalformedDer),
    }
}

/// The two numbers of an ECDSA-Sig-Value (SEC 1 section C.5), big-endian and without leading zeros.
#[cfg(feature = "verify")]
pub(crate) fn decode_signature(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    decode(bytes, |input| {
        let mut numbers = input.sequence_content()?;
        let r = UintRef::decode(&mut numbers.0)?.as_bytes();
        let s = UintRef::decode(&mut numbers.0)?.as_bytes();
        numbers.finish()?;
        Ok((r, s))
    })
}

/// Input inside one constructed value, or a whole message.
pub(crate) struct Input<'a>(SliceReader<'a>);

impl<'a> Input<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self(SliceReader::new(bytes)?))
    }

    fn finish(self) -> Result<(), Error> {
        Ok(self.0.finish()?)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The number of the context tag of the alternative that follows, and its content.
    pub(crate) fn choice(&mut self) -> Result<(u32, Self), Error> {
        let header = Header::decode(&mut self.0)?;
        match header.tag() {
            Tag::ContextSpecific {
                constructed: true,
                number,
            } => Ok((number.value(), Self::new(self.0.read_slice(header.length())?)?)),
            _ => Err(Error::MalformedDer),
        }
    }

    /// The elements of a SEQUENCE.
    pub(crate) fn sequence<T>(
        &mut self,
        read: impl FnOnce(&mut Fields<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut fields = Fields {
            input: self.sequence_content()?,
            next: 0,
        };
        let value = read(&mut fields)?;
        fields.input.finish()?;
        Ok(value)
    }

    /// A SEQUENCE OF, of at least one element.
    pub(crate) fn sequence_of<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut content = self.sequence_content()?;
        let mut elements = vec![read(&mut content)?];
        while !content.is_finished() {
            elements.push(read(&mut content)?);
        }
        Ok(elements)
    }

    fn sequence_content(&mut self) -> Result<Self, Error> {
        let header = Header::decode(&mut self.0)?;
        header.tag().assert_eq(Tag::Sequence)?;
        Self::new(self.0.read_slice(header.length())?)
    }

    pub(crate) fn integer(&mut self) -> Result<i32, Error> {
        Ok(i32::decode(&mut self.0)?)
    }

    /// UInt32 of RFC 4120 section 5.2.4.
    pub(crate) fn unsigned(&mut self) -> Result<u32, Error> {
        Ok(u32::decode(&mut self.0)?)
    }

    pub(crate) fn octets(&mut self) -> Result<&'a [u8], Error> {
        Ok(<&OctetStringRef>::decode(&mut self.0)?.as_bytes())
    }

    pub(crate) fn utf8(&mut self) -> Result<&'a str, Error> {
        Ok(Utf8StringRef::decode(&mut self.0)?.as_str())
    }

    /// An ENUMERATED of one content octet below 128: all that our types have.
    pub(crate) fn enumerated(&mut self) -> Result<u8, Error> {
        let header = Header::decode(&mut self.0)?;
        header.tag().assert_eq(Tag::Enumerated)?;
        match self.0.read_slice(header.length())? {
            [value] if *value < 0x80 => Ok(*value),
            _ => Err(Error::MalformedDer),
        }
    }
}

/// The explicitly tagged elements of a SEQUENCE, in order.
pub(crate) struct Fields<'a> {
    input: Input<'a>,
    next: u32,
}

impl<'a> Fields<'a> {
    /// The element `[number]`, which must be there.
    pub(crate) fn required<T>(
        &mut self,
        number: u32,
        read: impl FnOnce(&mut Input<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.optional(number, read)?.ok_or(Error::MalformedDer)
    }

    /// The element `[number]`, if it comes next.
    pub(crate) fn optional<T>(
        &mut self,
        number: u32,
        read: impl FnOnce(&mut Input<'a>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        if self.input.is_finished() || Tag::peek(&self.input.0)? != context_tag(number) {
            return Ok(None);
        }
        let (number, mut content) = self.input.choice()?;
        self.next = number.saturating_add(1);
        let value = read(&mut content)?;
        content.finish()?;
        Ok(Some(value))
    }

    /// Skips what a later version has put behind the last known element, numbered `last`.
    pub(crate) fn skip_extensions(&mut self, last: u32) -> Result<(), Error> {
        self.next = self.next.max(last.saturating_add(1));
        while !self.input.is_finished() {
            let (number, _) = self.input.choice()?;
            if number < self.next {
                return Err(Error::MalformedDer);
            }
            self.next = number.saturating_add(1);
        }
        Ok(())
    }
}

/// Bytes of a tag and a length below 2^32: more than any message has.
const HEADER_MAX: usize = 12;

fn encode_header(tag: Tag, length: usize, buffer: &mut [u8; HEADER_MAX]) -> Result<&[u8], Error> {
    Ok(Header::new(tag, Length::try_from(length)?).encode_to_slice(buffer)?)
}

fn context_tag(number: u32) -> Tag {
    TagNumber(number).context_specific(true)
}

/// DER bytes in the making. What a constructed value holds is written first, and its header then put before it.
#[derive(Default)]
pub(crate) struct Output(Vec<u8>);

impl Output {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// `[number]` around what `write` puts down.
    pub(crate) fn tagged(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.constructed(context_tag(number), write)
    }

    /// A SEQUENCE around what `write` puts down.
    pub(crate) fn sequence(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.constructed(Tag::Sequence, write)
    }

    fn constructed(
        &mut self,
        tag: Tag,
        write: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = self.0.len();
        write(self)?;
        let length = self.0.len().saturating_sub(start);
        let mut header = [0; HEADER_MAX];
        let header = encode_header(tag, length, &mut header)?;
        self.0.splice(start..start, header.iter().copied());
        Ok(())
    }

    fn header(&mut self, tag: Tag, length: usize) -> Result<(), Error> {
        let mut header = [0; HEADER_MAX];
        self.0.extend_from_slice(encode_header(tag, length, &mut header)?);
        Ok(())
    }

    /// What has been encoded already.
    pub(crate) fn raw(&mut self, encoded: &[u8]) {
        self.0.extend_from_slice(encoded);
    }

    fn put(&mut self, value: &impl Encode) -> Result<(), Error> {
        value.encode_to_vec(&mut self.0)?;
        Ok(())
    }

    pub(crate) fn integer(&mut self, value: i32) -> Result<(), Error> {
        self.put(&value)
    }

    pub(crate) fn unsigned(&mut self, value: u32) -> Result<(), Error> {
        self.put(&value)
    }

    pub(crate) fn octets(&mut self, value: &[u8]) -> Result<(), Error> {
        self.header(Tag::OctetString, value.len())?;
        self.0.extend_from_slice(value);
        Ok(())
    }

    pub(crate) fn utf8(&mut self, value: &str) -> Result<(), Error> {
        self.put(&Utf8StringRef::new(value)?)
    }

    /// An ENUMERATED below 128.
    pub(crate) fn enumerated(&mut self, value: u8) -> Result<(), Error> {
        self.header(Tag::Enumerated, 1)?;
        self.0.push(value);
        Ok(())
    }
}

impl From<der::Error> for Error {
    fn from(_: der::Error) -> Self {
        Self::MalformedDer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(bytes: &[u8]) -> Result<(i32, Option<i32>), Error> {
        decode(bytes, |input| {
            input.sequence(|fields| {
                let first = fields.required(0, Input::integer)?;
                let second = fields.optional(1, Input::integer)?;
                fields.skip_extensions(1)?;
                Ok((first, second))
            })
        })
    }

    #[test]
    fn reads_known_elements() {
        assert_eq!(pair(b"\x30\x05\xa0\x03\x02\x01\x07"), Ok((7, None)));
        assert_eq!(
            pair(b"\x30\x0a\xa0\x03\x02\x01\x07\xa1\x03\x02\x01\xff"),
            Ok((7, Some(-1)))
        );
    }

    #[test]
    fn skips_elements_of_later_versions() {
        assert_eq!(
            pair(b"\x30\x0a\xa0\x03\x02\x01\x07\xa5\x03\x04\x01\xff"),
            Ok((7, None))
        );
    }

    #[test]
    fn refuses_repeated_and_misordered_elements() {
        assert_eq!(
            pair(b"\x30\x0a\xa0\x03\x02\x01\x07\xa0\x03\x02\x01\x07"),
            Err(Error::MalformedDer)
        );
        assert_eq!(
            pair(b"\x30\x0a\xa1\x03\x02\x01\x07\xa0\x03\x02\x01\x07"),
            Err(Error::MalformedDer)
        );
        let twice = b"\x30\x0f\xa0\x03\x02\x01\x07\xa5\x03\x02\x01\x07\xa5\x03\x02\x01\x07";
        assert_eq!(pair(twice), Err(Error::MalformedDer));
    }

    #[test]
    fn refuses_trailing_bytes_at_every_level() {
        assert_eq!(
            pair(b"\x30\x05\xa0\x03\x02\x01\x07\x00"),
            Err(Error::MalformedDer)
        );
        assert_eq!(
            pair(b"\x30\x06\xa0\x04\x02\x01\x07\x00"),
            Err(Error::MalformedDer)
        );
    }

    #[test]
    fn refuses_lengths_and_integers_that_are_not_minimal() {
        assert_eq!(
            pair(b"\x30\x81\x05\xa0\x03\x02\x01\x07"),
            Err(Error::MalformedDer)
        );
        assert_eq!(
            pair(b"\x30\x80\xa0\x03\x02\x01\x07\x00\x00"),
            Err(Error::MalformedDer)
        );
        assert_eq!(
            pair(b"\x30\x06\xa0\x04\x02\x02\x00\x07"),
            Err(Error::MalformedDer)
        );
    }

    #[test]
    fn refuses_truncated_and_overlong_messages() {
        assert_eq!(pair(b""), Err(Error::MalformedDer));
        assert_eq!(pair(b"\x30\x05\xa0\x03\x02\x01"), Err(Error::MalformedDer));
        assert_eq!(pair(&vec![0; MESSAGE_MAX + 1]), Err(Error::MessageTooLong));
    }

    #[test]
    fn writes_what_it_reads() {
        let mut output = Output::default();
        output
            .sequence(|fields| fields.tagged(0, |field| field.integer(-1_179_206_735)))
            .unwrap();
        let bytes = output.into_bytes();
        assert_eq!(bytes, b"\x30\x08\xa0\x06\x02\x04\xb9\xb6\xbb\xb1");
        assert_eq!(pair(&bytes), Ok((-1_179_206_735, None)));
    }
}
