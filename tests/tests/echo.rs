//! Receivers that repeat all that they were sent, in a failed answer: nothing of it that is secret is shown, stored or logged.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, roll},
    leaks::{Searcher, Secret},
    on_each_database,
    receiver::{Conduct, Delivered, Receiver, Spelling},
};

on_each_database!(a_receiver_that_repeats_all_that_it_was_sent_gives_nothing_away);

const PASSWORD: &str = "Kp/+&=?%<>':;@,7a19c2e";
const API_KEY: &str = "Zq7a1d94c20be55f1";
const CUSTOM: &str = "Vt/ {\"of\"}: 7a1&5e <0c> 93'f";
const TOKEN: &str = "Wb7a1.c0ffee-19_d4=";

/// What a delivery told its receiver and nobody else may read.
fn secrets_of(delivered: &Delivered) -> Vec<Secret> {
    let header = |name: &str| delivered.headers.get(name).cloned().unwrap_or_default();
    let signatures = [header("x-payload-signature"), header("webhook-signature")].join(",");
    let signatures = signatures
        .split([',', ' '])
        .map(|part| part.trim_start_matches("v1=").trim_end_matches('='))
        .filter(|part| part.len() > 20)
        .map(|part| Secret::new("a signature", part));
    let basic = header("authorization");
    let basic = basic
        .strip_prefix("Basic ")
        .map(|pair| Secret::new("the credentials of Basic", pair));
    signatures.chain(basic).collect()
}

fn a_receiver_that_repeats_all_that_it_was_sent_gives_nothing_away(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_LOG", "trace");
    let service = Service::start_on(deployment);
    let client = service.client();
    let mut secrets = vec![
        Secret::new("the password", PASSWORD),
        Secret::new("the receiver's API key", API_KEY),
        Secret::new("the value of a custom header", CUSTOM),
        Secret::new("the token in a custom header", TOKEN),
    ];
    let mut answers: Vec<(String, String)> = Vec::new();
    for spelling in Spelling::ALL {
        for credentials in [
            json!({"authentication_type": "PASSWORD", "username": "alice", "password": PASSWORD}),
            json!({"authentication_type": "API_KEY", "api_header_field": "X-Auth-Token", "api_key": API_KEY}),
            json!({"custom_headers": {"X-Auth-Custom": CUSTOM, "Authorization": format!("Bearer {TOKEN}")}}),
        ] {
            let receiver = Receiver::start().conducting(vec![Conduct::Echo(spelling); 4]);
            let mut changes = credentials;
            changes["url"] = receiver.url().into();
            changes["included_actions"] = json!(["INVOICE.CREATED"]);
            let created = create_with(&client, changes.clone());
            let rolled = roll(&client, &created);
            for key in [created.secret(), rolled.secret()] {
                secrets.extend(Secret::key("a signing secret", "whsec_", &key));
            }
            let mut keep = |place: &str, json: Value| {
                answers.push((format!("{place} ({spelling:?})"), json.to_string()));
            };
            let kept = |json: &Value| {
                let text = json["response_body"]
                    .as_str()
                    .unwrap_or_else(|| panic!("no echo: {json}"));
                assert!(text.contains("[redacted]"), "{spelling:?}: {text}");
            };
            let probe = |path: &str| {
                client
                    .post(&format!("{}/{path}", created.path()))
                    .send()
                    .expect_status(200)
            };

            let tested = probe("send-test").json();
            kept(&tested);
            keep("send-test", tested);
            let event = json!({"type": "INVOICE.CREATED", "data": 1});
            client.post("/v1/events").json(&event).send().expect_status(202);
            let tried = wait_for("the delivery is tried", Duration::from_secs(20), || {
                let list = client
                    .get(&format!("/v1/webhook-events?webhook_id={}", created.id()))
                    .send()
                    .json();
                let tried = list["data"][0]["attempts"]
                    .as_array()
                    .is_some_and(|tries| !tries.is_empty());
                tried.then(|| list.clone())
            });
            let one = format!(
                "/v1/webhook-events/{}",
                tried["data"][0]["id"].as_str().expect("an id")
            );
            keep("the list of events", tried);
            let again = probe("send-penalty-box-payload").json();
            kept(&again);
            keep("send-penalty-box-payload", again);
            let event = client.get(&one).send().expect_status(200).json();
            for attempt in event["attempts"].as_array().expect("attempts") {
                kept(attempt);
            }
            keep("the event", event);
            let mut object = changes;
            object["name"] = Value::Null;
            object["reference"] = Value::Null;
            let tested = client
                .post("/v1/webhooks/test-connection")
                .json(&object)
                .send()
                .expect_status(200)
                .json();
            kept(&tested);
            keep("test-connection", tested);
            let mut webhook = Webhook::of(&client.get(&created.path()).send()).json;
            for field in ["secret_key", "previous_secret_key"] {
                webhook[field] = Value::Null;
            }
            keep("the webhook", webhook);
            let got = receiver.wait_for(4);
            secrets.extend(got.iter().flat_map(secrets_of));
            client.delete(&created.path()).send().expect_status(200);
        }
    }
    let searcher = Searcher::new(secrets);
    answers.push(("the log".to_owned(), service.server().output()));
    let hits: Vec<_> = answers
        .iter()
        .flat_map(|(place, text)| searcher.search(place, text.as_bytes()))
        .map(|hit| format!("{hit:?}"))
        .collect();
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
}
