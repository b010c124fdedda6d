//! A proxy (RFC 9110 section 9.3.6) that leads every name to one address.

use std::{
    io::{self, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
};

use crate::{http::read_head, listener::Connections};

pub(crate) fn serve(mut client: TcpStream, address: SocketAddr, connections: &Connections) -> io::Result<()> {
    if !read_head(&mut client)?.starts_with("CONNECT ") {
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n");
    }
    let server = TcpStream::connect(address)?;
    let _watched = connections.watch(&server);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    thread::scope(|scope| {
        scope.spawn(|| copy(&server, &client));
        copy(&client, &server);
    });
    Ok(())
}

/// Until either side hangs up, and then the other is told.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
