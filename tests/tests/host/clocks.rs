//! Wall clocks that were wrong for a while. What they left behind is put right by the next roll.

use webhook_tests::{
    Backend, Client, Server, Service,
    clock::{instant, now},
    on_each_database,
    shifted_clock::ShiftedClock,
};

on_each_database!(a_previous_key_ends_as_promised_though_a_clock_was_ten_years_ahead);

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
