//! Asking again without doing again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Semaphore;
use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::{ChangeOrder, Creation, KeyExpiry, Outcome, RollDue, WebhookStore};
use webhook_domain::signing::found_key::fingerprint_of;
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::testing::MemoryStore;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Labels, NeedPage, NeedQuery, Webhook, WebhookPage, WebhookQuery};
use webhook_domain::{ServiceError, StoreError};
use webhook_http_actix::HttpLimits;

use crate::test_service::*;

fn named(ask: Ask, key: &str) -> Ask {
    ask.header("idempotency-key", key)
}

#[actix_web::test]
async fn a_request_that_is_sent_again_is_answered_byte_for_byte_and_does_nothing() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for (index, ask) in [
        (0, &(|| create(CREATE)) as &dyn Fn() -> Ask),
        (1, &|| roll(&id)),
        (2, &|| roll(&id).body(UPDATE)),
        (3, &|| remove(&id)),
        (4, &|| update(&id, &UPDATE.replace("true", "false"))),
        (5, &|| delete(&id)),
    ] {
        let key = format!("key {index}");
        let first = service.ask(named(ask(), &key)).await;
        first.succeeds(if index == 0 { 201 } else { 200 });
        assert_eq!(first.header("idempotent-replayed"), None);
        if index >= 4 {
            for key in ["secret_key", "previous_secret_key"] {
                assert!(first.json()[key].is_null(), "no answer {index} has a {key}");
            }
        }
        let audited = service.audited(&id).await.len();
        service.clock.advance_seconds(60);
        let again = service.ask(named(ask(), &key)).await;
        again.succeeds(first.status);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.body, first.body);
        for name in ["etag", "location", "content-type", "cache-control"] {
            assert_eq!(again.header(name), first.header(name));
        }
        // What shows keys once more is a record, of the webhook whose they are.
        let shows_again = usize::from((1..=3).contains(&index));
        assert_eq!(service.audited(&id).await.len(), audited + shows_again);
    }
}

/// The records that an answer was given again: of which keys.
async fn shown_again(service: &TestService, id: &str) -> Vec<Vec<String>> {
    let path = format!("/v1/audit-records?resource_id={id}&action=WEBHOOK.SECRET_REVEALED");
    let records = service.ask(get(path)).await.json();
    let records = records["data"].as_array().unwrap().iter();
    let replays = records.filter(|record| record["replayed"] == true);
    replays
        .map(|record| serde_json::from_value(record["shown_keys"].clone()).unwrap())
        .collect()
}

#[actix_web::test]
async fn a_key_that_an_answer_shows_once_more_is_audited_whatever_became_of_its_webhook() {
    let service = TestService::new();
    let made = service.ask(named(create(CREATE), "create")).await;
    let (id, first) = (made.text("id"), made.text("secret_key"));
    let second = service.ask(named(roll(&id), "roll")).await.text("secret_key");
    let [first, second] = [first, second].map(|key| fingerprint_of(&key).unwrap().to_string());
    service.ask(named(roll(&id), "roll")).await.succeeds(200);
    let both = vec![second, first.clone()];
    assert_eq!(shown_again(&service, &id).await, std::slice::from_ref(&both));

    service.ask(delete(&id)).await.succeeds(200);
    let again = service.ask(named(create(CREATE), "create")).await;
    assert_eq!(again.succeeds(201).body, made.body);
    assert_eq!(shown_again(&service, &id).await, [vec![first], both]);

    // A public key is no secret.
    let ed25519 =
        json!({"name": null, "reference": null, "url": null, "signing_protocol": "Ed25519"}).to_string();
    let id = service.ask(named(create(&ed25519), "public")).await.text("id");
    let again = service.ask(named(create(&ed25519), "public")).await;
    assert_eq!(again.succeeds(201).header("idempotent-replayed"), Some("true"));
    assert_eq!(service.audited(&id).await, [AuditAction::WebhookCreated]);
}

#[actix_web::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let (other, _) = service.webhook().await;
    service.ask(named(roll(&id), "k")).await.succeeds(200);
    let query = Ask::new(
        Method::PATCH,
        format!("/v1/webhooks/{id}/secret-key?previous_secret_expires_in=1"),
    );
    for ask in [
        roll(&other),
        remove(&id),
        delete(&id),
        update(&id, UPDATE),
        roll(&id).body(UPDATE),
        query,
        create(CREATE),
    ] {
        service
            .ask(named(ask, "k"))
            .await
            .refuses(409, "IDEMPOTENCY_CHECK_FAILED", None);
    }
}

#[actix_web::test]
async fn a_refusal_is_not_kept() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let ask = || named(roll(&id), "k").header("if-match", "\"2\"");
    service.ask(ask()).await.refuses(412, "INVALID_REQUEST", None);
    service.ask(roll(&id)).await.succeeds(200);
    let answer = service.ask(ask()).await;
    answer.succeeds(200);
    assert_eq!(answer.header("idempotent-replayed"), None);
}

