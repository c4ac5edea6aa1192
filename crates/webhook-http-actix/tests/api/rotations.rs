//! Rolling the secrets of many webhooks.

use actix_web::http::Method;
use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ProcessId;
use webhook_domain::services::{RotationRun, RotationRunner, RotationTurn};
use webhook_domain::time::Clock as _;
use webhook_http_actix::wire::{described, described_rotation};

use crate::test_service::*;

const ALL: &str = r#"{"filter":{"all":true},"spread_seconds":0}"#;

fn start(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/rotations").body(body)
}

impl TestService {
    /// Rolls what is due of the rotation that runs.
    async fn roll_what_is_due(&self) {
        let runner = RotationRunner {
            process: ProcessId::generate(self.clock.now(), self.api.entropy.as_ref()).unwrap(),
            rotations: self.store.clone(),
            webhooks: self.store.clone(),
            api_keys: self.store.clone(),
            pause: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.api.entropy.clone(),
            describe: Some(described),
            describe_rotation: Some(described_rotation),
        };
        let mut run = RotationRun::new(runner.claim().await.unwrap().pop().unwrap());
        while runner.advance(&mut run).await.unwrap() == RotationTurn::GoOn {}
    }

    async fn referenced(&self, reference: Option<&str>) -> String {
        let body = json!({"name": null, "reference": reference, "url": null});
        let created = self.ask(create(&body.to_string())).await;
        created.succeeds(201);
        created.text("id")
    }
}

