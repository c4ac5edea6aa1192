//! Checking which of its keys a webhook's receiver verifies with.

use actix_web::http::Method;
use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;

use crate::probes::answered;
use crate::test_service::*;

const TO_EXAMPLE: &str = r#"{"name":null,"reference":null,"url":"https://example.com/hook"}"#;

fn path(id: &str) -> String {
    format!("/v1/webhooks/{id}/secret-key/check")
}

impl TestService {
    async fn checked(&self, id: &str) -> Answer {
        self.ask(Ask::new(Method::POST, path(id))).await
    }

    fn say(&self, statuses: &[u16]) {
        for status in statuses {
            self.receiver.answer(answered(*status));
        }
    }

    async fn to_example(&self) -> String {
        let created = self.ask(create(TO_EXAMPLE)).await;
        created.succeeds(201);
        created.text("id")
    }
}

#[actix_web::test]
async fn a_check_tells_what_was_said_to_each_key() {
    let service = TestService::new();
    let id = service.to_example().await;
    service.say(&[401, 204, 403]);
    let checked = service.checked(&id).await;
    checked.answers(200);
    let told = checked.json();
    let fingerprint = told["keys"][0]["fingerprint"].clone();
    assert!(fingerprint.as_str().unwrap().starts_with("sha256:"), "{told}");
    let expected = json!({
        "object_type": "KEY_CHECK",
        "verdict": "ADOPTED",
        "checked_at": "2024-04-12T15:22:37Z",
        "controls": [{"status_code": 401, "cause": "STATUS_CODE"}, {"status_code": 403, "cause": "STATUS_CODE"}],
        "keys": [{"fingerprint": fingerprint, "role": "CURRENT", "accepted": true, "status_code": 204, "cause": null}],
    });
    assert_eq!(told, expected);
    assert_eq!(checked.header("cache-control"), Some("no-store"));

    let rolled = service
        .ask(Ask::new(Method::PATCH, format!("/v1/webhooks/{id}/secret-key")))
        .await;
    rolled.succeeds(200);
    service.say(&[401, 401, 401, 401]);
    let told = service.checked(&id).await.json();
    assert_eq!(told["verdict"], "INCONCLUSIVE");
    let roles: Vec<_> = { told["keys"].as_array().unwrap() }
        .iter()
        .map(|key| key["role"].clone())
        .collect();
    assert_eq!(roles, ["CURRENT", "PREVIOUS"]);
    assert_eq!(told["keys"][1]["fingerprint"], fingerprint);

    let query = format!("/v1/audit-records?resource_id={id}&action=WEBHOOK.KEYS_CHECKED");
    let records = service.ask(get(query)).await.json();
    let verdicts: Vec<_> = { records["data"].as_array().unwrap() }
        .iter()
        .map(|record| record["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["INCONCLUSIVE", "ADOPTED"]);
    let events = service.ask(get("/v1/webhook-events")).await.json();
    assert_eq!(events["data"], json!([]), "a probe is no event");
}

#[actix_web::test]
async fn a_check_that_is_asked_for_again_sends_nothing() {
    let service = TestService::new();
    let id = service.to_example().await;
    let named = || Ask::new(Method::POST, path(&id)).header("idempotency-key", "k");
    let first = service.ask(named()).await;
    first.answers(200);
    assert_eq!(first.json()["verdict"], "DOES_NOT_VERIFY");
    for _ in 0..7 {
        let again = service.ask(named()).await;
        assert_eq!(
            (&again.body, again.header("idempotent-replayed")),
            (&first.body, Some("true"))
        );
    }
    assert_eq!(service.receiver.count(), 3);
}

#[actix_web::test]
async fn what_cannot_be_checked_is_refused() {
    let service = TestService::new();
    let (bare, _) = service.webhook().await;
    let refused = service.checked(&bare).await;
    refused
        .refuses(409, "INVALID_OPERATION", None)
        .is_about("WEBHOOK", Some(&bare));
    let id = service.to_example().await;
    for ask in [
        Ask::new(Method::POST, path(&id)).body("{}"),
        Ask::new(Method::POST, format!("{}?a=b", path(&id))),
    ] {
        assert_eq!(service.ask(ask).await.status, 400);
    }
    service.checked("nonsense").await.refuses(400, "INVALID_ID", None);
    service
        .checked(NO_ONES_ID)
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
    let others = service.key_of("other", &[Permission::WebhookUpdate]);
    let elsewhere = service
        .ask_as(Some(&others), Ask::new(Method::POST, path(&id)))
        .await;
    elsewhere.refuses(404, "RESOURCE_NOT_FOUND", None);
    let reader = service.key_of("acme", &[Permission::WebhookView, Permission::WebhookReveal]);
    let forbidden = service
        .ask_as(Some(&reader), Ask::new(Method::POST, path(&id)))
        .await;
    forbidden.refuses(403, "USER_NOT_ALLOWED", None);
    let removed = Ask::new(Method::DELETE, format!("/v1/webhooks/{id}/secret-key"));
    service.ask(removed).await.succeeds(200);
    let refused = service.checked(&id).await;
    refused.refuses(409, "INVALID_OPERATION", None);
    assert!(
        refused.text("message").contains("no current key"),
        "{}",
        refused.text("message")
    );
    assert_eq!(service.receiver.count(), 0);
}

#[actix_web::test]
async fn a_webhook_is_checked_six_times_an_hour() {
    let service = TestService::new();
    let id = service.to_example().await;
    for _ in 0..6 {
        service.checked(&id).await.answers(200);
        service.clock.advance_seconds(10);
    }
    let sent = service.receiver.count();
    let refused = service.checked(&id).await;
    refused
        .refuses(429, "INVALID_REQUEST", None)
        .is_about("WEBHOOK", Some(&id));
    assert_eq!(refused.header("retry-after"), Some("3540"));
    assert_eq!(refused.json()["field"], Value::Null);
    service.clock.advance_seconds(3540);
    service.checked(&id).await.answers(200);
    assert_eq!(service.receiver.count(), sent + 3);
}

/// Neither is an event that happens: a test, and a check of keys.
#[actix_web::test]
async fn what_is_sent_past_the_queue_is_neither_published_nor_subscribed_to() {
    let service = TestService::new();
    for action in ["WEBHOOK.TEST", "WEBHOOK.KEY_CHECK"] {
        let event = json!({"type": action, "data": {}}).to_string();
        let published = service
            .ask(Ask::new(Method::POST, "/v1/events").body(event))
            .await;
        published.refuses(400, "INVALID_FIELD", Some("type"));
        for list in ["included_actions", "excluded_actions"] {
            let mut webhook: Value = serde_json::from_str(TO_EXAMPLE).unwrap();
            webhook[list] = json!([action]);
            let created = service.ask(create(&webhook.to_string())).await;
            created.refuses(400, "INVALID_FIELD", Some(&format!("{list}.0")));
        }
    }
}
