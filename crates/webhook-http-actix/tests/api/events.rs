//! Publishing events, and following them to webhooks.

use actix_web::http::Method;
use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

const EVENT: &str = r#"{"type":"INVOICE.CREATED","data":{"id":"inv_1","total":1.10}}"#;

fn resend(id: &str) -> Ask {
    Ask::new(Method::POST, format!("/v1/webhook-events/{id}/resend"))
}

#[actix_web::test]
async fn an_event_is_accepted_and_on_its_way_to_each_webhook_that_wants_it() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    service.webhook().await;
    let published = service.ask(publish(EVENT)).await;
    published.answers(202);
    let json = published.json();
    assert_eq!(json["object_type"], "EVENT");
    assert_eq!(
        (&json["type"], &json["webhook_events"]),
        (&json!("INVOICE.CREATED"), &json!(2))
    );
    let listed = service
        .ask(get(format!("/v1/webhook-events?webhook_id={webhook}")))
        .await;
    listed.answers(200);
    let [on_its_way] = listed.json()["data"]
        .as_array()
        .unwrap()
        .clone()
        .try_into()
        .unwrap();
    assert_eq!(on_its_way["event_id"], json["id"]);
    assert_eq!(on_its_way["status"], "PENDING");
    assert_eq!(on_its_way["attempts"], json!([]));
    assert_eq!(on_its_way["payload"], Value::Null, "a list leaves it out");
    let id = on_its_way["id"].as_str().unwrap();
    let shown = service.ask(get(format!("/v1/webhook-events/{id}"))).await;
    let body = String::from_utf8(shown.body.clone()).unwrap();
    assert!(
        body.contains(r#""data":{"id":"inv_1","total":1.10}"#),
        "byte for byte: {body}"
    );
    let mut shown = shown.json();
    shown["payload"] = Value::Null;
    assert_eq!(shown, on_its_way);
}

