//! Rolling and removing a secret, with and without an update.

use actix_web::http::Method;
use webhook_domain::access::audit::AuditAction;

use crate::test_service::*;

fn with_query(method: Method, id: &str, query: &str) -> Ask {
    Ask::new(method, format!("/v1/webhooks/{id}/secret-key?{query}"))
}

#[actix_web::test]
async fn a_roll_without_a_body_rolls_and_changes_nothing_else() {
    let service = TestService::new();
    let (id, first) = service.webhook().await;
    let before = service.ask(read(&id)).await.json();
    service.clock.advance_seconds(10);
    let answer = service.ask(roll(&id)).await;
    answer.succeeds(200);
    let after = answer.json();
    assert_eq!(answer.header("etag"), Some("\"2\""));
    assert_eq!(after["previous_secret_key"], first);
    assert_ne!(after["secret_key"], first);
    assert_eq!(after["previous_signing_protocol"], "HmacSHA256");
    assert_eq!(after["secret_rolled_at"], "2024-04-12T15:22:47Z");
    assert_eq!(after["previous_secret_expires_at"], "2024-04-13T15:22:47Z");
    for field in ["name", "active", "authentication_type", "url", "created_at"] {
        assert_eq!(after[field], before[field]);
    }
    assert_eq!(service.audited(&id).await[0], AuditAction::SecretRolled);
}

