//! A receiver as fast as can be: one thread that answers every request with 200 and notes when it came, or refuses all, or
//! never answers.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

const LISTENER: Token = Token(usize::MAX);
const ACCEPTS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const REFUSES: &[u8] = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n";
/// What stands before the number in the data of an event.
const MARK: &[u8] = b"\"n\":";

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When it was read whole.
    pub(crate) at: Instant,
    /// The number that its event was published with; none in a request of the load runner's own.
    pub(crate) number: Option<usize>,
}

/// A listener on a thread of its own, which ends with the process.
pub(crate) struct Receiver {
    address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        Self::answering(ACCEPTS)
    }

    /// One that answers 503 to everything.
    pub(crate) fn refusing() -> Self {
        Self::answering(REFUSES)
    }

    /// One that takes requests and never answers.
    pub(crate) fn hanging() -> Self {
        Self::answering(b"")
    }

    fn answering(said: &'static [u8]) -> Self {
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let (tell, told) = mpsc::channel();
        let noted = Arc::clone(&arrivals);
        thread::spawn(move || {
            let mut listener =
                TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
            tell.send(listener.local_addr().expect("a listener has an address"))
                .expect("somebody waits for the address");
            serve(&mut listener, &noted, said);
        });
        let address = told.recv().expect("the receiver starts");
        Self { address, arrivals }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn count(&self) -> usize {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until `count` requests have come, and takes them.
    pub(crate) fn take(&self, count: usize, patience: Duration) -> Vec<Arrival> {
        let began = Instant::now();
        while self.count() < count {
            assert!(
                began.elapsed() < patience,
                "{} of {count} came in {patience:?}",
                self.count()
            );
            thread::sleep(Duration::from_millis(20));
        }
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(listener: &mut TcpListener, arrivals: &Mutex<Vec<Arrival>>, said: &[u8]) {
    let mut poll = Poll::new().expect("the system can poll");
    poll.registry()
        .register(listener, LISTENER, Interest::READABLE)
        .expect("a socket can be polled");
    let mut lines: Vec<Option<(TcpStream, Vec<u8>)>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None).expect("the system can poll");
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true).expect("a socket option");
                    poll.registry()
                        .register(&mut stream, Token(lines.len()), Interest::READABLE)
                        .expect("a socket can be polled");
                    lines.push(Some((stream, Vec::new())));
                }
                continue;
            }
            let line = &mut lines[event.token().0];
            if line
                .as_mut()
                .is_some_and(|(stream, got)| !answer(stream, got, arrivals, said))
            {
                *line = None;
            }
        }
    }
}

/// Answers what has come; false once the client has hung up.
fn answer(stream: &mut TcpStream, got: &mut Vec<u8>, arrivals: &Mutex<Vec<Arrival>>, said: &[u8]) -> bool {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
        while let Some(length) = whole_request(got) {
            let arrival = Arrival {
                at: Instant::now(),
                number: number_in(&got[..length]),
            };
            arrivals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(arrival);
            got.drain(..length);
            if stream.write_all(said).is_err() {
                return false;
            }
        }
    }
}

/// The length of the request at the beginning of `got`, if it is whole.
fn whole_request(got: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(used) = head.parse(got).expect("a request is HTTP") else {
        return None;
    };
    let length = head
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    (got.len() >= used + length).then_some(used + length)
}

fn number_in(request: &[u8]) -> Option<usize> {
    let place = request.windows(MARK.len()).position(|window| window == MARK)?;
    let digits = request[place + MARK.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}