#[actix_web::test]
async fn data_is_at_most_64_levels_deep() {
    let service = TestService::new();
    service.webhook().await;
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for (field, other) in [("data", ""), ("previous_data", r#","data":1"#)] {
        let body = |depth| {
            format!(
                r#"{{"type":"INVOICE.CREATED","{field}":{}{other}}}"#,
                nested(depth)
            )
        };
        service.ask(publish(&body(64))).await.answers(202);
        for depth in [65, 1_000] {
            let refused = service.ask(publish(&body(depth))).await;
            refused.refuses(400, "INVALID_FIELD", Some(field));
        }
    }
}

#[actix_web::test]
async fn a_bad_event_is_refused_and_goes_nowhere() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    for (body, code, field) in [
        ("{}", "MISSING_FIELD", Some("type")),
        (r#"{"type":null,"data":1}"#, "MISSING_FIELD", Some("type")),
        (r#"{"type":"INVOICE.CREATED"}"#, "MISSING_FIELD", Some("data")),
        (
            r#"{"type":"INVOICE.CREATED","data":null}"#,
            "MISSING_FIELD",
            Some("data"),
        ),
        (r#"{"type":1,"data":1}"#, "INVALID_FIELD", Some("type")),
        (r#"{"type":"invoice","data":1}"#, "INVALID_FIELD", Some("type")),
        (
            r#"{"type":"NOTHING.HAPPENED","data":1}"#,
            "INVALID_FIELD",
            Some("type"),
        ),
        (
            r#"{"type":"INVOICE.CREATED","data":1,"data":2}"#,
            "INVALID_FIELD",
            Some("data"),
        ),
        (
            r#"{"type":"INVOICE.CREATED","data":1,"dta":2}"#,
            "INVALID_FIELD",
            Some("dta"),
        ),
        (
            r#"{"type":"INVOICE.CREATED","data":1,"original_request_id":"a b"}"#,
            "INVALID_FIELD",
            Some("original_request_id"),
        ),
        ("[]", "BAD_REQUEST", None),
        ("{", "BAD_REQUEST", None),
        (r#"{"type":"INVOICE.CREATED","data":nope}"#, "BAD_REQUEST", None),
        ("", "BAD_REQUEST", None),
    ] {
        let refused = service.ask(publish(body)).await;
        refused.refuses(400, code, field).is_about("EVENT", None);
    }
    let listed = service
        .ask(get(format!("/v1/webhook-events?webhook_id={webhook}")))
        .await;
    assert_eq!(listed.json()["data"], json!([]));
}

#[actix_web::test]
async fn an_event_may_have_256_kib() {
    let service = TestService::new();
    let of = |length: usize| {
        let around = r#"{"type":"INVOICE.CREATED","data":""}"#.len();
        format!(
            r#"{{"type":"INVOICE.CREATED","data":"{}"}}"#,
            "x".repeat(length - around)
        )
    };
    service.ask(publish(&of(256 * 1024))).await.answers(202);
    service
        .ask(publish(&of(256 * 1024 + 1)))
        .await
        .refuses(413, "INVALID_REQUEST", None);
}

#[actix_web::test]
async fn what_a_server_sets_of_an_event_is_ignored() {
    let service = TestService::new();
    let published = service.ask(publish(EVENT)).await.json();
    let mut again = published.clone();
    again["data"] = json!(1);
    let second = service.ask(publish(&again.to_string())).await;
    second.answers(202);
    assert_ne!(second.json()["id"], published["id"]);
}

#[actix_web::test]
async fn an_event_that_is_published_again_under_its_name_is_published_once() {
    let service = TestService::new();
    service.webhook().await;
    let named = || publish(EVENT).header("idempotency-key", "k");
    let first = service.ask(named()).await;
    let again = service.ask(named()).await;
    assert_eq!((first.status, &first.body), (202, &again.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        service.ask(get("/v1/webhook-events")).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let other = publish(r#"{"type":"INVOICE.PAID","data":1}"#).header("idempotency-key", "k");
    service
        .ask(other)
        .await
        .refuses(409, "IDEMPOTENCY_CHECK_FAILED", None);
}

#[actix_web::test]
async fn lists_are_of_what_is_asked_for_part_by_part() {
    let service = TestService::new();
    let (webhook, _) = service.webhook().await;
    service.webhook().await;
    for action in ["INVOICE.CREATED", "INVOICE.PAID"] {
        service
            .ask(publish(&EVENT.replace("INVOICE.CREATED", action)))
            .await;
    }
    let count = async |query: &str| {
        let listed = service.ask(get(format!("/v1/webhook-events?{query}"))).await;
        listed.answers(200);
        listed.json()["data"].as_array().unwrap().len()
    };
    assert_eq!(count("limit=100").await, 4);
    assert_eq!(count(&format!("webhook_id={webhook}")).await, 2);
    assert_eq!(count("type=INVOICE.PAID").await, 2);
    assert_eq!(count(&format!("type=INVOICE.PAID&webhook_id={webhook}")).await, 1);
    assert_eq!(count("status=PENDING").await, 4);
    assert_eq!(count("status=FAILED").await, 0);
    let mut seen = Vec::new();
    let mut next = Some("/v1/webhook-events?limit=3&status=PENDING".to_owned());
    while let Some(link) = next {
        let part = service.ask(get(link)).await.json();
        seen.extend(
            part["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].clone()),
        );
        next = part["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 4);
    for (query, field) in [
        ("status=pending", "status"),
        ("type=x", "type"),
        ("webhook_id=x", "webhook_id"),
        ("event_id=whk_01hv9k2m4rt6w8y0abcdefghjk", "event_id"),
        ("after=1", "after"),
        ("page=0", "page"),
        ("page=1&after=whe_01hv9k2m4rt6w8y0abcdefghjk", "page"),
        ("created_after=yesterday", "created_after"),
        ("created_before=2024-04-12", "created_before"),
        ("key_fingerprint=x", "key_fingerprint"),
    ] {
        let refused = service.ask(get(format!("/v1/webhook-events?{query}"))).await;
        refused
            .refuses(400, "INVALID_FIELD", Some(field))
            .is_about("WEBHOOK_EVENT", None);
    }
}

#[actix_web::test]
async fn what_waits_is_not_sent_again() {
    let service = TestService::new();
    service.webhook().await;
    service.ask(publish(EVENT)).await;
    let id = service.ask(get("/v1/webhook-events")).await.json()["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = service.ask(resend(&id)).await;
    refused
        .refuses(409, "INVALID_OPERATION", None)
        .is_about("WEBHOOK_EVENT", Some(&id));
}

#[actix_web::test]
async fn events_of_another_platform_do_not_exist() {
    let service = TestService::new();
    service.webhook().await;
    service.ask(publish(EVENT)).await;
    let id = service.ask(get("/v1/webhook-events")).await.json()["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let stranger = service.key_of(
        "other",
        &[Permission::WebhookEventView, Permission::WebhookEventResend],
    );
    for id in [id.as_str(), "whe_01hv9k2m4rt6w8y0abcdefghjk"] {
        for ask in [get(format!("/v1/webhook-events/{id}")), resend(id)] {
            let refused = service.ask_as(Some(&stranger), ask).await;
            refused
                .refuses(404, "RESOURCE_NOT_FOUND", None)
                .is_about("WEBHOOK_EVENT", Some(id));
        }
    }
    let listed = service.ask_as(Some(&stranger), get("/v1/webhook-events")).await;
    assert_eq!(listed.json()["data"], json!([]));
}

#[actix_web::test]
async fn each_operation_needs_its_permission() {
    let service = TestService::new();
    let id = "whe_01hv9k2m4rt6w8y0abcdefghjk";
    let asks = || {
        [
            (publish(EVENT), Permission::EventCreate),
            (get("/v1/webhook-events"), Permission::WebhookEventView),
            (
                get(format!("/v1/webhook-events/{id}")),
                Permission::WebhookEventView,
            ),
            (resend(id), Permission::WebhookEventResend),
        ]
    };
    for place in 0..asks().len() {
        for permission in Permission::ALL {
            let (ask, needed) = asks().into_iter().nth(place).unwrap();
            let key = service.key_of("acme", &[*permission]);
            let answer = service.ask_as(Some(&key), ask).await;
            assert_eq!(
                answer.status == 403,
                *permission != needed,
                "{permission:?} for {needed:?}"
            );
        }
    }
}
