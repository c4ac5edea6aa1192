//! Texts that PostgreSQL cannot keep and SQLite can: both databases get the same answers.

use serde_json::json;
use webhook_tests::{
    Backend, Deployment, Service, fixtures::create_with, on_each_database, receiver::Receiver,
};

on_each_database!(
    a_nul_in_a_field_is_refused_and_the_field_named,
    a_nul_in_a_parameter_is_refused_and_the_parameter_named,
    the_data_of_an_event_may_hold_any_text,
);

fn a_nul_in_a_field_is_refused_and_the_field_named(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    for (field, value) in [
        ("name", json!("a\u{0}b")),
        ("reference", json!("a\u{0}b")),
        ("username", json!("a\u{0}b")),
        ("password", json!("a\u{0}b")),
        ("api_header_field", json!("a\u{0}b")),
        ("api_key", json!("a\u{0}b")),
        ("url", json!("https://example.com/\u{0}")),
        ("included_actions", json!(["INVOICE.\u{0}"])),
    ] {
        let mut body = json!({"name": null, "reference": null, "url": null});
        body[field] = value;
        let answer = client.post("/v1/webhooks").json(&body).send();
        let refused = answer.json();
        assert_eq!(answer.status, 400, "{field}: {}", answer.shown());
        assert!(refused["field"].as_str().unwrap().starts_with(field), "{refused}");
    }
    let key = json!({"name": "a\u{0}b", "permissions": ["WEBHOOK.VIEW"]});
    let answer = client.post("/v1/api-keys").json(&key).send();
    assert_eq!(
        (answer.status, answer.json()["field"].as_str()),
        (400, Some("name"))
    );
    for (field, value) in [("type", "INVOICE.\u{0}"), ("original_request_id", "a\u{0}b")] {
        let mut event = json!({"type": "INVOICE.CREATED", "data": {}});
        event[field] = json!(value);
        let answer = client.post("/v1/events").json(&event).send();
        assert_eq!(
            (answer.status, answer.json()["field"].as_str()),
            (400, Some(field))
        );
    }
}

fn a_nul_in_a_parameter_is_refused_and_the_parameter_named(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    for (path, parameter) in [
        ("/v1/audit-records", "resource_id"),
        ("/v1/audit-records", "after"),
        ("/v1/webhook-events", "webhook_id"),
        ("/v1/webhook-events", "event_id"),
        ("/v1/webhook-events", "type"),
        ("/v1/webhook-events", "after"),
        ("/v1/webhooks", "order_by"),
        ("/v1/webhooks", "after"),
        ("/v1/api-keys", "after"),
    ] {
        let answer = client.get(&format!("{path}?{parameter}=%00")).send();
        assert_eq!(answer.status, 400, "{path} {parameter}: {}", answer.shown());
        assert_eq!(answer.json()["field"], parameter, "{path}");
    }
}

fn the_data_of_an_event_may_hold_any_text(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let service = Service::start_on(deployment);
    let client = service.client();
    let receiver = Receiver::start();
    let name = "🚀 Ünïcode \u{10ffff}";
    let webhook = create_with(&client, json!({"name": name, "url": receiver.url()}));
    assert_eq!(client.get(&webhook.path()).send().json()["name"], name);
    let data = r#"{"text":"a\u0000b 🚀 \u00e9","\u0000":null}"#;
    let event = format!(r#"{{"type":"INVOICE.CREATED","data":{data},"previous_data":{data}}}"#);
    client
        .post("/v1/events")
        .json_text(&event)
        .send()
        .expect_status(202);
    let delivered = receiver.wait_for(1);
    let body = String::from_utf8(delivered[0].body.clone()).unwrap();
    assert!(body.contains(data), "{body}");
}
