//! What the API says over real sockets where its connection, its body or actix itself refuses. How connections behave is tested in
//! `webhook-front-actix`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::rt::net::TcpSocket;
use webhook_domain::testing::MemoryStore;
use webhook_front_actix::FrontLimits;
use webhook_http_actix::{HttpLimits, serve};

use crate::test_service::*;

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        finished_or_sent(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Polls once: the command to stop is sent when the future is made.
fn finished_or_sent(future: impl Future<Output = ()>) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = std::pin::pin!(future).poll(&mut context);
}

/// Longer than that of the head: a body under way is not a head that does not come.
const BODY_TIMEOUT: Duration = Duration::from_millis(1_000);

/// A server with limits short enough to test.
fn served() -> Served {
    served_with(HttpLimits {
        front: FrontLimits {
            body_timeout: BODY_TIMEOUT,
            head_timeout: Duration::from_millis(500),
            workers: 1,
            ..FrontLimits::default()
        },
        ..HttpLimits::default()
    })
}

pub(crate) fn served_with(limits: HttpLimits) -> Served {
    let store = Arc::new(MemoryStore::new());
    let service = TestService::over(store.clone(), store, limits);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let key = service.key.clone();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = serve(listener, service.core, Vec::new(), None).unwrap();
            sender.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    Served {
        address,
        key,
        handle: receiver.recv().unwrap(),
        thread: Some(thread),
    }
}

impl Served {
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    /// Sends all at once and reads until the server closes.
    pub(crate) fn exchange(&self, request: &str) -> String {
        let mut socket = self.connect();
        socket.write_all(request.as_bytes()).unwrap();
        rest(&mut socket)
    }
}

pub(crate) fn rest(socket: &mut TcpStream) -> String {
    String::from_utf8(rest_bytes(socket)).unwrap()
}

fn rest_bytes(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset after the answer is an end, too.
    let _ = socket.read_to_end(&mut bytes);
    bytes
}

pub(crate) fn head(method: &str, path: &str, key: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key}\r\n{more}\r\n")
}