#[actix_web::test]
async fn a_rotation_is_planned_begun_and_read() {
    let service = TestService::new();
    let first = service.referenced(Some("a-1")).await;
    service.clock.advance_seconds(1);
    let second = service.referenced(Some("a-2")).await;
    service.referenced(None).await;
    service.clock.advance_seconds(1);
    let wanted = |more: &str| {
        format!(
            r#"{{"filter":{{"reference_prefix":"a-"}},"spread_seconds":100,"previous_secret_expires_in":0{more}}}"#
        )
    };
    let planned = service.ask(start(&wanted(r#","dry_run":true"#))).await;
    planned.answers(200);
    let plan = json!({"object_type": "ROTATION_PLAN", "total": 2, "webhook_ids": [first, second]});
    assert_eq!(planned.json(), plan);
    let ask = || start(&wanted(r#","confirm_total":2"#)).header("idempotency-key", "k");
    let begun = service.ask(ask()).await;
    begun.answers(202);
    let id = begun.text("id");
    let shown = |status: &str, rolled: u64, finished_at: Value| {
        json!({
            "object_type": "ROTATION", "id": id, "status": status, "stop_reason": null, "total": 2, "rolled": rolled,
            "skipped": 0, "failed": 0, "adopted": 0, "created_at": "2024-04-12T15:22:39Z", "finished_at": finished_at,
        })
    };
    assert_eq!(begun.json(), shown("RUNNING", 0, Value::Null));
    let again = service.ask(ask()).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, begun.body);
    service
        .ask(start(ALL))
        .await
        .refuses(409, "INVALID_OPERATION", None);

    service.roll_what_is_due().await;
    let path = format!("/v1/rotations/{id}");
    assert_eq!(
        service.ask(get(path.clone())).await.json(),
        shown("RUNNING", 1, Value::Null)
    );
    let part = service.ask(get(format!("{path}/webhooks?limit=1"))).await.json();
    let rolled = json!({
        "object_type": "ROTATION_WEBHOOK", "webhook_id": first, "outcome": "ROLLED", "reason": null,
        "settled_at": "2024-04-12T15:22:39Z", "adopted": false,
    });
    assert_eq!(part["data"], json!([rolled]));
    let next = part["links"]["next"].as_str().unwrap();
    assert_eq!(next, format!("{path}/webhooks?limit=1&after=1"));
    let part = service.ask(get(next)).await.json();
    let waits = json!({
        "object_type": "ROTATION_WEBHOOK", "webhook_id": second, "outcome": null, "reason": null, "settled_at": null,
        "adopted": false,
    });
    assert_eq!(part["data"], json!([waits]));
    assert_eq!(part["links"]["next"], Value::Null);

    service.clock.advance_seconds(50);
    service.roll_what_is_due().await;
    let done = shown("DONE", 2, "2024-04-12T15:23:29Z".into());
    assert_eq!(service.ask(get(path)).await.json(), done);
    let records = service
        .ask(get(format!("/v1/audit-records?resource_id={second}&limit=1")))
        .await;
    assert_eq!(records.json()["data"][0]["rotation_id"], id);
    let listed = service.ask(get("/v1/rotations")).await.json();
    assert_eq!(listed["data"], json!([done]));
}

#[actix_web::test]
async fn a_rotation_is_stopped_once() {
    let service = TestService::new();
    service.webhook().await;
    let begun = service.ask(start(ALL)).await;
    let path = format!("/v1/rotations/{}/stop", begun.text("id"));
    let stop = || Ask::new(Method::POST, path.clone());
    let stopped = service.ask(stop().header("idempotency-key", "s")).await;
    stopped.answers(200);
    assert_eq!(stopped.json()["status"], "STOPPED");
    assert_eq!(stopped.json()["stop_reason"], "REQUESTED");
    let again = service.ask(stop().header("idempotency-key", "s")).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    service.ask(stop()).await.refuses(409, "INVALID_OPERATION", None);
    service.ask(start(ALL)).await.answers(202);
}

/// Nobody rolls what they may not, and nobody learns of what is another platform's.
#[actix_web::test]
async fn a_rotation_needs_permissions_and_is_its_platforms_own() {
    let service = TestService::new();
    let id = service.ask(start(ALL)).await.text("id");
    let (path, stop) = (format!("/v1/rotations/{id}"), format!("/v1/rotations/{id}/stop"));
    let other = service.key_of("other", &[Permission::WebhookView, Permission::WebhookUpdate]);
    let viewer = service.key_of("acme", &[Permission::WebhookView]);
    let updater = service.key_of("acme", &[Permission::WebhookUpdate]);
    for (key, method, uri, status) in [
        (&other, Method::GET, path.clone(), 404),
        (&other, Method::GET, format!("{path}/webhooks"), 404),
        (&other, Method::POST, stop.clone(), 404),
        (&viewer, Method::POST, stop.clone(), 403),
        (&viewer, Method::GET, path.clone(), 200),
        (&updater, Method::GET, path.clone(), 403),
        (&updater, Method::GET, format!("{path}/webhooks"), 403),
        (&updater, Method::GET, "/v1/rotations".into(), 403),
        (&updater, Method::POST, stop.clone(), 200),
    ] {
        let answer = service.ask_as(Some(key), Ask::new(method, uri.clone())).await;
        assert_eq!(answer.status, status, "{uri}");
    }
    let refused = service.ask_as(Some(&viewer), start(ALL)).await;
    assert_eq!(refused.status, 403);
    let listed = service.ask_as(Some(&other), get("/v1/rotations")).await;
    assert_eq!(listed.json()["data"], json!([]));
}

/// Each names its field.
#[actix_web::test]
async fn a_rotation_that_is_not_right_is_refused_by_its_field() {
    let service = TestService::new();
    let ed25519 = r#"{"name":null,"reference":null,"url":null,"signing_protocol":"Ed25519"}"#;
    service.ask(create(ed25519)).await.succeeds(201);
    let ids = |ids: &str| format!(r#"{{"filter":{{"ids":{ids}}},"spread_seconds":0}}"#);
    let with = |more: &str| format!(r#"{{"filter":{{"all":true}},"spread_seconds":0,{more}}}"#);
    let id = "whk_01hv9k2m4rt6w8y0abcdefghjk";
    for (body, code, field) in [
        (r#"{"spread_seconds":0}"#.to_owned(), "MISSING_FIELD", "filter"),
        (
            r#"{"filter":{"all":true}}"#.to_owned(),
            "MISSING_FIELD",
            "spread_seconds",
        ),
        (
            r#"{"filter":{},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter",
        ),
        (
            r#"{"filter":{"all":false},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter",
        ),
        (
            r#"{"filter":{"all":true,"active":true},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter",
        ),
        (
            r#"{"filter":[],"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter",
        ),
        (
            r#"{"filter":{"al":true},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter.al",
        ),
        (
            r#"{"filter":{"active":1},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter.active",
        ),
        (
            r#"{"filter":{"reference_prefix":""},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter.reference_prefix",
        ),
        (
            r#"{"filter":{"rolled_before":"now"},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter.rolled_before",
        ),
        (
            r#"{"filter":{"signing_protocol":"x"},"spread_seconds":0}"#.to_owned(),
            "INVALID_FIELD",
            "filter.signing_protocol",
        ),
        (ids("[]"), "INVALID_FIELD", "filter.ids"),
        (ids(r#"["whk_x"]"#), "INVALID_FIELD", "filter.ids.0"),
        (
            ids(&format!(r#"["{id}","{id}"]"#)),
            "INVALID_FIELD",
            "filter.ids.1",
        ),
        (
            r#"{"filter":{"all":true},"spread_seconds":604801}"#.to_owned(),
            "INVALID_FIELD",
            "spread_seconds",
        ),
        (
            with(r#""stop_after_failures":0"#),
            "INVALID_FIELD",
            "stop_after_failures",
        ),
        (
            with(r#""previous_secret_expires_in":0"#),
            "MISSING_FIELD",
            "confirm_total",
        ),
        (
            with(r#""previous_secret_expires_in":0,"confirm_total":2"#),
            "INVALID_FIELD",
            "confirm_total",
        ),
        (
            with(r#""previous_secret_expires_in":599"#),
            "INVALID_FIELD",
            "previous_secret_expires_in",
        ),
        (
            with(r#""previous_secret_expires_in":0,"keep_previous_until_adopted":true,"dry_run":true"#),
            "INVALID_FIELD",
            "keep_previous_until_adopted",
        ),
        (with(r#""dryrun":true"#), "INVALID_FIELD", "dryrun"),
    ] {
        service.ask(start(&body)).await.refuses(400, code, Some(field));
    }
    let hmac =
        r#"{"filter":{"signing_protocol":"HmacSHA256"},"spread_seconds":0,"previous_secret_expires_in":599}"#;
    service.ask(start(hmac)).await.answers(202);
}
