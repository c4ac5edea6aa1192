//! Deliveries are paused by one command, in every process, and go on by another.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Client, Service, clock::wait_for, fixtures::create_with, on_each_database, receiver::Receiver,
};

use crate::places::deployment;

on_each_database!(
    a_pause_holds_in_every_process_and_over_restarts,
    what_waited_is_sent_when_deliveries_go_on,
);

#[track_caller]
fn publish(client: &Client) {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

#[track_caller]
fn is_said_to_be(address: std::net::SocketAddr, paused: bool) {
    let client = Client::anonymous(address);
    wait_for(
        "what is ready says whether deliveries are paused",
        Duration::from_secs(30),
        || {
            let ready = client.get("/health/ready").unchecked().send();
            (ready.json()["deliveries"].is_string() == paused).then_some(())
        },
    );
}

fn a_pause_holds_in_every_process_and_over_restarts(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let second = service.deployment().serve();
    let receiver = Receiver::start();
    create_with(&service.client(), json!({"url": receiver.url()}));
    publish(&service.client());
    receiver.wait_for(1);
    service
        .deployment()
        .run(&["deliveries", "pause"])
        .expect_success();
    is_said_to_be(service.server().address(), true);
    is_said_to_be(second.address(), true);
    publish(&service.client());
    // The one that delivered goes, and the other does not take over.
    service.kill();
    service.start_again();
    is_said_to_be(service.server().address(), true);
    publish(&Client::with_key(second.address(), service.key()));
    let events = service
        .client()
        .get("/v1/webhook-events?status=PENDING")
        .send()
        .expect_status(200);
    assert_eq!(events.json()["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(receiver.got().len(), 1);
    service
        .deployment()
        .run(&["deliveries", "resume"])
        .expect_success();
    receiver.wait_for(3);
    is_said_to_be(service.server().address(), false);
    is_said_to_be(second.address(), false);
}

fn what_waited_is_sent_when_deliveries_go_on(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let receiver = Receiver::start();
    let run = |arguments: &[&str]| service.deployment().run(arguments).expect_success().to_owned();
    let webhook = create_with(&service.client(), json!({"url": receiver.url()}));
    run(&["deliveries", "pause"]);
    let first = run(&["deliveries", "status"]);
    assert!(first.contains("paused since"), "{first}");
    assert_eq!(run(&["deliveries", "pause"]), first, "the first pause stays");
    is_said_to_be(service.server().address(), true);
    for _ in 0..10 {
        publish(&service.client());
    }
    let rolled = webhook_tests::fixtures::roll_with(
        &service.client(),
        &webhook,
        json!({"previous_secret_expires_in": 0}),
    );
    assert_eq!(receiver.got().len(), 0);
    let probe = service
        .client()
        .post(&format!("{}/send-test", webhook.path()))
        .send();
    assert!(
        probe.expect_status(409).json()["message"]
            .as_str()
            .is_some_and(|text| text.contains("resume"))
    );
    run(&["deliveries", "resume"]);
    assert_eq!(run(&["deliveries", "status"]), "deliveries are not paused");
    run(&["deliveries", "resume"]);
    let records = run(&["--json", "audit", "list", "--resource-id", "deliveries"]);
    let records: serde_json::Value = serde_json::from_str(&records).expect("JSON");
    let told = records.as_array().into_iter().flatten();
    let told: Vec<_> = told
        .map(|record| (&record["action"], &record["credential"]))
        .collect();
    let operator = &json!("command-line");
    let (paused, resumed) = (&json!("DELIVERIES.PAUSED"), &json!("DELIVERIES.RESUMED"));
    assert_eq!(told, [(resumed, operator), (paused, operator)]);
    run(&["audit", "verify"]);
    let got = receiver.wait_for(10);
    assert!(
        got.iter()
            .all(|delivered| delivered.is_signed_with(&rolled.secret()))
    );
    assert!(
        got.iter()
            .all(|delivered| !delivered.is_signed_with(&webhook.secret()))
    );
}
