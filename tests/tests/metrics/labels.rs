//! No label holds what a client has chosen: neither a path, nor a method, nor a webhook or a platform.

use serde_json::json;
use webhook_tests::{
    Backend, Service,
    fixtures::create_with,
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::scrape::{deployment, scrape, wait_until};

on_each_database!(
    paths_and_methods_of_a_clients_own_make_no_new_series,
    no_series_names_a_webhook_a_platform_a_host_or_a_status_of_a_receiver
);

fn paths_and_methods_of_a_clients_own_make_no_new_series(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let send = |from: usize| {
        for number in from..from + 20 {
            for path in [
                format!("/.env{number}"),
                format!("/v1/nothing/{number}"),
                format!("/v{number}/webhooks"),
                format!("/v1/webhooks/whk_{number}"),
                format!("/v1/webhooks?number={number}"),
                format!("/docs/{number}.js"),
                format!("/metrics/{number}"),
            ] {
                client.get(&path).send();
                client.request(&format!("MINE{number}"), &path).send();
            }
        }
    };
    send(2);
    let before = wait_until(&service, "the database was counted", |scrape| {
        scrape.find("webhook_keys", &[("state", "current")]).is_some()
    });
    send(100);
    let after = scrape(service.server());
    let new: Vec<&str> = after
        .series()
        .filter(|series| !before.series().any(|known| known == *series))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
    let other = [
        ("http_request_method", "_OTHER"),
        ("http_route", "_OTHER"),
        ("http_response_status_code", "404"),
    ];
    let count = after.value("http_server_request_duration_seconds_count", &other);
    assert!(count >= 100.0, "{count}");
    let parts_of_the_page = [
        ("http_request_method", "GET"),
        ("http_route", "/docs/{*file}"),
        ("http_response_status_code", "404"),
    ];
    let count = after.value("http_server_request_duration_seconds_count", &parts_of_the_page);
    assert!(count >= 20.0, "{count}");
}

fn no_series_names_a_webhook_a_platform_a_host_or_a_status_of_a_receiver(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client_of("tenant-of-note", &["WEBHOOK.CREATE", "EVENT.CREATE"]);
    let odd = (0..30).map(|number| Conduct::Answer(700 + number));
    let receiver = Receiver::start().conducting(odd);
    let webhook = create_with(&client, json!({"url": receiver.url(), "name": "name-of-note"}));
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    let counted = wait_until(&service, "an attempt has failed", |scrape| {
        scrape.find("webhook_deliveries_total", &[("outcome", "retried")]) == Some(1.0)
    });
    let of_note = [
        webhook.id(),
        "tenant-of-note",
        "name-of-note",
        "127.0.0.1",
        "INVOICE",
        "\"700\"",
    ];
    for series in counted.series() {
        assert!(!of_note.iter().any(|note| series.contains(note)), "{series}");
    }
}
