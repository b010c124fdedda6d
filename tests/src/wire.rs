//! Bytes to a KDC, and what comes back.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

/// How long the KDC may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The largest UDP payload over IPv4.
pub(crate) const DATAGRAM_MAX: usize = 65_507;

/// Sends a request over TCP and reads the answer, which is empty if the KDC hangs up.
pub(crate) fn send_tcp(kdc: SocketAddr, request: &[u8]) -> Vec<u8> {
    let length = u32::try_from(request.len()).unwrap().to_be_bytes();
    let answer = send_stream(kdc, &[&length, request].concat());
    answer.get(length.len()..).unwrap_or_default().to_vec()
}

/// Sends any bytes over TCP and reads all that comes until the KDC hangs up, the length included.
pub(crate) fn send_stream(kdc: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(kdc).unwrap();
    stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    // The KDC may hang up before it has read everything. Then these fail, and reading ends.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("the KDC neither answers nor hangs up: {error}"),
    }
}

/// Sends a request in a datagram and reads the answer.
pub(crate) fn send_datagram(kdc: SocketAddr, request: &[u8]) -> Vec<u8> {
    let socket = connect(kdc);
    socket.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    socket.send(request).unwrap();
    receive(&socket).unwrap_or_else(|error| panic!("the KDC does not answer: {error}"))
}

/// Two sockets to a KDC of one process. It takes datagrams one after the other, so that an answer to what was sent from
/// the second proves that what was sent from the first before it has got its answer, or gets none: nobody has to wait
/// for silence.
#[derive(Debug)]
pub(crate) struct Datagrams {
    first: UdpSocket,
    second: UdpSocket,
    probe: Vec<u8>,
}

impl Datagrams {
    /// `probe` is a request that the KDC answers.
    pub(crate) fn new(kdc: SocketAddr, probe: Vec<u8>) -> Self {
        let (first, second) = (connect(kdc), connect(kdc));
        first.set_nonblocking(true).unwrap();
        second.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        Self { first, second, probe }
    }

    /// Sends a request of at most [`DATAGRAM_MAX`] bytes and reads the answer, which is empty if there is none.
    pub(crate) fn send(&self, request: &[u8]) -> Vec<u8> {
        self.first.send(request).unwrap();
        self.second.send(&self.probe).unwrap();
        receive(&self.second).unwrap_or_else(|error| panic!("the KDC does not answer: {error}"));
        match receive(&self.first) {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Vec::new(),
            Err(error) => panic!("the KDC cannot be read from: {error}"),
        }
    }
}

fn connect(kdc: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(kdc).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> std::io::Result<Vec<u8>> {
    let mut answer = vec![0; DATAGRAM_MAX];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}
