//! The attestation object of a registration (WebAuthn Level 3 section 6.5.4), which libfido2 gives in its parts.

use krb5_fido_protocol::registry::FORMAT_FIDO_U2F;
use minicbor::{Decoder, Encoder, encode};

/// A map without members: the statement of the format none.
const EMPTY_MAP: &[u8] = b"\xa0";

/// Why there is none: a statement that is no CBOR map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MalformedStatement;

/// The map of fmt, attStmt and authData, in the order and form of CTAP2 canonical CBOR (CTAP 2.1 section 8); the statement,
/// empty or a map, stays as the key has written it.
///
/// # Errors
/// [`MalformedStatement`].
pub(super) fn encode_object(
    format: &str,
    statement: &[u8],
    authenticator_data: &[u8],
) -> Result<Vec<u8>, MalformedStatement> {
    let statement = match (format, statement) {
        (_, []) => EMPTY_MAP.to_vec(),
        (FORMAT_FIDO_U2F, statement) => without_algorithm(statement).ok_or(MalformedStatement)?,
        (_, statement) => statement.to_vec(),
    };
    let mut object = Vec::new();
    let mut encoder = Encoder::new(&mut object);
    write_head(&mut encoder, format).map_err(|_| MalformedStatement)?;
    encoder.writer_mut().extend_from_slice(&statement);
    write_tail(&mut encoder, authenticator_data).map_err(|_| MalformedStatement)?;
    Ok(object)
}

type Written = Result<(), encode::Error<core::convert::Infallible>>;

fn write_head(encoder: &mut Encoder<&mut Vec<u8>>, format: &str) -> Written {
    encoder.map(3)?.str("fmt")?.str(format)?.str("attStmt")?;
    Ok(())
}

fn write_tail(encoder: &mut Encoder<&mut Vec<u8>>, authenticator_data: &[u8]) -> Written {
    encoder.str("authData")?.bytes(authenticator_data)?;
    Ok(())
}

/// A statement of fido-u2f, which has sig and x5c alone (WebAuthn Level 3 section 8.6): libfido2 makes it up for keys that
/// speak U2F alone, and adds alg.
fn without_algorithm(statement: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(statement);
    let count = decoder.map().ok()??;
    let mut kept = Vec::new();
    for _ in 0..count {
        let start = decoder.position();
        let name = decoder.str().ok()?;
        decoder.skip().ok()?;
        if name != "alg" {
            kept.push(statement.get(start..decoder.position())?);
        }
    }
    let mut map = Vec::new();
    Encoder::new(&mut map).map(u64::try_from(kept.len()).ok()?).ok()?;
    map.extend(kept.concat());
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_canonical_order() {
        let object = encode_object("none", b"", &[7; 3]).unwrap();
        assert_eq!(
            object,
            b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x43\x07\x07\x07"
        );
    }

    #[test]
    fn a_statement_stays_as_it_is() {
        let object = encode_object("packed", b"\xa1\x63alg\x26", &[]).unwrap();
        assert_eq!(
            object,
            b"\xa3\x63fmt\x66packed\x67attStmt\xa1\x63alg\x26\x68authData\x40"
        );
    }

    #[test]
    fn a_statement_of_u2f_has_no_algorithm() {
        let statement = b"\xa3\x63alg\x26\x63sig\x41\x01\x63x5c\x81\x41\x02";
        let object = encode_object(FORMAT_FIDO_U2F, statement, &[]).unwrap();
        let expected =
            b"\xa3\x63fmt\x68fido-u2f\x67attStmt\xa2\x63sig\x41\x01\x63x5c\x81\x41\x02\x68authData\x40";
        assert_eq!(object, expected);
        for garbled in [&b"\x01"[..], b"\xa2\x63alg\x26", b"\xa1\x01\x02"] {
            assert_eq!(
                encode_object(FORMAT_FIDO_U2F, garbled, &[]),
                Err(MalformedStatement)
            );
        }
    }
}
