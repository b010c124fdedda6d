//! The little of HTTP/1.1 that a request needs.

use std::io::{self, Read};

use crate::Request;

/// More than any client of ours sends.
const HEAD_MAX: usize = 64 * 1024;

const END: &[u8] = b"\r\n\r\n";

/// Reads a request without a body.
pub(crate) fn read_request(stream: &mut impl Read) -> io::Result<Request> {
    let head = read_head(stream)?;
    let target = head.split(' ').nth(1).unwrap_or_default();
    Ok(Request {
        path: target.to_owned(),
        head: head.to_ascii_lowercase(),
    })
}

/// Request line and header fields, with the empty line behind them and nothing more. Other control characters are TLS, where
/// none is expected.
pub(crate) fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(END) {
        if head.len() == HEAD_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.read_exact(&mut byte)?;
        if byte
            .iter()
            .any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
        {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend(byte);
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}
