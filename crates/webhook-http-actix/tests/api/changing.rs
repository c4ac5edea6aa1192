//! Changing a webhook's settings, and deleting it.

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::address::{AllowedNetworks, Network};
use webhook_domain::webhook::{Action, ActionCatalogue, HttpPolicy, TargetPolicy};
use webhook_http_actix::{CurrentActions, FieldRules};

use crate::test_service::*;

const FULL: &str = r#"{"name":"n","reference":"r","url":"https://example.com/h","authentication_type":"PASSWORD",
    "username":"u","password":"p","api_header_field":"X-Key","api_key":"k","included_actions":["INVOICE.PAID"],
    "excluded_actions":["COUPON.DELETED"],"active":true,"include_previous_data":false}"#;

/// An update of the required fields, with more.
fn with(more: &str) -> String {
    UPDATE.replace('}', &format!(",{more}}}"))
}

#[actix_web::test]
async fn an_absent_field_keeps_what_is_stored_and_null_clears_it() {
    let service = TestService::new();
    let id = service.ask(create(FULL)).await.text("id");
    service.clock.advance_seconds(10);
    let before = service.ask(read(&id)).await.json();
    let required = r#"{"active":false,"include_previous_data":true,"authentication_type":"API_KEY"}"#;
    let kept = service.ask(update(&id, required)).await;
    kept.succeeds(200);
    assert_eq!(kept.header("etag"), Some("\"2\""));
    let kept = kept.json();
    assert_eq!(kept["active"], false);
    assert_eq!(kept["include_previous_data"], true);
    assert_eq!(kept["authentication_type"], "API_KEY");
    assert_eq!(kept["updated_at"], "2024-04-12T15:22:47Z");
    let optional = [
        "name",
        "reference",
        "url",
        "username",
        "api_header_field",
        "included_actions",
        "excluded_actions",
    ];
    for field in optional {
        assert_eq!(kept[field], before[field], "{field}");
        assert!(!kept[field].is_null(), "{field}");
    }
    assert_eq!(kept["created_at"], before["created_at"]);

    let nulls = optional.map(|field| format!("\"{field}\":null")).join(",");
    let cleared = service.ask(update(&id, &with(&nulls))).await;
    cleared.succeeds(200);
    for field in optional {
        assert!(cleared.json()[field].is_null(), "{field}");
    }
    assert_eq!(
        service
            .audited(&id)
            .await
            .into_iter()
            .filter(|action| *action == AuditAction::WebhookUpdated)
            .count(),
        2
    );
}

#[actix_web::test]
async fn an_update_needs_its_body_and_its_required_fields() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service
        .ask(update(&id, ""))
        .await
        .refuses(400, "BAD_REQUEST", None);
    for field in ["active", "include_previous_data", "authentication_type"] {
        for body in [
            UPDATE.replace(&format!("\"{field}\""), "\"created_at\""),
            with("\"name\":null").replace(&format!("\"{field}\":"), &format!("\"{field}\":null,\"id\":")),
        ] {
            let answer = service.ask(update(&id, &body)).await;
            answer.refuses(400, "MISSING_FIELD", Some(field));
        }
    }
    for (more, field) in [
        ("\"previous_secret_expires_in\":0", "previous_secret_expires_in"),
        ("\"nmae\":null", "nmae"),
        ("\"url\":\"ftp://x\"", "url"),
        (
            "\"included_actions\":[\"INVOICE.PAID\",\"x\"]",
            "included_actions.1",
        ),
    ] {
        let answer = service.ask(update(&id, &with(more))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
    }
    let query = get(format!("/v1/webhooks/{id}?previous_secret_expires_in=0"));
    let answer = service.ask(query).await;
    answer.refuses(400, "INVALID_FIELD", Some("previous_secret_expires_in"));
    assert_eq!(service.audited(&id).await, [AuditAction::WebhookCreated]);
}

