//! What retention has forgotten is given back to the machine by `compact`.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Client, Deployment, Server, Service, clock::wait_for, fixtures::create_with, receiver::Receiver,
    shifted_clock::ShiftedClock,
};

const EVENTS: usize = 150;

#[test]
fn a_file_is_smaller_once_its_events_are_forgotten_and_it_is_compacted() {
    let deployment = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_EVENT_RETENTION", "1")
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let mut service = Service::start_on(deployment);
    let receiver = Receiver::start();
    let webhook = create_with(&service.client(), json!({"url": receiver.url()}));
    let data = "x".repeat(50_000);
    for _ in 0..EVENTS {
        let event = json!({"type": "INVOICE.CREATED", "data": {"text": data}});
        service
            .client()
            .post("/v1/events")
            .json(&event)
            .send()
            .expect_status(202);
    }
    receiver.wait_for(EVENTS);
    let compact = |service: &Service| service.deployment().run(&["--json", "compact"]);
    let refused = compact(&service);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("is in use"), "{}", refused.output());
    service.take_server().stop();
    let file = service.deployment().data().join("webhook.db");
    let size = || file.metadata().expect("the database is there").len();
    let full = size();
    assert!(full > 50_000 * EVENTS as u64, "{full}");

    let clock = ShiftedClock::new(service.deployment().directory(), "later");
    clock.shift(2 * 24 * 60 * 60);
    let mut command = service.deployment().command(&[]);
    clock.show_to(&mut command);
    let server = Server::start(command);
    let client = Client::with_key(server.address(), service.key());
    wait_for("the events are forgotten", Duration::from_secs(60), || {
        let events = client.get("/v1/webhook-events").send().expect_status(200).json();
        (events["data"] == json!([])).then_some(())
    });
    server.stop();
    let said = compact(&service).expect_success().to_owned();
    assert!(size() < full / 10, "{} of {full}: {said}", size());
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["bytes_after"], json!(size()));
    service.start_again();
    service.client().get(&webhook.path()).send().expect_status(200);
    service.deployment().run(&["audit", "verify"]).expect_success();
}

#[test]
fn postgresql_is_not_compacted_and_says_why() {
    let service = Service::start(Backend::Postgres);
    let refused = service.deployment().run(&["compact"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("autovacuum"), "{}", refused.output());
}
