//! The endpoints: what each needs, what it is asked with, and what it may be spent on.

use serde_json::{Value, json};
use webhook_tests::{Client, Service, fixtures, service::ALL_PERMISSIONS};

use crate::credentials::{Kind, id_of};

/// What an endpoint's path names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    None,
    Webhook,
    ApiKey,
    WebhookEvent,
}

/// A row of the matrix.
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) permission: &'static str,
    pub(crate) target: Target,
    pub(crate) success: u16,
}

const fn row(
    method: &'static str,
    path: &'static str,
    permission: &'static str,
    target: Target,
    success: u16,
) -> Endpoint {
    Endpoint {
        method,
        path,
        permission,
        target,
        success,
    }
}

const CHECK: &str = "/v1/webhooks/{id}/secret-key/check";

pub(crate) const ENDPOINTS: [Endpoint; 21] = [
    row("POST", "/v1/webhooks", "WEBHOOK.CREATE", Target::None, 201),
    row("GET", "/v1/webhooks", "WEBHOOK.VIEW", Target::None, 200),
    row("GET", "/v1/webhooks/{id}", "WEBHOOK.VIEW", Target::Webhook, 200),
    row(
        "PATCH",
        "/v1/webhooks/{id}",
        "WEBHOOK.UPDATE",
        Target::Webhook,
        200,
    ),
    row(
        "DELETE",
        "/v1/webhooks/{id}",
        "WEBHOOK.DELETE",
        Target::Webhook,
        200,
    ),
    row(
        "PATCH",
        "/v1/webhooks/{id}/secret-key",
        "WEBHOOK.UPDATE",
        Target::Webhook,
        200,
    ),
    row(
        "DELETE",
        "/v1/webhooks/{id}/secret-key",
        "WEBHOOK.UPDATE",
        Target::Webhook,
        200,
    ),
    // One that was never rolled: that is refused to those alone who may ask.
    row(
        "POST",
        "/v1/webhooks/{id}/secret-key/restore",
        "WEBHOOK.UPDATE",
        Target::Webhook,
        409,
    ),
    // One without a url: that is refused to those alone who may ask.
    row("POST", CHECK, "WEBHOOK.UPDATE", Target::Webhook, 409),
    row(
        "POST",
        "/v1/webhooks/{id}/send-test",
        "WEBHOOK.UPDATE",
        Target::Webhook,
        200,
    ),
    // One that is not in the penalty box: that is refused to those alone who may ask.
    row(
        "POST",
        "/v1/webhooks/{id}/send-penalty-box-payload",
        "WEBHOOK.UPDATE",
        Target::Webhook,
        409,
    ),
    row(
        "POST",
        "/v1/webhooks/test-connection",
        "WEBHOOK.CREATE",
        Target::None,
        200,
    ),
    row("GET", "/v1/webhooks/actions", "WEBHOOK.VIEW", Target::None, 200),
    row("GET", "/v1/api-keys", "API_KEY.VIEW", Target::None, 200),
    row("POST", "/v1/api-keys", "API_KEY.CREATE", Target::None, 201),
    row(
        "DELETE",
        "/v1/api-keys/{id}",
        "API_KEY.DELETE",
        Target::ApiKey,
        200,
    ),
    row("POST", "/v1/events", "EVENT.CREATE", Target::None, 202),
    row(
        "GET",
        "/v1/webhook-events",
        "WEBHOOK_EVENT.VIEW",
        Target::None,
        200,
    ),
    row(
        "GET",
        "/v1/webhook-events/{id}",
        "WEBHOOK_EVENT.VIEW",
        Target::WebhookEvent,
        200,
    ),
    // What waits is not sent again: that is refused to those alone who may ask.
    row(
        "POST",
        "/v1/webhook-events/{id}/resend",
        "WEBHOOK_EVENT.RESEND",
        Target::WebhookEvent,
        409,
    ),
    row("GET", "/v1/audit-records", "AUDIT_RECORD.VIEW", Target::None, 200),
];

impl Endpoint {
    /// A body that is right, where there must be one.
    pub(crate) fn body(&self) -> Option<Value> {
        match (self.method, self.path) {
            ("POST", "/v1/webhooks") => Some(fixtures::new_webhook()),
            ("POST", "/v1/webhooks/test-connection") => Some(to_this_machine()),
            ("POST", "/v1/api-keys") => Some(json!({"permissions": ["API_KEY.CREATE"]})),
            ("POST", "/v1/events") => Some(event()),
            ("PATCH", "/v1/webhooks/{id}") => Some(fixtures::update()),
            ("PATCH", _) => Some(json!({
                "active": true,
                "include_previous_data": false,
                "authentication_type": "NONE",
                "previous_secret_expires_in": 0
            })),
            _ => None,
        }
    }

