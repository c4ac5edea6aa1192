//! Where the metrics are to be had, and that nobody who reads them, or pretends to, keeps others from it.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use webhook_tests::{
    Backend, Client, Deployment, Service, clock::wait_for, on_each_database, raw::Connection,
};

use crate::scrape::{Scrape, address, deployment, get};

on_each_database!(
    the_metrics_have_a_listener_of_their_own_and_the_api_has_none,
    the_api_has_the_metrics_if_it_is_told_so,
    a_listener_that_is_off_is_nowhere,
    slow_and_rude_clients_keep_nobody_from_the_metrics_or_the_api
);

fn exchange(address: SocketAddr, request: &str) -> String {
    let mut connection = Connection::open(address).expect("it can be connected to");
    connection.send(request.as_bytes()).expect("it can be sent");
    let answer = connection.read_to_end().expect("it answers and closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[track_caller]
fn has_metrics(address: SocketAddr) {
    let answer = get(address);
    let kind = answer.header("content-type").expect("it says what it is");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let openmetrics = Client::anonymous(address)
        .get("/metrics")
        .header(
            "Accept",
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
        )
        .send()
        .expect_status(200);
    let kind = openmetrics.header("content-type").expect("it says what it is");
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(openmetrics.text().ends_with("# EOF\n"));
    let head = exchange(
        address,
        "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.ends_with("\r\n\r\n"),
        "an answer to HEAD has no body: {head}"
    );
    for method in ["POST", "DELETE", "OPTIONS", "MINE"] {
        let wrong = Client::anonymous(address)
            .request(method, "/metrics")
            .unchecked()
            .send();
        let wrong = wrong.expect_status(405);
        let allowed = wrong.header("allow").expect("a refusal says what is taken");
        assert!(allowed.contains("GET"), "{allowed}");
    }
}

fn the_metrics_have_a_listener_of_their_own_and_the_api_has_none(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let address = address(service.server());
    assert!(address.ip().is_loopback());
    has_metrics(address);
    for path in ["/", "/v1/webhooks", "/health/ready", "/metrics/"] {
        Client::anonymous(address)
            .get(path)
            .unchecked()
            .send()
            .expect_status(404);
    }
    let not_there = service.anonymous().get("/metrics").send().expect_status(404);
    assert_eq!(not_there.json()["code"], "RESOURCE_NOT_FOUND");
    let kept: Vec<u16> = (0..3).map(|_| get(address).status).collect();
    assert_eq!(kept, [200, 200, 200]);
}

fn the_api_has_the_metrics_if_it_is_told_so(backend: Backend) {
    let deployment = Deployment::new(backend).with("WEBHOOK_METRICS_ON_API", "true");
    let service = Service::start_on(deployment);
    has_metrics(service.server().address());
    wait_for("the database is counted", Duration::from_secs(60), || {
        let scraped = Scrape::of(get(service.server().address()).text());
        scraped.find("webhook_queue_messages", &[])
    });
    assert!(!service.server().output().contains("metrics.address"));
    let document = service.anonymous().get("/openapi.json").unchecked().send().json();
    assert!(document["paths"].get("/metrics").is_none());
}

fn a_listener_that_is_off_is_nowhere(backend: Backend) {
    let service = Service::start_on(Deployment::new(backend));
    assert!(!service.server().output().contains("metrics.address"));
    service.anonymous().get("/metrics").send().expect_status(404);
}

fn slow_and_rude_clients_keep_nobody_from_the_metrics_or_the_api(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let address = address(service.server());
    let mut rude: Vec<TcpStream> = Vec::new();
    for number in 0..200 {
        let Ok(mut socket) = TcpStream::connect(address) else {
            break;
        };
        let said: &[u8] = match number % 4 {
            0 => b"",
            1 => b"GET /metr",
            // Never reads what it asks for.
            2 => &b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50),
            _ => b"\x16\x03\x01\x02\x00\x01\x00",
        };
        // A connection that was closed already takes nothing.
        let _ = socket.write_all(said);
        rude.push(socket);
        if number % 50 == 0 {
            service.anonymous().get("/health/live").send().expect_status(200);
        }
    }
    wait_for("the metrics are to be had", Duration::from_secs(30), || {
        let answer = Client::anonymous(address).get("/metrics").unchecked().try_send();
        answer.ok().filter(|answer| answer.status == 200)
    });
    service.client().get("/v1/webhooks").send().expect_status(200);
    wait_for("what is open is bounded", Duration::from_secs(30), || {
        let answer = Client::anonymous(address)
            .get("/metrics")
            .unchecked()
            .try_send()
            .ok()?;
        let open = Scrape::of(answer.text()).find("process_open_fds", &[])?;
        (open < 150.0).then_some(())
    });
    drop(rude);
}

#[test]
fn an_address_that_somebody_has_set_and_that_is_taken_stops_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_METRICS_LISTEN", &address);
    let ended = deployment.serve_in_vain();
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains(&format!("listen on {address} for metrics")),
        "{}",
        ended.stderr
    );
    assert!(!deployment.data().join("first-api-key").exists());
}

#[test]
fn a_default_address_that_is_taken_is_warned_of_and_nothing_more() {
    // If somebody else has it, it is taken as well.
    let _taken = TcpListener::bind("127.0.0.1:9464");
    let mut deployment = Deployment::new(Backend::Sqlite);
    deployment.unset("WEBHOOK_METRICS_LISTEN");
    let server = deployment.serve();
    let output = server.output();
    assert!(output.contains("this process has no metrics"), "{output}");
    assert!(output.contains("WEBHOOK_METRICS_LISTEN"), "{output}");
}

#[test]
fn settings_that_are_wrong_stop_the_start_and_are_named() {
    for (name, value) in [
        ("WEBHOOK_METRICS_LISTEN", "9464"),
        ("WEBHOOK_METRICS_LISTEN", "localhost:9464"),
        ("WEBHOOK_METRICS_LISTEN", "none"),
        ("WEBHOOK_METRICS_ON_API", "yes"),
        ("WEBHOOK_METRICS_ON_API", ""),
    ] {
        let ended = Deployment::new(Backend::Sqlite).with(name, value).serve_in_vain();
        assert_eq!(ended.code(), 2, "{name}={value}");
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
}
