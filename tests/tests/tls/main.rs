//! TLS to receivers, end to end: what is believed, and of what is not, the cause in each place where an operator looks for it: the attempt,
//! `penalty_box_data`, the answers of `send-test` and `test-connection`, and one line of the log.

mod failures;
mod receivers;

use std::{collections::HashMap, fs, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with},
    on_each_database,
};

use crate::receivers::{Case, Receivers};

on_each_database!(
    every_cause_is_told_in_every_place,
    a_client_certificate_is_shown_where_one_is_demanded
);

/// For all of it, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend).with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

/// Writes `text` into a file that setting `name` names.
fn set_file(deployment: &mut Deployment, name: &str, text: &str) {
    let path = deployment.directory().join(name.to_lowercase());
    fs::write(&path, text).expect("a file can be written");
    deployment.set(name, &path.to_string_lossy());
}

/// The deliveries of one event to all webhooks, once each was tried.
fn deliveries(client: &Client, count: usize) -> HashMap<String, Value> {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    let event = client.post("/v1/events").json(&event).send().expect_status(202);
    let id = event.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/webhook-events?event_id={id}&limit=100");
    let tried = |delivery: &Value| delivery["attempts"][0].is_object();
    wait_for("each receiver is tried", PATIENCE, || {
        let found = client.get(&path).send().expect_status(200).json();
        let found = found["data"].as_array().expect("a list").clone();
        (found.len() == count && found.iter().all(tried)).then(|| {
            let by_webhook = |delivery: Value| {
                (
                    delivery["webhook_id"].as_str().unwrap_or_default().to_owned(),
                    delivery,
                )
            };
            found.into_iter().map(by_webhook).collect()
        })
    })
}

fn create(client: &Client, case: &Case) -> Webhook {
    create_with(client, json!({"url": case.url, "name": case.name}))
}

/// What `send-test` and `test-connection` answer.
fn probed(client: &Client, case: &Case, webhook: &Webhook) -> [Value; 2] {
    let test = client.post(&format!("{}/send-test", webhook.path()));
    let object = json!({"name": null, "reference": null, "url": case.url});
    let connection = client.post("/v1/webhooks/test-connection").json(&object);
    [test, connection].map(|request| request.send().expect_status(200).json())
}

fn every_cause_is_told_in_every_place(backend: Backend) {
    let mut deployment = deployment(backend);
    let receivers = Receivers::start(deployment.directory());
    set_file(&mut deployment, "WEBHOOK_RECEIVERS_CA_FILE", &receivers.trusted);
    let service = Service::start_on(deployment);
    let client = service.client();
    let cases = receivers.cases.iter().map(|case| (case, create(&client, case)));
    let cases: Vec<_> = cases.collect();
    assert!(cases.len() >= 30, "{}", cases.len());
    let deliveries = deliveries(&client, cases.len());
    let log = wait_for("the failures are in the log", PATIENCE, || {
        let log = service.server().output();
        let all = cases
            .iter()
            .all(|(case, webhook)| case.failure.is_none() || log.contains(webhook.id()));
        all.then_some(log)
    });
    for (case, webhook) in &cases {
        let name = case.name;
        let attempt = &deliveries[webhook.id()]["attempts"][0];
        let shown = client.get(&webhook.path()).send().expect_status(200).json();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(webhook.id())).collect();
        let answers = probed(&client, case, webhook);
        match case.failure {
            None => {
                assert_eq!(
                    (&attempt["cause"], &attempt["status_code"]),
                    (&Value::Null, &json!(204)),
                    "{name}"
                );
                assert_eq!(shown["penalty_box_data"], Value::Null, "{name}");
                let well = json!({"successful": true, "message": "the receiver answered 204", "response_body": null});
                assert_eq!(answers, [well.clone(), well], "{name}");
            }
            Some((cause, message)) => {
                assert_eq!(
                    (&attempt["cause"], &attempt["status_code"]),
                    (&json!(cause), &Value::Null),
                    "{name}"
                );
                assert_eq!(shown["penalty_box_data"]["cause"], cause, "{name}");
                let told = json!({"successful": false, "message": message, "response_body": null});
                assert_eq!(answers, [told.clone(), told], "{name}");
                let [line] = lines[..] else {
                    panic!("{name}: not one line: {lines:?}")
                };
                let sentence = format!("an attempt to deliver failed: {message}\"");
                assert!(line.contains(cause) && line.contains(&sentence), "{name}: {line}");
            }
        }
        if let Some(receiver) = &case.receiver {
            let expected = if case.failure.is_none() { 3 } else { 0 };
            assert_eq!(
                receiver.got().len(),
                expected,
                "{name}: what a receiver gets to read"
            );
        }
    }
}

fn a_client_certificate_is_shown_where_one_is_demanded(backend: Backend) {
    let mut deployment = deployment(backend);
    let receivers = Receivers::start(deployment.directory());
    set_file(&mut deployment, "WEBHOOK_RECEIVERS_CA_FILE", &receivers.trusted);
    show(&mut deployment, &receivers.stranger);
    let mut service = Service::start_on(deployment);
    let client = service.client();
    // Where none is demanded, one does no harm.
    let wanted = |case: &&Case| case.name.contains("client certificate") || case.name == "a good chain";
    let cases = receivers.cases.iter().filter(wanted);
    let cases: Vec<_> = cases.map(|case| (case, create(&client, case))).collect();
    assert_eq!(cases.len(), 3);
    for (case, webhook) in &cases {
        let is_taken = case.failure.is_none();
        for answer in probed(&client, case, webhook) {
            let told = answer["message"].as_str().expect("a sentence");
            assert_eq!(answer["successful"], is_taken, "{}: {told}", case.name);
            assert!(!told.contains("requires"), "{}: one was shown: {told}", case.name);
        }
    }
    service.take_server().stop();
    show(service.deployment_mut(), &receivers.client);
    service.start_again();
    let client = service.client();
    let deliveries = deliveries(&client, cases.len());
    for (case, webhook) in &cases {
        let attempt = &deliveries[webhook.id()]["attempts"][0];
        assert_eq!(attempt["status_code"], 204, "{}: {attempt}", case.name);
        for answer in probed(&client, case, webhook) {
            assert_eq!(answer["successful"], true, "{}: {answer}", case.name);
        }
    }
}

/// Has the service prove itself by this certificate and its key.
fn show(deployment: &mut Deployment, [certificate, key]: &[String; 2]) {
    set_file(deployment, "WEBHOOK_CLIENT_CERTIFICATE_FILE", certificate);
    set_file(deployment, "WEBHOOK_CLIENT_KEY_FILE", key);
}
