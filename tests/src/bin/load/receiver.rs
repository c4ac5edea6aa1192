//! A receiver as fast as can be: one thread that answers every request with 200 and notes when it came, or refuses all, or
//! never answers.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
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
        Self::hanging_at(Ipv4Addr::LOCALHOST)
    }

    /// The same at another address of this machine.
    pub(crate) fn hanging_at(address: Ipv4Addr) -> Self {
        Self::behaving(address, b"", Duration::ZERO)
    }

    /// One that accepts every request after this time.
    pub(crate) fn slow(delay: Duration) -> Self {
        Self::behaving(Ipv4Addr::LOCALHOST, ACCEPTS, delay)
    }

    fn answering(said: &'static [u8]) -> Self {
        Self::behaving(Ipv4Addr::LOCALHOST, said, Duration::ZERO)
    }

    fn behaving(address: Ipv4Addr, said: &'static [u8], delay: Duration) -> Self {
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let (tell, told) = mpsc::channel();
        let noted = Arc::clone(&arrivals);
        thread::spawn(move || {
            let mut listener = TcpListener::bind(SocketAddr::from((address, 0))).expect("a port is free");
            tell.send(listener.local_addr().expect("a listener has an address"))
                .expect("somebody waits for the address");
            serve(&mut listener, &noted, said, delay);
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

fn serve(listener: &mut TcpListener, arrivals: &Mutex<Vec<Arrival>>, said: &[u8], delay: Duration) {
    let mut poll = Poll::new().expect("the system can poll");
    poll.registry()
        .register(listener, LISTENER, Interest::READABLE)
        .expect("a socket can be polled");
    let mut lines: Vec<Option<(TcpStream, Vec<u8>)>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    // Answers that are still to be given, and when. All wait for as long, so the first is the next.
    let mut waiting: VecDeque<(Instant, usize)> = VecDeque::new();
    loop {
        let pause = waiting
            .front()
            .map(|(due, _)| due.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, pause).expect("the system can poll");
        while let Some((_, number)) = waiting.pop_front_if(|(due, _)| *due <= Instant::now()) {
            if let Some((stream, _)) = &mut lines[number] {
                // A client that has hung up is noticed when its line is read.
                let _ = stream.write_all(said);
            }
        }
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
            let Some((stream, got)) = line else { continue };
            let is_open = read(stream, got, arrivals, |stream| {
                if delay.is_zero() {
                    return stream.write_all(said).is_ok();
                }
                waiting.push_back((Instant::now() + delay, event.token().0));
                true
            });
            if !is_open {
                *line = None;
            }
        }
    }
}

/// Reads what has come, and has each request answered; false once the client has hung up.
fn read(
    stream: &mut TcpStream,
    got: &mut Vec<u8>,
    arrivals: &Mutex<Vec<Arrival>>,
    mut answer: impl FnMut(&mut TcpStream) -> bool,
) -> bool {
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
            if !answer(stream) {
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
