//! What becomes of a signing key, found by its fingerprint.

use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;
use webhook_domain::signing::found_key::fingerprint_of;
use webhook_domain::time::Clock as _;

use crate::test_service::*;

/// 32 bytes.
const IMPORTED: &str = "whsec_3q2+78r+ur4BI0VniavN7wEjRWeJq83vz6ks8Q1eT5o=";

/// As whoever has found the text of a key asks for it.
fn path(key: &str) -> String {
    format!("/v1/signing-keys/{}", fingerprint_of(key).unwrap())
}

impl TestService {
    /// The one webhook's history of this key.
    async fn history(&self, key: &str) -> Value {
        let answer = self.ask(get(path(key))).await;
        answer.answers(200);
        let list = answer.json();
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
        assert!(
            !answer.json().to_string().contains("whsec_"),
            "the key is in no answer"
        );
        list["data"][0].clone()
    }

    /// What is said of the key: its state, since when, until when, and what it was shown by, the last time first.
    async fn told(&self, key: &str) -> (Value, Value, Value, Vec<Value>) {
        let history = self.history(key).await;
        let shown = history["shown"].as_array().unwrap();
        assert_eq!(history["times_shown"], shown.len());
        let by = shown.iter().map(|shown| shown["action"].clone()).collect();
        let field = |name: &str| history[name].clone();
        (field("state"), field("signs_from"), field("signs_until"), by)
    }
}

#[actix_web::test]
async fn a_key_is_followed_from_its_making_to_its_end_and_beyond_its_webhook() {
    let service = TestService::new();
    let (id, first) = service.webhook().await;
    let at = |seconds: u64| {
        service
            .clock
            .now()
            .plus(std::time::Duration::from_secs(seconds))
            .to_string()
    };
    let made = at(0);
    assert_eq!(
        service.told(&first).await,
        (
            json!("CURRENT"),
            json!(made),
            Value::Null,
            vec![json!("WEBHOOK.CREATED")]
        )
    );
    let history = service.history(&first).await;
    let records = service
        .ask(get(format!("/v1/audit-records?resource_id={id}")))
        .await
        .json();
    let record = &records["data"][0];
    let expected = json!([{
        "audit_record_id": record["id"], "created_at": made, "action": "WEBHOOK.CREATED",
        "credential": record["credential"], "request_id": record["request_id"],
    }]);
    assert_eq!(history["shown"], expected);
    let whose = [
        "webhook_id",
        "webhook_name",
        "webhook_exists",
        "signing_protocol",
        "object_type",
    ];
    let whose = whose.map(|name| history[name].clone());
    let read = service.ask(read(&id)).await;
    assert_eq!(
        json!(whose),
        json!([id, read.json()["name"], true, "HmacSHA256", "SIGNING_KEY"])
    );
    let nothing = json!({
        "attempts": 0, "webhook_events": 0, "first_at": null, "last_at": null, "hosts": [], "kept_since": "2024-04-11T15:22:37Z",
    });
    assert_eq!(history["signed"], nothing);

    // The reading revealed it, since the service's own key may do that. A roll shows both keys, and so does a removal.
    service.clock.advance_seconds(60);
    let second = service.ask(roll(&id)).await.text("secret_key");
    let rolled = at(0);
    let shown = [
        "WEBHOOK.SECRET_ROLLED",
        "WEBHOOK.SECRET_REVEALED",
        "WEBHOOK.CREATED",
    ]
    .map(Value::from);
    assert_eq!(
        service.told(&first).await,
        (json!("RETIRED"), json!(made), json!(at(86_400)), shown.to_vec())
    );
    let restore = format!("/v1/webhooks/{id}/secret-key/restore");
    service
        .ask(Ask::new(actix_web::http::Method::POST, restore))
        .await
        .succeeds(200);
    assert_eq!(service.told(&first).await.0, "CURRENT");
    let shown = vec![json!("WEBHOOK.SECRET_ROLLED")];
    assert_eq!(
        service.told(&second).await,
        (json!("RETIRED"), json!(rolled), json!(at(86_400)), shown.clone())
    );
    let ends = at(86_400);
    service.clock.advance_seconds(86_400);
    assert_eq!(
        service.told(&second).await,
        (json!("EXPIRED"), json!(rolled), json!(ends), shown.clone())
    );

    service.ask(delete(&id)).await.succeeds(200);
    assert_eq!(
        service.told(&second).await,
        (json!("EXPIRED"), json!(rolled), json!(ends), shown)
    );
    let (state, from, until, _) = service.told(&first).await;
    assert_eq!(
        (state, from, until),
        (json!("EXPIRED"), json!(made), json!(at(0)))
    );
    let history = service.history(&first).await;
    assert_eq!(
        [&history["webhook_name"], &history["webhook_exists"]],
        [&Value::Null, &json!(false)]
    );
}

