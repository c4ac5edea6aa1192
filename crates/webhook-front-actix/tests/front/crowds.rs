//! Many clients at a time: idle ones, ones that do not finish their heads, and ones behind a proxy.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use webhook_domain::delivery::address::Network;
use webhook_front_actix::FrontLimits;

use crate::scene::*;

const LIVE: &str = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";

/// No limit of time is short: what is closed, is closed for the sake of others.
fn limits() -> FrontLimits {
    FrontLimits {
        head_timeout: Duration::from_secs(60),
        workers: 1,
        ..FrontLimits::default()
    }
}

/// The answer to a request on a connection that stays open.
fn live(socket: &mut TcpStream) -> String {
    socket.write_all(LIVE.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let read = socket.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

fn is_closed(socket: &mut TcpStream) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut buffer = [0; 4096];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}

fn idle(server: &Served, count: usize) -> Vec<TcpStream> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        let mut socket = server.connect();
        assert!(live(&mut socket).starts_with("HTTP/1.1 200"));
        sockets.push(socket);
    }
    sockets
}

#[test]
fn a_new_client_takes_the_place_of_the_one_that_was_idle_longest() {
    let server = served_with(FrontLimits {
        max_connections: 8,
        ..limits()
    });
    let mut sockets = idle(&server, 30);
    let closed: Vec<bool> = sockets.iter_mut().map(is_closed).collect();
    assert_eq!(closed.iter().filter(|closed| !**closed).count(), 8, "{closed:?}");
    assert!(
        closed[22..].iter().all(|closed| !closed),
        "the last ones stay: {closed:?}"
    );
}

#[test]
fn an_address_has_a_bound_of_its_own_and_does_not_cost_others_theirs() {
    let server = served_with(FrontLimits {
        max_connections: 100,
        max_connections_of_one_address: 4,
        ..limits()
    });
    let mut other = connected_from("127.0.0.2", &server);
    live(&mut other);
    let mut sockets = idle(&server, 12);
    let open = sockets.iter_mut().map(is_closed).filter(|closed| !closed).count();
    assert_eq!(open, 4);
    assert!(!is_closed(&mut other));
}

#[test]
fn a_trusted_proxy_has_no_bound_of_its_own() {
    let server = served_with(FrontLimits {
        max_connections_of_one_address: 2,
        trusted_proxies: vec![Network::parse("127.0.0.0/8").unwrap()],
        ..limits()
    });
    let mut sockets = idle(&server, 10);
    assert!(sockets.iter_mut().all(|socket| !is_closed(socket)));
}

#[test]
fn heads_that_are_not_complete_share_a_bound() {
    const HEAD: usize = 100_000;
    let server = served_with(FrontLimits {
        max_unfinished_head_bytes: 5 * HEAD,
        ..limits()
    });
    let begun = format!("GET /live HTTP/1.1\r\nHost: x\r\nX: {}", "a".repeat(HEAD));
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = server.connect();
        socket.write_all(begun.as_bytes()).unwrap();
        sockets.push(socket);
        assert!(live(&mut server.connect()).starts_with("HTTP/1.1 200"));
    }
    let (first, last) = sockets.split_at_mut(10);
    for socket in first {
        assert_refused(&rest(socket), "408", "TooSlow");
    }
    let last = last.last_mut().unwrap();
    last.write_all(b"\r\nConnection: close\r\n\r\n").unwrap();
    let answer = rest(last);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_connection_whose_head_was_long_is_not_kept() {
    let server = served_with(limits());
    let long = format!("X: {}\r\n", "a".repeat(60_000));
    let answer = server.exchange(&head("GET", "/live", &long));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn a_request_under_way_is_finished_however_many_others_come() {
    let server = served_with(FrontLimits {
        max_connections: 3,
        ..limits()
    });
    let mut sending = server.connect();
    let begun = head("POST", "/echo", "Connection: close\r\nContent-Length: 10\r\n") + "hello";
    sending.write_all(begun.as_bytes()).unwrap();
    idle(&server, 20);
    sending.write_all(b"there").unwrap();
    let answer = rest(&mut sending);
    assert!(answer.ends_with("hellothere"), "{answer}");
}

#[test]
fn the_client_behind_a_trusted_proxy_is_the_one_that_it_names() {
    let server = served_with(FrontLimits {
        trusted_proxies: vec![Network::parse("127.0.0.1/32").unwrap()],
        ..limits()
    });
    for (peer, client) in [("127.0.0.1", "192.0.2.1"), ("127.0.0.2", "127.0.0.2")] {
        let mut socket = connected_from(peer, &server);
        let request = head(
            "GET",
            "/client",
            "Connection: close\r\nX-Forwarded-For: 192.0.2.1\r\n",
        );
        socket.write_all(request.as_bytes()).unwrap();
        let answer = rest(&mut socket);
        assert!(answer.ends_with(&format!("\r\n\r\n{client}")), "{answer}");
    }
}
