//! Giving up events that wait, and sending again what has come to its end.

use actix_web::http::Method;
use serde_json::json;
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

const EVENT: &str = r#"{"type":"INVOICE.CREATED","data":{"id":"inv_1"}}"#;
const SINCE: &str = r#"{"created_after":"2000-01-01T00:00:00Z"}"#;

fn give_up(id: &str) -> Ask {
    Ask::new(Method::POST, format!("/v1/webhook-events/{id}/give-up"))
}

fn replay(webhook: &str, body: &str) -> Ask {
    Ask::new(Method::POST, format!("/v1/webhooks/{webhook}/replay")).body(body)
}

impl TestService {
    /// The events on their way that a query asks for, by their ids.
    async fn on_their_way(&self, query: &str) -> Vec<String> {
        let listed = self.ask(get(format!("/v1/webhook-events?{query}"))).await;
        listed.answers(200);
        let data = listed.json()["data"].as_array().unwrap().clone();
        data.iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An event that waits for the webhook, by its id.
    async fn waiting(&self, webhook: &str) -> String {
        self.ask(publish(EVENT)).await.answers(202);
        let mut newest = self.on_their_way(&format!("webhook_id={webhook}&limit=1")).await;
        newest.remove(0)
    }
}

#[actix_web::test]
async fn what_is_given_up_has_failed_and_can_be_sent_again() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    let id = service.waiting(&webhook).await;
    let other = service.waiting(&webhook).await;
    let named = || give_up(&id).header("Idempotency-Key", "once");
    let given_up = service.ask(named()).await;
    given_up.answers(200);
    assert_eq!(given_up.json()["status"], "FAILED");
    assert_eq!(given_up.json()["payload"]["data"], json!({"id": "inv_1"}));
    let again = service.ask(named()).await;
    assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
    assert_eq!(again.body, given_up.body);
    assert_eq!(service.on_their_way("status=FAILED").await, [id.as_str()]);
    service
        .ask(give_up(&id))
        .await
        .refuses(409, "INVALID_OPERATION", None)
        .is_about("WEBHOOK_EVENT", Some(&id));
    let resent = service.ask(replay(&webhook, SINCE)).await;
    resent.answers(202);
    assert_eq!(resent.json(), json!({"resent": 1}));
    assert_eq!(service.on_their_way("status=PENDING").await, [id, other]);
}

#[actix_web::test]
async fn a_replay_says_what_is_wrong_with_it() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    service.waiting(&webhook).await;
    for (body, code, field) in [
        ("", "BAD_REQUEST", None),
        ("[]", "BAD_REQUEST", None),
        ("{}", "MISSING_FIELD", Some("created_after")),
        (
            r#"{"created_after":null}"#,
            "MISSING_FIELD",
            Some("created_after"),
        ),
        (
            r#"{"created_after":1712935357}"#,
            "INVALID_FIELD",
            Some("created_after"),
        ),
        (
            r#"{"created_after":"2024-04-12"}"#,
            "INVALID_FIELD",
            Some("created_after"),
        ),
        (
            r#"{"created_after":"2024-04-12T15:22:37Z","created_before":"2024-04-12T15:22:37Z"}"#,
            "INVALID_FIELD",
            Some("created_before"),
        ),
        (
            r#"{"created_after":"2024-04-12T15:22:37Z","status":"PENDING"}"#,
            "INVALID_FIELD",
            Some("status"),
        ),
        (
            r#"{"created_after":"2024-04-12T15:22:37Z","statuses":"FAILED"}"#,
            "INVALID_FIELD",
            Some("statuses"),
        ),
    ] {
        let refused = service.ask(replay(&webhook, body)).await;
        refused
            .refuses(400, code, field)
            .is_about("WEBHOOK", Some(&webhook));
    }
    service
        .ask(replay(NO_ONES_ID, SINCE))
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
    let stranger = service.key_of("other", &[Permission::WebhookEventResend]);
    let refused = service.ask_as(Some(&stranger), replay(&webhook, SINCE)).await;
    refused.refuses(404, "RESOURCE_NOT_FOUND", None);
}

#[actix_web::test]
async fn the_list_is_read_by_numbers_of_parts_and_by_time() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    for _ in 0..3 {
        service.waiting(&webhook).await;
    }
    let all = service.on_their_way("limit=100").await;
    assert_eq!(service.on_their_way("limit=2&page=1").await, all[..2]);
    assert_eq!(service.on_their_way("limit=2&page=2").await, all[2..]);
    assert_eq!(
        service.on_their_way("limit=2&page=9007199254740992").await,
        [""; 0]
    );
    assert_eq!(
        service.on_their_way("created_after=2000-01-01T00:00:00Z").await,
        all
    );
    assert_eq!(
        service.on_their_way("created_before=2000-01-01T00:00:00Z").await,
        [""; 0]
    );
    assert_eq!(
        service
            .on_their_way("key_fingerprint=sha256:0123456789abcdef")
            .await,
        [""; 0]
    );
    let page = service
        .ask(get(
            "/v1/webhook-events?created_after=2000-01-01T00:00:00Z&limit=1",
        ))
        .await
        .json();
    let next = page["links"]["next"].as_str().unwrap();
    assert!(next.contains("created_after=2000-01-01T00:00:00Z"), "{next}");
    let (_, query) = next.split_once('?').unwrap();
    assert_eq!(service.on_their_way(query).await, all[1..2]);
}

#[actix_web::test]
async fn both_need_the_permission_to_resend() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    let id = service.waiting(&webhook).await;
    for permission in Permission::ALL {
        let key = service.key_of("acme", &[*permission]);
        for ask in [give_up(&id), replay(&webhook, SINCE)] {
            let answer = service.ask_as(Some(&key), ask).await;
            assert_eq!(
                answer.status == 403,
                *permission != Permission::WebhookEventResend,
                "{permission:?}"
            );
        }
    }
}
