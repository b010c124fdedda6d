//! The KDC's state between two passes, carried by the client in the KDC's secure cookie.
//!
//! All integers are big-endian. Version 1 is that of MIT krb5's own SPAKE module, so that either can take up what the
//! other began:
//!
//! | field | form |
//! |---|---|
//! | version | u16: 1, or 2 |
//! | stage | u16: 0 after a challenge; 1 after a factor message, version 2 only |
//! | group | i32 |
//! | SPAKE value | u32 length and bytes: the KDC's private scalar in stage 0, K in stage 1 |
//! | transcript hash | u32 length and bytes: intermediate in stage 0, final in stage 1 |
//! | factors | one record each; none at all in version 1 |
//!
//! A record is the factor type, i32, and a u32 length and data. An exchange that offers SF-NONE alone uses version 1. Any
//! other uses version 2, with one record for each offered factor in stage 0 and for SF-FIDO alone in stage 1. SF-NONE has
//! empty data. SF-FIDO has a u8 of mode, 0 for encrypted and 1 for clear, and the KDC's 32-byte nonce; stage 1 has mode 0.

use super::{Group, group::PrivateScalar, transcript::Transcript};
use crate::{
    Error,
    registry::{FIDO_NONCE_LEN, SF_FIDO, SF_NONE},
    secret::SecretBytes,
};

const VERSION_STOCK: u16 = 1;
const VERSION_FACTORS: u16 = 2;
const STAGE_CHALLENGE: u16 = 0;
const STAGE_FACTOR: u16 = 1;
const MODE_ENCRYPTED: u8 = 0;
const MODE_CLEAR: u8 = 1;

/// Bytes in everything but the SPAKE value and the transcript hash, with two records.
const OTHER_FIELDS: usize = 16 + (8 + 1 + FIDO_NONCE_LEN) + 8;

/// How SF-FIDO was offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Without data: credential ids go out under `K'[2]`, after the password was proved.
    #[default]
    Encrypted,
    /// With the challenge of the factor in the SPAKE challenge.
    Clear,
}

/// What the KDC remembers of an offered SF-FIDO.
#[derive(Clone, Copy)]
pub(super) struct FidoRecord {
    pub(super) mode: Mode,
    pub(super) nonce: [u8; FIDO_NONCE_LEN],
}

/// The factors of one challenge.
#[derive(Clone, Copy)]
pub(super) struct Offered {
    pub(super) none: bool,
    pub(super) fido: Option<FidoRecord>,
}

impl Offered {
    pub(super) fn mode(&self) -> Option<Mode> {
        self.fido.map(|record| record.mode)
    }
}

/// Stage 0.
pub(super) struct ChallengeCookie {
    pub(super) group: Group,
    pub(super) private: PrivateScalar,
    pub(super) transcript: Transcript,
    pub(super) offered: Offered,
}

impl ChallengeCookie {
    pub(super) fn parse(cookie: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(cookie);
        let version = reader.version()?;
        reader.stage(STAGE_CHALLENGE)?;
        let group = reader.group()?;
        let private = PrivateScalar::parse(group, SecretBytes::from(reader.data()?))?;
        let transcript = Transcript::parse(group, reader.data()?)?;
        let offered = match version {
            VERSION_STOCK => Offered {
                none: true,
                fido: None,
            },
            _ => reader.records()?,
        };
        reader.finish()?;
        Ok(Self {
            group,
            private,
            transcript,
            offered,
        })
    }

    pub(super) fn encode(&self) -> Result<SecretBytes, Error> {
        let version = match self.offered.fido {
            None => VERSION_STOCK,
            Some(_) => VERSION_FACTORS,
        };
        let private = self.private.bytes();
        let mut writer = Writer::new(version, STAGE_CHALLENGE, self.group, private, &self.transcript)?;
        if let Some(fido) = self.offered.fido {
            writer.fido(fido)?;
            if self.offered.none {
                writer.none()?;
            }
        }
        Ok(writer.finish())
    }
}

/// Stage 1.
pub(super) struct FactorCookie {
    pub(super) group: Group,
    pub(super) result: SecretBytes,
    pub(super) transcript: Transcript,
    pub(super) nonce: [u8; FIDO_NONCE_LEN],
}

impl FactorCookie {
    pub(super) fn parse(cookie: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(cookie);
        let version = reader.version()?;
        reader.stage(STAGE_FACTOR)?;
        if version != VERSION_FACTORS {
            return Err(Error::WrongCookieStage);
        }
        let group = reader.group()?;
        let result = SecretBytes::from(reader.data()?);
        if result.expose().len() != group.element_len() {
            return Err(Error::MalformedCookie);
        }
        let transcript = Transcript::parse(group, reader.data()?)?;
        let offered = reader.records()?;
        reader.finish()?;
        match offered {
            Offered {
                none: false,
                fido:
                    Some(FidoRecord {
                        mode: Mode::Encrypted,
                        nonce,
                    }),
            } => Ok(Self {
                group,
                result,
                transcript,
                nonce,
            }),
            _ => Err(Error::MalformedCookie),
        }
    }

