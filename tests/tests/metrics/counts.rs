//! What is counted after known traffic.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{Webhook, create_with, roll},
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::scrape::{deployment, scrape, wait_until};

on_each_database!(
    rolls_are_counted_by_their_kind_and_a_replay_is_none,
    deliveries_are_counted_by_what_came_of_them,
    what_is_given_up_is_counted,
    what_is_given_up_on_request_is_counted_apart,
    attempts_on_request_take_places_of_their_own
);

const ROLL: &str = "webhook_rolls_total";
const OUTCOME: &str = "webhook_deliveries_total";
const SIGNED: &str = "webhook_signed_total";
const PROBES: &str = "webhook_probes_under_way";
const ATTEMPTS: &str = "http_client_request_duration_seconds_count";

fn publish(client: &Client) {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

fn to(client: &Client, receiver: &Receiver) -> Webhook {
    create_with(client, json!({"url": receiver.url()}))
}

fn rolls_are_counted_by_their_kind_and_a_replay_is_none(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let before = scrape(service.server());
    for kind in ["roll", "roll_at_once", "remove", "remove_at_once"] {
        let none_yet = "a series must be there before it counts, or its first increase is not seen";
        assert_eq!(before.value(ROLL, &[("kind", kind)]), 0.0, "{none_yet}");
    }
    let webhook = create_with(&client, json!({}));
    let path = webhook.secret_path();
    let at_once = format!("{path}?previous_secret_expires_in=0");
    roll(&client, &webhook);
    for _ in 0..3 {
        let roll = client.patch(&path).header("Idempotency-Key", "once");
        roll.send().expect_status(200);
    }
    client.patch(&at_once).send().expect_status(200);
    client.delete(&path).send().expect_status(200);
    client.patch(&path).send().expect_status(200);
    client.delete(&at_once).send().expect_status(200);
    client
        .patch("/v1/webhooks/whk_01arz3ndektsv4rrffq69g5fav/secret-key")
        .send()
        .expect_status(404);
    let after = scrape(service.server());
    for (kind, count) in [
        ("roll", 3.0),
        ("roll_at_once", 1.0),
        ("remove", 1.0),
        ("remove_at_once", 1.0),
    ] {
        assert_eq!(after.value(ROLL, &[("kind", kind)]), count, "{kind}");
    }
    let patched = |status| {
        let labels = [
            ("http_request_method", "PATCH"),
            ("http_route", "/v1/webhooks/{resourceId}/secret-key"),
            ("http_response_status_code", status),
        ];
        after.value("http_server_request_duration_seconds_count", &labels)
    };
    assert_eq!((patched("200"), patched("404")), (6.0, 1.0));
    assert!(after.value("webhook_store_commit_seconds_count", &[]) >= 7.0);
    assert!(after.value("webhook_store_commit_seconds_sum", &[]) > 0.0);
    let groups = after.value("webhook_store_group_size_count", &[]);
    assert_eq!(groups, after.value("webhook_store_commit_seconds_count", &[]));
    assert!(after.value("webhook_store_group_size_sum", &[]) >= groups);
    assert_eq!(after.value("webhook_ready", &[]), 1.0);
    assert_eq!(after.value("webhook_leases_total", &[("event", "taken")]), 1.0);
    assert_eq!(after.value("webhook_leases_total", &[("event", "lost")]), 0.0);
}

fn deliveries_are_counted_by_what_came_of_them(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let receiver = Receiver::start();
    let webhook = to(&client, &receiver);
    publish(&client);
    receiver.wait_for(1);
    roll(&client, &webhook);
    publish(&client);
    receiver.wait_for(2);
    let at_once = format!("{}?previous_secret_expires_in=0", webhook.secret_path());
    client.delete(&at_once).send().expect_status(200);
    publish(&client);
    receiver.wait_for(3);
    let counted = wait_until(&service, "three deliveries are counted", |scrape| {
        scrape.find(OUTCOME, &[("outcome", "succeeded")]) == Some(3.0)
    });
    let by = |role| counted.value(SIGNED, &[("role", role)]);
    assert_eq!((by("current"), by("retired"), by("none")), (2.0, 1.0, 1.0));
    assert_eq!(counted.value("webhook_delivery_lag_seconds_count", &[]), 3.0);
    let lag = counted.value("webhook_delivery_lag_seconds_sum", &[]);
    assert!(lag < 60.0, "{lag}");

    let refusing = Receiver::start().conducting([Conduct::Answer(500)]);
    let gone = Receiver::start();
    let url = gone.url();
    drop(gone);
    let refused = to(&client, &refusing);
    create_with(&client, json!({"url": url}));
    publish(&client);
    let counted = wait_until(&service, "two attempts have failed", |scrape| {
        scrape.find(OUTCOME, &[("outcome", "retried")]) == Some(2.0)
            && scrape.find(OUTCOME, &[("outcome", "succeeded")]) == Some(4.0)
    });
    for cause in ["STATUS_CODE", "CONNECTION"] {
        assert_eq!(counted.value(ATTEMPTS, &[("error_type", cause)]), 1.0, "{cause}");
    }
    assert_eq!(counted.value(ATTEMPTS, &[("error_type", "TIMEOUT")]), 0.0);
    let answered = counted.series().filter(|series| **series == *ATTEMPTS);
    assert_eq!(answered.count(), 1, "those that succeeded have no error");
    assert_eq!(counted.value("webhook_attempts_under_way", &[]), 0.0);

    let check = format!("{}/check", refused.secret_path());
    client.post(&check).send().expect_status(200);
    let counted = scrape(service.server());
    for (verdict, count) in [("DOES_NOT_VERIFY", 1.0), ("ADOPTED", 0.0)] {
        assert_eq!(
            counted.value("webhook_key_checks_total", &[("verdict", verdict)]),
            count,
            "{verdict}"
        );
    }
    let delivered = counted.value(OUTCOME, &[("outcome", "succeeded")]);
    assert_eq!(delivered, 4.0, "probes are no deliveries");
}

fn what_is_given_up_is_counted(backend: Backend) {
    // Seven days become fifty seconds.
    let deployment = deployment(backend).with("WEBHOOK_RETRY_SPEED", "12000");
    let service = Service::start_on(deployment);
    let client = service.client();
    let refusing = Receiver::start().conducting(std::iter::repeat_n(Conduct::Answer(500), 1_000));
    to(&client, &refusing);
    publish(&client);
    let counted = wait_until(&service, "a delivery is given up", |scrape| {
        scrape.find(OUTCOME, &[("outcome", "given_up")]) == Some(1.0)
    });
    assert!(counted.value(OUTCOME, &[("outcome", "retried")]) >= 10.0);
    assert_eq!(counted.value(OUTCOME, &[("outcome", "succeeded")]), 0.0);
}

fn what_is_given_up_on_request_is_counted_apart(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let refusing = Receiver::start().conducting([Conduct::Answer(500)]);
    to(&client, &refusing);
    publish(&client);
    wait_until(&service, "an attempt has failed", |scrape| {
        scrape.find(OUTCOME, &[("outcome", "retried")]) == Some(1.0)
    });
    let list = client.get("/v1/webhook-events").send().expect_status(200).json();
    let id = list["data"][0]["id"].as_str().expect("an id");
    let path = format!("/v1/webhook-events/{id}/give-up");
    for _ in 0..2 {
        let give_up = client.post(&path).header("Idempotency-Key", "once");
        give_up.send().expect_status(200);
    }
    client.post(&path).send().expect_status(409);
    let after = scrape(service.server());
    let counted = |outcome| after.value(OUTCOME, &[("outcome", outcome)]);
    assert_eq!(
        counted("given_up_on_request"),
        1.0,
        "a replay and a refusal are none"
    );
    assert_eq!(
        counted("given_up"),
        0.0,
        "nobody is alerted of what somebody asked for"
    );
}

fn attempts_on_request_take_places_of_their_own(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let before = scrape(service.server());
    assert_eq!(before.value(PROBES, &[]), 0.0);
    assert!(before.value("webhook_probes_limit", &[]) >= 1.0);
    let slow = Receiver::start().conducting([Conduct::AnswerAfter(Duration::from_secs(5), 204)]);
    let webhook = to(&client, &slow);
    let path = format!("{}/send-test", webhook.path());
    std::thread::scope(|scope| {
        let probing = scope.spawn(|| service.client().post(&path).send().expect_status(200).json());
        wait_until(&service, "a test event takes a place", |scrape| {
            scrape.value(PROBES, &[]) == 1.0
        });
        assert_eq!(probing.join().expect("it is sent")["successful"], true);
    });
    assert_eq!(scrape(service.server()).value(PROBES, &[]), 0.0);
}
