//! Events on their way to receivers: in order, signed with every valid key, at least once, through crashes.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, roll, roll_with},
    on_each_database,
    receiver::{Conduct, Delivered, Receiver},
};

on_each_database!(
    an_event_is_delivered_as_it_was_published,
    events_are_delivered_in_order_each_once,
    deliveries_are_signed_with_every_valid_key_and_no_other,
    a_failure_holds_its_lane_up_and_nobody_elses,
    a_host_that_hangs_holds_up_no_other,
    a_kill_loses_no_event_and_keeps_the_order,
    what_is_not_public_is_not_delivered_to,
    what_was_delivered_is_sent_again_on_request,
    a_receiver_that_is_gone_is_left_alone,
    a_clean_stop_hands_its_lanes_over,
    changes_of_webhooks_are_told_without_secrets,
    what_befalls_queues_is_told
);

fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        // Two minutes become a fifth of a second.
        .with("WEBHOOK_RETRY_SPEED", "600")
}

fn service(backend: Backend) -> Service {
    Service::start_on(deployment(backend))
}

fn webhook_to(client: &Client, receiver: &Receiver) -> Webhook {
    create_with(client, json!({"url": receiver.url()}))
}

#[track_caller]
fn publish(client: &Client, data: &Value) -> Value {
    let event = json!({"type": "INVOICE.CREATED", "data": data});
    client
        .post("/v1/events")
        .json(&event)
        .send()
        .expect_status(202)
        .json()
}

/// The numbers in the data of deliveries, each the first time it came.
fn numbers(got: &[Delivered]) -> Vec<u64> {
    let mut seen = Vec::new();
    for delivered in got {
        let json: Value = serde_json::from_slice(&delivered.body).expect("a payload is JSON");
        let number = json["data"]["n"].as_u64().expect("the test publishes numbers");
        if !seen.contains(&number) {
            seen.push(number);
        }
    }
    seen
}

#[track_caller]
fn status_of(client: &Client, event: &Value) -> Value {
    let id = event["id"].as_str().expect("an event has an id");
    let path = format!("/v1/webhook-events?event_id={id}");
    client.get(&path).send().expect_status(200).json()["data"][0].clone()
}

fn an_event_is_delivered_as_it_was_published(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let with_previous = json!({"url": receiver.url(), "include_previous_data": true,
        "authentication_type": "PASSWORD", "username": "user", "password": "pass"});
    let webhook = create_with(&client, with_previous);
    let body = r#"{"type":"INVOICE.CREATED","data":{ "total": 1.10 },"previous_data":[12345678901234567890123],"original_request_id":"r_1"}"#;
    let published = client
        .post("/v1/events")
        .json_text(body)
        .send()
        .expect_status(202)
        .json();
    assert_eq!(published["webhook_events"], 1);
    let delivered = receiver.wait_for(1).remove(0);
    let expected = format!(
        r#"{{"created_at":{},"type":"INVOICE.CREATED","original_request_id":"r_1","environment":"TEST","data":{{ "total": 1.10 }},"previous_data":[12345678901234567890123]}}"#,
        published["created_at"]
    );
    assert_eq!(delivered.text(), expected);
    assert_eq!(delivered.target, "/hook");
    assert_eq!(
        delivered.header("webhook-id"),
        published["id"].as_str().expect("an id")
    );
    assert_eq!(delivered.header("content-type"), "application/json");
    assert_eq!(delivered.header("authorization"), "Basic dXNlcjpwYXNz");
    assert!(delivered.is_signed_with(&webhook.secret()));
    let done = wait_for("the delivery is recorded", Duration::from_secs(10), || {
        Some(status_of(&client, &published)).filter(|found| found["status"] == "SUCCEEDED")
    });
    assert_eq!(done["attempts"][0]["status_code"], 204);
    assert_eq!(done["webhook_id"], webhook.json["id"]);
}

fn events_are_delivered_in_order_each_once(backend: Backend) {
    let service = service(backend);
    let receivers: Vec<_> = (0..3).map(|_| Receiver::start()).collect();
    let client = service.client();
    for receiver in &receivers {
        webhook_to(&client, receiver);
    }
    for n in 0..100 {
        publish(&client, &json!({"n": n}));
    }
    for receiver in &receivers {
        let got = receiver.wait_for(100);
        assert_eq!((got.len(), numbers(&got)), (100, (0..100).collect()));
    }
}

fn deliveries_are_signed_with_every_valid_key_and_no_other(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let webhook = webhook_to(&client, &receiver);
    let mut sent = 0;
    let mut delivered = || {
        publish(&client, &json!({"n": sent}));
        sent += 1;
        receiver.wait_for(sent).remove(sent - 1)
    };
    let first = webhook.secret();
    assert!(delivered().is_signed_with(&first));
    let rolled = roll(&client, &webhook);
    let second = rolled.secret();
    let overlapping = delivered();
    assert!(overlapping.is_signed_with(&first) && overlapping.is_signed_with(&second));
    assert_eq!(overlapping.header("webhook-signature").split(' ').count(), 2);
    let revoked = roll_with(&client, &webhook, json!({"previous_secret_expires_in": 0}));
    let after = delivered();
    assert!(after.is_signed_with(&revoked.secret()));
    assert!(!after.is_signed_with(&first) && !after.is_signed_with(&second));
    let path = format!("{}/secret-key?previous_secret_expires_in=0", webhook.path());
    client.delete(&path).send().expect_status(200);
    let unsigned = delivered();
    assert!(!unsigned.headers.contains_key("webhook-signature"));
    assert!(!unsigned.headers.contains_key("x-payload-signature"));
}

