//! Events and probes at the command line, beside a running server: they go the way that those of the API go.

mod deliveries;
mod importing;
mod publishing;
mod webhooks;

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with},
    receiver::Receiver,
};

/// Soon, for what would otherwise be found by the scan of each minute.
const SOON: Duration = Duration::from_secs(10);

fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

fn service(backend: Backend) -> Service {
    Service::start_on(deployment(backend))
}

fn webhook_to(service: &Service, receiver: &Receiver) -> Webhook {
    create_with(&service.client(), json!({"url": receiver.url()}))
}

#[track_caller]
fn json_of(deployment: &Deployment, arguments: &[&str]) -> Value {
    let ended = deployment.run(&[arguments, &["--json"]].concat());
    serde_json::from_str(ended.expect_success()).expect("JSON alone")
}

const PUBLISH: [&str; 4] = ["event", "publish", "--type", "INVOICE.PAID"];

/// Publishes data on standard input, and gives the event's id.
#[track_caller]
fn publish(service: &Service, data: &str) -> String {
    let ended = service.deployment().run_with_input(&PUBLISH, data);
    ended.expect_success().to_owned()
}

#[track_caller]
fn delivery_of(service: &Service, event: &str) -> Value {
    let listed = json_of(service.deployment(), &["event", "list", "--event-id", event]);
    listed[0].clone()
}

#[track_caller]
fn becomes(service: &Service, event: &str, status: &str) -> Value {
    wait_for(&format!("{event} is {status}"), SOON, || {
        Some(delivery_of(service, event)).filter(|delivery| delivery["status"] == status)
    })
}
