//! What clients see of a webhook.

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

const FIELDS: [&str; 31] = [
    "object_type",
    "id",
    "name",
    "reference",
    "active",
    "include_previous_data",
    "authentication_type",
    "username",
    "api_header_field",
    "custom_headers",
    "url",
    "included_actions",
    "excluded_actions",
    "signing_protocol",
    "previous_signing_protocol",
    "secret_key",
    "previous_secret_key",
    "verification_key",
    "previous_verification_key",
    "previous_secret_expires_at",
    "previous_secret_held",
    "previous_credentials_expires_at",
    "secret_rolled_at",
    "secret_rotation_days",
    "secret_rotates_automatically",
    "secret_roll_due_at",
    "secret_adoption",
    "penalty_box",
    "penalty_box_data",
    "created_at",
    "updated_at",
];

#[actix_web::test]
async fn a_new_webhook_is_answered_whole() {
    let service = TestService::new();
    let answer = service.ask(create(CREATE)).await;
    answer.succeeds(201);
    let id = answer.text("id");
    assert_eq!(
        answer.header("location"),
        Some(format!("/v1/webhooks/{id}").as_str())
    );
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let secret = answer.text("secret_key");
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let expected = serde_json::json!({
        "object_type": "WEBHOOK", "id": id, "name": null, "reference": null, "active": true,
        "include_previous_data": false, "authentication_type": "NONE", "username": null,
        "api_header_field": null, "custom_headers": null, "url": null, "included_actions": null, "excluded_actions": null,
        "signing_protocol": "HmacSHA256", "previous_signing_protocol": null, "secret_key": secret,
        "previous_secret_key": null, "verification_key": null, "previous_verification_key": null, "previous_secret_expires_at": null, "previous_secret_held": false,
        "previous_credentials_expires_at": null, "secret_rolled_at": null, "secret_rotation_days": null,
        "secret_rotates_automatically": false, "secret_roll_due_at": null, "secret_adoption": null,
        "penalty_box": null, "penalty_box_data": null,
        "created_at": "2024-04-12T15:22:37Z", "updated_at": "2024-04-12T15:22:37Z",
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(expected.as_object().unwrap().len(), FIELDS.len());
    assert!(FIELDS.iter().all(|field| expected.get(field).is_some()));
}

#[actix_web::test]
async fn every_field_that_was_set_is_shown_and_no_credential_is() {
    let service = TestService::new();
    let answer = service
        .ask(create(
            r#"{"name":"Zoë","reference":"r-1","url":"https://example.com/h","active":false,
                "include_previous_data":true,"authentication_type":"PASSWORD","username":"u","password":"pass-word",
                "api_header_field":"X-Key","api_key":"k3yk3y","custom_headers":{"X-B":"t3nant","x_a":"r0ute"},"included_actions":["INVOICE.PAID"],
                "excluded_actions":[],"signing_protocol":"HmacSHA256"}"#,
        ))
        .await;
    answer.succeeds(201);
    let json = answer.json();
    for (field, value) in [
        ("name", "Zoë"),
        ("reference", "r-1"),
        ("url", "https://example.com/h"),
        ("authentication_type", "PASSWORD"),
        ("username", "u"),
        ("api_header_field", "X-Key"),
    ] {
        assert_eq!(json[field], value);
    }
    assert_eq!(json["active"], false);
    assert_eq!(json["include_previous_data"], true);
    assert_eq!(json["included_actions"], serde_json::json!(["INVOICE.PAID"]));
    assert_eq!(json["excluded_actions"], serde_json::json!([]));
    let text = String::from_utf8(answer.body).unwrap();
    assert!(
        text.contains(r#""custom_headers":{"X-B":null,"x_a":null}"#),
        "{text}"
    );
    for secret in ["pass-word", "k3yk3y", "t3nant", "r0ute"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[actix_web::test]
async fn keys_are_read_back_only_with_the_permission_and_that_is_audited() {
    let service = TestService::new();
    let (id, secret) = service.webhook().await;
    let viewer = service.key_of("acme", &[Permission::WebhookView]);
    let seen = service.ask_as(Some(&viewer), read(&id)).await;
    seen.succeeds(200);
    assert!(seen.json()["secret_key"].is_null());
    assert_eq!(service.audited(&id).await, [AuditAction::WebhookCreated]);
    let revealed = service.ask(read(&id)).await;
    assert_eq!(revealed.text("secret_key"), secret);
    assert_eq!(service.audited(&id).await[0], AuditAction::SecretRevealed);
    assert_eq!(revealed.header("etag"), Some("\"1\""));
}

#[actix_web::test]
async fn what_get_returned_can_be_sent_back() {
    let service = TestService::new();
    let (id, secret) = service.webhook().await;
    let seen = service.ask(read(&id)).await;
    let rolled = service.ask(roll(&id).body(&seen.body)).await;
    rolled.succeeds(200);
    assert_eq!(rolled.text("previous_secret_key"), secret);
    service
        .ask(create(&String::from_utf8(seen.body).unwrap()))
        .await
        .succeeds(201);
}
