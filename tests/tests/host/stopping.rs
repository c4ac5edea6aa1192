//! A stop takes no longer than the operator allows.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Deployment, Service,
    fixtures::{create, create_with, update},
    on_each_database,
    raw::Connection,
    receiver::{Conduct, Receiver},
};

on_each_database!(a_delivery_that_hangs_is_cut_off_and_sent_again);

/// A stop of 3 seconds on a machine that is busy with other things; without the setting it would be 30.
const ENDS_WITHIN: Duration = Duration::from_secs(12);

fn a_delivery_that_hangs_is_cut_off_and_sent_again(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_ATTEMPT_TIMEOUT", "30")
        .with("WEBHOOK_STOP_TIMEOUT", "3");
    let mut service = Service::start_on(deployment);
    let hangs = Conduct::AnswerAfter(Duration::from_secs(60), 204);
    let receiver = Receiver::start().conducting([hangs]);
    create_with(&service.client(), json!({"url": receiver.url()}));
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    service
        .client()
        .post("/v1/events")
        .json(&event)
        .send()
        .expect_status(202);
    receiver.wait_for(1);
    let ended = service.take_server().stop();
    assert_eq!(ended.code(), 0, "{}", ended.output());
    assert!(ended.took < ENDS_WITHIN, "{:?}", ended.took);
    assert!(
        ended.stderr.contains("attempts are still under way"),
        "{}",
        ended.stderr
    );
    service.start_again();
    let got = receiver.wait_for(2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
}

#[test]
fn a_request_that_hangs_is_cut_off() {
    let mut service = Service::start_on(Deployment::new(Backend::Sqlite).with("WEBHOOK_STOP_TIMEOUT", "3"));
    let client = service.client();
    let webhook = create(&client);
    let wire = client.patch(&webhook.secret_path()).json(&update()).wire();
    let mut connection = Connection::open(client.address()).expect("it connects");
    connection.send(&wire[..wire.len() - 5]).expect("it sends");
    client.get(&webhook.path()).send().expect_status(200);
    let ended = service.take_server().stop();
    assert!(ended.took < ENDS_WITHIN, "{:?}", ended.took);
    assert_eq!(ended.code(), 0, "{}", ended.output());
}

#[test]
fn a_stop_has_a_time_that_can_be_kept() {
    for wrong in ["0", "1", "601", "8s", ""] {
        let deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_STOP_TIMEOUT", wrong);
        let ended = deployment.serve_in_vain();
        assert_eq!(ended.code(), 2, "{wrong}: {}", ended.output());
        assert!(ended.stderr.contains("WEBHOOK_STOP_TIMEOUT"), "{}", ended.stderr);
    }
}
