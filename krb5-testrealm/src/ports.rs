//! Four free ports on 127.0.0.1, kept apart from those of other realms on this machine.

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use crate::Error;

/// First port of the first block. Blocks end below 32768, where Linux begins to hand out ports to clients by itself:
/// the port of a stopped KDC must not become somebody's source port before the KDC is started again.
const FIRST: u16 = 20_000;
const BLOCK: u16 = 4;
const BLOCKS: u16 = 3_000;

/// A block of four ports: KDC, kadmind, password change, propagation: where a primary is asked for updates, and a replica sent
/// the whole.
///
/// krb5kdc and kadmind set SO_REUSEPORT, so that two of them would share one port without a word. What keeps realms
/// apart is a claim: a socket in the abstract namespace, which like the ports belongs to the network namespace, and
/// which vanishes with the process that holds it.
#[derive(Debug)]
pub(crate) struct Ports {
    base: u16,
    _claim: UnixListener,
}

impl Ports {
    /// Claims a block in which nobody listens, neither on TCP nor on UDP.
    pub(crate) fn claim() -> Result<Self, Error> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Processes started one after the other begin far apart.
        let offset = u16::try_from(process::id().wrapping_mul(61) % u32::from(BLOCKS)).unwrap_or(0);
        (0..BLOCKS)
            .map(|_| (offset + NEXT.fetch_add(1, Ordering::Relaxed) % BLOCKS) % BLOCKS)
            .find_map(|block| Self::claim_block(FIRST + block * BLOCK))
            .ok_or(Error::NoFreePorts)
    }

    fn claim_block(base: u16) -> Option<Self> {
        let address = SocketAddr::from_abstract_name(format!("krb5-testrealm:{base}")).ok()?;
        let claim = UnixListener::bind_addr(&address).ok()?;
        (base..base + BLOCK)
            .all(is_free)
            .then_some(Ports { base, _claim: claim })
    }

    pub(crate) fn kdc(&self) -> u16 {
        self.base
    }

    pub(crate) fn kadmind(&self) -> u16 {
        self.base + 1
    }

    pub(crate) fn kpasswd(&self) -> u16 {
        self.base + 2
    }

    pub(crate) fn iprop(&self) -> u16 {
        self.base + 3
    }
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claimed_block_is_not_given_twice() {
        let first = Ports::claim().unwrap();
        assert!(Ports::claim_block(first.base).is_none());
        let second = Ports::claim().unwrap();
        assert_ne!(first.base, second.base);
    }

    #[test]
    fn block_with_a_busy_port_is_refused_tcp_and_udp() {
        let Ports { base, .. } = Ports::claim().unwrap();
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, base + 2)).unwrap();
        assert!(Ports::claim_block(base).is_none());
        drop(tcp);
        let _udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, base + 3)).unwrap();
        assert!(Ports::claim_block(base).is_none());
    }

    #[test]
    fn dropped_block_is_free_again() {
        let Ports { base, .. } = Ports::claim().unwrap();
        assert!(Ports::claim_block(base).is_some());
    }
}
