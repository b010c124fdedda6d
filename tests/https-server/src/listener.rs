//! A server on loopback with a thread for each connection, all of which end with it.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

pub(crate) struct Listener {
    address: SocketAddr,
    connections: Arc<Connections>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts on a port of its own; `serve` has each connection until it returns.
    pub(crate) fn start(serve: impl Fn(TcpStream, &Connections) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Connections::default());
        let theirs = Arc::clone(&connections);
        let thread = thread::spawn(move || accept(&listener, &theirs, &Arc::new(serve)));
        Self {
            address,
            connections,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.connections.close();
        // Wakes it up.
        drop(TcpStream::connect(self.address));
        drop(thread.join());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept<S>(listener: &TcpListener, connections: &Arc<Connections>, serve: &Arc<S>)
where
    S: Fn(TcpStream, &Connections) + Send + Sync + 'static,
{
    let mut threads = Vec::new();
    for client in listener.incoming() {
        if connections.are_closed() {
            break;
        }
        let client = client.unwrap();
        let (connections, serve) = (Arc::clone(connections), Arc::clone(serve));
        threads.push(thread::spawn(move || {
            let _watched = connections.watch(&client);
            serve(client, &connections);
        }));
    }
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

/// The sockets that are open.
#[derive(Default)]
pub(crate) struct Connections {
    closed: AtomicBool,
    sockets: Mutex<HashMap<SocketAddrPair, TcpStream>>,
}

type SocketAddrPair = (SocketAddr, SocketAddr);

impl Connections {
    /// From now on this socket is closed with the others; it is shut down at the latest when the result is dropped.
    pub(crate) fn watch(&self, socket: &TcpStream) -> Watched<'_> {
        let pair = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
        let ours = socket.try_clone().unwrap();
        self.sockets.lock().unwrap().insert(pair, ours);
        if self.are_closed() {
            self.close();
        }
        Watched {
            connections: self,
            pair,
        }
    }

    pub(crate) fn are_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for socket in self.sockets.lock().unwrap().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

pub(crate) struct Watched<'a> {
    connections: &'a Connections,
    pair: SocketAddrPair,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let socket = self.connections.sockets.lock().unwrap().remove(&self.pair);
        drop(socket.map(|socket| socket.shutdown(Shutdown::Both)));
    }
}