fn a_failure_holds_its_lane_up_and_nobody_elses(backend: Backend) {
    let service = service(backend);
    let failing = Receiver::start().conducting([Conduct::Answer(500), Conduct::HangUp, Conduct::Answer(301)]);
    let well = Receiver::start();
    let client = service.client();
    webhook_to(&client, &failing);
    webhook_to(&client, &well);
    for n in 0..10 {
        publish(&client, &json!({"n": n}));
    }
    let got = well.wait_for(10);
    assert_eq!(numbers(&got), (0..10).collect::<Vec<_>>());
    let got = failing.wait_for(13);
    assert_eq!(numbers(&got), (0..10).collect::<Vec<_>>());
    let ids: Vec<_> = got[..4]
        .iter()
        .map(|delivered| delivered.header("webhook-id"))
        .collect();
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "the head is tried until it succeeds: {ids:?}"
    );
}

fn a_host_that_hangs_holds_up_no_other(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    // Takes connections and nothing more. There are more webhooks at it than attempts may be under way.
    let hanging = TcpListener::bind("127.0.0.2:0").expect("loopback has a free port");
    let url = format!(
        "http://{}/",
        hanging.local_addr().expect("a listener has an address")
    );
    thread::spawn(move || hanging.incoming().collect::<Vec<_>>());
    for _ in 0..600 {
        create_with(&client, json!({"url": url}));
    }
    publish(&client, &json!({"n": 0}));
    webhook_to(&client, &receiver);
    publish(&client, &json!({"n": 1}));
    wait_for(
        "the other host's delivery arrives",
        Duration::from_secs(5),
        || (!receiver.got().is_empty()).then_some(()),
    );
    // What hangs need not come to its end first.
    let mut service = service;
    service.kill();
}

fn a_kill_loses_no_event_and_keeps_the_order(backend: Backend) {
    let mut service = service(backend);
    // The lane is held up, so that a backlog is there when the server is killed.
    let receiver = Receiver::start().conducting([Conduct::Answer(503), Conduct::Answer(503)]);
    webhook_to(&service.client(), &receiver);
    for round in 0..3 {
        let client = service.client();
        for n in 0..20 {
            publish(&client, &json!({"n": round * 20 + n}));
        }
        service.kill();
        service.start_again();
    }
    let got = wait_for("all arrive", Duration::from_secs(60), || {
        Some(receiver.got()).filter(|got| numbers(got).len() == 60)
    });
    assert_eq!(
        numbers(&got),
        (0..60).collect::<Vec<_>>(),
        "first arrivals are in order"
    );
}

fn what_is_not_public_is_not_delivered_to(backend: Backend) {
    let (mut service, receiver) = (service(backend), Receiver::start());
    webhook_to(&service.client(), &receiver);
    service.take_server().stop();
    service.deployment_mut().set("WEBHOOK_ALLOWED_NETWORKS", "");
    service.start_again();
    let client = service.client();
    let published = publish(&client, &json!({"n": 0}));
    let failed = wait_for("an attempt fails", Duration::from_secs(10), || {
        Some(status_of(&client, &published)).filter(|found| found["attempts"][1].is_object())
    });
    assert_eq!(
        (&failed["status"], &failed["attempts"][0]["cause"]),
        (&json!("PENDING"), &json!("FORBIDDEN_ADDRESS"))
    );
    assert_eq!(receiver.got().len(), 0);
}

fn what_was_delivered_is_sent_again_on_request(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    webhook_to(&client, &receiver);
    let published = publish(&client, &json!({"n": 0}));
    receiver.wait_for(1);
    let done = wait_for("the delivery is recorded", Duration::from_secs(10), || {
        Some(status_of(&client, &published)).filter(|found| found["status"] == "SUCCEEDED")
    });
    let path = format!(
        "/v1/webhook-events/{}/resend",
        done["id"].as_str().expect("an id")
    );
    client.post(&path).send().expect_status(202);
    let got = receiver.wait_for(2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(got[0].body, got[1].body);
}

fn a_receiver_that_is_gone_is_left_alone(backend: Backend) {
    let (service, receiver) = (
        service(backend),
        Receiver::start().conducting([Conduct::Answer(410)]),
    );
    let client = service.client();
    let webhook = webhook_to(&client, &receiver);
    publish(&client, &json!({"n": 0}));
    wait_for("the webhook is inactive", Duration::from_secs(10), || {
        let read = client.get(&webhook.path()).send().expect_status(200).json();
        (read["active"] == false).then_some(())
    });
    publish(&client, &json!({"n": 1}));
    assert_eq!(receiver.got().len(), 1);
    let active = json!({"active": true, "include_previous_data": false, "authentication_type": "NONE"});
    client
        .patch(&webhook.path())
        .json(&active)
        .send()
        .expect_status(200);
    publish(&client, &json!({"n": 2}));
    assert_eq!(
        numbers(&receiver.wait_for(3)),
        [0, 2],
        "what came while it was inactive was not collected"
    );
}

fn a_clean_stop_hands_its_lanes_over(backend: Backend) {
    let mut service = service(backend);
    let receiver = Receiver::start().conducting([Conduct::Answer(500)]);
    webhook_to(&service.client(), &receiver);
    publish(&service.client(), &json!({"n": 0}));
    receiver.wait_for(1);
    assert_eq!(service.take_server().stop().code(), 0);
    let began = Instant::now();
    service.start_again();
    receiver.wait_for(2);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it did not wait for a lease to end"
    );
}

