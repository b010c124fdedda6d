//! The messages of PA-SPAKE (RFC 9588 section 4 and appendix A), in strict DER.
//!
//! SPAKESupport, SPAKEChallenge, SPAKEResponse and PA-SPAKE are extensible, SPAKESecondFactor and EncryptedData (RFC 4120
//! section 5.2.9) are not.

use crate::{
    Error,
    asn1::{Fields, Input, Output, decode, decode_padded},
    registry::PA_SPAKE,
};

/// The largest cipher block of an encryption type that pads: triple DES (RFC 3961 section 6.3).
const PADDING_BLOCK: usize = 8;

/// A PA-SPAKE message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaSpake {
    /// SPAKESupport, from the client: what it can do.
    Support {
        /// Group numbers, the preferred one first. At least one; unknown ones included.
        groups: Vec<i32>,
    },
    /// SPAKEChallenge, from the KDC.
    Challenge {
        /// The group number.
        group: i32,
        /// T, not yet checked.
        public: Vec<u8>,
        /// The factors offered: at least one, of each type at most one.
        factors: Vec<SecondFactor>,
    },
    /// SPAKEResponse, from the client.
    Response {
        /// S, not yet checked.
        public: Vec<u8>,
        /// A SPAKESecondFactor under `K'[1]`.
        factor: EncryptedData,
    },
    /// A further message of a second factor, from either side: a SPAKESecondFactor under `K'[n]`.
    EncData(EncryptedData),
}

impl PaSpake {
    /// Decodes a message that nothing may follow.
    ///
    /// # Errors
    /// [`Error::MessageTooLong`], [`Error::MalformedDer`]; [`Error::UnknownMessage`] for a message type of a later
    /// version; [`Error::RepeatedFactor`].
    pub fn decode(der: &[u8]) -> Result<Self, Error> {
        decode(der, |input| {
            let (number, mut content) = input.choice()?;
            let message = match number {
                0 => read_support(&mut content),
                1 => read_challenge(&mut content),
                2 => read_response(&mut content),
                3 => EncryptedData::read(&mut content).map(Self::EncData),
                _ => return Err(Error::UnknownMessage),
            }?;
            match content.is_finished() {
                true => Ok(message),
                false => Err(Error::MalformedDer),
            }
        })
    }

    /// Decodes the message in METHOD-DATA (RFC 4120 section 5.9.1), if there is one that is more than the offer to begin.
    ///
    /// # Errors
    /// Those of [`Self::decode`].
    pub fn find(method_data: &[u8]) -> Result<Option<Self>, Error> {
        let read = |fields: &mut Fields<'_>| {
            let pa_type = fields.required(1, Input::integer)?;
            let value = fields.required(2, Input::octets)?;
            match pa_type == PA_SPAKE && !value.is_empty() {
                true => Self::decode(value).map(Some),
                false => Ok(None),
            }
        };
        let messages = decode(method_data, |input| {
            input.sequence_of(|pa_data| pa_data.sequence(read))
        })?;
        Ok(messages.into_iter().flatten().next())
    }

    /// The DER encoding.
    ///
    /// # Errors
    /// [`Error::MalformedDer`] beyond the lengths that DER can express here, 256 MiB.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut output = Output::default();
        match self {
            Self::Support { groups } => output.tagged(0, |choice| {
                choice.sequence(|fields| {
                    fields.tagged(0, |field| {
                        field.sequence(|list| groups.iter().try_for_each(|group| list.integer(*group)))
                    })
                })
            }),
            Self::Challenge {
                group,
                public,
                factors,
            } => output.tagged(1, |choice| {
                choice.sequence(|fields| {
                    fields.tagged(0, |field| field.integer(*group))?;
                    fields.tagged(1, |field| field.octets(public))?;
                    fields.tagged(2, |field| {
                        field.sequence(|list| factors.iter().try_for_each(|factor| factor.write(list)))
                    })
                })
            }),
            Self::Response { public, factor } => output.tagged(2, |choice| {
                choice.sequence(|fields| {
                    fields.tagged(0, |field| field.octets(public))?;
                    fields.tagged(1, |field| factor.write(field))
                })
            }),
            Self::EncData(encrypted) => output.tagged(3, |choice| encrypted.write(choice)),
        }?;
        Ok(output.into_bytes())
    }
}

