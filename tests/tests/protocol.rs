//! HTTP itself: request ids, unknown routes and methods, health, and clients that drip or send garbage.

use std::{
    io,
    thread::sleep,
    time::{Duration, Instant},
};

use webhook_tests::{
    Backend, Client, Service,
    fixtures::{create, get, new_webhook},
    on_each_database,
    raw::Connection,
};

on_each_database!(
    a_well_formed_request_id_is_kept_and_any_other_replaced,
    unknown_routes_and_methods_get_the_one_envelope,
    health_needs_no_credentials,
    a_connection_carries_many_requests,
    garbage_gets_a_4xx_or_is_cut_and_the_service_goes_on,
    a_dripping_head_is_cut,
    a_dripping_body_is_cut,
    a_body_dripping_after_its_refusal_is_cut,
    an_idle_body_rolls_nothing,
);

/// "A client that drips is cut within 15 s", and a moment for the cut to arrive.
const CUT: Duration = Duration::from_secs(16);

const LONGER_THAN_A_HEAD_AND_A_BODY_MAY_TAKE: Duration = Duration::from_secs(11);

fn a_well_formed_request_id_is_kept_and_any_other_replaced(backend: Backend) {
    let service = Service::start(backend);
    let longest = "x".repeat(128);
    for kept in ["a", "my-request_1.2", longest.as_str()] {
        let answer = service
            .anonymous()
            .get("/health/live")
            .header("X-Request-Id", kept)
            .send();
        assert_eq!(answer.header("x-request-id"), Some(kept));
    }
    let too_long = "x".repeat(129);
    let replaced: [&[u8]; 6] = [b"", b"a b", b"a\"b", b"<script>", too_long.as_bytes(), b"\xff"];
    for bad in replaced {
        let answer = service
            .anonymous()
            .get("/health/live")
            .header("X-Request-Id", bad)
            .send();
        expect_own_request_id(answer.header("x-request-id"));
    }
    let answers: Vec<_> = (0..10)
        .map(|_| service.anonymous().get("/v1/webhooks/x").send())
        .collect();
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.header("x-request-id"))
        .collect();
    ids.iter().for_each(|id| expect_own_request_id(*id));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), answers.len(), "each request has an id of its own");
}

#[track_caller]
fn expect_own_request_id(id: Option<&str>) {
    let id = id.expect("an id");
    let rest = id
        .strip_prefix("reqr_")
        .unwrap_or_else(|| panic!("not an id of the server's: {id}"));
    assert!(
        rest.len() == 20 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{id}"
    );
}

fn unknown_routes_and_methods_get_the_one_envelope(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    for path in [
        "/",
        "/v1",
        "/nonsense",
        "/v1/nonsense",
        "/webhooks",
        "/v1/webhooks/a/b/c",
        "/v1/webhooks/a/secret-keys",
    ] {
        let answer = client.get(path).send();
        answer.expect_refusal(404, "RESOURCE_NOT_FOUND");
    }
    for (method, path) in [
        ("PUT", webhook.path()),
        ("POST", webhook.secret_path()),
        ("PUT", webhook.secret_path()),
        ("GET", webhook.secret_path()),
        ("DELETE", "/v1/webhooks".to_owned()),
        ("POST", "/health/live".to_owned()),
        ("PROPFIND", webhook.path()),
    ] {
        let answer = client.request(method, &path).send();
        answer.expect_refusal(405, "INVALID_REQUEST");
        assert!(
            answer.header("allow").is_some(),
            "RFC 9110 §15.5.6 wants Allow: {method} {path}"
        );
    }
    assert_eq!(get(&client, &webhook), webhook);
}

fn health_needs_no_credentials(backend: Backend) {
    let service = Service::start(backend);
    for path in ["/health/live", "/health/ready"] {
        service.anonymous().get(path).send().expect_status(200);
    }
}

fn a_connection_carries_many_requests(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let mut connection = Connection::open(client.address()).expect("it connects");
    let request = client.get(&webhook.path()).wire();
    // Pipelined: all are sent before any answer is read.
    for _ in 0..10 {
        connection.send(&request).expect("it sends");
    }
    for _ in 0..10 {
        let answer = connection.read_answer().expect("an answer").expect_status(200);
        assert_eq!(answer.json(), webhook.json);
    }
}

