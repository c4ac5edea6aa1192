//! A platform with very many webhooks: what publishing costs there when they want something else, beside the same service before it
//! had them, and how long an event takes to be accepted that all of them want.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use webhook_tests::{Client, Deployment, Service, fixtures::new_webhook};

use crate::{
    deliveries::{ANY, PUBLISHERS},
    generator::drive,
    stock,
};

/// Measures with `count` webhooks on a deployment for each case, made by `deploy`.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, count: usize, seconds: Duration) {
    println!("\n| {count} webhooks that | events/s before | events/s with them | ratio |\n|---|---|---|---|");
    let cases = [
        (
            "name another action",
            json!({"included_actions": ["INVOICE.PAID"]}),
        ),
        ("take all but this action", json!({"excluded_actions": [ANY]})),
    ];
    for (case, lists) in cases {
        let service = Service::start_on(deploy());
        let client = service.client();
        rate(&client, Duration::from_millis(500));
        let before = rate(&client, seconds);
        fill(&client, count, &lists);
        rate(&client, Duration::from_millis(500));
        let with_them = rate(&client, seconds);
        println!(
            "| {case} | {before:.0} | {with_them:.0} | {:.2} |",
            with_them / before
        );
    }
    let service = Service::start_on(deploy());
    let client = service.client();
    fill(&client, count, &json!({}));
    let began = Instant::now();
    let event = json!({"type": ANY, "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    println!(
        "\nan event that all {count} want is accepted in {} ms",
        began.elapsed().as_millis()
    );
}

/// Creates webhooks to which nothing can be sent, with these lists.
fn fill(client: &Client, count: usize, lists: &Value) {
    let mut webhook = new_webhook();
    webhook["url"] = Value::Null;
    for (list, actions) in lists.as_object().into_iter().flatten() {
        webhook[list] = actions.clone();
    }
    stock::create(client, &webhook, count);
}

/// Events per second that are published.
fn rate(client: &Client, duration: Duration) -> f64 {
    let request = client
        .post("/v1/events")
        .json(&json!({"type": ANY, "data": {}}))
        .wire();
    let (ends, mut answers) = (Instant::now() + duration, 0_usize);
    let next = |buffer: &mut Vec<u8>| {
        if Instant::now() < ends {
            buffer.extend_from_slice(&request);
        }
    };
    drive(client.address(), PUBLISHERS, next, |_, _| answers += 1);
    answers as f64 / duration.as_secs_f64()
}