    /// An id of the right kind that nobody has.
    pub(crate) fn unknown(&self) -> &'static str {
        match self.target {
            Target::ApiKey => "key_01arz3ndektsv4rrffq69g5fav",
            Target::WebhookEvent => "whe_01arz3ndektsv4rrffq69g5fav",
            _ => "whk_01arz3ndektsv4rrffq69g5fav",
        }
    }

    /// Whether a caller with this kind of credential is shown the secret in an answer of success; none where the
    /// answer has no secret to show.
    pub(crate) fn shows_secret(&self, kind: Kind) -> Option<bool> {
        match (self.method, self.path) {
            ("POST", "/v1/webhooks") | ("PATCH", "/v1/webhooks/{id}/secret-key") => Some(true),
            ("PATCH" | "DELETE", "/v1/webhooks/{id}") => Some(false),
            ("GET", "/v1/webhooks/{id}") => {
                let may_reveal = matches!(kind, Kind::Lacking(missing) if missing != "WEBHOOK.REVEAL");
                Some(may_reveal)
            }
            _ => None,
        }
    }
}

/// A webhook to where nothing is sent, and nobody is asked for an address, and that none of the events here is for.
fn to_this_machine() -> Value {
    let settings = json!({"url": "https://localhost:1/", "included_actions": ["INVOICE.PAID"]});
    fixtures::with(fixtures::new_webhook(), settings)
}

/// What needs no credential, and what it is answered with.
pub(crate) const OPEN: [(&str, u16); 5] = [
    ("/openapi.json", 200),
    ("/docs", 308),
    ("/docs/", 200),
    ("/health/live", 200),
    ("/health/ready", 200),
];

/// What requests that must be refused are aimed at.
pub(crate) struct Victims {
    pub(crate) webhook: fixtures::Webhook,
    without_url: fixtures::Webhook,
    pub(crate) api_key: String,
    pub(crate) webhook_event: String,
}

fn event() -> Value {
    json!({"type": "INVOICE.CREATED", "data": {"total": 1}})
}

/// Publishes an event to a webhook, and gives the id of the event on its way there.
fn webhook_event(client: &Client, platform: &str, webhook: &str) -> String {
    let request = client.post("/v1/events").header("x-platform-id", platform);
    request.json(&event()).send().expect_status(202);
    let path = format!("/v1/webhook-events?webhook_id={webhook}");
    let request = client.get(&path).header("x-platform-id", platform);
    let listed = request.send().expect_status(200).json();
    listed["data"][0]["id"].as_str().expect("an id").to_owned()
}

impl Victims {
    pub(crate) fn new(service: &Service) -> Self {
        let wants_events = fixtures::create(&service.client());
        Self {
            webhook_event: webhook_event(&service.client(), "default", wants_events.id()),
            webhook: fixtures::create_with(&service.client(), to_this_machine()),
            without_url: fixtures::create_with(&service.client(), json!({"url": null})),
            api_key: service.deployment().create_key("default", &["WEBHOOK.VIEW"], &[]),
        }
    }

    /// The one that a request to `endpoint` names.
    pub(crate) fn id(&self, endpoint: &Endpoint) -> String {
        match endpoint.target {
            Target::ApiKey => id_of(&self.api_key),
            Target::WebhookEvent => self.webhook_event.clone(),
            _ if endpoint.path == CHECK => self.without_url.id().to_owned(),
            _ => self.webhook.id().to_owned(),
        }
    }
}

/// Makes what requests that must succeed are spent on.
pub(crate) struct Maker(Client);

impl Maker {
    pub(crate) fn new(service: &Service) -> Self {
        Self(service.client_of("*", &ALL_PERMISSIONS))
    }

    /// Something new on the platform that a request acts on.
    pub(crate) fn fresh_target(&self, endpoint: &Endpoint, kind: Kind, platforms: &[&str]) -> String {
        let platform = match (kind, platforms) {
            (Kind::All, [name]) => name,
            _ => "default",
        };
        let (path, body) = match endpoint.target {
            Target::None => return String::new(),
            Target::Webhook => ("/v1/webhooks", to_this_machine()),
            Target::WebhookEvent => ("/v1/webhooks", fixtures::new_webhook()),
            Target::ApiKey => ("/v1/api-keys", json!({"permissions": ["WEBHOOK.VIEW"]})),
        };
        let request = self.0.post(path).header("x-platform-id", platform).json(&body);
        let made = request.send().expect_status(201).json();
        let id = made["id"].as_str().expect("an id").to_owned();
        match endpoint.target {
            Target::WebhookEvent => webhook_event(&self.0, platform, &id),
            _ => id,
        }
    }
}