#[actix_web::test]
async fn what_a_type_of_authentication_needs_is_judged_on_the_result() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let password = with(r#""username":"u""#).replace("NONE", "PASSWORD");
    let answer = service.ask(update(&id, &password)).await;
    answer.refuses(400, "MISSING_FIELD", Some("password"));
    service
        .ask(update(&id, &with(r#""password":"p""#)))
        .await
        .succeeds(200);
    service.ask(update(&id, &password)).await.succeeds(200);
}

#[actix_web::test]
async fn a_plain_update_does_not_change_the_keys_and_shows_none_to_anyone() {
    let service = TestService::new();
    let (id, secret) = service.webhook().await;
    let answer = service.ask(update(&id, &with("\"name\":\"new\""))).await;
    answer.succeeds(200);
    assert_eq!(answer.text("name"), "new");
    assert!(answer.json()["secret_key"].is_null());
    assert_eq!(
        service.audited(&id).await,
        [AuditAction::WebhookUpdated, AuditAction::WebhookCreated]
    );
    assert_eq!(service.ask(read(&id)).await.text("secret_key"), secret);
}

#[actix_web::test]
async fn what_get_returned_can_be_sent_back_and_changes_nothing() {
    let service = TestService::new();
    let id = service.ask(create(FULL)).await.text("id");
    let seen = service.ask(read(&id)).await;
    let answer = service
        .ask(update(&id, std::str::from_utf8(&seen.body).unwrap()))
        .await;
    answer.succeeds(200);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let mut expected = seen.json();
    expected["secret_key"] = serde_json::Value::Null;
    assert_eq!(answer.json(), expected);
    assert_eq!(
        service.audited(&id).await,
        [AuditAction::SecretRevealed, AuditAction::WebhookCreated]
    );
}

#[actix_web::test]
async fn a_reference_of_another_webhook_is_refused() {
    let service = TestService::new();
    service.ask(create(FULL)).await.succeeds(201);
    let (id, _) = service.webhook().await;
    let answer = service.ask(update(&id, &with("\"reference\":\"r\""))).await;
    answer.refuses(409, "RESOURCE_ALREADY_EXISTS", Some("reference"));
    answer.is_about("WEBHOOK", Some(&id));
}

#[actix_web::test]
async fn a_deletion_answers_with_the_webhook_as_it_was_and_without_its_keys() {
    let service = TestService::new();
    let id = service.ask(create(FULL)).await.text("id");
    service.ask(roll(&id)).await.succeeds(200);
    let mut before = service.ask(read(&id)).await.json();
    let answer = service.ask(delete(&id).header("if-match", "\"2\"")).await;
    answer.succeeds(200);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    for key in ["secret_key", "previous_secret_key"] {
        assert!(before[key].is_string());
        before[key] = serde_json::Value::Null;
    }
    assert_eq!(answer.json(), before);
    assert_eq!(service.audited(&id).await[0], AuditAction::WebhookDeleted);
    for ask in [read(&id), delete(&id), update(&id, UPDATE), roll(&id)] {
        let gone = service.ask(ask).await;
        gone.refuses(404, "RESOURCE_NOT_FOUND", None);
        gone.is_about("WEBHOOK", Some(&id));
    }
    service.ask(create(FULL)).await.succeeds(201);
}

#[actix_web::test]
async fn a_deletion_takes_no_body_and_no_parameters() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service
        .ask(delete(&id).body("{}"))
        .await
        .refuses(400, "BAD_REQUEST", None);
    service
        .ask(delete(&format!("{id}?force=true")))
        .await
        .refuses(400, "INVALID_FIELD", Some("force"));
    service.ask(read(&id)).await.succeeds(200);
}

#[actix_web::test]
async fn a_webhook_of_another_platform_is_answered_as_one_that_does_not_exist() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let foreign = service.key_of("other", Permission::ALL);
    let asks: [fn(&str) -> Ask; 5] = [read, roll, remove, delete, |id| update(id, UPDATE)];
    for ask in asks {
        let there = service.ask_as(Some(&foreign), ask(&id)).await;
        let nowhere = service.ask_as(Some(&foreign), ask(NO_ONES_ID)).await;
        there.refuses(404, "RESOURCE_NOT_FOUND", None);
        let (there, nowhere) = (
            String::from_utf8(there.body).unwrap(),
            String::from_utf8(nowhere.body).unwrap(),
        );
        assert_eq!(there.replace(&id, NO_ONES_ID), nowhere);
    }
    service.ask(read(&id)).await.succeeds(200);
}

/// A deployment that allows what the default one does not.
fn lenient() -> FieldRules {
    let own = ["OLD.GONE", "OLD.LOST", "INVOICE.PAID"];
    FieldRules {
        targets: TargetPolicy {
            http: HttpPolicy::AllowHttp,
            networks: AllowedNetworks::new(vec![Network::parse("10.0.0.0/8").unwrap()]),
        },
        actions: CurrentActions::new(ActionCatalogue::new(
            own.map(|action| Action::parse(action.into()).unwrap()),
        )),
    }
}

#[actix_web::test]
async fn what_was_read_can_be_sent_back_after_the_rules_have_changed() {
    let service = TestService::new().under(lenient());
    let created = service
        .ask(create(
            r#"{"name":null,"reference":null,"url":"http://10.1.2.3/hook","included_actions":["OLD.GONE","INVOICE.PAID"],"excluded_actions":["OLD.LOST"]}"#,
        ))
        .await;
    created.succeeds(201);
    let id = created.text("id");
    let service = service.under(FieldRules::default());
    let read = service.ask(get(format!("/v1/webhooks/{id}"))).await.json();
    service.ask(update(&id, &read.to_string())).await.succeeds(200);
    let rolled = service.ask(roll(&id).body(read.to_string())).await;
    rolled.succeeds(200);
    for field in ["url", "included_actions", "excluded_actions"] {
        assert_eq!(rolled.json()[field], read[field], "{field}");
    }
    for (field, value, path) in [
        ("url", r#""http://10.1.2.3/other""#, "url"),
        ("url", r#""https://10.1.2.3/hook""#, "url"),
        (
            "included_actions",
            r#"["OLD.GONE","OLD.LOST"]"#,
            "included_actions.1",
        ),
        (
            "excluded_actions",
            r#"["INVOICE.PAID","OLD.GONE"]"#,
            "excluded_actions.1",
        ),
    ] {
        let mut changed = read.clone();
        changed[field] = serde_json::from_str(value).unwrap();
        let refused = service.ask(update(&id, &changed.to_string())).await;
        refused.refuses(400, "INVALID_FIELD", Some(path));
        let refused = service.ask(roll(&id).body(changed.to_string())).await;
        refused.refuses(400, "INVALID_FIELD", Some(path));
    }
    // One that is new and right stands beside one that is stored.
    let mut changed = read.clone();
    changed["included_actions"] = serde_json::json!(["INVOICE.CREATED", "OLD.GONE"]);
    service.ask(update(&id, &changed.to_string())).await.succeeds(200);
    // What was given up is not stored any more.
    service.ask(update(&id, &read.to_string())).await.succeeds(200);
    changed["included_actions"] = serde_json::json!(null);
    service.ask(update(&id, &changed.to_string())).await.succeeds(200);
    service.ask(update(&id, &read.to_string())).await.refuses(
        400,
        "INVALID_FIELD",
        Some("included_actions.0"),
    );
}
