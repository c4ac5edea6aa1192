//! A client that was generated from the vendor's published description works: every answer fits it, every parameter in it is taken, and
//! what GET returned can be sent back, whatever has become of the webhook or the deployment meanwhile.
//!
//! The description itself is not here; [`facts`] says what it says.

mod facts;
mod sent_back;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{new_webhook, update, with},
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::facts::{ERROR, OPERATIONS, Operation, WEBHOOK, misfits};
use crate::sent_back::{
    what_get_returned_can_be_sent_back_after_the_deployment_has_changed,
    what_get_returned_can_be_sent_back_in_every_state,
};

on_each_database!(
    every_answer_fits_the_vendors_description,
    the_document_has_what_the_vendors_has,
    what_get_returned_can_be_sent_back_in_every_state,
    what_get_returned_can_be_sent_back_after_the_deployment_has_changed,
);

const NO_ONES: &str = "whk_01hv9k2m4rt6w8y0abcdefghjk";

/// Deliveries go to loopback, and retries wait for minutes.
pub(crate) fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

/// Publishes an event, and waits until the receiver of the only webhook that wants it has refused it.
#[track_caller]
pub(crate) fn fill_penalty_box(client: &Client, id: &str) -> Value {
    let event = json!({"type": "INVOICE.CREATED", "data": {"text": "ä\"\\"}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    wait_for(
        "the webhook is in the penalty box",
        Duration::from_secs(20),
        || {
            let webhook = client.get(&format!("/v1/webhooks/{id}")).send().json();
            (!webhook["penalty_box"].is_null()).then_some(webhook)
        },
    )
}

/// The vendor's operations on a service; what each was answered is held to the description.
struct Vendor {
    client: Client,
    /// Operations and statuses that were seen.
    seen: RefCell<BTreeSet<(&'static str, &'static str, u16)>>,
}

impl Vendor {
    fn with(&self, client: &Client) -> Self {
        Self {
            client: client.clone().and_header("x-platform-id", "default"),
            seen: RefCell::default(),
        }
    }

    /// What it does with `path`, whose id is `id`.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, id: &str, query: &str, body: Option<&Value>) -> Answer {
        let mut operations = OPERATIONS.iter();
        let operation = operations
            .find(|operation| (operation.method, operation.path) == (method, path))
            .expect("an operation of the vendor's");
        let uri = format!("{}{query}", path.replace("{resourceId}", id));
        let mut request = self.client.request(method, &uri);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send();
        check(operation, &answer);
        let seen = (operation.method, operation.path, answer.status);
        self.seen.borrow_mut().insert(seen);
        answer
    }
}

#[track_caller]
fn check(operation: &Operation, answer: &Answer) {
    let fields = match answer.status {
        status if status == operation.success => operation.answer,
        400.. => ERROR,
        status => panic!("{operation:?} was answered {status}"),
    };
    let content_type = answer.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("application/json"), "{content_type}");
    let found = misfits(&answer.json(), fields, "answer");
    assert_eq!(
        found, [""; 0],
        "{} {} {}",
        operation.method, operation.path, answer.status
    );
}

const ONE: &str = "/v1/webhooks/{resourceId}";
const SECRET_KEY: &str = "/v1/webhooks/{resourceId}/secret-key";
const FROM_PENALTY_BOX: &str = "/v1/webhooks/{resourceId}/send-penalty-box-payload";
const SEND_TEST: &str = "/v1/webhooks/{resourceId}/send-test";
const TEST_CONNECTION: &str = "/v1/webhooks/test-connection";

