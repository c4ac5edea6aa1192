//! The endpoints: what each needs, what it is asked with, and what it may be spent on.

use serde_json::{Value, json};
use webhook_tests::{Service, fixtures, service::ALL_PERMISSIONS};

use crate::credentials::Kind;

/// What an endpoint's path names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    None,
    Webhook,
    ApiKey,
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

pub(crate) const ENDPOINTS: [Endpoint; 12] = [
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
    row("GET", "/v1/audit-records", "AUDIT_RECORD.VIEW", Target::None, 200),
];

impl Endpoint {
    /// A body that is right, where there must be one.
    pub(crate) fn body(&self) -> Option<Value> {
        match (self.method, self.path) {
            ("POST", "/v1/webhooks") => Some(fixtures::new_webhook()),
            ("POST", "/v1/api-keys") => Some(json!({"permissions": ["API_KEY.CREATE"]})),
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
            _ => "whk_01arz3ndektsv4rrffq69g5fav",
        }
    }

    /// What a request that must be refused is aimed at.
    pub(crate) fn victim(&self, service: &Service, webhook: &str) -> String {
        match self.target {
            Target::ApiKey => newest_key(service, "default"),
            _ => webhook.to_owned(),
        }
    }

    /// What a request that must succeed is spent on, on the platform that it acts on.
    pub(crate) fn fresh_target(&self, service: &Service, kind: Kind, platforms: &[&str]) -> String {
        let platform = match (kind, platforms) {
            (Kind::All, [name]) => name,
            _ => "default",
        };
        match self.target {
            Target::None => String::new(),
            Target::Webhook => {
                let client = service.client_of(platform, &ALL_PERMISSIONS);
                fixtures::create(&client).id().to_owned()
            }
            Target::ApiKey => {
                service.deployment().create_key(platform, &["WEBHOOK.VIEW"], &[]);
                newest_key(service, platform)
            }
        }
    }
}

/// The API key of `platform` that was made last.
fn newest_key(service: &Service, platform: &str) -> String {
    let listed = service.deployment().run(&["api-key", "list", "--json"]);
    let listed: Value = serde_json::from_str(listed.expect_success()).expect("JSON");
    let keys = listed.as_array().expect("a list").iter().rev();
    let own = keys.filter(|key| key["platform_id"] == platform && key["revoked_at"].is_null());
    let id = own.map(|key| key["id"].as_str().expect("an id")).next();
    id.expect("a key").to_owned()
}