fn read_support(input: &mut Input<'_>) -> Result<PaSpake, Error> {
    input.sequence(|fields| {
        let groups = fields.required(0, |field| field.sequence_of(Input::integer))?;
        fields.skip_extensions(0)?;
        Ok(PaSpake::Support { groups })
    })
}

fn read_challenge(input: &mut Input<'_>) -> Result<PaSpake, Error> {
    input.sequence(|fields| {
        let group = fields.required(0, Input::integer)?;
        let public = fields.required(1, Input::octets)?.to_vec();
        let factors = fields.required(2, |field| field.sequence_of(SecondFactor::read))?;
        fields.skip_extensions(2)?;
        // A challenge must not offer the same type twice (RFC 9588 section 4.2).
        let repeated = |(index, factor): (usize, &SecondFactor)| {
            let earlier = factors.iter().take(index);
            earlier
                .map(|other| other.factor_type)
                .any(|other| other == factor.factor_type)
        };
        match factors.iter().enumerate().any(repeated) {
            true => Err(Error::RepeatedFactor),
            false => Ok(PaSpake::Challenge {
                group,
                public,
                factors,
            }),
        }
    })
}

fn read_response(input: &mut Input<'_>) -> Result<PaSpake, Error> {
    input.sequence(|fields| {
        let public = fields.required(0, Input::octets)?.to_vec();
        let factor = fields.required(1, EncryptedData::read)?;
        fields.skip_extensions(1)?;
        Ok(PaSpake::Response { public, factor })
    })
}

/// SPAKESecondFactor (RFC 9588 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// The registered or private type number.
    pub factor_type: i32,
    /// What the type puts there, if anything.
    pub data: Option<Vec<u8>>,
}

impl SecondFactor {
    /// Decodes a decrypted factor. Up to seven bytes of padding, left over by triple DES, may follow.
    ///
    /// # Errors
    /// [`Error::MessageTooLong`], [`Error::MalformedDer`].
    pub fn decode_padded(der: &[u8]) -> Result<Self, Error> {
        decode_padded(der, PADDING_BLOCK, Self::read)
    }

    /// The DER encoding, to be encrypted.
    ///
    /// # Errors
    /// [`Error::MalformedDer`] beyond the lengths that DER can express here, 256 MiB.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut output = Output::default();
        self.write(&mut output)?;
        Ok(output.into_bytes())
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            Ok(Self {
                factor_type: fields.required(0, Input::integer)?,
                data: fields.optional(1, Input::octets)?.map(<[u8]>::to_vec),
            })
        })
    }

    fn write(&self, output: &mut Output) -> Result<(), Error> {
        output.sequence(|fields| {
            fields.tagged(0, |field| field.integer(self.factor_type))?;
            match &self.data {
                Some(data) => fields.tagged(1, |field| field.octets(data)),
                None => Ok(()),
            }
        })
    }
}

/// EncryptedData (RFC 4120 section 5.2.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedData {
    /// The encryption type number.
    pub etype: i32,
    /// The key version: never sent here, and without meaning.
    pub kvno: Option<u32>,
    /// The ciphertext.
    pub cipher: Vec<u8>,
}

impl EncryptedData {
    fn read(input: &mut Input<'_>) -> Result<Self, Error> {
        input.sequence(|fields| {
            Ok(Self {
                etype: fields.required(0, Input::integer)?,
                kvno: fields.optional(1, Input::unsigned)?,
                cipher: fields.required(2, Input::octets)?.to_vec(),
            })
        })
    }