fn every_answer_fits_the_vendors_description(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let receiver =
        Receiver::start().conducting([Conduct::Answer(500), Conduct::Answer(204), Conduct::Answer(500)]);
    let vendor = Vendor {
        client: service.client().and_header("x-platform-id", "default"),
        seen: RefCell::default(),
    };
    let ask = |method, path, id: &str, body: Option<&Value>| vendor.ask(method, path, id, "", body);

    let blank = ask("POST", "/v1/webhooks", "", Some(&new_webhook()))
        .expect_status(201)
        .json();
    let blank = blank["id"].as_str().expect("an id").to_owned();
    ask("GET", ONE, &blank, None).expect_status(200);
    let full = json!({
        "object_type": "WEBHOOK", "name": "n", "reference": "r", "url": receiver.url(), "username": "u", "password": "p",
        "api_header_field": "X-Key", "api_key": "k", "included_actions": ["INVOICE.CREATED"], "excluded_actions": [], "active": true,
        "include_previous_data": true, "authentication_type": "API_KEY", "signing_protocol": "HmacSHA256",
    });
    let created = ask("POST", "/v1/webhooks", "", Some(&full))
        .expect_status(201)
        .json();
    let id = created["id"].as_str().expect("an id").to_owned();
    let absent: Vec<_> = WEBHOOK
        .iter()
        .filter(|field| created.get(field.name).is_none())
        .map(|field| field.name)
        .collect();
    assert_eq!(absent, ["password", "api_key"], "what no answer shows");

    let pages = "?limit=1&page=2&order_by=reference&order_direction=desc";
    vendor
        .ask("GET", "/v1/webhooks", "", pages, None)
        .expect_status(200);
    ask("GET", "/v1/webhooks", "", None).expect_status(200);
    let pages = "?limit=1&page=1&order_by=object_type&order_direction=asc";
    vendor
        .ask("GET", "/v1/webhooks/actions", "", pages, None)
        .expect_status(200);
    ask("GET", "/v1/webhooks/actions", "", None).expect_status(200);

    ask("PATCH", SECRET_KEY, &id, None).expect_status(200);
    ask("PATCH", SECRET_KEY, &id, Some(&update())).expect_status(200);
    let boxed = fill_penalty_box(&service.client(), &id);
    assert!(boxed["penalty_box_data"]["payload"].is_string(), "{boxed}");
    for (method, path, body) in [
        ("GET", ONE, None),
        ("GET", "/v1/webhooks", None),
        ("PATCH", ONE, Some(update())),
        ("PATCH", SECRET_KEY, None),
        ("PATCH", SECRET_KEY, Some(update())),
        ("DELETE", SECRET_KEY, None),
        // The receiver takes this one, so that the next still finds the box filled.
        ("POST", SEND_TEST, None),
    ] {
        ask(method, path, &id, body.as_ref()).expect_status(200);
    }
    let sent = ask("POST", FROM_PENALTY_BOX, &id, None).expect_status(200).json();
    assert_eq!(sent["successful"], false, "{sent}");
    let connection = with(new_webhook(), json!({"url": receiver.url()}));
    ask("POST", TEST_CONNECTION, "", Some(&connection)).expect_status(200);
    ask("DELETE", ONE, &id, None).expect_status(200);

    let twin = with(new_webhook(), json!({"reference": "twin"}));
    ask("POST", "/v1/webhooks", "", Some(&twin)).expect_status(201);
    ask("POST", "/v1/webhooks", "", Some(&twin)).expect_refusal(409, "RESOURCE_ALREADY_EXISTS");
    let other = with(update(), json!({"reference": "twin"}));
    ask("PATCH", ONE, &blank, Some(&other)).expect_refusal(409, "RESOURCE_ALREADY_EXISTS");
    let nowhere = with(new_webhook(), json!({"url": null}));
    let nowhere = ask("POST", "/v1/webhooks", "", Some(&nowhere))
        .expect_status(201)
        .json();
    let nowhere = nowhere["id"].as_str().expect("an id").to_owned();
    // Nothing was published since.
    let refused = ask("POST", FROM_PENALTY_BOX, &nowhere, None);
    refused.expect_refusal(409, "INVALID_OPERATION");
    ask("POST", SEND_TEST, &nowhere, None).expect_status(409);
    refusals(&service, &vendor, &blank);

    for operation in OPERATIONS {
        let seen = |status| {
            vendor
                .seen
                .borrow()
                .contains(&(operation.method, operation.path, status))
        };
        assert!(seen(operation.success), "{operation:?} was not seen to succeed");
        for status in operation.errors.iter().filter(|status| **status != 500) {
            assert!(seen(*status), "{operation:?} was not seen to answer {status}");
        }
    }
}

/// Every operation is refused: without a credential, without the permission, for another id, for a wrong request.
fn refusals(service: &Service, vendor: &Vendor, id: &str) {
    let stranger = vendor.with(&service.anonymous());
    let powerless = vendor.with(&service.client_of("default", &["EVENT.CREATE"]));
    for operation in OPERATIONS {
        let Operation { method, path, .. } = operation;
        let body = operation.takes_body.then(|| json!({"mystery": 1}));
        for (vendor, status, code) in [
            (&stranger, 401, "UNAUTHORISED"),
            (&powerless, 403, "USER_NOT_ALLOWED"),
        ] {
            let refused = vendor.ask(method, path, id, "", body.as_ref());
            refused.expect_refusal(status, code);
            vendor.seen.borrow_mut().insert((method, path, status));
        }
        vendor
            .ask(method, path, id, "?mystery=1", body.as_ref())
            .expect_status(400);
        if path.contains("{resourceId}") {
            let valid = operation.takes_body.then(update);
            vendor
                .ask(method, path, NO_ONES, "", valid.as_ref())
                .expect_refusal(404, "RESOURCE_NOT_FOUND");
            vendor
                .ask(method, path, "whk_1", "", valid.as_ref())
                .expect_refusal(400, "INVALID_ID");
        }
        if operation.takes_body {
            vendor
                .ask(method, path, id, "", body.as_ref())
                .expect_refusal(400, "INVALID_FIELD");
        }
    }
    let refused = [&stranger, &powerless].map(|other| other.seen.take());
    vendor.seen.borrow_mut().extend(refused.into_iter().flatten());
}

fn the_document_has_what_the_vendors_has(backend: Backend) {
    let service = Service::start(backend);
    let document = service.anonymous().get("/openapi.json").unchecked().send().json();
    for operation in OPERATIONS {
        let ours = &document["paths"][operation.path][operation.method.to_lowercase()];
        let parameters: BTreeSet<(&str, &str)> = ours["parameters"]
            .as_array()
            .unwrap_or_else(|| panic!("no {operation:?}"))
            .iter()
            .filter_map(|parameter| Some((parameter["in"].as_str()?, parameter["name"].as_str()?)))
            .collect();
        let mut wanted: Vec<_> = operation.query.iter().map(|name| ("query", *name)).collect();
        wanted.push(("header", "x-platform-id"));
        if operation.path.contains('{') {
            wanted.push(("path", "resourceId"));
        }
        for parameter in wanted {
            assert!(
                parameters.contains(&parameter),
                "{operation:?} has no {parameter:?}"
            );
        }
        assert_eq!(
            !ours["requestBody"].is_null(),
            operation.takes_body,
            "{operation:?}"
        );
        for status in operation.errors.iter().chain([&operation.success]) {
            let response = &ours["responses"][status.to_string()];
            assert!(response.is_object(), "{operation:?} has no {status}");
        }
    }
    let key = &document["components"]["securitySchemes"]["api_key"];
    assert_eq!(
        (&key["in"], &key["name"]),
        (&json!("header"), &json!("X-API-KEY"))
    );
    let types = &document["components"]["schemas"]["AuthenticationType"]["enum"];
    assert_eq!(types, &json!(facts::AUTHENTICATION_TYPES));
}
