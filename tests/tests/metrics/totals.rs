//! What is counted in the database, and that one process of a fleet does it.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Server, Service,
    clock::wait_for,
    fixtures::{create_with, roll},
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::scrape::{Scrape, deployment, scrape, wait_until};

on_each_database!(
    what_waits_and_the_keys_are_counted_in_the_database,
    one_process_counts_and_another_takes_over,
    keys_that_were_there_before_they_were_counted_are_counted_by_the_migration,
    while_deliveries_are_paused_nothing_old_is_shown
);

const SAMPLED: [&str; 10] = [
    "webhook_queue_messages",
    "webhook_queue_oldest_seconds",
    "webhook_queue_oldest_due_seconds",
    "webhook_lanes_held_up",
    "webhook_keys",
    "webhook_key_oldest_seconds",
    "webhook_rotations",
    "webhook_sample_age_seconds",
    "webhook_sample_duration_seconds",
    "webhook_build_info",
];

fn counts(scrape: &Scrape) -> bool {
    scrape.find("webhook_queue_messages", &[]).is_some()
}

fn publish(client: &Client, times: usize) {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    for _ in 0..times {
        client.post("/v1/events").json(&event).send().expect_status(202);
    }
}

/// Begins a rotation and waits until as many of its webhooks are rolled.
fn rotate(client: &Client, body: &Value, rolled: u64) -> String {
    let begun = client.post("/v1/rotations").json(body).send().expect_status(202);
    let path = format!("/v1/rotations/{}", begun.json()["id"].as_str().expect("an id"));
    wait_for("the rotation is so far", Duration::from_secs(30), || {
        let json = client.get(&path).send().expect_status(200).json();
        (json["rolled"] == rolled && (rolled > 0 || json["status"] == "DONE")).then_some(())
    });
    path
}

fn what_waits_and_the_keys_are_counted_in_the_database(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let client = service.client();
    let refusing = Receiver::start().conducting(std::iter::repeat_n(Conduct::Answer(500), 100));
    let held_up = create_with(&client, json!({"url": refusing.url()}));
    let receiver = Receiver::start();
    let other = create_with(&client, json!({"url": receiver.url()}));
    let inactive = create_with(&client, json!({"url": receiver.url(), "active": false}));
    for webhook in [&held_up, &held_up, &other] {
        roll(&client, webhook);
    }
    client
        .delete(&format!(
            "{}?previous_secret_expires_in=0",
            inactive.secret_path()
        ))
        .send()
        .expect_status(200);
    // Three rotations: of a platform without webhooks, to its end; one that is stopped after the first of two webhooks; one that runs.
    let elsewhere = service.client_of("other", &["WEBHOOK.UPDATE", "WEBHOOK.VIEW"]);
    rotate(
        &elsewhere,
        &json!({"filter": {"all": true}, "spread_seconds": 0}),
        0,
    );
    let both = json!({"filter": {"ids": [held_up.id(), other.id()]}, "spread_seconds": 600_000});
    let stop = rotate(&client, &both, 1) + "/stop";
    client.post(&stop).send().expect_status(200);
    rotate(&client, &both, 1);
    publish(&client, 3);
    refusing.wait_for(1);
    receiver.wait_for(3);
    let delivered = "what can be delivered is, and what cannot waits";
    wait_until(&service, delivered, |scrape| {
        scrape.find("webhook_deliveries_total", &[("outcome", "succeeded")]) == Some(3.0)
            && scrape.find("webhook_deliveries_total", &[("outcome", "retried")]) == Some(1.0)
    });
    // The first count is made at the start, the next half a minute later.
    service.take_server().stop();
    service.start_again();
    let counted = wait_until(&service, "the database was counted", counts);
    assert_eq!(counted.value("webhook_queue_messages", &[]), 3.0);
    assert_eq!(counted.value("webhook_lanes_held_up", &[]), 1.0);
    assert!(counted.value("webhook_queue_oldest_seconds", &[]) > 0.0);
    assert_eq!(counted.value("webhook_queue_oldest_due_seconds", &[]), 0.0);
    let keys = |state| counted.value("webhook_keys", &[("state", state)]);
    assert_eq!((keys("current"), keys("retired")), (2.0, 5.0));
    let rotations =
        ["running", "stopped", "done"].map(|state| counted.value("webhook_rotations", &[("state", state)]));
    assert_eq!(rotations, [1.0, 1.0, 1.0]);
    let oldest = counted.value("webhook_key_oldest_seconds", &[]);
    assert!(oldest > 0.0 && oldest < 600.0, "{oldest}");
    assert!(counted.value("webhook_sample_age_seconds", &[]) < 60.0);

    for webhook in [&held_up, &other, &inactive] {
        service.client().delete(&webhook.path()).send().expect_status(200);
    }
    let counted = wait_until(&service, "it was counted again", |scrape| {
        scrape.find("webhook_keys", &[("state", "current")]) == Some(0.0)
    });
    for (name, labels) in [
        ("webhook_queue_messages", &[][..]),
        ("webhook_lanes_held_up", &[]),
        ("webhook_keys", &[("state", "retired")]),
        ("webhook_key_oldest_seconds", &[]),
    ] {
        assert_eq!(counted.value(name, labels), 0.0, "{name}");
    }
}

