//! Clients behind a proxy, and what `HEAD` is answered.

use std::io::Write;
use std::num::NonZeroU32;

use webhook_domain::delivery::address::Network;
use webhook_front_actix::FrontLimits;
use webhook_http_actix::HttpLimits;

use crate::connections::{assert_envelope, connected_from, head, rest, served_with};

#[test]
fn failures_behind_a_trusted_proxy_are_counted_by_the_clients_address() {
    let server = served_with(HttpLimits {
        failed_authentications_per_second: NonZeroU32::new(1),
        front: FrontLimits {
            trusted_proxies: vec![Network::parse("127.0.0.1/32").unwrap()],
            ..FrontLimits::default()
        },
        ..HttpLimits::default()
    });
    let failing = |peer: &str, client: &str| {
        let mut socket = connected_from(peer, &server);
        let request =
            format!("GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {client}\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        rest(&mut socket)
    };
    for _ in 0..20 {
        assert_envelope(&failing("127.0.0.1", "192.0.2.1"), "401", "UNAUTHORISED");
    }
    assert_envelope(&failing("127.0.0.1", "192.0.2.1"), "429", "INVALID_REQUEST");
    assert_envelope(&failing("127.0.0.1", "192.0.2.2"), "401", "UNAUTHORISED");
    // Nobody believes a peer that is no proxy.
    for client in 0..20 {
        failing("127.0.0.2", &format!("192.0.2.{client}"));
    }
    assert_envelope(&failing("127.0.0.2", "192.0.2.77"), "429", "INVALID_REQUEST");
}

#[test]
fn head_is_answered_as_get_without_the_body() {
    let server = served_with(HttpLimits::default());
    for path in [
        "/v1/webhooks",
        "/v1/webhooks/actions",
        "/v1/webhooks/none",
        "/v1/webhook-events",
        "/v1/api-keys",
        "/v1/audit-records",
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/nowhere",
    ] {
        let ask = |method| server.exchange(&head(method, path, &server.key, "Connection: close\r\n"));
        let (get, head) = (ask("GET"), ask("HEAD"));
        let (line_and_headers, body) = get.split_once("\r\n\r\n").unwrap();
        assert!(!body.is_empty(), "{path}");
        let length = format!("content-length: {}", body.len());
        let status = line_and_headers.lines().next().unwrap();
        assert!(head.starts_with(status), "{path}: {head}");
        assert!(head.ends_with("\r\n\r\n"), "{path}: {head}");
        assert!(head.contains(&length), "{path}: {length}: {head}");
    }
    let refused = server.exchange(&head("HEAD", "/v1/events", &server.key, "Connection: close\r\n"));
    assert!(refused.starts_with("HTTP/1.1 405"), "{refused}");
}
