//! Sending something at once: test events, and what waits in the penalty box; and what lets a queue go on before its time.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, roll, update, with},
    on_each_database,
    receiver::{Conduct, Receiver},
};

on_each_database!(
    a_test_event_is_signed_with_every_valid_key,
    a_connection_is_tested_and_nothing_is_stored,
    a_probe_that_fails_says_why,
    what_waits_in_the_penalty_box_is_told_and_sent_on_request,
    another_url_lets_the_queue_go_on_at_once,
    a_webhook_that_is_made_active_goes_on_after_a_restart_too
);

/// Retries wait for minutes, as they do unless set otherwise.
fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

#[track_caller]
fn publish(client: &Client, number: u64) {
    let event = json!({"type": "INVOICE.CREATED", "data": {"n": number}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

#[track_caller]
fn probe(client: &Client, webhook: &Webhook, probe: &str) -> Answer {
    client.post(&format!("{}/{probe}", webhook.path())).send()
}

#[track_caller]
fn read(client: &Client, webhook: &Webhook) -> Value {
    client.get(&webhook.path()).send().expect_status(200).json()
}

/// The webhook once its queue is held up by a delivery that was sent again so often.
#[track_caller]
fn held_up(client: &Client, webhook: &Webhook, retries: u64) -> Value {
    wait_for(
        "the webhook is in the penalty box",
        Duration::from_secs(10),
        || {
            let webhook = read(client, webhook);
            (webhook["penalty_box_data"]["retry_count"] == retries).then_some(webhook)
        },
    )
}

#[track_caller]
fn is_free(client: &Client, webhook: &Webhook) {
    wait_for(
        "the webhook is out of the penalty box",
        Duration::from_secs(10),
        || {
            let webhook = read(client, webhook);
            (webhook["penalty_box"].is_null() && webhook["penalty_box_data"].is_null()).then_some(())
        },
    );
}

fn a_test_event_is_signed_with_every_valid_key(backend: Backend) {
    let (service, receiver) = (Service::start_on(deployment(backend)), Receiver::start());
    let client = service.client();
    let webhook = create_with(&client, json!({"url": receiver.url(), "active": false}));
    let rolled = roll(&client, &webhook);
    let sent = probe(&client, &webhook, "send-test").expect_status(200).json();
    assert_eq!(
        sent,
        json!({"successful": true, "message": "the receiver answered 204", "response_body": null})
    );
    let got = receiver.wait_for(1).remove(0);
    for secret in [webhook.secret(), rolled.secret()] {
        assert!(got.is_signed_with(&secret));
    }
    let payload: Value = serde_json::from_str(got.text()).expect("a payload is JSON");
    assert_eq!(
        (&payload["type"], &payload["data"], &payload["environment"]),
        (
            &json!("WEBHOOK.TEST"),
            &json!({"webhook_id": webhook.id()}),
            &json!("TEST")
        )
    );
}

fn a_connection_is_tested_and_nothing_is_stored(backend: Backend) {
    let (service, receiver) = (Service::start_on(deployment(backend)), Receiver::start());
    let client = service.client();
    let object = json!({"name": null, "reference": "r", "url": receiver.url(),
        "authentication_type": "PASSWORD", "username": "user", "password": "pass"});
    for _ in 0..2 {
        let tested = client
            .post("/v1/webhooks/test-connection")
            .json(&object)
            .send()
            .expect_status(200);
        assert_eq!(tested.json()["successful"], true);
    }
    let got = receiver.wait_for(2).remove(0);
    assert_eq!(got.header("authorization"), "Basic dXNlcjpwYXNz");
    let listed = client.get("/v1/webhooks").send().expect_status(200).json();
    assert_eq!(listed["data"], json!([]));
}

fn a_probe_that_fails_says_why(backend: Backend) {
    let service = Service::start_on(deployment(backend).with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.1/32"));
    let conduct = [Conduct::Answer(302), Conduct::HangUp];
    let receiver = Receiver::start().conducting(conduct);
    let client = service.client();
    let webhook = create_with(&client, json!({"url": receiver.url()}));
    for message in ["the receiver answered 302", "the connection was refused or broke"] {
        let sent = probe(&client, &webhook, "send-test").expect_status(200).json();
        assert_eq!(
            sent,
            json!({"successful": false, "message": message, "response_body": null})
        );
    }
    let named = receiver.url().replace("127.0.0.1", "ip6-localhost");
    let forbidden = client
        .post("/v1/webhooks/test-connection")
        .json(&json!({"name": null, "reference": null, "url": named}))
        .send()
        .expect_status(200)
        .json();
    assert_eq!(forbidden["successful"], false);
    assert_eq!(receiver.got().len(), 2);
}

fn what_waits_in_the_penalty_box_is_told_and_sent_on_request(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let receiver = Receiver::start().conducting([503, 500].map(Conduct::Answer));
    let client = service.client();
    let webhook = create_with(&client, json!({"url": receiver.url()}));
    probe(&client, &webhook, "send-penalty-box-payload").expect_status(409);
    (0..3).for_each(|number| publish(&client, number));
    let shown = held_up(&client, &webhook, 0);
    let told = &shown["penalty_box_data"];
    assert!(shown["penalty_box"].is_string());
    assert_eq!(
        (&told["status_code"], &told["cause"]),
        (&json!(503), &json!("STATUS_CODE"))
    );
    assert_eq!(
        told["payload"],
        receiver.got()[0].text(),
        "the body as it was sent"
    );
    // What changes the webhook tells of it, and replays do.
    let renamed = client
        .patch(&webhook.path())
        .header("Idempotency-Key", "k")
        .json(&with(update(), json!({"name": "another"})));
    for _ in 0..2 {
        let answer = renamed.clone().send().expect_status(200).json();
        assert_eq!(answer["penalty_box_data"], *told);
    }
    assert_eq!(roll(&client, &webhook).json["penalty_box_data"], *told);

    let sent = probe(&client, &webhook, "send-penalty-box-payload")
        .expect_status(200)
        .json();
    assert_eq!(
        sent,
        json!({"successful": false, "message": "the receiver answered 500", "response_body": null})
    );
    // What somebody asks for raises nothing.
    let again = held_up(&client, &webhook, 0);
    assert_eq!(again["penalty_box_data"]["retry_at"], told["retry_at"]);
    let sent = probe(&client, &webhook, "send-penalty-box-payload")
        .expect_status(200)
        .json();
    assert_eq!(sent["successful"], true);
    let got = receiver.wait_for(5);
    let ids: Vec<_> = got
        .iter()
        .map(|delivered| delivered.header("webhook-id"))
        .collect();
    assert_eq!((ids[0], ids[1]), (ids[1], ids[2]), "three times the same event");
    assert!(ids[2] < ids[3] && ids[3] < ids[4], "and then those behind it");
    is_free(&client, &webhook);
    probe(&client, &webhook, "send-penalty-box-payload").expect_status(409);
}

fn another_url_lets_the_queue_go_on_at_once(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let (failing, other) = (
        Receiver::start().conducting([Conduct::Answer(500)]),
        Receiver::start(),
    );
    let client = service.client();
    let webhook = create_with(&client, json!({"url": failing.url()}));
    (0..2).for_each(|number| publish(&client, number));
    held_up(&client, &webhook, 0);
    let moved = with(update(), json!({"url": other.url()}));
    client
        .patch(&webhook.path())
        .json(&moved)
        .send()
        .expect_status(200);
    other.wait_for(2);
    is_free(&client, &webhook);
    assert_eq!(failing.got().len(), 1);
}

fn a_webhook_that_is_made_active_goes_on_after_a_restart_too(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let receiver = Receiver::start().conducting([Conduct::Answer(410)]);
    let webhook = create_with(&service.client(), json!({"url": receiver.url()}));
    publish(&service.client(), 0);
    held_up(&service.client(), &webhook, 0);
    let refused = probe(&service.client(), &webhook, "send-penalty-box-payload").expect_status(409);
    assert!(refused.text().contains("inactive"), "{}", refused.shown());
    service.take_server().stop();
    service.start_again();
    let client = service.client();
    let active = client
        .patch(&webhook.path())
        .json(&update())
        .send()
        .expect_status(200);
    assert!(active.json()["penalty_box"].is_null());
    receiver.wait_for(2);
    is_free(&client, &webhook);
}

#[test]
fn a_process_without_the_lane_has_the_one_with_it_send() {
    let service = Service::start_on(deployment(Backend::Postgres));
    let receiver = Receiver::start().conducting([Conduct::Answer(500)]);
    let webhook = create_with(&service.client(), json!({"url": receiver.url()}));
    publish(&service.client(), 0);
    held_up(&service.client(), &webhook, 0);
    let other = service.deployment().serve();
    let client = Client::with_key(other.address(), service.key());
    let sent = probe(&client, &webhook, "send-penalty-box-payload")
        .expect_status(200)
        .json();
    assert_eq!(sent["successful"], true);
    assert_eq!(receiver.got().len(), 2);
}
