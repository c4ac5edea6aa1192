//! What a client learns when the machinery fails: whether to ask again, and nothing else.

use std::sync::Arc;

use actix_web::http::Method;
use webhook_domain::entropy::{EntropyError, MockEntropy};
use webhook_domain::ports::{MockApiKeyStore, MockWebhookStore, Outcome};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::{MemoryStore, SeededEntropy};
use webhook_domain::{ServiceError, StoreError};
use webhook_http_actix::HttpLimits;

use crate::test_service::*;

fn failing(error: fn() -> StoreError) -> TestService {
    let mut webhooks = MockWebhookStore::new();
    webhooks
        .expect_change()
        .returning(move |_| Err(ServiceError::Store(error())));
    webhooks
        .expect_create()
        .returning(move |_| Err(ServiceError::Store(error())));
    webhooks.expect_check().returning(move || Err(error()));
    TestService::over(
        Arc::new(webhooks),
        Arc::new(MemoryStore::new()),
        HttpLimits::default(),
    )
}

/// 32 bytes.
const SECRET: &str = "whsec_3q2+78r+ur4BI0VniavN7wEjRWeJq83vz6ks8Q1eT5o=";
const CAUSE: &str = "postgres://user:hunter2@db";

#[actix_web::test]
async fn a_store_that_may_work_again_is_503_and_says_to_ask_again() {
    let errors: [fn() -> StoreError; 3] = [
        || StoreError::Overloaded,
        || StoreError::Unavailable(CAUSE.into()),
        || StoreError::OutcomeUnknown(CAUSE.into()),
    ];
    for error in errors {
        let service = failing(error);
        for ask in [
            roll(NO_ONES_ID),
            remove(NO_ONES_ID),
            create(CREATE),
            read(NO_ONES_ID),
        ] {
            let answer = service.ask(ask).await;
            answer.refuses(503, "INTERNAL_ERROR", None);
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(answer.header("idempotency-retryable"), Some("true"));
            assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
        }
    }
}

#[actix_web::test]
async fn what_will_not_mend_itself_is_500_and_says_not_to_ask_again() {
    let service = failing(|| StoreError::Corrupt(CAUSE.into()));
    let answer = service.ask(roll(NO_ONES_ID)).await;
    answer.refuses(500, "INTERNAL_ERROR", None);
    assert_eq!(answer.header("idempotency-retryable"), Some("false"));
    assert_eq!(answer.header("retry-after"), None);
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
}

#[actix_web::test]
async fn a_stored_answer_whose_showing_cannot_be_noted_is_not_given() {
    let errors: [(fn() -> StoreError, u16); 2] = [
        (|| StoreError::OutcomeUnknown(CAUSE.into()), 503),
        (|| StoreError::Corrupt(CAUSE.into()), 500),
    ];
    let stored = format!(
        "{{\"v\":1,\"status\":200}}\n{{\"id\":\"{NO_ONES_ID}\",\"secret_key\":\"{SECRET}\",\"previous_secret_key\":null}}"
    );
    for (error, status) in errors {
        let mut webhooks = MockWebhookStore::new();
        let answer = stored.clone();
        webhooks
            .expect_change()
            .returning(move |_| Ok(Outcome::Replayed(SecretBytes::new(answer.clone().into()))));
        webhooks
            .expect_append_record()
            .times(1)
            .returning(move |_| Err(error()));
        let service = TestService::over(
            Arc::new(webhooks),
            Arc::new(MemoryStore::new()),
            HttpLimits::default(),
        );
        let answer = service.ask(roll(NO_ONES_ID).header("idempotency-key", "k")).await;
        answer.refuses(status, "INTERNAL_ERROR", None);
        assert!(!String::from_utf8_lossy(&answer.body).contains("whsec_"));
    }
}

#[actix_web::test]
async fn a_stored_answer_of_another_form_is_500() {
    for stored in [
        "",
        "nonsense",
        "{\"v\":2,\"status\":200,\"etag\":\"\"}\n{}",
        "{}\n{}",
    ] {
        let mut webhooks = MockWebhookStore::new();
        webhooks
            .expect_change()
            .returning(move |_| Ok(Outcome::Replayed(SecretBytes::new(stored.into()))));
        let service = TestService::over(
            Arc::new(webhooks),
            Arc::new(MemoryStore::new()),
            HttpLimits::default(),
        );
        service
            .ask(roll(NO_ONES_ID))
            .await
            .refuses(500, "INTERNAL_ERROR", None);
    }
}

#[actix_web::test]
async fn without_randomness_nothing_is_made_and_the_answer_has_an_id_all_the_same() {
    let mut entropy = MockEntropy::new();
    entropy.expect_fill().returning(|_| Err(EntropyError));
    let store = Arc::new(MemoryStore::new());
    let service = TestService::with(
        store.clone(),
        store.clone(),
        store,
        Arc::new(entropy),
        HttpLimits::default(),
    );
    let answer = service.ask(create(CREATE)).await;
    answer.refuses(500, "INTERNAL_ERROR", None);
    assert_eq!(answer.header("idempotency-retryable"), Some("false"));
}

#[actix_web::test]
async fn a_key_that_cannot_be_looked_up_is_503_and_not_401() {
    let mut api_keys = MockApiKeyStore::new();
    api_keys
        .expect_find()
        .returning(|_| Err(StoreError::Unavailable(CAUSE.into())));
    let store = Arc::new(MemoryStore::new());
    let entropy = Arc::new(SeededEntropy::new(1));
    let service = TestService::with(
        store.clone(),
        Arc::new(api_keys),
        store,
        entropy,
        HttpLimits::default(),
    );
    service
        .ask(roll(NO_ONES_ID))
        .await
        .refuses(503, "INTERNAL_ERROR", None);
}

#[actix_web::test]
async fn a_service_whose_store_fails_lives_and_is_not_ready() {
    let service = failing(|| StoreError::Unavailable(CAUSE.into()));
    let live = service.ask_as(None, Ask::new(Method::GET, "/health/live")).await;
    assert_eq!(live.status, 200);
    let ready = service.ask_as(None, Ask::new(Method::GET, "/health/ready")).await;
    ready.refuses(503, "INTERNAL_ERROR", None);
}
