//! What GET returned can be sent back: to PATCH it changes nothing, with a roll it rolls and changes nothing else.

use std::fs;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{create_with, roll_with, update, with},
    receiver::{Conduct, Receiver},
};

use crate::facts::WEBHOOK;
use crate::{deployment, fill_penalty_box};

/// What a roll or the time changes.
const OF_THE_SERVER: [&str; 10] = [
    "secret_key",
    "previous_secret_key",
    "previous_signing_protocol",
    "previous_secret_expires_at",
    "secret_rolled_at",
    "secret_adoption",
    "previous_secret_held",
    "penalty_box",
    "penalty_box_data",
    "updated_at",
];

fn settings(webhook: &Value) -> Value {
    let mut settings = webhook.clone();
    let fields = settings.as_object_mut().expect("a webhook is an object");
    fields.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
    settings
}

/// What a client that was generated from the vendor's description has read: the fields that it knows. Those that were not in the answer
/// are left out.
fn as_the_vendor_knows_it(webhook: &Value) -> Value {
    let mut known = webhook.clone();
    let fields = known.as_object_mut().expect("a webhook is an object");
    fields.retain(|name, _| WEBHOOK.iter().any(|field| field.name == name));
    known
}

/// Sends back what GET returns now, whole and as the vendor's client knows it.
#[track_caller]
fn can_be_sent_back(client: &Client, id: &str, state: &str) {
    let path = format!("/v1/webhooks/{id}");
    let read = client.get(&path).send().expect_status(200).json();
    for body in [&read, &as_the_vendor_knows_it(&read)] {
        for to in [path.clone(), format!("{path}/secret-key")] {
            let answer = client.patch(&to).json(body).send();
            assert_eq!(answer.status, 200, "{state}: PATCH {to}: {}", answer.text());
            assert_eq!(settings(&answer.json()), settings(&read), "{state}: PATCH {to}");
        }
        // So that the next roll is not the sixth within the window.
        roll_with(
            client,
            &webhook_of(client, &path),
            json!({"previous_secret_expires_in": 0}),
        );
        client.patch(&path).json(&read).send().expect_status(200);
    }
}

fn webhook_of(client: &Client, path: &str) -> webhook_tests::fixtures::Webhook {
    webhook_tests::fixtures::Webhook::of(&client.get(path).send())
}

pub(crate) fn what_get_returned_can_be_sent_back_in_every_state(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let receiver = Receiver::start().conducting([Conduct::Answer(500)]);
    let webhook = create_with(
        &client,
        json!({"url": receiver.url(), "reference": "r", "included_actions": ["INVOICE.CREATED"]}),
    );
    let (id, path) = (webhook.id(), webhook.path());
    can_be_sent_back(&client, id, "as it was created");

    for credentials in [
        json!({"authentication_type": "PASSWORD", "username": "u", "password": "p"}),
        json!({"authentication_type": "API_KEY", "api_header_field": "X-Key", "api_key": "k"}),
        json!({"authentication_type": "API_KEY", "custom_headers": {"X-Tenant": "t", "x_b": "u", "Authorization": "Bearer v"}}),
        json!({"authentication_type": "NONE", "custom_headers": {"X-Tenant": null}}),
        json!({"custom_headers": {}}),
        json!({"custom_headers": {"X-Tenant": "t", "x_b": "u"}}),
    ] {
        let change = with(update(), credentials.clone());
        client.patch(&path).json(&change).send().expect_status(200);
        can_be_sent_back(&client, id, &credentials.to_string());
    }
    client.delete(&webhook.secret_path()).send().expect_status(200);
    let read = client.get(&path).send().json();
    assert!(read["secret_key"].is_null());
    client.patch(&path).json(&read).send().expect_status(200);
    can_be_sent_back(&client, id, "without a secret");

    let boxed = fill_penalty_box(&client, id);
    assert!(boxed["penalty_box_data"]["payload"].is_string());
    can_be_sent_back(&client, id, "in the penalty box");
    // Whoever may not see events reads it without the payload.
    let administrator = service.client_of("default", &["WEBHOOK.VIEW", "WEBHOOK.UPDATE"]);
    can_be_sent_back(&administrator, id, "in the penalty box, without the payload");

    client
        .patch(&path)
        .json(&with(update(), json!({"active": false})))
        .send()
        .expect_status(200);
    can_be_sent_back(&client, id, "inactive");
}

pub(crate) fn what_get_returned_can_be_sent_back_after_the_deployment_has_changed(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let catalogue = service.deployment().directory().join("actions");
    fs::write(&catalogue, "OLD.GONE\nOLD.LOST\nINVOICE.CREATED\n").expect("the catalogue is written");
    let place = catalogue.to_str().expect("a path is UTF-8").to_owned();
    service.deployment_mut().set("WEBHOOK_ACTIONS_FILE", &place);
    service.kill();
    service.start_again();
    let receiver = Receiver::start().conducting([Conduct::Answer(500)]);
    let lists =
        json!({"included_actions": ["OLD.GONE", "INVOICE.CREATED"], "excluded_actions": ["OLD.LOST"]});
    let webhook = create_with(&service.client(), with(json!({"url": receiver.url()}), lists));
    fill_penalty_box(&service.client(), webhook.id());
    can_be_sent_back(&service.client(), webhook.id(), "before anything changed");

    for (setting, value) in [
        ("WEBHOOK_ACTIONS_FILE", ""),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.0.0.0/8"),
        ("WEBHOOK_ALLOW_HTTP", "false"),
    ] {
        match setting {
            "WEBHOOK_ACTIONS_FILE" => {
                fs::write(&catalogue, "INVOICE.CREATED\n").expect("the catalogue is written")
            }
            _ => service.deployment_mut().set(setting, value),
        }
        service.kill();
        service.start_again();
        can_be_sent_back(
            &service.client(),
            webhook.id(),
            &format!("after {setting} has changed"),
        );
    }
    // The same is refused as something new.
    let client = service.client();
    let read = client.get(&webhook.path()).send().expect_status(200).json();
    let refused = client
        .post("/v1/webhooks")
        .json(&with(read, json!({"reference": null})))
        .send();
    refused.expect_refusal(400, "INVALID_FIELD");
}