    fn write(&self, output: &mut Output) -> Result<(), Error> {
        output.sequence(|fields| {
            fields.tagged(0, |field| field.integer(self.etype))?;
            if let Some(kvno) = self.kvno {
                fields.tagged(1, |field| field.unsigned(kvno))?;
            }
            fields.tagged(2, |field| field.octets(&self.cipher))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The samples are those of MIT krb5's own ASN.1 tests.
    const SUPPORT: &[u8] = b"\xa0\x0c\x30\x0a\xa0\x08\x30\x06\x02\x01\x01\x02\x01\x02";
    const CHALLENGE: &[u8] = b"\xa1\x2d\x30\x2b\xa0\x03\x02\x01\x01\xa1\x09\x04\x07T value\xa2\x19\x30\x17\
        \x30\x05\xa0\x03\x02\x01\x01\x30\x0e\xa0\x03\x02\x01\x02\xa1\x07\x04\x05fdata";
    const RESPONSE: &[u8] = b"\xa2\x34\x30\x32\xa0\x09\x04\x07S value\xa1\x25\x30\x23\xa0\x03\x02\x01\x00\
        \xa1\x03\x02\x01\x05\xa2\x17\x04\x15krbASN.1 test message";
    const ENC_DATA: &[u8] = b"\xa3\x25\x30\x23\xa0\x03\x02\x01\x00\xa1\x03\x02\x01\x05\xa2\x17\x04\x15\
        krbASN.1 test message";
    const FACTOR: &[u8] = b"\x30\x0e\xa0\x03\x02\x01\x02\xa1\x07\x04\x05fdata";
    const FACTOR_WITHOUT_DATA: &[u8] = b"\x30\x05\xa0\x03\x02\x01\x01";

    fn encrypted() -> EncryptedData {
        EncryptedData {
            etype: 0,
            kvno: Some(5),
            cipher: b"krbASN.1 test message".to_vec(),
        }
    }

    fn factor(factor_type: i32, data: Option<&[u8]>) -> SecondFactor {
        SecondFactor {
            factor_type,
            data: data.map(<[u8]>::to_vec),
        }
    }

    fn check(der: &[u8], message: &PaSpake) {
        assert_eq!(PaSpake::decode(der).as_ref(), Ok(message));
        assert_eq!(message.encode().unwrap(), der);
    }

    #[test]
    fn support() {
        check(SUPPORT, &PaSpake::Support { groups: vec![1, 2] });
    }

    #[test]
    fn challenge() {
        let message = PaSpake::Challenge {
            group: 1,
            public: b"T value".to_vec(),
            factors: vec![factor(1, None), factor(2, Some(b"fdata"))],
        };
        check(CHALLENGE, &message);
    }

    /// PA-ETYPE-INFO2 (19), then PA-SPAKE with `value`.
    fn method_data(value: &[u8]) -> Vec<u8> {
        let mut output = Output::default();
        let pa_data = |list: &mut Output, pa_type, value: &[u8]| {
            list.sequence(|fields| {
                fields.tagged(1, |field| field.integer(pa_type))?;
                fields.tagged(2, |field| field.octets(value))
            })
        };
        let written = output.sequence(|list| {
            pa_data(list, 19, b"")?;
            pa_data(list, PA_SPAKE, value)
        });
        written.unwrap();
        output.into_bytes()
    }

    #[test]
    fn message_in_method_data() {
        let found = PaSpake::find(&method_data(SUPPORT));
        assert_eq!(found, Ok(Some(PaSpake::Support { groups: vec![1, 2] })));
        assert_eq!(PaSpake::find(&method_data(b"")), Ok(None));
        for malformed in [
            &b""[..],
            b"\x30\x00",
            &method_data(b"?"),
            &[&method_data(b"")[..], b"?"].concat(),
        ] {
            assert_eq!(PaSpake::find(malformed), Err(Error::MalformedDer));
        }
    }

    #[test]
    fn response() {
        let message = PaSpake::Response {
            public: b"S value".to_vec(),
            factor: encrypted(),
        };
        check(RESPONSE, &message);
    }

    #[test]
    fn enc_data() {
        check(ENC_DATA, &PaSpake::EncData(encrypted()));
    }

    #[test]
    fn enc_data_without_key_version() {
        let message = PaSpake::EncData(EncryptedData {
            etype: -1,
            kvno: None,
            cipher: vec![],
        });
        check(b"\xa3\x0b\x30\x09\xa0\x03\x02\x01\xff\xa2\x02\x04\x00", &message);
    }

    #[test]
    fn second_factor() {
        for (der, expected) in [
            (FACTOR, factor(2, Some(b"fdata"))),
            (FACTOR_WITHOUT_DATA, factor(1, None)),
        ] {
            assert_eq!(expected.encode().unwrap(), der);
            assert_eq!(SecondFactor::decode_padded(der), Ok(expected));
        }
    }

    #[test]
    fn second_factor_with_padding_of_less_than_a_block() {
        for padding in 1..=7 {
            let padded = [FACTOR, vec![0; padding].as_slice()].concat();
            assert_eq!(
                SecondFactor::decode_padded(&padded),
                Ok(factor(2, Some(b"fdata")))
            );
        }
        let padded = [FACTOR, &[0; 8]].concat();
        assert_eq!(SecondFactor::decode_padded(&padded), Err(Error::MalformedDer));
    }

    #[test]
    fn elements_of_later_versions_are_skipped() {
        let der = b"\xa0\x0c\x30\x0a\xa0\x05\x30\x03\x02\x01\x01\xa7\x01\x00";
        assert_eq!(PaSpake::decode(der), Ok(PaSpake::Support { groups: vec![1] }));
    }

    #[test]
    fn a_second_factor_is_not_extensible() {
        let der = b"\x30\x08\xa0\x03\x02\x01\x01\xa7\x01\x00";
        assert_eq!(SecondFactor::decode_padded(der), Err(Error::MalformedDer));
    }

    #[test]
    fn messages_of_later_versions_are_unknown() {
        for tag in 0xa4..=0xbe {
            assert_eq!(PaSpake::decode(&[tag, 2, 0x30, 0]), Err(Error::UnknownMessage));
        }
    }

    #[test]
    fn refuses_other_tags() {
        for tag in [0x00, 0x30, 0x60, 0x80, 0xe0] {
            let mut der = SUPPORT.to_vec();
            der[0] = tag;
            assert_eq!(PaSpake::decode(&der), Err(Error::MalformedDer));
        }
    }

    #[test]
    fn refuses_empty_lists() {
        assert_eq!(
            PaSpake::decode(b"\xa0\x06\x30\x04\xa0\x02\x30\x00"),
            Err(Error::MalformedDer)
        );
        let without_factors = b"\xa1\x0f\x30\x0d\xa0\x03\x02\x01\x01\xa1\x02\x04\x00\xa2\x02\x30\x00";
        assert_eq!(PaSpake::decode(without_factors), Err(Error::MalformedDer));
    }

    #[test]
    fn refuses_a_factor_type_that_is_repeated() {
        let message = PaSpake::Challenge {
            group: 1,
            public: vec![],
            factors: vec![factor(1, None), factor(2, None), factor(1, Some(b"data"))],
        };
        assert_eq!(
            PaSpake::decode(&message.encode().unwrap()),
            Err(Error::RepeatedFactor)
        );
    }

    #[test]
    fn refuses_numbers_beyond_32_bits() {
        let factor = b"\x30\x09\xa0\x07\x02\x05\x01\x00\x00\x00\x00";
        assert_eq!(SecondFactor::decode_padded(factor), Err(Error::MalformedDer));
        let negative_kvno = b"\xa3\x10\x30\x0e\xa0\x03\x02\x01\x12\xa1\x03\x02\x01\xff\xa2\x02\x04\x00";
        assert_eq!(PaSpake::decode(negative_kvno), Err(Error::MalformedDer));
    }

    #[test]
    fn refuses_messages_cut_anywhere() {
        for der in [SUPPORT, CHALLENGE, RESPONSE, ENC_DATA] {
            for length in 0..der.len() {
                assert_eq!(PaSpake::decode(&der[..length]), Err(Error::MalformedDer));
            }
        }
        for length in 0..FACTOR.len() {
            assert_eq!(
                SecondFactor::decode_padded(&FACTOR[..length]),
                Err(Error::MalformedDer)
            );
        }
    }

    #[test]
    fn refuses_what_follows_a_message() {
        for der in [SUPPORT, CHALLENGE, RESPONSE, ENC_DATA] {
            let longer = [der, &[0]].concat();
            assert_eq!(PaSpake::decode(&longer), Err(Error::MalformedDer));
            let (head, tail) = der.split_at(2);
            let inner = [&[head[0], head[1] + 1], tail, &[0]].concat();
            assert_eq!(PaSpake::decode(&inner), Err(Error::MalformedDer));
        }
    }

    #[test]
    fn whatever_decodes_without_extensions_encodes_to_the_same_bytes() {
        for der in [SUPPORT, CHALLENGE, RESPONSE, ENC_DATA] {
            for index in 0..der.len() {
                for bit in 0..8 {
                    let mut damaged = der.to_vec();
                    damaged[index] ^= 1 << bit;
                    if let Ok(message) = PaSpake::decode(&damaged) {
                        let encoded = message.encode().unwrap();
                        assert_eq!(PaSpake::decode(&encoded), Ok(message));
                        assert!(encoded.len() <= damaged.len());
                    }
                }
            }
        }
    }
}
