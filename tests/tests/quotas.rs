//! What the operator lets each platform have, over the API and on the command line.

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    fixtures::{create_with, roll},
    on_each_database,
};

on_each_database!(
    the_api_and_the_command_line_are_held_to_the_quotas,
    an_event_that_does_not_fit_is_refused_and_a_roll_is_announced_all_the_same,
);

#[track_caller]
fn create(client: &Client, name: &str) -> Answer {
    let webhook = json!({"name": name, "reference": null, "url": "https://example.com/webhooks"});
    client
        .post("/v1/webhooks")
        .header("Idempotency-Key", name)
        .json(&webhook)
        .send()
}

#[track_caller]
fn expect_over(answer: &Answer, parts: &[&str]) {
    let message = answer.expect_refusal(409, "INVALID_OPERATION").message;
    for part in parts {
        assert!(message.contains(part), "{message}: {part}");
    }
}

fn the_api_and_the_command_line_are_held_to_the_quotas(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_WEBHOOKS_PER_PLATFORM", "2")
        .with("WEBHOOK_API_KEYS_PER_PLATFORM", "2");
    let service = Service::start_on(deployment);
    let client = service.client();
    create(&client, "first").expect_status(201);
    create(&client, "second").expect_status(201);
    expect_over(
        &create(&client, "third"),
        &["may have 2 (webhooks_per_platform)", "delete one"],
    );
    let again = create(&client, "second").expect_status(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let run = |arguments: &[&str]| service.deployment().run(arguments);
    let refused = run(&["webhook", "create", "--url", "https://example.com/webhooks"]);
    assert_eq!(refused.code(), 1);
    assert!(
        refused.output().contains("webhooks_per_platform"),
        "{}",
        refused.output()
    );
    run(&[
        "webhook",
        "create",
        "--platform",
        "other",
        "--url",
        "https://example.com/webhooks",
    ])
    .expect_success();

    let key = json!({"name": null, "permissions": ["WEBHOOK.VIEW"]});
    let make = || client.post("/v1/api-keys").json(&key).send();
    make().expect_status(201);
    expect_over(&make(), &["may have 2 (api_keys_per_platform)", "revoke one"]);
    let create_key = ["api-key", "create", "--permission", "WEBHOOK.VIEW", "--platform"];
    let refused = run(&[&create_key[..], &["default"]].concat());
    assert_eq!(refused.code(), 1);
    assert!(
        refused.output().contains("api_keys_per_platform"),
        "{}",
        refused.output()
    );
    for _ in 0..3 {
        run(&[&create_key[..], &["*"]].concat()).expect_success();
    }
}

fn an_event_that_does_not_fit_is_refused_and_a_roll_is_announced_all_the_same(backend: Backend) {
    let deployment = Deployment::new(backend).with("WEBHOOK_PENDING_EVENTS_PER_PLATFORM", "2");
    let service = Service::start_on(deployment);
    let client = service.client();
    // Nothing is sent to a webhook without a url, so what is published waits.
    let takes = create_with(&client, json!({"url": null}));
    create_with(
        &client,
        json!({"url": null, "included_actions": ["WEBHOOK.UPDATED"]}),
    );
    let publish = || {
        client
            .post("/v1/events")
            .json(&json!({"type": "INVOICE.CREATED", "data": {}}))
            .send()
    };
    publish().expect_status(202);
    publish().expect_status(202);
    expect_over(
        &publish(),
        &["has 2 pending events", "may have 2 (pending_events_per_platform)"],
    );
    roll(&client, &takes);
    let events = client
        .get("/v1/webhook-events?status=PENDING")
        .send()
        .expect_status(200)
        .json();
    let types = |events: &Value| -> Vec<String> {
        let listed = events["data"].as_array().into_iter().flatten();
        listed
            .map(|event| event["type"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(
        types(&events),
        ["WEBHOOK.UPDATED", "INVOICE.CREATED", "INVOICE.CREATED"]
    );
    client.delete(&takes.path()).send().expect_status(200);
    publish().expect_status(202);
}