#[track_caller]
pub(crate) fn assert_envelope(answer: &str, status: &str, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    assert!(answer.contains("\r\nx-request-id: reqr_"), "{answer}");
    assert!(
        answer.contains("\r\ncontent-type: application/json\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

/// Writes `drops` one at a time until the server has had enough; says how long it took.
fn drip(socket: &mut TcpStream, first: &str, drop: &[u8]) -> (String, Duration) {
    let begun = Instant::now();
    socket.write_all(first.as_bytes()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while begun.elapsed() < Duration::from_secs(10) {
        if socket.write_all(drop).is_err() {
            break;
        }
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

/// A connection from `address`.
pub(crate) fn connected_from(address: &str, server: &Served) -> TcpStream {
    let socket = actix_web::rt::System::new().block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        socket.connect(server.address).await.unwrap().into_std().unwrap()
    });
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// The answer to a request without a credential, over a connection from `address`.
fn failing_from(address: &str, server: &Served) -> String {
    let mut socket = connected_from(address, server);
    let request = "GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    rest(&mut socket)
}

#[test]
fn failures_are_counted_by_the_address_that_the_connection_comes_from() {
    let server = served_with(HttpLimits {
        failed_authentications_per_second: NonZeroU32::new(1),
        front: FrontLimits {
            workers: 2,
            ..FrontLimits::default()
        },
        ..HttpLimits::default()
    });
    for _ in 0..20 {
        assert_envelope(&failing_from("127.0.0.1", &server), "401", "UNAUTHORISED");
    }
    let refused = failing_from("127.0.0.1", &server);
    assert_envelope(&refused, "429", "INVALID_REQUEST");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert_envelope(&failing_from("127.0.0.2", &server), "401", "UNAUTHORISED");
}

const CUT: Duration = Duration::from_secs(4);

#[test]
fn a_chunked_body_is_read_and_an_empty_one_is_none() {
    let server = served();
    let chunked = |content_type: &str, chunks: &str| {
        let more = format!("{content_type}Transfer-Encoding: chunked\r\nConnection: close\r\n");
        head("POST", "/v1/webhooks", &server.key, &more) + chunks
    };
    let body = format!("{:x}\r\n{CREATE}\r\n0\r\n\r\n", CREATE.len());
    let answer = server.exchange(&chunked("Content-Type: application/json\r\n", &body));
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_envelope(
        &server.exchange(&chunked("", &body)),
        "415",
        "UNSUPPORTED_MEDIA_TYPE",
    );
    assert_envelope(&server.exchange(&chunked("", "0\r\n\r\n")), "400", "BAD_REQUEST");
    let long = format!("{:x}\r\n{}\r\n", 70_000, " ".repeat(70_000)).repeat(2);
    assert_envelope(
        &server.exchange(&chunked("Content-Type: application/json\r\n", &long)),
        "413",
        "INVALID_REQUEST",
    );
}

#[test]
fn a_length_over_the_limit_is_413_before_the_body_comes() {
    let server = served();
    let more = "Content-Type: application/json\r\nContent-Length: 65537\r\n";
    let answer = server.exchange(&head("POST", "/v1/webhooks", &server.key, more));
    assert_envelope(&answer, "413", "INVALID_REQUEST");
}

#[test]
fn what_is_not_http_gets_the_envelope_too() {
    let server = served();
    for nonsense in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nHost x\r\n\r\n",
        "GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        let answer = server.exchange(nonsense);
        assert_envelope(&answer, "400", "BAD_REQUEST");
        assert_eq!(answer.matches("x-request-id: ").count(), 1, "{answer}");
    }
    let after_another = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n";
    let answer = server.exchange(after_another);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("HTTP/1.1 400 Bad Request"), "{answer}");
    assert_eq!(answer.matches("x-request-id: ").count(), 2, "{answer}");
}

#[test]
fn a_head_that_is_too_long_is_431() {
    let server = served();
    let begun = "GET /health/live HTTP/1.1\r\nX: ";
    // As much as is read of a head, and no more, so that nothing is left unread when the server closes.
    let answer = server.exchange(&format!("{begun}{}", "a".repeat(131_072 - begun.len())));
    assert_envelope(&answer, "431", "INVALID_REQUEST");
    let answer = server.exchange(&head("GET", &format!("/{}", "a".repeat(70_000)), "k", ""));
    assert_envelope(&answer, "400", "BAD_REQUEST");
}

#[test]
fn a_client_that_drips_its_first_head_is_told_and_cut() {
    let server = served();
    let (answer, took) = drip(&mut server.connect(), "GET /health/live HTTP/1.1\r\nX: ", b"a");
    assert_envelope(&answer, "408", "INVALID_REQUEST");
    assert!(took < CUT, "{took:?}");
}

#[test]
fn a_client_that_drips_its_body_is_told_and_cut() {
    let server = served();
    let json = "Content-Type: application/json\r\n";
    for (framing, drop) in [
        ("Content-Length: 60000\r\n", " "),
        ("Transfer-Encoding: chunked\r\n", "1\r\n \r\n"),
    ] {
        let first = head("POST", "/v1/webhooks", &server.key, &format!("{json}{framing}"));
        let (answer, took) = drip(&mut server.connect(), &first, drop.as_bytes());
        assert_envelope(&answer, "408", "INVALID_REQUEST");
        assert!(took >= BODY_TIMEOUT, "{took:?}");
        assert_eq!(answer.matches("x-request-id: ").count(), 1, "{answer}");
        assert!(took < CUT, "{took:?}");
    }
}

#[test]
fn a_body_that_ends_early_does_nothing() {
    let server = served();
    let more = "Content-Type: application/json\r\nContent-Length: 60\r\n";
    let mut socket = server.connect();
    let request = head("POST", "/v1/webhooks", &server.key, more) + "{";
    socket.write_all(request.as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let answer = rest(&mut socket);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
}
