//! The messages of the AS exchange (RFC 4120 sections 5.4 and 5.9), as far as a scripted client needs them.

use crate::der::{self, Value};

/// PA-ENC-TIMESTAMP (RFC 4120 section 5.2.7.2).
pub const PA_ENC_TIMESTAMP: i32 = 2;
/// PA-FX-COOKIE (RFC 6113 section 5.2).
pub const PA_FX_COOKIE: i32 = 133;

/// KDC_ERR_POLICY.
pub const KDC_ERR_POLICY: i64 = 12;
/// KDC_ERR_CLIENT_REVOKED: locked out, for one.
pub const KDC_ERR_CLIENT_REVOKED: i64 = 18;
/// KDC_ERR_PREAUTH_FAILED.
pub const KDC_ERR_PREAUTH_FAILED: i64 = 24;
/// KDC_ERR_PREAUTH_REQUIRED.
pub const KDC_ERR_PREAUTH_REQUIRED: i64 = 25;
/// KRB_ERR_RESPONSE_TOO_BIG: for UDP.
pub const KRB_ERR_RESPONSE_TOO_BIG: i64 = 52;
/// KDC_ERR_WRONG_REALM (RFC 6806 section 7).
pub const KDC_ERR_WRONG_REALM: i64 = 68;
/// KDC_ERR_MORE_PREAUTH_DATA_REQUIRED (RFC 6113 section 5.2).
pub const KDC_ERR_MORE_PREAUTH_DATA_REQUIRED: i64 = 91;

/// TicketFlags: pre-authent.
pub const FLAG_PRE_AUTHENT: u32 = 1 << 21;
/// TicketFlags: hw-authent.
pub const FLAG_HW_AUTHENT: u32 = 1 << 20;

/// Key usage of the encrypted timestamp (RFC 4120 section 7.5.1).
pub const KEY_USAGE_ENC_TIMESTAMP: i32 = 1;
/// Key usage of the encrypted part of an AS-REP (RFC 4120 section 7.5.1).
const KEY_USAGE_AS_REPLY: i32 = 3;

const NAME_TYPE_PRINCIPAL: i64 = 1;

/// One element of pre-authentication data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaData {
    /// The pa-type.
    pub pa_type: i32,
    /// The contents.
    pub value: Vec<u8>,
}

impl PaData {
    /// An element.
    pub fn new(pa_type: i32, value: &[u8]) -> Self {
        Self {
            pa_type,
            value: value.to_vec(),
        }
    }

    /// The DER encoding.
    pub(crate) fn encode(&self) -> Vec<u8> {
        der::sequence(&[
            der::tagged(1, &der::integer(self.pa_type)),
            der::tagged(2, &der::octets(&self.value)),
        ])
    }

    /// Reads a SEQUENCE OF PA-DATA, such as METHOD-DATA.
    pub(crate) fn read_all(list: Value<'_>) -> Option<Vec<Self>> {
        list.elements()
            .map(|element| {
                Some(Self {
                    pa_type: i32::try_from(element.field(1)?.integer()?).ok()?,
                    value: element.field(2)?.content.to_vec(),
                })
            })
            .collect()
    }
}

/// KDC-REQ-BODY.
#[derive(Clone, Debug)]
pub struct RequestBody {
    /// kdc-options.
    pub options: u32,
    /// The components of the client's name.
    pub client: Vec<String>,
    /// The realm of client and server.
    pub realm: String,
    /// The components of the server's name.
    pub server: Vec<String>,
    /// The end time asked for, as in GeneralizedTime.
    pub till: String,
    /// The nonce.
    pub nonce: u32,
    /// The encryption types, the preferred one first.
    pub enctypes: Vec<i32>,
}

impl RequestBody {
    /// The DER encoding. The KDC takes the bytes as they come: they are what keys are derived from.
    pub fn encode(&self) -> Vec<u8> {
        let enctypes: Vec<Vec<u8>> = self
            .enctypes
            .iter()
            .map(|enctype| der::integer(*enctype))
            .collect();
        der::sequence(&[
            der::tagged(0, &der::flags(self.options)),
            der::tagged(1, &encode_name(&self.client)),
            der::tagged(2, &der::string(&self.realm)),
            der::tagged(3, &encode_name(&self.server)),
            der::tagged(5, &der::value(der::GENERALIZED_TIME, self.till.as_bytes())),
            der::tagged(7, &der::integer(self.nonce)),
            der::tagged(8, &der::sequence(&enctypes)),
        ])
    }
}

fn encode_name(components: &[String]) -> Vec<u8> {
    let components: Vec<Vec<u8>> = components
        .iter()
        .map(|component| der::string(component))
        .collect();
    der::sequence(&[
        der::tagged(0, &der::integer(NAME_TYPE_PRINCIPAL)),
        der::tagged(1, &der::sequence(&components)),
    ])
}

fn read_name(name: Value<'_>) -> Option<Vec<String>> {
    Some(name.field(1)?.elements().map(Value::text).collect())
}

/// AS-REQ.
#[derive(Clone, Debug)]
pub struct AsRequest {
    /// Pre-authentication data, in this order; left out if there are none.
    pub pa_data: Vec<PaData>,
    /// The encoded KDC-REQ-BODY.
    pub body: Vec<u8>,
}

