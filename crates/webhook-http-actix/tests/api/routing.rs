//! Paths, versions, methods, and the order in which things are checked.

use actix_web::http::Method;
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

#[actix_web::test]
async fn any_version_but_1_is_refused_before_anything_else() {
    let service = TestService::new();
    for uri in [
        "/v2/webhooks",
        "/v0/webhooks",
        "/v/webhooks",
        "/v1.0/webhooks",
        "/v01/x",
        "/v",
        "/v11",
    ] {
        service
            .ask_as(None, get(uri))
            .await
            .refuses(400, "UNSUPPORTED_VERSION", None);
    }
}

#[actix_web::test]
async fn a_path_that_leads_nowhere_is_404() {
    let service = TestService::new();
    for uri in [
        "/",
        "/webhooks",
        "/V1/webhooks",
        "/health",
        "/health/live/",
        "/%ff",
    ] {
        service
            .ask_as(None, get(uri))
            .await
            .refuses(404, "RESOURCE_NOT_FOUND", None);
    }
    for uri in [
        "/v1",
        "/v1/",
        "/v1/webhooks/",
        "/v1/nothing",
        "/v1/webhooks/x/y",
        "/v1//webhooks",
        "/v1/webhooks//secret-key",
        "/v1/webhooks//secret-key/retired/",
        "/v1/webhooks//jwks.json",
        "/v1/webhook-events//resend",
        "/v1/rotations//stop",
    ] {
        service
            .ask(get(uri))
            .await
            .refuses(404, "RESOURCE_NOT_FOUND", None);
        service
            .ask_as(None, get(uri))
            .await
            .refuses(401, "UNAUTHORISED", None);
    }
}

#[actix_web::test]
async fn a_path_that_leads_nowhere_is_about_what_it_begins_with() {
    let service = TestService::new();
    for (uri, resource_type) in [
        ("/v1/webhooks/x/y", "WEBHOOK"),
        ("/v1/webhooks/", "WEBHOOK"),
        ("/v1/nothing", "WEBHOOK"),
        ("/v1/api-keysx", "WEBHOOK"),
        ("/v1", "WEBHOOK"),
        ("/v1/api-keys/", "API_KEY"),
        ("/v1/api-keys/x/y", "API_KEY"),
        ("/v1/signing-keys/", "SIGNING_KEY"),
        ("/v1/audit-records/x", "AUDIT_RECORD"),
        ("/v1/audit-records/", "AUDIT_RECORD"),
        ("/v1/webhook-events//resend", "WEBHOOK"),
    ] {
        for (answer, status) in [
            (service.ask(get(uri)).await, 404),
            (service.ask_as(None, get(uri)).await, 401),
        ] {
            assert_eq!(answer.status, status, "{uri}");
            assert_eq!(answer.json()["resource_type"], resource_type, "{uri}");
            assert!(answer.json()["resource_id"].is_null(), "{uri}");
        }
    }
}

#[actix_web::test]
async fn a_method_that_a_path_does_not_take_is_405_and_told_after_the_credential() {
    let service = TestService::new();
    let one = format!("/v1/webhooks/{NO_ONES_ID}");
    let secret_key = format!("{one}/secret-key");
    for (method, uri, allow) in [
        (Method::PUT, "/v1/webhooks", "GET, POST, HEAD"),
        (Method::DELETE, "/v1/webhooks", "GET, POST, HEAD"),
        (Method::PUT, &one, "GET, PATCH, DELETE, HEAD"),
        (Method::POST, &one, "GET, PATCH, DELETE, HEAD"),
        (Method::POST, "/v1/webhooks/actions", "GET, HEAD"),
        (Method::PATCH, "/v1/webhooks/actions", "GET, HEAD"),
        (Method::DELETE, "/v1/webhooks/actions", "GET, HEAD"),
        (Method::PUT, "/v1/api-keys", "GET, POST, HEAD"),
        (Method::GET, "/v1/api-keys/x", "DELETE"),
        (Method::DELETE, "/v1/audit-records", "GET, HEAD"),
        (Method::GET, &secret_key, "PATCH, DELETE"),
        (Method::POST, &secret_key, "PATCH, DELETE"),
        (Method::OPTIONS, &secret_key, "PATCH, DELETE"),
    ] {
        let answer = service.ask(Ask::new(method.clone(), uri)).await;
        answer.refuses(405, "INVALID_REQUEST", None);
        assert_eq!(answer.header("allow"), Some(allow), "{uri}");
        let stranger = service.ask_as(None, Ask::new(method, uri)).await;
        stranger.refuses(401, "UNAUTHORISED", None);
    }
    let answer = service.ask_as(None, Ask::new(Method::POST, "/health/live")).await;
    answer.refuses(405, "INVALID_REQUEST", None);
}