#[actix_web::test]
async fn a_secret_of_several_webhooks_is_told_of_each_a_part_at_a_time() {
    let service = TestService::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let object = json!({"name": null, "reference": null, "url": null, "imported_secret_key": IMPORTED});
        ids.push(service.ask(create(&object.to_string())).await.text("id"));
    }
    ids.sort();
    let list = service.ask(get(path(IMPORTED) + "?limit=2")).await.json();
    let whose = |list: &Value| -> Vec<Value> {
        let data = list["data"].as_array().unwrap();
        data.iter().map(|entry| entry["webhook_id"].clone()).collect()
    };
    assert_eq!(json!(whose(&list)), json!(ids[..2]));
    let next = list["links"]["next"].as_str().unwrap();
    let list = service.ask(get(next)).await.json();
    assert_eq!(json!(whose(&list)), json!(ids[2..]));
    assert!(list["links"]["next"].is_null());
}

#[actix_web::test]
async fn the_private_half_of_a_key_is_shown_to_nobody() {
    let service = TestService::new();
    let object = json!({"name": null, "reference": null, "url": null, "signing_protocol": "Ed25519"});
    let created = service.ask(create(&object.to_string())).await;
    let history = service.history(&created.text("verification_key")).await;
    let told = ["signing_protocol", "state", "shown", "times_shown"].map(|name| history[name].clone());
    assert_eq!(json!(told), json!(["Ed25519", "CURRENT", [], 0]));
}

#[actix_web::test]
async fn keys_of_others_and_of_nobody_are_one_404_and_two_permissions_are_needed() {
    let service = TestService::new();
    let (_, key) = service.webhook().await;
    let both = [Permission::WebhookView, Permission::AuditRecordView];
    let other = service.key_of("other", &both);
    let strangers = service.ask_as(Some(&other), get(path(&key))).await;
    strangers.refuses(404, "RESOURCE_NOT_FOUND", None);
    let nobodys = service.ask(get(path(IMPORTED))).await;
    assert_eq!(strangers.body, nobodys.body);
    assert_eq!(nobodys.json()["resource_type"], "SIGNING_KEY");
    let own = service.key_of("acme", &both);
    service.ask_as(Some(&own), get(path(&key))).await.answers(200);
    for (has, lacks) in [(both[0], "AUDIT_RECORD.VIEW"), (both[1], "WEBHOOK.VIEW")] {
        let half = service.key_of("acme", &[has]);
        // Without it nobody learns whether there is such a key, nor whether a fingerprint is right.
        for wanted in [path(&key), "/v1/signing-keys/x".to_owned()] {
            let answer = service.ask_as(Some(&half), get(wanted)).await;
            answer.refuses(403, "USER_NOT_ALLOWED", None);
            assert!(answer.text("message").contains(lacks));
        }
    }
    for wrong in ["x", "sha256:0123456789ABCDEF", "sha256:0123456789abcde"] {
        let answer = service.ask(get(format!("/v1/signing-keys/{wrong}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some("fingerprint"));
    }
}