fn changes_of_webhooks_are_told_without_secrets(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let hears = json!({"url": receiver.url(), "include_previous_data": true,
        "included_actions": ["WEBHOOK.CREATED", "WEBHOOK.UPDATED", "WEBHOOK.DELETED"]});
    let hears = create_with(&client, hears);
    let told = create_with(
        &client,
        json!({"authentication_type": "PASSWORD", "username": "user", "password": "5ecretPassw0rd"}),
    );
    let rolled = roll(&client, &told);
    let request = "told-of-its-end";
    let gone = client.delete(&told.path()).header("X-REQUEST-ID", request).send();
    gone.expect_status(200);
    // Its own creation comes first.
    let got = receiver.wait_for(4);
    let json = |delivered: &Delivered| serde_json::from_slice(&delivered.body).expect("JSON");
    let payloads: Vec<Value> = got.iter().map(json).collect();
    let types: Vec<_> = payloads.iter().map(|payload| &payload["type"]).collect();
    assert_eq!(
        types,
        [
            "WEBHOOK.CREATED",
            "WEBHOOK.CREATED",
            "WEBHOOK.UPDATED",
            "WEBHOOK.DELETED"
        ]
    );
    assert_eq!(payloads[0]["data"]["id"], hears.id());
    let [created, updated, deleted] = [&payloads[1], &payloads[2], &payloads[3]];
    assert_eq!(created["data"]["id"], told.id());
    assert_eq!(created["data"]["username"], "user");
    assert_eq!(updated["previous_data"], created["data"]);
    assert_ne!(
        updated["data"]["secret_rolled_at"],
        created["data"]["secret_rolled_at"]
    );
    assert_eq!(deleted["data"], updated["data"]);
    assert_eq!(deleted["original_request_id"], request);
    for delivered in &got {
        assert!(delivered.is_signed_with(&hears.secret()));
        for secret in ["5ecretPassw0rd", &told.secret(), &rolled.secret()] {
            assert!(!delivered.text().contains(secret));
        }
    }
    let own = json!({"type": "WEBHOOK.UPDATED", "data": 1});
    let refused = client.post("/v1/events").json(&own).send().expect_status(400);
    assert_eq!(refused.json()["field"], "type");
}

fn what_befalls_queues_is_told(backend: Backend) {
    let (service, follower) = (service(backend), Receiver::start());
    let client = service.client();
    let told = ["WEBHOOK.HELD_UP", "WEBHOOK.RELEASED", "WEBHOOK_EVENT.FAILED"];
    create_with(&client, json!({"url": follower.url(), "included_actions": told}));
    let receiver = Receiver::start().conducting([Conduct::Answer(503), Conduct::Answer(204)]);
    let webhook = webhook_to(&client, &receiver);
    publish(&client, &json!({"n": 1}));
    follower.wait_for(2);
    receiver.conduct(std::iter::repeat_n(Conduct::Answer(500), 99));
    let given_up = status_of(&client, &publish(&client, &json!({"n": 2})));
    follower.wait_for(3);
    let id = given_up["id"].as_str().expect("an id");
    let give_up = client.post(&format!("/v1/webhook-events/{id}/give-up"));
    give_up.send().expect_status(200);
    let got = follower.wait_for(4);
    let json = |delivered: &Delivered| serde_json::from_slice(&delivered.body).expect("JSON");
    let payloads: Vec<Value> = got.iter().map(json).collect();
    let types: Vec<_> = payloads.iter().map(|payload| &payload["type"]).collect();
    assert_eq!(types, [told[0], told[1], told[0], told[2]]);
    assert!(
        payloads[..3]
            .iter()
            .all(|payload| payload["data"]["id"] == webhook.id())
    );
    assert_eq!(payloads[0]["data"]["penalty_box_data"]["cause"], "STATUS_CODE");
    assert_eq!(payloads[1]["data"]["penalty_box"], Value::Null);
    let failed = &payloads[3]["data"];
    assert_eq!(
        (&failed["id"], &failed["status"]),
        (&given_up["id"], &json!("FAILED"))
    );
    assert_eq!(failed["attempts"][0]["status_code"], 500, "{failed}");
    assert_eq!(failed["payload"], Value::Null);
}
