//! How a scripted client reaches its KDC.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    kerberos::{KRB_ERR_RESPONSE_TOO_BIG, Reply},
    wire,
};

/// The longest request that libkrb5 sends in a datagram (krb5.conf, udp_preference_limit), in bytes.
const PREFERENCE_LIMIT: usize = 1465;

/// A KDC and the way to it.
#[derive(Debug)]
pub(crate) struct Link {
    kdc: SocketAddr,
    /// Whether datagrams are not, or no longer, to be used.
    stream_only: AtomicBool,
}

impl Link {
    /// Over TCP.
    pub(crate) const fn stream(kdc: SocketAddr) -> Self {
        Self {
            kdc,
            stream_only: AtomicBool::new(true),
        }
    }

    /// As libkrb5 does for each login: in datagrams, and over TCP for good once an answer does not fit into one.
    pub(crate) const fn datagrams(kdc: SocketAddr) -> Self {
        Self {
            kdc,
            stream_only: AtomicBool::new(false),
        }
    }

    pub(crate) const fn kdc(&self) -> SocketAddr {
        self.kdc
    }

    /// Sends a request and reads the answer.
    pub(crate) fn exchange(&self, request: &[u8]) -> Reply {
        if !self.stream_only.load(Ordering::Relaxed) && request.len() <= PREFERENCE_LIMIT {
            match read_reply(&wire::send_datagram(self.kdc, request)) {
                Reply::Error(error) if error.code == KRB_ERR_RESPONSE_TOO_BIG => {
                    self.stream_only.store(true, Ordering::Relaxed);
                }
                reply => return reply,
            }
        }
        read_reply(&wire::send_tcp(self.kdc, request))
    }
}

fn read_reply(answer: &[u8]) -> Reply {
    Reply::read(answer).unwrap_or_else(|| panic!("not an answer to an AS-REQ: {answer:02x?}"))
}
