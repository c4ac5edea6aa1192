//! Reading what was done.

use serde_json::Value;
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

async fn records(service: &TestService, query: &str) -> Vec<Value> {
    let answer = service.ask(get(format!("/v1/audit-records{query}"))).await;
    answer.answers(200);
    answer.json()["data"].as_array().unwrap().clone()
}

fn actions(records: &[Value]) -> Vec<&str> {
    records
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .collect()
}

/// A service in which a webhook was created, rolled and renamed, and a key made and revoked, a second after another.
async fn busy_house() -> (TestService, String) {
    let service = TestService::new();
    service.clock.advance_seconds(1);
    let (id, _) = service.webhook().await;
    service.clock.advance_seconds(1);
    service
        .ask(roll(&id).header("x-request-id", "the-roll"))
        .await
        .succeeds(200);
    service.clock.advance_seconds(1);
    let renamed = UPDATE.replace('}', r#","name":"the-new-name"}"#);
    service.ask(update(&id, &renamed)).await.succeeds(200);
    service.clock.advance_seconds(1);
    let key = service
        .ask(create_key(r#"{"permissions":["WEBHOOK.VIEW"]}"#))
        .await;
    service.clock.advance_seconds(1);
    service.ask(revoke_key(&key.text("id"))).await.answers(200);
    (service, id)
}

#[actix_web::test]
async fn records_are_listed_newest_first_and_say_what_was_done_and_no_secret() {
    let (service, id) = busy_house().await;
    let answer = service.ask(get("/v1/audit-records")).await;
    answer.answers(200);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    for secret in ["whsec_", "whkey_", "the-new-name"] {
        assert!(!text.contains(secret));
    }
    let json = answer.json();
    assert_eq!(json["limit"], 50);
    let own = "/v1/audit-records?limit=50";
    assert_eq!(
        json["links"],
        serde_json::json!({"first": own, "current": own, "next": null})
    );
    let records = json["data"].as_array().unwrap();
    // The last is the service's own key, made by the operator.
    assert_eq!(
        actions(records),
        [
            "API_KEY.REVOKED",
            "API_KEY.CREATED",
            "WEBHOOK.UPDATED",
            "WEBHOOK.SECRET_ROLLED",
            "WEBHOOK.CREATED",
            "API_KEY.CREATED",
        ]
    );
    let (rolled, created) = (&records[3], &records[4]);
    let keys = service.ask(get("/v1/api-keys?limit=1")).await.json();
    let first_key = created["current_key"].as_str().unwrap();
    assert!(first_key.starts_with("sha256:"), "{first_key}");
    let expected = serde_json::json!({
        "object_type": "AUDIT_RECORD", "id": rolled["id"], "created_at": "2024-04-12T15:22:39Z",
        "action": "WEBHOOK.SECRET_ROLLED", "resource_id": id, "credential": keys["data"][0]["id"],
        "request_id": "the-roll", "changed_fields": [], "current_key": rolled["current_key"],
        "retired_keys": [{"fingerprint": first_key, "expires_at": "2024-04-13T15:22:39Z"}],
        "ended_keys": [], "imported_keys": [], "previous_credentials_expires_at": null, "replayed": false, "shown_keys": [], "permissions": [], "verdict": null, "rotation_id": null, "stop_reason": null,
    });
    assert_eq!(rolled, &expected);
    assert!(rolled["id"].as_str().unwrap().starts_with("aud_"));
    assert_ne!(rolled["current_key"], created["current_key"]);
    assert_eq!(records[2]["changed_fields"], serde_json::json!(["name"]));
    assert!(records[2]["current_key"].is_null());
    assert_eq!(records[1]["permissions"], serde_json::json!(["WEBHOOK.VIEW"]));
    assert_eq!(records[5]["credential"], "command-line");
}

#[actix_web::test]
async fn a_change_that_keeps_the_credentials_before_says_until_when() {
    let service = TestService::new();
    let password = |password: &str, seconds: u32| {
        serde_json::json!({
            "active": true, "include_previous_data": false, "authentication_type": "PASSWORD", "username": "user",
            "password": password, "previous_credentials_expires_in": seconds,
        })
        .to_string()
    };
    let object = serde_json::json!({
        "name": null, "reference": null, "url": "https://receiver.example/", "authentication_type": "PASSWORD",
        "username": "user", "password": "canary-first",
    });
    let id = service.ask(create(&object.to_string())).await.text("id");
    for change in [
        update(&id, &password("canary-second", 60)),
        // Kept as they were, and by another change.
        update(&id, &password("canary-second", 0).replace("true", "false")),
        roll(&id).body(password("canary-third", 120)),
        update(&id, &password("canary-fourth", 0)),
    ] {
        service.ask(change).await.succeeds(200);
        service.clock.advance_seconds(1);
    }
    let records = records(&service, &format!("?resource_id={id}")).await;
    let kept: Vec<_> = records
        .iter()
        .map(|record| &record["previous_credentials_expires_at"])
        .collect();
    let (update, roll) = ("2024-04-12T15:23:37Z", "2024-04-12T15:24:39Z");
    assert_eq!(
        serde_json::json!(kept),
        serde_json::json!([null, roll, null, update, null])
    );
    assert!(!serde_json::json!(records).to_string().contains("canary"));
}

#[actix_web::test]
async fn records_are_chosen_by_resource_and_by_action() {
    let (service, id) = busy_house().await;
    let of_webhook = records(&service, &format!("?resource_id={id}")).await;
    let expected = ["WEBHOOK.UPDATED", "WEBHOOK.SECRET_ROLLED", "WEBHOOK.CREATED"];
    assert_eq!(actions(&of_webhook), expected);
    let of_action = records(&service, "?action=API_KEY.CREATED").await;
    assert_eq!(actions(&of_action), ["API_KEY.CREATED"; 2]);
    let both = records(&service, &format!("?resource_id={id}&action=WEBHOOK.CREATED")).await;
    assert_eq!(actions(&both), ["WEBHOOK.CREATED"]);
    let neither = records(&service, &format!("?resource_id={id}&action=API_KEY.CREATED")).await;
    assert_eq!(neither.len(), 0);
    assert_eq!(records(&service, "?resource_id=no-ones").await.len(), 0);
}

#[actix_web::test]
async fn links_lead_through_every_record_and_keep_what_was_asked_for() {
    let (service, id) = busy_house().await;
    for filter in ["", &format!("&resource_id={id}"), "&action=API_KEY.CREATED"] {
        let whole = records(&service, &format!("?limit=100{filter}")).await;
        let mut seen = Vec::new();
        let mut next = Some(format!("/v1/audit-records?limit=1{filter}"));
        while let Some(uri) = next {
            assert!(seen.len() < 10, "the links go round");
            let part = service.ask(get(&uri)).await.json();
            assert_eq!(part["links"]["current"], uri);
            assert_eq!(
                part["links"]["first"],
                format!("/v1/audit-records?limit=1{filter}")
            );
            seen.extend(part["data"].as_array().unwrap().clone());
            next = part["links"]["next"].as_str().map(str::to_owned);
        }
        assert_eq!(seen, whole, "{filter}");
    }
}

#[actix_web::test]
async fn a_parameter_that_is_not_what_it_must_be_is_named() {
    let service = TestService::new();
    let long = format!("resource_id={}", "a".repeat(65));
    for (query, field) in [
        ("resource_id=", "resource_id"),
        ("resource_id=WHK_X", "resource_id"),
        ("resource_id=a%00", "resource_id"),
        ("resource_id=a%20b", "resource_id"),
        (&long, "resource_id"),
        ("action=WEBHOOK.ROLLED", "action"),
        ("action=", "action"),
        ("before=x", "before"),
        (&format!("before={NO_ONES_ID}"), "before"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("page=2", "page"),
        ("limit=1&limit=1", "limit"),
    ] {
        let answer = service.ask(get(format!("/v1/audit-records?{query}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        answer.is_about("AUDIT_RECORD", None);
    }
    let longest = format!("?resource_id={}", "a".repeat(64));
    assert_eq!(records(&service, &longest).await.len(), 0);
}

#[actix_web::test]
async fn a_platform_sees_its_own_records_alone() {
    let (service, id) = busy_house().await;
    let other = service.key_of("other", &[Permission::AuditRecordView]);
    for query in ["", &format!("?resource_id={id}")] {
        let answer = service
            .ask_as(Some(&other), get(format!("/v1/audit-records{query}")))
            .await;
        answer.answers(200);
        assert_eq!(answer.json()["data"], serde_json::json!([]));
    }
}
