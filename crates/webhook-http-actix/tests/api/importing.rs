//! Creating a webhook with the secrets that its receiver has from a former provider.

use serde_json::{Value, json};
use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

/// 32 bytes, and 24.
const CURRENT: &str = "whsec_3q2+78r+ur4BI0VniavN7wEjRWeJq83vz6ks8Q1eT5o=";
const PREVIOUS: &str = "whsec_9hb/kcQzTu0e1sTlHsRz5iH0s8e3Hn2a";

fn importing(fields: &Value) -> Ask {
    let mut object: Value = serde_json::from_str(CREATE).unwrap();
    object
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    create(&object.to_string())
}

#[actix_web::test]
async fn an_imported_secret_is_the_webhooks_own_and_one_before_it_signs_for_the_overlap() {
    let service = TestService::new();
    let fields = json!({"imported_secret_key": CURRENT, "imported_previous_secret_key": PREVIOUS});
    let answer = service.ask(importing(&fields)).await;
    answer.succeeds(201);
    let json = answer.json();
    assert_eq!(
        [&json["secret_key"], &json["previous_secret_key"]],
        [CURRENT, PREVIOUS]
    );
    assert_eq!(json["previous_secret_expires_at"], "2024-04-13T15:22:37Z");
    assert!(
        json.as_object()
            .unwrap()
            .keys()
            .all(|field| !field.contains("imported"))
    );
    let id = answer.text("id");
    assert_eq!(service.audited(&id).await, [AuditAction::WebhookCreated]);
    let records = service
        .ask(get(format!("/v1/audit-records?resource_id={id}")))
        .await
        .json();
    let record = &records["data"][0];
    let signing = [&record["current_key"], &record["retired_keys"][0]["fingerprint"]];
    assert_eq!(record["imported_keys"], json!(signing), "{records}");
    assert!(signing.iter().all(|key| key.is_string()), "{records}");

    // From then on it is a secret like any other.
    let rolled = service.ask(roll(&id)).await.json();
    assert_eq!(rolled["previous_secret_key"], CURRENT);
    assert_eq!(rolled["secret_key"].as_str().unwrap().len(), 50);

    let alone = service
        .ask(importing(&json!({"imported_secret_key": PREVIOUS})))
        .await;
    assert_eq!(alone.text("secret_key"), PREVIOUS);
    assert!(alone.json()["secret_rolled_at"].is_null());
    let null = service
        .ask(importing(&json!({"imported_secret_key": null})))
        .await;
    assert_ne!(null.text("secret_key"), "");
}

#[actix_web::test]
async fn whoever_brings_a_secret_must_be_allowed_to_read_secrets() {
    let service = TestService::new();
    let creator = service.key_of("acme", &[Permission::WebhookCreate]);
    let fields = json!({"imported_secret_key": CURRENT});
    let refused = service.ask_as(Some(&creator), importing(&fields)).await;
    refused.refuses(403, "USER_NOT_ALLOWED", None);
    assert!(refused.text("message").contains("WEBHOOK.REVEAL"));
    let revealer = service.key_of("acme", &[Permission::WebhookCreate, Permission::WebhookReveal]);
    service
        .ask_as(Some(&revealer), importing(&fields))
        .await
        .succeeds(201);
    service.ask_as(Some(&creator), create(CREATE)).await.succeeds(201);
}

#[actix_web::test]
async fn a_secret_that_is_weak_repeated_or_none_is_refused_and_never_repeated() {
    let service = TestService::new();
    let (current, previous) = ("imported_secret_key", "imported_previous_secret_key");
    for (fields, code, field) in [
        (json!({current: "whsec_AAAA"}), "INVALID_FIELD", current),
        (json!({current: format!("{CURRENT}\n")}), "INVALID_FIELD", current),
        (
            json!({current: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}),
            "INVALID_FIELD",
            current,
        ),
        (
            json!({current: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
            "INVALID_FIELD",
            current,
        ),
        (
            json!({current: CURRENT.replace("whsec_", "whpk_")}),
            "INVALID_FIELD",
            current,
        ),
        (json!({current: 7}), "INVALID_FIELD", current),
        (
            json!({current: CURRENT, previous: CURRENT}),
            "INVALID_FIELD",
            previous,
        ),
        (
            json!({current: CURRENT, previous: "x"}),
            "INVALID_FIELD",
            previous,
        ),
        (json!({previous: PREVIOUS}), "MISSING_FIELD", current),
        (
            json!({current: CURRENT, "signing_protocol": "Ed25519"}),
            "INVALID_FIELD",
            current,
        ),
    ] {
        let answer = service.ask(importing(&fields)).await;
        answer.refuses(400, code, Some(field));
        assert!(
            !answer.text("message").contains("3q2+"),
            "{}",
            answer.text("message")
        );
    }
    let (id, _) = service.webhook().await;
    let update = UPDATE.replace('}', &format!(r#","{current}":"{CURRENT}"}}"#));
    service
        .ask(roll(&id).body(&update))
        .await
        .refuses(400, "INVALID_FIELD", Some(current));
    assert_eq!(
        service.ask(get("/v1/webhooks")).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