fn garbage_gets_a_4xx_or_is_cut_and_the_service_goes_on(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let path = webhook.secret_path();
    let key = service.key();
    let head = format!("PATCH {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key}\r\n");
    let huge_header = format!(
        "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n",
        "x".repeat(1_000_000)
    );
    let many_headers = format!(
        "GET /health/live HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X-Many: x\r\n".repeat(5_000)
    );
    let cases: [Vec<u8>; 12] = [
        b"nonsense\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        b"GET /health/live HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /health/live\xff HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n".to_vec(),
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec(),
        huge_header.into_bytes(),
        many_headers.into_bytes(),
        format!("{head}Content-Length: -1\r\n\r\n").into_bytes(),
        format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}    ").into_bytes(),
        format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n").into_bytes(),
        format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{{}}\r\n0\r\n\r\n").into_bytes(),
    ];
    for (number, bytes) in cases.iter().enumerate() {
        if let Some(status) = status_of(&client, bytes) {
            assert!((400..500).contains(&status), "case {number} got {status}");
        }
    }
    assert_eq!(get(&client, &webhook), webhook, "garbage rolls nothing");
}

/// The status `bytes` are answered with; none if the server just cuts the connection.
fn status_of(client: &Client, bytes: &[u8]) -> Option<u16> {
    let mut connection = Connection::open(client.address()).expect("it connects");
    // A server that has refused already may close before all is sent.
    let _ = connection.send(bytes);
    match connection.read_answer() {
        Ok(answer) => Some(answer.status),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the server keeps garbage waiting"),
        Err(_) => None,
    }
}

/// Sends `begin`, then a byte every half second, and gives how long the server put up with it.
fn drip(client: &Client, begin: &[u8], byte: &[u8]) -> Duration {
    let mut connection = Connection::open(client.address()).expect("it connects");
    let start = Instant::now();
    connection.send(begin).expect("it sends");
    while start.elapsed() < CUT + Duration::from_secs(10) {
        if connection.send(byte).is_err() || connection.is_closed() {
            return start.elapsed();
        }
        sleep(Duration::from_millis(500));
    }
    start.elapsed()
}

#[track_caller]
fn expect_cut(took: Duration) {
    assert!(took < CUT, "a dripping client was cut after {took:?} only");
}

fn a_dripping_head_is_cut(backend: Backend) {
    let service = Service::start(backend);
    expect_cut(drip(
        &service.client(),
        b"PATCH /v1/webhooks/x/secret-key HTTP/1.1\r\nX-Drip: ",
        b"x",
    ));
}

fn a_dripping_body_is_cut(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let key = service.key();
    let path = webhook.secret_path();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    );
    expect_cut(drip(&client, head.as_bytes(), b" "));
    assert_eq!(get(&client, &webhook), webhook, "half a request rolls nothing");
}

fn a_body_dripping_after_its_refusal_is_cut(backend: Backend) {
    let service = Service::start(backend);
    let head = "POST /v1/webhooks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{";
    expect_cut(drip(&service.anonymous(), head.as_bytes(), b" "));
}

fn an_idle_body_rolls_nothing(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let wire = client.patch(&webhook.secret_path()).json(&new_webhook()).wire();
    let mut connection = Connection::open(client.address()).expect("it connects");
    connection.send(&wire[..wire.len() - 1]).expect("it sends");
    let start = Instant::now();
    let _ = connection.read_answer();
    let _ = connection.read_to_end();
    expect_cut(start.elapsed());
    assert_eq!(get(&client, &webhook), webhook);
}

/// As after a pause of its machine: the client did its part in time.
#[test]
fn what_came_while_the_server_stood_still_is_answered() {
    let service = Service::start(Backend::Sqlite);
    let body = new_webhook().to_string();
    let request = format!(
        "POST /v1/webhooks HTTP/1.1\r\nHost: x\r\nX-API-KEY: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        service.key(),
        body.len()
    );
    // Nothing yet, a part of the head, all but the end of the body.
    let begun = [0, 20, request.len() - 5].map(|length| {
        let mut connection = Connection::open(service.client().address()).expect("it connects");
        connection.send(&request.as_bytes()[..length]).expect("it sends");
        (connection, &request.as_bytes()[length..])
    });
    sleep(Duration::from_millis(500));
    service.server().freeze();
    let begun = begun.map(|(mut connection, rest)| {
        connection.send(rest).expect("it sends");
        connection
    });
    sleep(LONGER_THAN_A_HEAD_AND_A_BODY_MAY_TAKE);
    service.server().thaw();
    for mut connection in begun {
        let answer = connection.read_answer().expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.shown());
    }
}