#[actix_web::test]
async fn a_malformed_id_is_refused_without_being_repeated() {
    let service = TestService::new();
    let upper = NO_ONES_ID.to_uppercase();
    for id in [
        "x",
        "whk_",
        upper.as_str(),
        "%ff",
        "01hv9k2m4rt6w8y0abcdefghjk",
        "a%2Fb",
        "%00",
    ] {
        for ask in [read, roll, remove, delete, |id: &str| update(id, UPDATE)] {
            let answer = service.ask(ask(id)).await;
            answer.refuses(400, "INVALID_ID", None);
            assert!(answer.json()["resource_id"].is_null());
        }
    }
}

#[actix_web::test]
async fn where_a_path_fits_two_patterns_words_come_before_names() {
    let service = TestService::new();
    let actions = service.ask(get("/v1/webhooks/actions")).await;
    assert_eq!(actions.status, 200);
    for below in ["secret-key", "send-test", "jwks.json"] {
        let ask = Ask::new(Method::PUT, format!("/v1/webhooks/actions/{below}"));
        service.ask(ask).await.refuses(405, "INVALID_REQUEST", None);
    }
    for like_a_word in ["actions", "actionsx", "act", "test-connection"] {
        let answer = service.ask(roll(like_a_word)).await;
        answer.refuses(400, "INVALID_ID", None);
    }
    let encoded = service.ask(get("/%761/webhooks/%61ctions")).await;
    assert_eq!(encoded.status, 200);
    let nothing = service.ask(get("/v1/webhooks/test-connection/nothing")).await;
    nothing.refuses(404, "RESOURCE_NOT_FOUND", None);
}

#[actix_web::test]
async fn metrics_that_are_elsewhere_are_no_path_by_any_method() {
    let service = TestService::new();
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
        let answer = service.ask_as(None, Ask::new(method.clone(), "/metrics")).await;
        assert_eq!(answer.status, 404, "{method}");
        assert_eq!(answer.header("allow"), None, "{method}");
    }
}

#[actix_web::test]
async fn checks_come_in_the_order_of_the_contract() {
    let service = TestService::new();
    let blind = service.key_of("acme", &[]);
    // Everything is wrong; each step mends the first thing.
    let wrong = |id: &str, query: &str| {
        Ask::new(Method::PATCH, format!("/v1/webhooks/{id}/secret-key{query}"))
            .of_type(Some("text/plain"))
            .body("{")
    };
    service
        .ask_as(None, wrong("x", "?a"))
        .await
        .refuses(401, "UNAUTHORISED", None);
    let ask = wrong("x", "?a").header("x-platform-id", "*");
    service
        .ask_as(Some(&blind), ask)
        .await
        .refuses(403, "USER_NOT_ALLOWED", None);
    let ask = wrong("x", "?a").header("x-platform-id", "*");
    service
        .ask(ask)
        .await
        .refuses(400, "INVALID_FIELD", Some("x-platform-id"));
    let ask = wrong("x", "?a");
    service.ask(ask).await.refuses(400, "INVALID_ID", None);
    let ask = wrong(NO_ONES_ID, "?a").header("idempotency-key", "");
    service.ask(ask).await.refuses(400, "INVALID_FIELD", Some("a"));
    let ask = wrong(NO_ONES_ID, "")
        .header("idempotency-key", "")
        .header("if-match", "x");
    service
        .ask(ask)
        .await
        .refuses(400, "INVALID_FIELD", Some("Idempotency-Key"));
    let ask = wrong(NO_ONES_ID, "").header("if-match", "x");
    service
        .ask(ask)
        .await
        .refuses(400, "INVALID_FIELD", Some("If-Match"));
    service
        .ask(wrong(NO_ONES_ID, ""))
        .await
        .refuses(415, "UNSUPPORTED_MEDIA_TYPE", None);
    service
        .ask(roll(NO_ONES_ID).body("{"))
        .await
        .refuses(400, "BAD_REQUEST", None);
    service
        .ask(roll(NO_ONES_ID))
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
}

