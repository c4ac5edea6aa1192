//! A network between the service and a server: everything takes a moment, the end of a connection too.
//!
//! On loopback both sides learn of an end in microseconds. Across a network a request is under way for a while to a server that has
//! closed already, and the end is under way for as long to the sender.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// How long everything takes in each direction.
const DELAY: Duration = Duration::from_millis(20);

/// Listens at every address, and leads to `port` of this machine; where it listens.
pub(crate) fn to(port: u16) -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").expect("there is a free port");
    let own = listener.local_addr().expect("a listener has an address").port();
    thread::spawn(move || {
        for sender in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                continue;
            };
            for stream in [&sender, &server] {
                stream.set_nodelay(true).expect("a socket can be set");
            }
            let clone = |stream: &TcpStream| stream.try_clone().expect("a socket can be cloned");
            let (from, onto) = (clone(&server), clone(&sender));
            thread::spawn(move || carry(from, onto));
            thread::spawn(move || carry(sender, server));
        }
    });
    own
}

/// Carries bytes, and then the end.
fn carry(mut from: TcpStream, mut onto: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        thread::sleep(DELAY);
        if onto.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    thread::sleep(DELAY);
    let _ = onto.shutdown(Shutdown::Write);
}