    pub(super) fn encode(
        group: Group,
        result: &SecretBytes,
        transcript: &Transcript,
        nonce: [u8; FIDO_NONCE_LEN],
    ) -> Result<SecretBytes, Error> {
        let mut writer = Writer::new(VERSION_FACTORS, STAGE_FACTOR, group, result, transcript)?;
        writer.fido(FidoRecord {
            mode: Mode::Encrypted,
            nonce,
        })?;
        Ok(writer.finish())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn version(&mut self) -> Result<u16, Error> {
        let version = u16::from_be_bytes(self.array()?);
        match version {
            VERSION_STOCK | VERSION_FACTORS => Ok(version),
            _ => Err(Error::UnknownCookieVersion),
        }
    }

    fn stage(&mut self, expected: u16) -> Result<(), Error> {
        match u16::from_be_bytes(self.array()?) == expected {
            true => Ok(()),
            false => Err(Error::WrongCookieStage),
        }
    }

    fn group(&mut self) -> Result<Group, Error> {
        Group::from_id(i32::from_be_bytes(self.array()?)).ok_or(Error::UnknownGroup)
    }

    fn data(&mut self) -> Result<&'a [u8], Error> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| Error::MalformedCookie)?)
    }

    fn records(&mut self) -> Result<Offered, Error> {
        let mut offered = Offered {
            none: false,
            fido: None,
        };
        while !self.0.is_empty() {
            let factor_type = i32::from_be_bytes(self.array()?);
            let data = self.data()?;
            match factor_type {
                SF_NONE if offered.none => return Err(Error::RepeatedFactor),
                SF_NONE if data.is_empty() => offered.none = true,
                SF_FIDO if offered.fido.is_some() => return Err(Error::RepeatedFactor),
                SF_FIDO => offered.fido = Some(parse_fido(data)?),
                _ => return Err(Error::MalformedCookie),
            }
        }
        match offered.fido {
            Some(_) => Ok(offered),
            None => Err(Error::MalformedCookie),
        }
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Error> {
        let bytes = self.take(LENGTH)?;
        bytes.try_into().map_err(|_| Error::MalformedCookie)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Error::MalformedCookie)?;
        self.0 = rest;
        Ok(taken)
    }

    fn finish(self) -> Result<(), Error> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Error::MalformedCookie),
        }
    }
}

fn parse_fido(data: &[u8]) -> Result<FidoRecord, Error> {
    let (mode, nonce) = data.split_first().ok_or(Error::MalformedCookie)?;
    let mode = match *mode {
        MODE_ENCRYPTED => Mode::Encrypted,
        MODE_CLEAR => Mode::Clear,
        _ => return Err(Error::MalformedCookie),
    };
    let nonce = nonce.try_into().map_err(|_| Error::MalformedCookie)?;
    Ok(FidoRecord { mode, nonce })
}

/// A cookie in the making. All its memory is set aside at once: a vector that grows leaves copies behind.
struct Writer(Vec<u8>);

impl Writer {
    /// Writes everything but the factors.
    fn new(
        version: u16,
        stage: u16,
        group: Group,
        value: &SecretBytes,
        transcript: &Transcript,
    ) -> Result<Self, Error> {
        let length = value.expose().len() + transcript.as_bytes().len() + OTHER_FIELDS;
        let mut writer = Self(Vec::with_capacity(length));
        writer.0.extend(version.to_be_bytes());
        writer.0.extend(stage.to_be_bytes());
        writer.0.extend(group.id().to_be_bytes());
        writer.data(value.expose())?;
        writer.data(transcript.as_bytes())?;
        Ok(writer)
    }

    fn fido(&mut self, record: FidoRecord) -> Result<(), Error> {
        let mode = match record.mode {
            Mode::Encrypted => MODE_ENCRYPTED,
            Mode::Clear => MODE_CLEAR,
        };
        self.0.extend(SF_FIDO.to_be_bytes());
        self.data(&[&[mode], record.nonce.as_slice()].concat())
    }

    fn none(&mut self) -> Result<(), Error> {
        self.0.extend(SF_NONE.to_be_bytes());
        self.data(&[])
    }

    fn data(&mut self, data: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(data.len()).map_err(|_| Error::MalformedCookie)?;
        self.0.extend(length.to_be_bytes());
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn finish(self) -> SecretBytes {
        SecretBytes::new(self.0)
    }
}

#[cfg(test)]
mod tests;