impl AsRequest {
    /// The DER encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = vec![
            der::tagged(1, &der::integer(5)),
            der::tagged(2, &der::integer(10)),
        ];
        if !self.pa_data.is_empty() {
            let elements: Vec<Vec<u8>> = self.pa_data.iter().map(PaData::encode).collect();
            fields.push(der::tagged(3, &der::sequence(&elements)));
        }
        fields.push(der::tagged(4, &self.body));
        der::application(10, &der::sequence(&fields))
    }

    /// Reads a request; `None` if it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let fields = Value::read_only(bytes)?.inner()?;
        let body = fields.field(4)?;
        Some(Self {
            pa_data: fields.field(3).map_or(Some(Vec::new()), PaData::read_all)?,
            body: der::value(body.tag, body.content),
        })
    }

    /// The contents of the elements of a type.
    pub fn pa_values(&self, pa_type: i32) -> Vec<&[u8]> {
        let elements = self.pa_data.iter().filter(|element| element.pa_type == pa_type);
        elements.map(|element| element.value.as_slice()).collect()
    }
}

/// What the KDC answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// KRB-ERROR.
    Error(KrbError),
    /// AS-REP.
    Issued(AsReply),
}

impl Reply {
    /// Reads an answer; `None` if it is neither.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let message = Value::read_only(bytes)?;
        match message.tag {
            0x7e => KrbError::read(message.inner()?).map(Self::Error),
            0x6b => AsReply::read(message.inner()?).map(Self::Issued),
            _ => None,
        }
    }

    /// The error.
    ///
    /// # Panics
    /// A ticket was issued.
    pub fn error(self) -> KrbError {
        match self {
            Self::Error(error) => error,
            Self::Issued(_) => panic!("the KDC issued a ticket"),
        }
    }

    /// The ticket.
    ///
    /// # Panics
    /// The KDC refused.
    pub fn issued(self) -> AsReply {
        match self {
            Self::Issued(reply) => reply,
            Self::Error(error) => panic!("the KDC refused: {error:?}"),
        }
    }
}

/// KRB-ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KrbError {
    /// The error code of the protocol, such as [`KDC_ERR_PREAUTH_FAILED`].
    pub code: i64,
    /// The KDC's time, as in GeneralizedTime.
    pub time: String,
    /// METHOD-DATA.
    pub pa_data: Vec<PaData>,
}

impl KrbError {
    fn read(fields: Value<'_>) -> Option<Self> {
        let pa_data = match fields.field(12) {
            Some(data) => PaData::read_all(Value::read_only(data.content)?)?,
            None => Vec::new(),
        };
        Some(Self {
            code: fields.field(6)?.integer()?,
            time: fields.field(4)?.text(),
            pa_data,
        })
    }

    /// The contents of the first element of a type.
    pub fn pa_value(&self, pa_type: i32) -> Option<&[u8]> {
        let element = self.pa_data.iter().find(|element| element.pa_type == pa_type)?;
        Some(&element.value)
    }
}

/// AS-REP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsReply {
    /// The components of the client's name.
    pub client: Vec<String>,
    /// The encryption type of the encrypted part.
    pub enctype: i64,
    /// The encrypted part.
    pub cipher: Vec<u8>,
}

impl AsReply {
    fn read(fields: Value<'_>) -> Option<Self> {
        let encrypted = fields.field(6)?;
        Some(Self {
            client: read_name(fields.field(4)?)?,
            enctype: encrypted.field(0)?.integer()?,
            cipher: encrypted.field(2)?.content.to_vec(),
        })
    }

    /// Opens the encrypted part; `None` under a wrong key.
    pub fn open(&self, key: &impl krb5_fido_protocol::kerberos::Key) -> Option<EncryptedPart> {
        let plain = key.decrypt(KEY_USAGE_AS_REPLY, &self.cipher).ok()??;
        EncryptedPart::read(plain.expose())
    }
}

/// EncASRepPart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedPart {
    /// The request's nonce.
    pub nonce: i64,
    /// TicketFlags.
    pub flags: u32,
    /// The components of the server's name.
    pub server: Vec<String>,
}

impl EncryptedPart {
    fn read(plain: &[u8]) -> Option<Self> {
        let (message, _padding) = Value::read(plain)?;
        let fields = message.inner()?;
        let flags = fields.field(4)?.content.get(1..)?;
        Some(Self {
            nonce: fields.field(2)?.integer()?,
            flags: u32::from_be_bytes(flags.try_into().ok()?),
            server: read_name(fields.field(10)?)?,
        })
    }
}

/// An encrypted timestamp (RFC 4120 section 5.2.7.2) of `time`, as in GeneralizedTime.
pub fn encrypted_timestamp(key: &impl krb5_fido_protocol::kerberos::Key, time: &str) -> PaData {
    let time = der::value(der::GENERALIZED_TIME, time.as_bytes());
    let plain = der::sequence(&[der::tagged(0, &time)]);
    let Ok(cipher) = key.encrypt(KEY_USAGE_ENC_TIMESTAMP, &plain) else {
        panic!("the timestamp cannot be encrypted")
    };
    let encrypted = der::sequence(&[
        der::tagged(0, &der::integer(key.enctype())),
        der::tagged(2, &der::octets(&cipher)),
    ]);
    PaData::new(PA_ENC_TIMESTAMP, &encrypted)
}
