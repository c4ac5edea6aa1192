//! Wall clocks that were wrong for a while. What they left behind is put right by the next roll.

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Server, Service,
    clock::{instant, now, wait_for},
    fixtures, on_each_database,
    receiver::Receiver,
    shifted_clock::ShiftedClock,
};

use super::process::PATIENCE;

on_each_database!(
    a_previous_key_ends_as_promised_though_a_clock_was_ten_years_ahead,
    an_api_key_expires_as_promised_though_a_clock_was_ten_years_ahead,
    an_answer_is_given_for_two_days_though_a_clock_was_ten_years_ahead,
    an_event_is_kept_as_long_as_set_though_a_clock_was_ten_years_ahead,
    audit_records_come_newest_first_though_a_clock_was_set_back,
);

const TEN_YEARS: i64 = 10 * 365 * 24 * 60 * 60;

fn a_previous_key_ends_as_promised_though_a_clock_was_ten_years_ahead(backend: Backend) {
    let mut service = Service::start(backend);
    let webhook = service
        .client()
        .post("/v1/webhooks")
        .json(&serde_json::json!({
            "name": "clock", "reference": null, "url": "https://example.com/webhooks"
        }))
        .send()
        .expect_status(201)
        .json();
    let path = format!(
        "/v1/webhooks/{}/secret-key",
        webhook["id"].as_str().expect("an id")
    );
    service.take_server().stop();
    let clock = ShiftedClock::new(service.deployment().directory(), "wrong");
    clock.shift(TEN_YEARS);
    let mut command = service.deployment().command(&[]);
    clock.show_to(&mut command);
    let server = Server::start(command);
    let client = Client::with_key(server.address(), service.key());
    let rolled = client.patch(&path).send().expect_status(200).json();
    assert!(instant(&rolled["previous_secret_expires_at"]) > now() + TEN_YEARS);
    clock.shift(0);
    let query = format!("{path}?previous_secret_expires_in=60");
    let rolled = client.patch(&query).send().expect_status(200).json();
    let ends_in = instant(&rolled["previous_secret_expires_at"]) - now();
    assert!(
        (0..=61).contains(&ends_in),
        "the previous key signs for {ends_in} s"
    );
}

/// A service whose clock is ten years ahead, and that clock.
fn ten_years_ahead(service: &mut Service) -> ShiftedClock {
    service.take_server().stop();
    let clock = ShiftedClock::new(service.deployment().directory(), "wrong");
    clock.shift(TEN_YEARS);
    clock
}

fn serve(service: &Service, clock: &ShiftedClock) -> (Server, Client) {
    let mut command = service.deployment().command(&[]);
    clock.show_to(&mut command);
    let server = Server::start(command);
    let client = Client::with_key(server.address(), service.key());
    (server, client)
}

fn an_api_key_expires_as_promised_though_a_clock_was_ten_years_ahead(backend: Backend) {
    let mut service = Service::start(backend);
    let clock = ten_years_ahead(&mut service);
    let (server, client) = serve(&service, &clock);
    let make = |seconds: u32| {
        let key = json!({"name": null, "permissions": ["WEBHOOK.VIEW"], "expires_in": seconds});
        client
            .post("/v1/api-keys")
            .json(&key)
            .send()
            .expect_status(201)
            .json()
    };
    let (brief, long) = (make(5), make(3_600));
    server.stop();
    // The clock is right again. What it has left behind is put right by the first upkeep.
    clock.shift(0);
    let (server, client) = serve(&service, &clock);
    let text = |key: &Value| key["api_key"].as_str().expect("the text of the key").to_owned();
    let brief = Client::with_key(server.address(), &text(&brief));
    wait_for("the key expires", PATIENCE, || {
        (brief.get("/v1/webhooks").send().status == 401).then_some(())
    });
    let listed = client.get("/v1/api-keys").send().expect_status(200).json();
    let id = &long["id"];
    let key = listed["data"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|key| key["id"] == *id);
    let left = instant(&key.expect("the key is listed")["expires_at"]) - now();
    assert!((3_500..=3_601).contains(&left), "{left} s are left");
    let long = Client::with_key(server.address(), &text(&long));
    long.get("/v1/webhooks").send().expect_status(200);
}

fn an_answer_is_given_for_two_days_though_a_clock_was_ten_years_ahead(backend: Backend) {
    let mut service = Service::start(backend);
    let webhook = fixtures::create(&service.client());
    let clock = ten_years_ahead(&mut service);
    let roll = |client: &Client| {
        let path = format!("{}/secret-key", webhook.path());
        let answer = client
            .patch(&path)
            .header("Idempotency-Key", "once")
            .send()
            .expect_status(200);
        (
            answer.header("idempotent-replayed").is_some(),
            answer.json()["secret_key"].clone(),
        )
    };
    let (server, client) = serve(&service, &clock);
    let (was_replayed, first) = roll(&client);
    assert!(!was_replayed);
    server.stop();
    clock.shift(0);
    let (_server, client) = serve(&service, &clock);
    assert_eq!(roll(&client), (true, first.clone()), "it is the same request");
    let two_days = 48 * 60 * 60;
    wait_for("the answer is given no more", PATIENCE, || {
        // A replay stores nothing, so it may be asked for again and again.
        clock.shift(two_days + 300);
        let (was_replayed, key) = roll(&client);
        clock.shift(0);
        (!was_replayed && key != first).then_some(())
    });
}

fn an_event_is_kept_as_long_as_set_though_a_clock_was_ten_years_ahead(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_EVENT_RETENTION", "1")
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let mut service = Service::start_on(deployment);
    let receiver = Receiver::start();
    fixtures::create_with(&service.client(), json!({"url": receiver.url()}));
    let clock = ten_years_ahead(&mut service);
    let (server, client) = serve(&service, &clock);
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    receiver.wait_for(1);
    server.stop();
    clock.shift(0);
    let (server, client) = serve(&service, &clock);
    let events =
        |client: &Client| client.get("/v1/webhook-events").send().expect_status(200).json()["data"].clone();
    let id = events(&client)[0]["id"].as_str().expect("an event").to_owned();
    wait_for("the event is brought back", PATIENCE, || {
        let event = client
            .get(&format!("/v1/webhook-events/{id}"))
            .send()
            .expect_status(200)
            .json();
        (instant(&event["payload"]["created_at"]) < now() + 60).then_some(())
    });
    server.stop();
    clock.shift(25 * 60 * 60);
    let (_server, client) = serve(&service, &clock);
    wait_for("the event is forgotten", PATIENCE, || {
        (events(&client) == json!([])).then_some(())
    });
}

fn audit_records_come_newest_first_though_a_clock_was_set_back(backend: Backend) {
    let mut service = Service::start(backend);
    let clock = ten_years_ahead(&mut service);
    let (_server, client) = serve(&service, &clock);
    let webhook = fixtures::create(&client);
    let mut rolled = vec![webhook.id().to_owned()];
    for shift in [TEN_YEARS, 0, 7_200, 3_600, 3_600] {
        clock.shift(shift);
        rolled.insert(0, fixtures::create(&client).id().to_owned());
    }
    let mut listed = Vec::new();
    let mut next = Some("/v1/audit-records?action=WEBHOOK.CREATED&limit=2".to_owned());
    while let Some(path) = next {
        let page = client.get(&path).send().expect_status(200).json();
        let records = page["data"].as_array().into_iter().flatten();
        listed.extend(records.map(|record| record["resource_id"].as_str().unwrap_or_default().to_owned()));
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(listed, rolled);
}
