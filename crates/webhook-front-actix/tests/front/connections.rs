//! What a connection does: limits on time, framing, and the front's words for what actix refuses itself.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use webhook_front_actix::FrontLimits;

use crate::scene::*;

/// Longer than that of the head: a body under way is not a head that does not come.
const BODY_TIMEOUT: Duration = Duration::from_millis(1_000);

const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

const CUT: Duration = Duration::from_secs(4);

/// A front with limits short enough to test.
fn served() -> Served {
    served_with(FrontLimits {
        body_timeout: BODY_TIMEOUT,
        head_timeout: Duration::from_millis(500),
        write_timeout: WRITE_TIMEOUT,
        workers: 1,
        ..FrontLimits::default()
    })
}

#[test]
fn a_request_over_a_socket_is_answered_and_the_connection_kept() {
    let server = served();
    let mut socket = server.connect();
    for _ in 0..3 {
        let request = head("POST", "/echo", "Content-Length: 5\r\n") + "hello";
        socket.write_all(request.as_bytes()).unwrap();
        let mut buffer = [0; 8192];
        let read = socket.read(&mut buffer).unwrap();
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.ends_with("hello") && !answer.contains("connection: close"),
            "{answer}"
        );
        // Longer than a head may take: an idle connection is not a slow one.
        std::thread::sleep(Duration::from_millis(800));
    }
}

#[test]
fn a_body_is_read_within_its_limit_however_it_is_framed() {
    let server = served();
    let known = |length: usize| {
        let more = format!("Content-Length: {length}\r\nConnection: close\r\n");
        server.exchange(&(head("POST", "/echo", &more) + &"a".repeat(length)))
    };
    let chunked = |chunks: &str| {
        server.exchange(
            &(head(
                "POST",
                "/echo",
                "Transfer-Encoding: chunked\r\nConnection: close\r\n",
            ) + chunks),
        )
    };
    assert!(known(MAX_BODY_BYTES).ends_with("aaa"));
    assert!(known(0).starts_with("HTTP/1.1 200"));
    assert!(known(MAX_BODY_BYTES + 1).starts_with("HTTP/1.1 413"));
    assert!(chunked("5\r\nhello\r\n0\r\n\r\n").ends_with("\r\n\r\nhello"));
    let chunk = format!("{:x}\r\n{}\r\n", MAX_BODY_BYTES, "a".repeat(MAX_BODY_BYTES));
    assert!(chunked(&chunk.repeat(2)).starts_with("HTTP/1.1 413"));
    assert!(chunked("z\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn what_is_not_http_is_refused_in_the_fronts_words() {
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
        assert_refused(&answer, "400", "NotHttp");
        assert_eq!(answer.matches("x-request-id: ").count(), 1, "{answer}");
    }
    let after_another = "GET /live HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n";
    let answer = server.exchange(after_another);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("HTTP/1.1 400 Bad Request"), "{answer}");
    assert_eq!(answer.matches("x-request-id: ").count(), 2, "{answer}");
}

#[test]
fn a_head_that_is_too_long_is_431() {
    let server = served();
    let begun = "GET /live HTTP/1.1\r\nX: ";
    // As much as is read of a head, and no more, so that nothing is left unread when the server closes.
    let answer = server.exchange(&format!("{begun}{}", "a".repeat(131_072 - begun.len())));
    assert_refused(&answer, "431", "HeadTooLong");
    let answer = server.exchange(&head("GET", &format!("/{}", "a".repeat(70_000)), ""));
    assert_refused(&answer, "400", "NotHttp");
}

#[test]
fn a_client_that_drips_its_first_head_is_told_and_cut() {
    let server = served();
    let (answer, took) = drip(&mut server.connect(), "GET /live HTTP/1.1\r\nX: ", b"a");
    assert_refused(&answer, "408", "TooSlow");
    assert!(took < CUT, "{took:?}");
}

#[test]
fn a_client_that_drips_its_second_head_is_told_and_cut() {
    let server = served();
    let first = "GET /live HTTP/1.1\r\nHost: x\r\n\r\nGET /live HTTP/1.1\r\nX: ";
    let (answer, took) = drip(&mut server.connect(), first, b"a");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert!(took < CUT, "{took:?}");
}

#[test]
fn a_client_that_says_nothing_is_cut_without_a_word() {
    let server = served();
    let begun = Instant::now();
    assert_eq!(rest(&mut server.connect()), "");
    assert!(begun.elapsed() < CUT);
}

#[test]
fn a_client_that_takes_no_answer_is_cut() {
    let server = served();
    let mut socket = server.connect();
    socket
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let asked = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    // Asks until neither side's buffers take any more: the server waits for us, and we for it.
    while socket.write_all(asked.as_bytes()).is_ok() {}
    std::thread::sleep(WRITE_TIMEOUT * 2);
    let answered = rest_bytes(&mut socket);
    assert!(
        !answered.ends_with(b"}"),
        "cut between two answers, or not at all"
    );
    assert!(socket.write_all(asked.as_bytes()).is_err());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = served();
    let live = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(&format!("{live}{live}{last}"));
    let statuses: Vec<_> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answer[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "200", "404"]);
}

#[test]
fn a_graceful_stop_ends_idle_connections_at_once() {
    let server = served();
    let mut socket = server.connect();
    socket
        .write_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut buffer = [0; 1024];
    assert!(socket.read(&mut buffer).unwrap() > 0);
    let begun = Instant::now();
    finished_or_sent(server.handle.stop(true));
    assert_eq!(rest(&mut socket), "");
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_client_that_drips_its_body_is_told_and_cut() {
    let server = served();
    for (framing, drop) in [
        ("Content-Length: 60000\r\n", " "),
        ("Transfer-Encoding: chunked\r\n", "1\r\n \r\n"),
    ] {
        let (answer, took) = drip(
            &mut server.connect(),
            &head("POST", "/echo", framing),
            drop.as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.ends_with("too slow"), "{answer}");
        assert_eq!(answer.matches("x-request-id: ").count(), 1, "{answer}");
        assert!(took >= BODY_TIMEOUT, "{took:?}");
        assert!(took < CUT, "{took:?}");
    }
}

#[test]
fn a_client_that_drips_a_body_that_nobody_reads_is_cut() {
    let server = served();
    for (framing, drop) in [
        ("Content-Length: 60000\r\n", " "),
        ("Transfer-Encoding: chunked\r\n", "1\r\n \r\n"),
    ] {
        for (method, path) in [("GET", "/live"), ("POST", "/nowhere")] {
            let (answer, took) = drip(
                &mut server.connect(),
                &head(method, path, framing),
                drop.as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
            assert_eq!(answer.matches("x-request-id: ").count(), 1, "{answer}");
            assert!(took < CUT, "{took:?}");
        }
    }
}

#[test]
fn a_body_that_ends_early_is_no_body() {
    let server = served();
    let mut socket = server.connect();
    let request = head("POST", "/echo", "Content-Length: 60\r\n") + "{";
    socket.write_all(request.as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let answer = rest(&mut socket);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
}