#[actix_web::test]
async fn the_overlap_is_taken_from_the_query_or_from_the_body() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let ask = with_query(Method::PATCH, &id, "previous_secret_expires_in=60");
    assert_eq!(
        service.ask(ask).await.text("previous_secret_expires_at"),
        "2024-04-12T15:23:37Z"
    );
    let body = UPDATE.replace('}', r#","previous_secret_expires_in":120}"#);
    let answer = service.ask(roll(&id).body(body)).await;
    assert_eq!(answer.text("previous_secret_expires_at"), "2024-04-12T15:24:37Z");
    let body = UPDATE.replace('}', r#","previous_secret_expires_in":null}"#);
    let answer = service.ask(roll(&id).body(body)).await;
    assert_eq!(answer.text("previous_secret_expires_at"), "2024-04-13T15:22:37Z");
    let none = service
        .ask(with_query(Method::PATCH, &id, "previous_secret_expires_in=0"))
        .await;
    assert!(none.json()["previous_secret_key"].is_null());
}

#[actix_web::test]
async fn an_overlap_that_is_no_number_of_seconds_is_refused() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let field = Some("previous_secret_expires_in");
    for wrong in [
        "",
        "-1",
        "%2B5",
        "1.0",
        "604801",
        "99999999999999999999",
        "true",
        "1e3",
        "%205",
    ] {
        for method in [Method::PATCH, Method::DELETE] {
            let ask = with_query(method, &id, &format!("previous_secret_expires_in={wrong}"));
            service.ask(ask).await.refuses(400, "INVALID_FIELD", field);
        }
    }
    for wrong in [
        "-1",
        "604801",
        "99999999999999999999",
        "3600.0",
        "1e3",
        "\"3600\"",
        "true",
        "[]",
    ] {
        let body = UPDATE.replace('}', &format!(r#","previous_secret_expires_in":{wrong}}}"#));
        service
            .ask(roll(&id).body(body))
            .await
            .refuses(400, "INVALID_FIELD", field);
    }
    assert_eq!(service.ask(read(&id)).await.header("etag"), Some("\"1\""));
}

#[actix_web::test]
async fn the_overlap_may_not_be_in_the_query_beside_a_body() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let ask = with_query(Method::PATCH, &id, "previous_secret_expires_in=60").body(UPDATE);
    service
        .ask(ask)
        .await
        .refuses(400, "INVALID_FIELD", Some("previous_secret_expires_in"));
}

#[actix_web::test]
async fn an_update_and_a_roll_happen_together_or_not_at_all() {
    let service = TestService::new();
    let (id, first) = service.webhook().await;
    let update = UPDATE.replace('}', r#","name":"new","url":"https://example.com/"}"#);
    let answer = service.ask(roll(&id).body(&update)).await;
    answer.succeeds(200);
    assert_eq!(answer.text("name"), "new");
    assert_eq!(answer.text("previous_secret_key"), first);
    let incomplete = UPDATE
        .replace("NONE", "PASSWORD")
        .replace('}', r#","name":"never","username":"u"}"#);
    let refused = service.ask(roll(&id).body(incomplete)).await;
    refused.refuses(400, "MISSING_FIELD", Some("password"));
    let now = service.ask(read(&id)).await;
    assert_eq!(now.text("name"), "new");
    assert_eq!(now.header("etag"), Some("\"2\""));
}

#[actix_web::test]
async fn an_absent_field_keeps_and_null_clears() {
    let service = TestService::new();
    let body =
        r#"{"name":"n","reference":"r","url":"https://example.com/","included_actions":["INVOICE.PAID"]}"#;
    let id = service.ask(create(body)).await.text("id");
    let kept = service.ask(roll(&id).body(UPDATE)).await.json();
    assert_eq!(
        (kept["name"].as_str(), kept["reference"].as_str()),
        (Some("n"), Some("r"))
    );
    let nulls = UPDATE.replace(
        '}',
        r#","name":null,"reference":null,"url":null,"included_actions":null}"#,
    );
    let cleared = service.ask(roll(&id).body(nulls)).await.json();
    for field in ["name", "reference", "url", "included_actions"] {
        assert!(cleared[field].is_null(), "{field}");
    }
}

#[actix_web::test]
async fn an_expired_key_is_no_longer_shown() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service
        .ask(with_query(Method::PATCH, &id, "previous_secret_expires_in=60"))
        .await
        .succeeds(200);
    service.clock.advance_seconds(59);
    assert!(service.ask(read(&id)).await.json()["previous_secret_key"].is_string());
    service.clock.advance_seconds(1);
    let seen = service.ask(read(&id)).await.json();
    for field in [
        "previous_secret_key",
        "previous_signing_protocol",
        "previous_secret_expires_at",
    ] {
        assert!(seen[field].is_null(), "{field}");
    }
    assert!(seen["secret_rolled_at"].is_string());
}

#[actix_web::test]
async fn a_removal_leaves_no_current_key_and_preserves_the_last() {
    let service = TestService::new();
    let (id, first) = service.webhook().await;
    let answer = service.ask(remove(&id)).await;
    answer.succeeds(200);
    assert!(answer.json()["secret_key"].is_null());
    assert_eq!(answer.text("previous_secret_key"), first);
    let ask = with_query(Method::DELETE, &id, "previous_secret_expires_in=0");
    assert!(service.ask(ask).await.json()["previous_secret_key"].is_null());
    let rolled = service.ask(roll(&id)).await;
    assert!(rolled.json()["secret_key"].is_string());
    assert!(rolled.json()["previous_secret_key"].is_null());
}

#[actix_web::test]
async fn a_removal_takes_no_body() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let ask = remove(&id).body(r#"{"previous_secret_expires_in":0}"#);
    service.ask(ask).await.refuses(400, "BAD_REQUEST", None);
    assert!(service.ask(read(&id)).await.json()["secret_key"].is_string());
}

#[actix_web::test]
async fn one_retired_key_too_many_is_refused_until_one_is_free_or_all_go() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for _ in 0..5 {
        service.ask(roll(&id)).await.succeeds(200);
    }
    let refused = service.ask(roll(&id)).await;
    refused.refuses(409, "INVALID_OPERATION", None);
    assert!(refused.text("message").contains("2024-04-13T15:22:37Z"));
    service
        .ask(with_query(Method::PATCH, &id, "previous_secret_expires_in=0"))
        .await
        .succeeds(200);
}

#[actix_web::test]
async fn a_reference_that_is_taken_is_refused() {
    let service = TestService::new();
    let body = CREATE.replace(r#""reference":null"#, r#""reference":"r""#);
    service.ask(create(&body)).await.succeeds(201);
    service
        .ask(create(&body))
        .await
        .refuses(409, "RESOURCE_ALREADY_EXISTS", Some("reference"));
}

#[actix_web::test]
async fn a_previous_secret_is_kept_until_the_new_one_is_adopted_if_so_asked() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let query = "previous_secret_expires_in=60&keep_previous_until_adopted=true";
    let rolled = service.ask(with_query(Method::PATCH, &id, query)).await.json();
    assert_eq!(rolled["previous_secret_expires_at"], "2024-04-12T15:23:37Z");
    assert_eq!(rolled["previous_secret_held"], false);
    service.clock.advance_seconds(60);
    let held = service.ask(read(&id)).await.json();
    assert_eq!(held["previous_secret_expires_at"], "2024-04-13T15:23:37Z");
    assert_eq!(held["previous_secret_held"], true);
    let body = UPDATE.replace('}', r#","keep_previous_until_adopted":true}"#);
    service.ask(roll(&id).body(body)).await.succeeds(200);
    service.clock.advance_seconds(30 * 86_400);
    let over = service.ask(read(&id)).await.json();
    assert!(over["previous_secret_expires_at"].is_null());
    assert_eq!(over["previous_secret_held"], false);
}

#[actix_web::test]
async fn there_is_nothing_to_keep_without_an_overlap() {
    let service = TestService::new();
    let (id, secret) = service.webhook().await;
    let field = Some("keep_previous_until_adopted");
    for query in [
        "keep_previous_until_adopted=true&previous_secret_expires_in=0",
        "keep_previous_until_adopted=1",
        "keep_previous_until_adopted=",
    ] {
        let answer = service.ask(with_query(Method::PATCH, &id, query)).await;
        answer.refuses(400, "INVALID_FIELD", field);
    }
    for (query, body) in [
        (
            "",
            r#","previous_secret_expires_in":0,"keep_previous_until_adopted":true}"#,
        ),
        ("", r#","keep_previous_until_adopted":"true"}"#),
        ("keep_previous_until_adopted=false", "}"),
    ] {
        let ask = with_query(Method::PATCH, &id, query).body(UPDATE.replace('}', body));
        service.ask(ask).await.refuses(400, "INVALID_FIELD", field);
    }
    let kept = UPDATE.replace('}', r#","keep_previous_until_adopted":true}"#);
    let update = update(&id, &kept);
    service.ask(update).await.refuses(400, "INVALID_FIELD", field);
    assert_eq!(
        service.ask(read(&id)).await.text("secret_key"),
        secret,
        "nothing was rolled"
    );
}