fn keys_that_were_there_before_they_were_counted_are_counted_by_the_migration(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let client = service.client();
    let (once, twice, removed) = (
        create_with(&client, json!({})),
        create_with(&client, json!({})),
        create_with(&client, json!({})),
    );
    for webhook in [&once, &twice, &twice, &removed] {
        roll(&client, webhook);
    }
    client.delete(&removed.secret_path()).send().expect_status(200);
    service.take_server().stop();
    for statement in [
        "DROP TABLE key_counts",
        "DELETE FROM __diesel_schema_migrations WHERE version = '20261129000034'",
    ] {
        service.deployment().execute(statement);
    }
    service.start_again();
    let counted = wait_until(&service, "the database was counted", counts);
    let keys = |state| counted.value("webhook_keys", &[("state", state)]);
    assert_eq!((keys("current"), keys("retired")), (2.0, 5.0));
    let oldest = counted.value("webhook_key_oldest_seconds", &[]);
    assert!(oldest > 0.0 && oldest < 600.0, "{oldest}");
}

fn one_process_counts_and_another_takes_over(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    create_with(&service.client(), json!({}));
    wait_until(&service, "the first process counts", counts);
    let second = service.deployment().serve();
    let shows_nothing = |server: &Server| {
        let names = scrape(server).names();
        SAMPLED[..9].iter().all(|name| !names.contains(*name))
    };
    // It has had the time to count, if it did.
    wait_for("the second process has looked", Duration::from_secs(30), || {
        let second = scrape(&second);
        let is_settled = match backend {
            Backend::Sqlite => second.value("webhook_leases_total", &[("event", "taken")]) == 0.0,
            Backend::Postgres => second.value("webhook_leases_total", &[("event", "taken")]) == 1.0,
        };
        is_settled.then_some(())
    });
    for _ in 0..20 {
        assert!(shows_nothing(&second), "{:?}", scrape(&second).names());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(counts(&scrape(service.server())));
    let mut service = service;
    service.kill();
    let taken_over = wait_for("the second process counts", Duration::from_secs(60), || {
        Some(scrape(&second)).filter(counts)
    });
    for name in SAMPLED {
        assert!(taken_over.names().contains(name), "{name}");
    }
    assert_eq!(taken_over.value("webhook_keys", &[("state", "current")]), 1.0);
}

fn while_deliveries_are_paused_nothing_old_is_shown(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    wait_until(&service, "the database was counted", counts);
    service.take_server().stop();
    service
        .deployment()
        .run(&["deliveries", "pause"])
        .expect_success();
    service.start_again();
    let paused = wait_until(&service, "deliveries are paused", |scrape| {
        scrape.find("webhook_deliveries_paused", &[]) == Some(1.0)
    });
    assert!(!counts(&paused), "nobody has the lease, so nobody counts");
    assert_eq!(paused.value("webhook_ready", &[]), 1.0);
}
