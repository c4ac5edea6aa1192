//! The way to a receiver: names, the guard, connections, TLS, the proxy; for a URL and for a webhook.

use std::net::TcpListener;

use serde_json::json;
use webhook_test_tls::{Identity, Speaks, authorities, named, server};
use webhook_tests::{
    Backend, Deployment, Service,
    fixtures::create_with,
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::doctor;

on_each_database!(the_way_to_a_webhooks_receiver_is_looked_at);

fn open() -> Deployment {
    Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

#[test]
fn a_receiver_that_is_reached_is_sent_nothing() {
    let receiver = Receiver::start();
    let report = doctor(&open(), &["--url", &receiver.url()]);
    report.expect_failures(0, &[]);
    for name in ["reach.url", "reach.name", "reach.guard", "reach.tcp", "reach"] {
        assert_eq!(report.status(name), "OK", "{name}");
    }
    assert!(receiver.got().is_empty());
    let by_name = doctor(&open(), &["--url", &receiver.url_at("localhost")]);
    by_name.expect("reach", "OK", "a delivery would get to localhost");
}

#[test]
fn each_step_that_fails_is_told_with_its_rule() {
    let receiver = Receiver::start();
    let strict = Deployment::new(Backend::Sqlite);
    let report = doctor(&strict, &["--url", &receiver.url()]);
    report.expect_failures(1, &["reach.url", "reach.guard", "reach"]);
    report.expect("reach.url", "FAIL", "must be an absolute https URL");
    report.expect("reach.guard", "FAIL", "127.0.0.1 is not a public address");
    let denied = doctor(
        &open(),
        &[
            "--url",
            &receiver.url_at("localhost"),
            "--denied-networks",
            "127.0.0.0/8",
        ],
    );
    denied.expect(
        "reach.guard",
        "FAIL",
        "127.0.0.1 is in a denied network of this deployment",
    );
    let metadata = doctor(&strict, &["--url", "https://169.254.169.254/"]);
    metadata.expect(
        "reach.guard",
        "FAIL",
        "is an address of a cloud's metadata service",
    );
    let unknown = doctor(&strict, &["--url", "https://name.invalid/"]);
    unknown.expect_failures(1, &["reach.name", "reach"]);
    unknown.expect("reach", "FAIL", "NAME_RESOLUTION");
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let report = doctor(&open(), &["--url", &format!("http://{closed}/")]);
    report.expect_failures(1, &["reach.tcp", "reach"]);
    report.expect("reach.tcp", "FAIL", "refused");
    for wrong in [
        "",
        "example.com",
        "ftp://example.com",
        "https://u:hunter2@example.com/",
        "https://",
    ] {
        let report = doctor(&strict, &["--url", wrong]);
        report.expect_failures(1, &["reach.url"]);
        assert!(
            !report.ended.output().contains("hunter2"),
            "{}",
            report.ended.output()
        );
    }
}

#[test]
fn tls_that_is_not_believed_is_told_with_its_cause() {
    let (root, between) = authorities("root");
    let shown = |name: &str| {
        server(
            &Identity::issued(&named(name), &between).with(&[&between]),
            Speaks::default(),
        )
    };
    let receiver = Receiver::over_tls(shown("localhost"));
    let url = receiver.url_at("localhost");
    let report = doctor(&open(), &["--url", &url]);
    report.expect_failures(1, &["reach"]);
    report.expect("reach", "FAIL", "TLS_UNKNOWN_ISSUER");
    assert_eq!(report.status("reach.tcp"), "OK");
    let deployment = open();
    let pem = data_encoding::BASE64.encode(root.as_ref().der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    std::fs::write(deployment.directory().join("root.pem"), pem).expect("a file");
    let trusting = ["--receivers-ca-file", "root.pem"];
    let report = doctor(&deployment, &[&["--url", &url], &trusting[..]].concat());
    report.expect_failures(0, &[]);
    report.expect("reach", "OK", "over TLS with a certificate that is believed");
    let other = Receiver::over_tls(shown("other.example"));
    let report = doctor(
        &deployment,
        &[&["--url", &other.url_at("localhost")], &trusting[..]].concat(),
    );
    report.expect("reach", "FAIL", "TLS_NAME_MISMATCH");
    let plain = Receiver::start();
    let report = doctor(
        &deployment,
        &["--url", &plain.url().replace("http://", "https://")],
    );
    report.expect("reach", "FAIL", "TLS");
}

#[test]
fn an_egress_proxy_that_cannot_be_reached_is_told() {
    let receiver = Receiver::start();
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let deployment = open().with("WEBHOOK_EGRESS_PROXY", &format!("http://u:hunter2@{closed}"));
    let report = doctor(&deployment, &["--url", &receiver.url()]);
    report.expect_failures(1, &["reach.proxy", "reach"]);
    report.expect("reach.proxy", "FAIL", "cannot be reached");
    assert!(
        report.checks("reach.tcp").is_empty(),
        "nobody connects past the proxy"
    );
    assert!(
        !report.ended.output().contains("hunter2"),
        "{}",
        report.ended.output()
    );
}

fn the_way_to_a_webhooks_receiver_is_looked_at(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let service = Service::start_on(deployment);
    let receiver = Receiver::start().conducting([Conduct::Answer(500)]);
    let webhook = create_with(&service.client(), json!({"url": receiver.url()}));
    let deployment = service.deployment();
    let look = |more: &[&str]| doctor(deployment, &[&["--webhook", webhook.id()], more].concat());
    let report = look(&[]);
    report.expect_failures(0, &[]);
    assert_eq!((report.status("webhook"), report.status("reach")), ("OK", "OK"));
    let event = json!({"type": "INVOICE.PAID", "data": 1});
    service
        .client()
        .post("/v1/events")
        .json(&event)
        .send()
        .expect_status(202);
    webhook_tests::clock::wait_for("it is held up", std::time::Duration::from_secs(10), || {
        (look(&[]).status("webhook") == "WARN").then_some(())
    });
    look(&[]).expect("webhook", "WARN", "penalty box");
    let elsewhere = look(&["--platform", "acme"]);
    elsewhere.expect_failures(1, &["webhook"]);
    elsewhere.expect("webhook", "FAIL", "there is no webhook");
    let without = create_with(&service.client(), json!({"url": null}));
    let report = doctor(deployment, &["--webhook", without.id()]);
    report.expect("webhook", "FAIL", "has no url");
    let secrets = report.ended.output();
    assert!(
        !secrets.contains(&webhook.secret()) && !secrets.contains(&without.secret()),
        "{secrets}"
    );
    let nowhere = Deployment::new(backend).with(
        "WEBHOOK_DATABASE_URL",
        match backend {
            Backend::Sqlite => "sqlite://none/webhook.db",
            Backend::Postgres => "postgres://127.0.0.1:1/none",
        },
    );
    let report = doctor(&nowhere, &["--webhook", webhook.id()]);
    report.expect("webhook", "FAIL", "could not be read");
}