#[actix_web::test]
async fn an_error_names_the_webhook_that_the_path_names() {
    let service = TestService::new();
    for (key, ask) in [
        (None, roll(NO_ONES_ID)),
        (Some(service.key.as_str()), read(NO_ONES_ID)),
    ] {
        let answer = service.ask_as(key, ask).await;
        assert_eq!(answer.text("resource_id"), NO_ONES_ID);
    }
}

#[actix_web::test]
async fn a_parameter_that_is_unknown_or_repeated_is_named() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let overlap = "previous_secret_expires_in";
    for (ask, field) in [
        (
            Ask::new(Method::POST, "/v1/webhooks?dry_run=1").body(CREATE),
            "dry_run",
        ),
        (
            Ask::new(Method::POST, format!("/v1/webhooks?{overlap}=1")).body(CREATE),
            overlap,
        ),
        (read(&format!("{id}?a%20b=1")), "a b"),
        (roll_with(&id, "expires_in=5"), "expires_in"),
        (
            roll_with(&id, "previous_secret_expires_in=5&previous_secret_expires_in=5"),
            overlap,
        ),
    ] {
        service.ask(ask).await.refuses(400, "INVALID_FIELD", Some(field));
    }
}

fn roll_with(id: &str, query: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/v1/webhooks/{id}/secret-key?{query}"))
}

#[actix_web::test]
async fn a_request_id_is_kept_if_it_is_well_formed_and_made_otherwise() {
    let service = TestService::new();
    let live = || get("/health/live");
    let kept = service
        .ask_as(None, live().header("x-request-id", "my.Req_1-a"))
        .await;
    assert_eq!(kept.header("x-request-id"), Some("my.Req_1-a"));
    let long = "a".repeat(129);
    let twice = live().header("x-request-id", "a").header("x-request-id", "a");
    let asks = ["", "a b", "ä", "a/b", &long].map(|id| live().header("x-request-id", id));
    for ask in asks.into_iter().chain([twice, live()]) {
        let answer = service.ask_as(None, ask).await;
        let made = answer.header("x-request-id").unwrap();
        let random = made.strip_prefix("reqr_").unwrap();
        assert!(
            random.len() == 20 && random.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{made}"
        );
    }
}

#[actix_web::test]
async fn health_asks_for_no_credential() {
    let service = TestService::new();
    for uri in ["/health/live", "/health/ready"] {
        let answer = service.ask_as(None, get(uri)).await;
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, &br#"{"status":"ok"}"#[..])
        );
        let head = service.ask_as(None, Ask::new(Method::HEAD, uri)).await;
        assert_eq!(head.status, 200);
    }
}

#[actix_web::test]
async fn the_audit_names_the_request() {
    use webhook_domain::ports::{AuditLog, AuditQuery};
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service
        .ask(roll(&id).header("x-request-id", "the-roll"))
        .await
        .succeeds(200);
    let acme = webhook_domain::testing::fixtures::acme();
    let newest = AuditLog::list(service.store.as_ref(), &acme, AuditQuery::of_resource(&id, 1))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(newest.request.as_str(), "the-roll");
    let viewer = service.key_of("acme", &[Permission::WebhookView]);
    service.ask_as(Some(&viewer), read(&id)).await.succeeds(200);
    assert_eq!(service.audited(&id).await.len(), 2);
}
