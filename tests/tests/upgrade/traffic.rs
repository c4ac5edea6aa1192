//! What clients want of a service all day.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment,
    clock::wait_for,
    fixtures::{Webhook, create_with, get, roll, update, with},
    receiver::{Delivered, Receiver},
};

/// How long a delivery may take on a busy machine, a lease that must be had first included.
const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// A deployment that delivers to loopback.
pub(crate) fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

/// A webhook that takes everything, at `receiver`.
pub(crate) fn webhook_to(client: &Client, receiver: &Receiver) -> Webhook {
    create_with(client, json!({"url": receiver.url()}))
}

/// Publishes the event with number `n`.
#[track_caller]
pub(crate) fn publish(client: &Client, n: usize) {
    let event = json!({"type": "INVOICE.CREATED", "data": {"n": n}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

/// Waits for the event with number `n`.
#[track_caller]
pub(crate) fn arrives(receiver: &Receiver, n: usize) -> Delivered {
    wait_for(&format!("event {n} arrives"), ARRIVES_WITHIN, || {
        receiver.got().into_iter().find(|delivered| {
            let json: Value = serde_json::from_slice(&delivered.body).expect("a payload is JSON");
            json["data"]["n"] == n
        })
    })
}

/// Uses every part of the service that releases from 0.1.0 on have, by way of one of its processes.
#[track_caller]
pub(crate) fn use_all(client: &Client) {
    let receiver = Receiver::start();
    let webhook = webhook_to(client, &receiver);
    let rolled = roll(client, &webhook);
    publish(client, 1);
    let delivered = arrives(&receiver, 1);
    assert!(delivered.is_signed_with(&webhook.secret()) && delivered.is_signed_with(&rolled.secret()));
    let named = client
        .patch(&webhook.path())
        .json(&with(update(), json!({"name": "Renamed"})))
        .send()
        .expect_status(200);
    assert_eq!(named.json()["name"], "Renamed");
    assert_eq!(get(client, &webhook).json["name"], "Renamed");
    client.delete(&webhook.secret_path()).send().expect_status(200);
    client
        .post(&format!("{}/send-test", webhook.path()))
        .send()
        .expect_status(200);
    let deliveries = format!("/v1/webhook-events?webhook_id={}", webhook.id());
    let listed = wait_for("the delivery has succeeded", ARRIVES_WITHIN, || {
        let listed = client.get(&deliveries).send().expect_status(200).json();
        (listed["data"][0]["status"] == "SUCCEEDED").then_some(listed)
    });
    let id = listed["data"][0]["id"].as_str().expect("an id");
    client
        .post(&format!("/v1/webhook-events/{id}/resend"))
        .header("Idempotency-Key", id)
        .send()
        .expect_status(202);
    let key = json!({"name": null, "permissions": ["WEBHOOK.VIEW"]});
    client.post("/v1/api-keys").json(&key).send().expect_status(201);
    for list in [
        "/v1/webhooks?order_by=updated_at".to_owned(),
        "/v1/api-keys".to_owned(),
        format!("/v1/audit-records?resource_id={}", webhook.id()),
    ] {
        let listed = client.get(&list).send().expect_status(200).json();
        assert!(
            listed["data"].as_array().is_some_and(|rows| !rows.is_empty()),
            "{list}"
        );
    }
    client.delete(&webhook.path()).send().expect_status(200);
    client.get("/health/ready").send().expect_status(200);
}

/// Waits until the process says that it is ready, or that it is not.
#[track_caller]
pub(crate) fn becomes(client: &Client, status: u16) {
    wait_for(
        &format!("it is ready or not: {status}"),
        Duration::from_secs(30),
        || {
            let answer = client.get("/health/ready").unchecked().send();
            (answer.status == status).then_some(())
        },
    );
}
