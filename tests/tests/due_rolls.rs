//! Keys that are due for a roll, with two processes whose clock steps by a year.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Server, Service,
    clock::{instant, now, wait_for},
    fixtures::{create_with, get},
    on_each_database,
    receiver::Receiver,
    shifted_clock::ShiftedClock,
};

on_each_database!(a_key_that_is_due_is_rolled_once_by_whichever_process_and_whatever_clocks_do);

const PATIENCE: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

/// Two processes that go by one clock, which is so many seconds ahead. They look for what is due at their start.
fn serve(service: &Service, clock: &ShiftedClock, shift: i64) -> ([Server; 2], Client) {
    clock.shift(shift);
    let servers = [(); 2].map(|()| {
        let mut command = service.deployment().command(&[]);
        clock.show_to(&mut command);
        Server::start(command)
    });
    let client = Client::with_key(servers[0].address(), service.key());
    (servers, client)
}

fn a_key_that_is_due_is_rolled_once_by_whichever_process_and_whatever_clocks_do(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_SECRET_ROTATION_DAYS", "90");
    let mut service = Service::start_on(deployment);
    let (client, receiver) = (service.client(), Receiver::start());
    let of_ed25519 = json!({"signing_protocol": "Ed25519", "secret_rotates_automatically": true});
    let looked_up = create_with(&client, of_ed25519);
    let by_hand = create_with(&client, json!({"secret_rotates_automatically": true}));
    let hears = json!({"url": receiver.url(), "included_actions": ["WEBHOOK.SECRET_ROLLED", "WEBHOOK.SECRET_ROLL_DUE"],
        "secret_rotation_days": 730});
    create_with(&client, hears);
    let due_in = |client: &Client, path: &str, at: i64| {
        let json = client.get(path).send().expect_status(200).json();
        instant(&json["secret_roll_due_at"]) - at
    };
    let (looked_up_path, by_hand_path) = (looked_up.path(), by_hand.path());
    let about =
        |days: i64, due_in: i64| assert!((due_in - days * DAY).abs() < 120, "{due_in} s, not {days} days");
    about(90, due_in(&client, &looked_up_path, now()));
    service.take_server().stop();
    let clock = ShiftedClock::new(service.deployment().directory(), "stepping");
    let rolls = |client: &Client| -> Vec<Value> {
        let path = format!(
            "/v1/audit-records?resource_id={}&action=WEBHOOK.SECRET_ROLLED",
            looked_up.id()
        );
        let records = client.get(&path).send().expect_status(200).json();
        records["data"].as_array().expect("a list").clone()
    };
    let (servers, client) = serve(&service, &clock, YEAR);
    wait_for("the key is rolled", PATIENCE, || {
        (!rolls(&client).is_empty()).then_some(())
    });
    let told = receiver.wait_for(2);
    let mut told: Vec<_> = told
        .iter()
        .map(|delivered| {
            let event: Value = serde_json::from_slice(&delivered.body).expect("JSON");
            (event["type"].clone(), event["data"]["id"].clone())
        })
        .collect();
    told.sort_by_key(|(action, _)| action.to_string());
    let rolled = |action: &str, id: &str| (json!(action), json!(id));
    assert_eq!(
        told,
        [
            rolled("WEBHOOK.SECRET_ROLLED", looked_up.id()),
            rolled("WEBHOOK.SECRET_ROLL_DUE", by_hand.id())
        ]
    );
    let webhook = get(&client, &looked_up).json;
    assert_eq!(rolls(&client)[0]["credential"], "service:rotation");
    assert!(!webhook["previous_verification_key"].is_null(), "{webhook}");
    servers.into_iter().for_each(|server| drop(server.stop()));

    // The clock is right again: the key counts from now, and not from a year ahead.
    let (servers, client) = serve(&service, &clock, 0);
    wait_for("the key counts from now", PATIENCE, || {
        let shown = due_in(&client, &looked_up_path, now());
        ((shown - 90 * DAY).abs() < 120).then_some(())
    });
    let due = client
        .get("/v1/webhooks?roll_due=true")
        .send()
        .expect_status(200)
        .json();
    assert_eq!(due["data"], json!([]));
    servers.into_iter().for_each(|server| drop(server.stop()));

    // And ahead: by its own instant the key is a moment old, and the other was told of.
    let (servers, client) = serve(&service, &clock, YEAR + DAY);
    about(89, due_in(&client, &looked_up_path, now() + YEAR + DAY));
    let due = client
        .get("/v1/webhooks?roll_due=true")
        .send()
        .expect_status(200)
        .json();
    assert_eq!(due["data"][0]["id"], by_hand.id());
    assert_eq!(due["data"].as_array().map(Vec::len), Some(1));
    about(90 - 366, due_in(&client, &by_hand_path, now() + YEAR + DAY));
    servers.into_iter().for_each(|server| drop(server.stop()));
    let (_servers, client) = serve(&service, &clock, 2 * YEAR - 10 * DAY);
    wait_for("the key is rolled again", PATIENCE, || {
        (rolls(&client).len() > 1).then_some(())
    });
    receiver.wait_for(3);
    assert_eq!(rolls(&client).len(), 2);
    assert_eq!(receiver.got().len(), 3, "nothing was told twice");
}
