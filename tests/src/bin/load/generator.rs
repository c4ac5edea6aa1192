//! Keeps a number of connections busy: as soon as one has its answer, it sends the next request.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

/// An answer that takes longer is a server that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends what `next` writes over `connections` connections until it writes nothing more; `answered` gets the body and
/// the time it took of each answer.
///
/// Panics at the first answer that is not a 2xx, or does not come.
pub(crate) fn drive(
    address: SocketAddr,
    connections: usize,
    mut next: impl FnMut(&mut Vec<u8>),
    mut answered: impl FnMut(&[u8], Duration),
) {
    let mut poll = Poll::new().expect("the system can poll");
    let mut lines: Vec<Line> = (0..connections)
        .map(|number| Line::open(&poll, address, number))
        .collect();
    let mut busy = lines
        .iter_mut()
        .filter_map(|line| line.send_next(&mut next).then_some(()))
        .count();
    let mut events = Events::with_capacity(connections);
    while busy > 0 {
        poll.poll(&mut events, Some(PATIENCE))
            .expect("the system can poll");
        assert!(!events.is_empty(), "no answer for {PATIENCE:?}");
        for event in &events {
            let line = &mut lines[event.token().0];
            while let Some((length, took)) = line.receive() {
                answered(&line.received[line.received.len() - length..], took);
                if !line.send_next(&mut next) {
                    busy -= 1;
                    break;
                }
            }
        }
    }
}

struct Line {
    stream: TcpStream,
    request: Vec<u8>,
    sent_at: Instant,
    received: Vec<u8>,
    idle: bool,
}

impl Line {
    fn open(poll: &Poll, address: SocketAddr, number: usize) -> Self {
        let stream = std::net::TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_nonblocking(true).expect("a socket option");
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(number), Interest::READABLE)
            .expect("a socket can be polled");
        Self {
            stream,
            request: Vec::new(),
            sent_at: Instant::now(),
            received: Vec::new(),
            idle: true,
        }
    }

    /// Sends the next request, if there is one.
    fn send_next(&mut self, next: &mut impl FnMut(&mut Vec<u8>)) -> bool {
        self.request.clear();
        next(&mut self.request);
        self.received.clear();
        self.idle = self.request.is_empty();
        if self.idle {
            return false;
        }
        self.sent_at = Instant::now();
        // A request is far smaller than the socket's buffer, which is empty: the last answer has come.
        self.stream.write_all(&self.request).expect("the server reads");
        true
    }

    /// The length of the body and the time taken, once the answer is whole.
    fn receive(&mut self) -> Option<(usize, Duration)> {
        let mut buffer = [0; 4 * 1024];
        while !self.idle {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the server closed a connection"),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => panic!("the server is gone: {error}"),
            }
            if let Some(length) = whole_body(&self.received) {
                return Some((length, self.sent_at.elapsed()));
            }
        }
        None
    }
}

/// The length of the body if `received` is a whole answer.
fn whole_body(received: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(used) = head.parse(received).expect("the answer is HTTP") else {
        return None;
    };
    let length = head
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let length = length.expect("the answer has a length");
    if received.len() < used + length {
        return None;
    }
    let status = head.code.unwrap_or_default();
    assert!(
        (200..300).contains(&status),
        "not a 2xx: {}",
        String::from_utf8_lossy(received)
    );
    Some(length)
}
