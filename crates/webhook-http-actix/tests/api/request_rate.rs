//! How often a credential may ask, and how often an address may ask without a valid one.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use webhook_domain::StoreError;
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::MockApiKeyStore;
use webhook_domain::testing::{MemoryStore, SeededEntropy};
use webhook_http_actix::HttpLimits;

use crate::test_service::*;

/// As many failures as may come from an address at once when one per second may come in the long run.
const FAILURES_AT_ONCE: usize = 20;

fn limits(requests: u32, failures: u32) -> HttpLimits {
    HttpLimits {
        requests_per_second: NonZeroU32::new(requests),
        failed_authentications_per_second: NonZeroU32::new(failures),
        ..HttpLimits::default()
    }
}

fn service(requests: u32, failures: u32) -> TestService {
    let store = Arc::new(MemoryStore::new());
    TestService::over(store.clone(), store, limits(requests, failures))
}

fn nowhere() -> Ask {
    Ask::new(Method::GET, "/v1/nowhere")
}

#[track_caller]
fn asks_for_patience(answer: &Answer) {
    answer.refuses(429, "INVALID_REQUEST", None);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None);
}

#[actix_web::test]
async fn a_credential_over_its_rate_is_429_and_works_again_later() {
    let service = service(3, 0);
    let (id, _) = service.webhook().await;
    for _ in 0..2 {
        service.ask(read(&id)).await.succeeds(200);
    }
    for ask in [read(&id), roll(&id), remove(&id), create(CREATE)] {
        asks_for_patience(&service.ask(ask).await);
    }
    service.clock.advance(Duration::from_millis(334));
    service.ask(read(&id)).await.succeeds(200);
    asks_for_patience(&service.ask(read(&id)).await);
    assert_eq!(
        service.audited(&id).await.len(),
        4,
        "created, and revealed three times"
    );
}

#[actix_web::test]
async fn another_credential_is_not_affected_on_whatever_platform() {
    let service = service(1, 0);
    let same_platform = service.key_of("acme", &[Permission::WebhookView]);
    let other_platform = service.key_of("other", &[Permission::WebhookView]);
    for key in [&service.key, &same_platform, &other_platform] {
        let first = service.ask_as(Some(key), read(NO_ONES_ID)).await;
        first.refuses(404, "RESOURCE_NOT_FOUND", None);
        asks_for_patience(&service.ask_as(Some(key), read(NO_ONES_ID)).await);
    }
}

#[actix_web::test]
async fn a_credentials_rate_is_one_for_all_addresses_and_headers() {
    let service = service(1, 0);
    let bearer = format!("Bearer {}", service.key);
    let first = read(NO_ONES_ID).header("authorization", &bearer);
    let first = service.ask_as(None, first.coming_from("192.0.2.1")).await;
    first.refuses(404, "RESOURCE_NOT_FOUND", None);
    asks_for_patience(&service.ask(read(NO_ONES_ID).coming_from("192.0.2.2")).await);
}

#[actix_web::test]
async fn a_missing_permission_goes_before_and_is_counted_all_the_same() {
    let service = service(3, 0);
    let blind = service.key_of("acme", &[]);
    for _ in 0..10 {
        let answer = service.ask_as(Some(&blind), read(NO_ONES_ID)).await;
        answer.refuses(403, "USER_NOT_ALLOWED", None);
    }
    asks_for_patience(&service.ask_as(Some(&blind), nowhere()).await);
    let elsewhere = || read(NO_ONES_ID).header("x-platform-id", "other");
    for _ in 0..10 {
        service
            .ask(elsewhere())
            .await
            .refuses(403, "USER_NOT_ALLOWED", None);
    }
    asks_for_patience(&service.ask(read(NO_ONES_ID)).await);
}

#[actix_web::test]
async fn paths_that_lead_nowhere_and_wrong_methods_are_counted_too() {
    let service = service(2, 0);
    let wrong_method = || Ask::new(Method::PUT, format!("/v1/webhooks/{NO_ONES_ID}"));
    service
        .ask(nowhere())
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
    service
        .ask(wrong_method())
        .await
        .refuses(405, "INVALID_REQUEST", None);
    asks_for_patience(&service.ask(nowhere()).await);
    let refused = service.ask(wrong_method()).await;
    asks_for_patience(&refused);
    assert_eq!(refused.text("resource_id"), NO_ONES_ID);
}

#[actix_web::test]
async fn failures_from_one_address_are_429_in_the_end_and_a_valid_request_from_it_works() {
    let service = service(0, 1);
    let (id, _) = service.webhook().await;
    let failing = [None, Some("nonsense"), Some("")];
    let from = |address| read(&id).coming_from(address);
    for number in 0..FAILURES_AT_ONCE {
        let answer = service.ask_as(failing[number % 3], from("192.0.2.1")).await;
        answer.refuses(401, "UNAUTHORISED", None);
    }
    let mut bodies = Vec::new();
    for key in failing {
        let answer = service.ask_as(key, from("192.0.2.1")).await;
        asks_for_patience(&answer);
        bodies.push(answer.body);
    }
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "the same for every cause"
    );
    service.ask(from("192.0.2.1")).await.succeeds(200);
    let neighbour = service.ask_as(None, from("192.0.2.2")).await;
    neighbour.refuses(401, "UNAUTHORISED", None);
    service.clock.advance_seconds(1);
    let later = service.ask_as(None, from("192.0.2.1")).await;
    later.refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn whom_a_request_says_it_was_forwarded_for_is_not_believed() {
    let service = service(0, 1);
    let forwarded = |number: usize| {
        let client = format!("192.0.2.{number}");
        nowhere()
            .coming_from("198.51.100.1")
            .header("x-forwarded-for", &client)
            .header("forwarded", &format!("for={client}"))
    };
    for number in 0..FAILURES_AT_ONCE {
        let answer = service.ask_as(None, forwarded(number)).await;
        answer.refuses(401, "UNAUTHORISED", None);
    }
    asks_for_patience(&service.ask_as(None, forwarded(99)).await);
}

#[actix_web::test]
async fn what_is_not_the_credentials_fault_is_no_failure() {
    let mut api_keys = MockApiKeyStore::new();
    api_keys
        .expect_find()
        .returning(|_| Err(StoreError::Unavailable("down".into())));
    let store = Arc::new(MemoryStore::new());
    let entropy = Arc::new(SeededEntropy::new(1));
    let service = TestService::with(store.clone(), Arc::new(api_keys), store, entropy, limits(0, 1));
    for _ in 0..2 * FAILURES_AT_ONCE {
        let answer = service.ask(nowhere()).await;
        answer.refuses(503, "INTERNAL_ERROR", None);
    }
    let version = Ask::new(Method::GET, "/v2/webhooks");
    service
        .ask_as(None, version)
        .await
        .refuses(400, "UNSUPPORTED_VERSION", None);
    service
        .ask_as(None, nowhere())
        .await
        .refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn health_is_never_limited() {
    let service = service(1, 1);
    for _ in 0..2 * FAILURES_AT_ONCE {
        service.ask_as(None, nowhere()).await;
        service.ask(nowhere()).await;
    }
    asks_for_patience(&service.ask_as(None, nowhere()).await);
    asks_for_patience(&service.ask(nowhere()).await);
    for path in ["/health/live", "/health/ready"] {
        for key in [None, Some(service.key.as_str())] {
            assert_eq!(service.ask_as(key, Ask::new(Method::GET, path)).await.status, 200);
        }
    }
}
