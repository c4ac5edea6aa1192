//! A row that cannot be read costs its own webhook something, and nobody else. Others on the same platform and on other
//! platforms publish, get deliveries, roll and list as before.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, sleep},
    time::Duration,
};

use serde_json::json;
use webhook_tests::{
    Backend, Client, Service,
    clock::wait_for,
    fixtures::{Webhook, get, roll_with},
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::ground::{first_arrivals, publish, service, try_publish, webhook_to};

on_each_database!(
    a_list_of_actions_that_cannot_be_read_stops_nobody_else,
    a_key_ring_that_cannot_be_read_stops_nobody_else,
    an_authentication_type_that_cannot_be_read_stops_nobody_else,
    a_penalty_box_that_cannot_be_read_stops_nobody_else
);

const PUBLISHERS: usize = 4;
/// How many events each of them publishes at a time.
const EVENTS: usize = 10;
/// The number of the events that the other tenant publishes.
const BEFORE: usize = 1_000;
/// How long an attempt at the damaged webhook is under way.
const HELD: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(5);

/// The platform of the damaged webhook. The healthy webhook is always on `default`.
const PLATFORMS: [&str; 2] = ["other", "default"];

fn a_list_of_actions_that_cannot_be_read_stops_nobody_else(backend: Backend) {
    nobody_else_notices(backend, |id| {
        format!("UPDATE webhooks SET included_actions = 'not json' WHERE id = '{id}'")
    });
}

fn a_key_ring_that_cannot_be_read_stops_nobody_else(backend: Backend) {
    // Bytes, in a spelling of each database.
    let garbage = match backend {
        Backend::Sqlite => "x'67617262616765'",
        Backend::Postgres => r"'\x67617262616765'::bytea",
    };
    nobody_else_notices(backend, |id| {
        format!("UPDATE webhooks SET key_ring = {garbage} WHERE id = '{id}'")
    });
}

fn an_authentication_type_that_cannot_be_read_stops_nobody_else(backend: Backend) {
    nobody_else_notices(backend, |id| {
        format!("UPDATE webhooks SET authentication_type = 'NONSENSE' WHERE id = '{id}'")
    });
}

fn a_penalty_box_that_cannot_be_read_stops_nobody_else(backend: Backend) {
    nobody_else_notices(backend, |id| {
        format!("UPDATE lanes SET penalty_box = 'garbage' WHERE webhook_id = '{id}'")
    });
}

/// Damages a webhook while an attempt at it is under way. Its tenant goes on publishing and rolling; meanwhile everything is
/// done that healthy webhooks need.
fn nobody_else_notices(backend: Backend, damage: impl Fn(&str) -> String) {
    for platform in PLATFORMS {
        let service = service(backend);
        let receiver = Receiver::start();
        let healthy = webhook_to(&service.client(), &receiver);
        let tenant = service.client_of(platform, &["WEBHOOK.CREATE", "WEBHOOK.UPDATE", "EVENT.CREATE"]);
        let failing = failing_later();
        let damaged = webhook_to(&tenant, &failing);
        publish(&tenant, BEFORE);
        publish(&tenant, BEFORE);
        failing.wait_for(2);
        service.deployment().execute(&damage(damaged.id()));
        let mut refused = beside(&tenant, &damaged, || {
            let refused = publish_at_once(&service.client());
            for _ in 0..EVENTS {
                roll_with(
                    &service.client(),
                    &healthy,
                    json!({"previous_secret_expires_in": 0}),
                );
            }
            // The attempt under way ends meanwhile, and cannot be recorded, or only with trouble.
            sleep(HELD);
            refused + publish_at_once(&service.client())
        });
        refused += publish_at_once(&service.client());
        assert_eq!(
            refused,
            0,
            "of {} publications on `default`, beside a damaged webhook on `{platform}`",
            3 * PUBLISHERS * EVENTS
        );
        let own: Vec<usize> = (0..PUBLISHERS * EVENTS).collect();
        wait_for("every event arrives", WITHIN, || {
            let got = first_arrivals(&receiver.got());
            own.iter().all(|n| got.contains(n)).then_some(())
        });
        others_can_be_listed(&service, if platform == "default" { "third" } else { "default" });
    }
}

/// A receiver that takes one delivery and fails the next, late.
fn failing_later() -> Receiver {
    Receiver::start().conducting([Conduct::Answer(204), Conduct::AnswerAfter(HELD, 503)])
}

/// Does `act` while `tenant` publishes and rolls the damaged webhook, however that is answered.
fn beside<T>(tenant: &Client, damaged: &Webhook, act: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (client, done) = (tenant.clone(), &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                try_publish(&client, BEFORE);
                client.patch(&damaged.secret_path()).unchecked().send();
            }
        });
        let _end = AtTheEnd(done);
        act()
    })
}

/// Says that it is over, also when a test fails.
struct AtTheEnd<'flag>(&'flag AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Publishes from several threads; gives how many publications were not accepted.
fn publish_at_once(client: &Client) -> usize {
    thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let client = client.clone();
                let accepted = move |n| try_publish(&client, publisher * EVENTS + n).status == 202;
                scope.spawn(move || (0..EVENTS).filter(|n| !accepted(*n)).count())
            })
            .collect();
        let join = |publisher: thread::ScopedJoinHandle<'_, usize>| publisher.join().expect("it counts");
        publishers.into_iter().map(join).sum()
    })
}

/// A platform without the damaged webhook is listed and read as ever.
fn others_can_be_listed(service: &Service, platform: &str) {
    let client = service.client_of(platform, &["WEBHOOK.CREATE", "WEBHOOK.VIEW"]);
    let made = webhook_to(&client, &Receiver::start());
    let list = client.get("/v1/webhooks").send().expect_status(200).json();
    let listed = list["data"].as_array().expect("a list");
    assert!(listed.iter().any(|webhook| webhook["id"] == json!(made.id())));
    assert_eq!(get(&client, &made).id(), made.id());
}