#[actix_web::test]
async fn a_key_is_1_to_255_printable_characters_sent_once() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let long = "k".repeat(256);
    for wrong in ["", "ä", long.as_str(), "a\tb"] {
        let answer = service.ask(named(roll(&id), wrong)).await;
        answer.refuses(400, "INVALID_FIELD", Some("Idempotency-Key"));
    }
    let twice = named(named(roll(&id), "k"), "k");
    service
        .ask(twice)
        .await
        .refuses(400, "INVALID_FIELD", Some("Idempotency-Key"));
    service.ask(named(roll(&id), &long[1..])).await.succeeds(200);
}

#[actix_web::test]
async fn who_asks_is_checked_again_before_a_replay() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service.ask(named(roll(&id), "k")).await.succeeds(200);
    service
        .ask_as(None, named(roll(&id), "k"))
        .await
        .refuses(401, "UNAUTHORISED", None);
}

/// A store whose changes wait until they are let through.
struct Slow {
    store: Arc<MemoryStore>,
    gate: Arc<Semaphore>,
}

#[async_trait]
impl WebhookStore for Slow {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        self.store.create(creation).await
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        let permit = self.gate.acquire().await.unwrap();
        permit.forget();
        self.store.change(order).await
    }

    async fn append_record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.store.append_record(record).await
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.store.find(platform, id).await
    }

    async fn key_ring(&self, id: WebhookId) -> Result<Option<KeyRing>, StoreError> {
        self.store.key_ring(id).await
    }

    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError> {
        self.store.page(platform, query).await
    }

    async fn labels(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, StoreError> {
        self.store.labels(platform, webhooks).await
    }

    async fn in_need(&self, platform: &PlatformId, query: NeedQuery) -> Result<NeedPage, StoreError> {
        self.store.in_need(platform, query).await
    }

    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        self.store.with_expired_keys(now, limit).await
    }

    async fn with_expiring_keys(
        &self,
        after: (Instant, Option<WebhookId>),
        until: Instant,
        limit: u32,
    ) -> Result<Vec<KeyExpiry>, StoreError> {
        self.store.with_expiring_keys(after, until, limit).await
    }

    async fn with_due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Result<Vec<RollDue>, StoreError> {
        self.store.with_due_rolls(after, now, limit).await
    }

    async fn with_keys_ahead(
        &self,
        latest: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        self.store.with_keys_ahead(latest, limit).await
    }

    async fn note_rolls_anew(
        &self,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Option<WebhookId>, StoreError> {
        self.store.note_rolls_anew(after, limit).await
    }

    async fn forget_answers(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        self.store.forget_answers(before, limit).await
    }

    async fn bring_back_answers(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        self.store.bring_back_answers(latest, now, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
}

fn slow_house(wait: Duration) -> (TestService, Arc<Semaphore>) {
    let store = Arc::new(MemoryStore::new());
    let gate = Arc::new(Semaphore::new(0));
    let slow = Slow {
        store: store.clone(),
        gate: gate.clone(),
    };
    let limits = HttpLimits {
        idempotency_wait: wait,
        ..HttpLimits::default()
    };
    (TestService::over(Arc::new(slow), store, limits), gate)
}

#[actix_web::test]
async fn a_second_request_waits_for_the_first_and_replays() {
    let (service, gate) = slow_house(Duration::from_secs(5));
    let (id, _) = service.webhook().await;
    let open = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        gate.add_permits(2);
    };
    let (first, second, ()) = tokio::join!(
        service.ask(named(roll(&id), "k")),
        service.ask(named(roll(&id), "k")),
        open
    );
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.body, second.body);
}

#[actix_web::test]
async fn a_second_request_that_has_waited_long_enough_is_422() {
    let (service, gate) = slow_house(Duration::from_millis(50));
    let (id, _) = service.webhook().await;
    let second = async {
        let second = service.ask(named(roll(&id), "k")).await;
        second.refuses(422, "IDEMPOTENCY_CHECK_FAILED", None);
        gate.add_permits(1);
    };
    let (first, ()) = tokio::join!(service.ask(named(roll(&id), "k")), second);
    first.succeeds(200);
}

#[actix_web::test]
async fn another_credentials_request_with_the_same_key_does_not_wait() {
    let (service, gate) = slow_house(Duration::from_millis(50));
    let (id, _) = service.webhook().await;
    let permissions = webhook_domain::access::permission::Permission::ALL;
    let other = service.key_of("acme", permissions);
    let open = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        gate.add_permits(2);
    };
    let (first, second, ()) = tokio::join!(
        service.ask(named(roll(&id), "k")),
        service.ask_as(Some(&other), named(roll(&id), "k")),
        open
    );
    first.succeeds(200);
    second.succeeds(200);
    assert_ne!(first.body, second.body);
}

#[actix_web::test]
async fn a_request_whose_client_hangs_up_makes_room_for_the_next() {
    let (service, gate) = slow_house(Duration::from_millis(500));
    let (id, _) = service.webhook().await;
    let dropped = tokio::time::timeout(Duration::from_millis(20), service.ask(named(roll(&id), "k"))).await;
    assert!(dropped.is_err());
    gate.add_permits(1);
    service.ask(named(roll(&id), "k")).await.succeeds(200);
}
