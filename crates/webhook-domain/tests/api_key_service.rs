//! Finding out whose request it is, and making and revoking keys.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::audit::AuditAction;
use webhook_domain::caller::{Acting, Caller, Credential, PlatformScope};
use webhook_domain::id::ApiKeyId;
use webhook_domain::permission::{Permission, PermissionSet};
use webhook_domain::ports::{AuditLog, MockApiKeyStore};
use webhook_domain::services::{ApiKeyService, AuthenticationError, CreateApiKey, CreatedApiKey};
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::{Refusal, ServiceError, StoreError};

struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    service: ApiKeyService,
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::default());
        let service = ApiKeyService::new(store.clone(), clock.clone(), entropy);
        Self {
            store,
            clock,
            service,
        }
    }

    async fn key(&self, lifetime: Option<Duration>) -> CreatedApiKey {
        let create = key_for(
            PlatformScope::One(fixtures::acme()),
            &[Permission::WebhookView],
            lifetime,
        );
        let operator = fixtures::operator(&fixtures::acme());
        self.service.create(&operator, create).await.unwrap()
    }

    async fn authenticate(&self, key: &CreatedApiKey) -> Option<Caller> {
        caller(self.service.authenticate(key.text.expose()).await)
    }
}

fn key_for(scope: PlatformScope, permissions: &[Permission], lifetime: Option<Duration>) -> CreateApiKey {
    CreateApiKey {
        scope,
        permissions: permissions.iter().copied().collect(),
        lifetime,
    }
}

fn caller(result: Result<Caller, AuthenticationError>) -> Option<Caller> {
    match result {
        Ok(caller) => Some(caller),
        Err(AuthenticationError::Rejected) => None,
        Err(AuthenticationError::Store(error)) => panic!("{error:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> Refusal {
    match result {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn over(store: MockApiKeyStore) -> ApiKeyService {
    let clock = Arc::new(ManualClock::default());
    ApiKeyService::new(Arc::new(store), clock, Arc::new(SeededEntropy::new(99)))
}

#[tokio::test]
async fn the_text_of_a_key_stands_for_its_caller() {
    let house = House::new();
    let key = house.key(None).await;
    let caller = house.authenticate(&key).await.unwrap();
    assert_eq!(caller.credential, Credential::ApiKey(key.key.id));
    assert_eq!(caller.scope, PlatformScope::One(fixtures::acme()));
    assert_eq!(
        caller.permissions,
        PermissionSet::from_iter([Permission::WebhookView])
    );
}

#[tokio::test]
async fn a_malformed_or_mistyped_key_never_reaches_the_store() {
    let mut store = MockApiKeyStore::new();
    store.expect_find().never();
    let service = over(store);
    let text = House::new().key(None).await.text.expose().to_owned();
    let mistyped = format!(
        "{}{}",
        &text[..text.len() - 1],
        if text.ends_with('0') { '1' } else { '0' }
    );
    let shouted = format!("{}{}", &text[..32], text[32..].to_uppercase());
    let doubled = text.clone() + &text;
    for wrong in [
        "",
        "x",
        "whkey_",
        &text[1..],
        &text[..89],
        &mistyped,
        &shouted,
        &doubled,
    ] {
        assert!(caller(service.authenticate(wrong).await).is_none(), "{wrong}");
    }
}

#[tokio::test]
async fn a_key_that_nobody_made_is_rejected() {
    let key = House::new().key(None).await;
    assert!(House::new().authenticate(&key).await.is_none());
}

#[tokio::test]
async fn a_key_with_another_secret_is_rejected() {
    let house = House::new();
    let key = house.key(None).await;
    let entropy = SeededEntropy::new(1);
    let (forged, _) = webhook_domain::api_key::generate_text(key.key.id, &entropy).unwrap();
    assert!(caller(house.service.authenticate(forged.expose()).await).is_none());
}

#[tokio::test]
async fn a_key_is_good_until_its_instant_and_not_at_it() {
    let house = House::new();
    let key = house.key(Some(Duration::from_secs(60))).await;
    let expires_at = key.key.expires_at.unwrap();
    assert_eq!(
        expires_at,
        ManualClock::START.whole_seconds().plus(Duration::from_secs(60))
    );
    house.clock.set(expires_at.minus(Duration::from_millis(1)));
    assert!(house.authenticate(&key).await.is_some());
    house.clock.set(expires_at);
    assert!(house.authenticate(&key).await.is_none());
}

#[tokio::test]
async fn a_revoked_key_is_good_for_nothing_from_then_on() {
    let house = House::new();
    let (key, other) = (house.key(None).await, house.key(None).await);
    let operator = fixtures::operator(&fixtures::acme());
    house.service.revoke(&operator, key.key.id).await.unwrap();
    assert!(house.authenticate(&key).await.is_none());
    assert!(house.authenticate(&other).await.is_some());
    let again = refusal(house.service.revoke(&operator, key.key.id).await);
    assert_eq!(again, Refusal::NotFound { resource: "API key" });
    let id = key.key.id.to_string();
    let records = house.store.of_resource(&fixtures::acme(), &id, 10).await.unwrap();
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [AuditAction::ApiKeyRevoked, AuditAction::ApiKeyCreated]);
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_have() {
    let mut store = MockApiKeyStore::new();
    store.expect_insert().never();
    let service = over(store);
    let acme = || PlatformScope::One(fixtures::acme());
    let create = |acting: Acting, create: CreateApiKey| {
        let service = &service;
        async move { refusal(service.create(&acting, create).await) }
    };
    let with = |permissions: &[Permission]| fixtures::acting_with(&fixtures::acme(), permissions);
    let not_permitted = |permission| Refusal::NotPermitted { permission };

    let viewer = with(&[Permission::WebhookView]);
    let wanted = key_for(acme(), &[Permission::WebhookView], None);
    assert_eq!(
        create(viewer, wanted).await,
        not_permitted(Permission::ApiKeyCreate)
    );

    let creator = || with(&[Permission::ApiKeyCreate, Permission::WebhookView]);
    let wanted = key_for(
        acme(),
        &[Permission::WebhookView, Permission::WebhookReveal],
        None,
    );
    assert_eq!(
        create(creator(), wanted).await,
        not_permitted(Permission::WebhookReveal)
    );

    for scope in [
        PlatformScope::All,
        PlatformScope::One(fixtures::platform("other")),
    ] {
        let wanted = key_for(scope, &[Permission::WebhookView], None);
        assert_eq!(create(creator(), wanted).await, Refusal::OtherPlatform);
    }
}

#[tokio::test]
async fn another_platforms_key_cannot_be_revoked() {
    let house = House::new();
    let key = house.key(None).await;
    let stranger = fixtures::acting(&fixtures::platform("other"));
    let refused = refusal(house.service.revoke(&stranger, key.key.id).await);
    assert_eq!(refused, Refusal::NotFound { resource: "API key" });
    assert!(house.authenticate(&key).await.is_some());
    let own = fixtures::acting(&fixtures::acme());
    house.service.revoke(&own, key.key.id).await.unwrap();
}

#[tokio::test]
async fn keys_are_listed_for_the_operator_alone() {
    let house = House::new();
    assert!(house.service.is_unused().await.unwrap());
    let key = house.key(None).await;
    assert!(!house.service.is_unused().await.unwrap());
    let operator = fixtures::operator(&fixtures::acme());
    assert_eq!(house.service.list(&operator, None, 10).await.unwrap(), [key.key]);
    let tenant = fixtures::acting(&fixtures::acme());
    assert_eq!(
        refusal(house.service.list(&tenant, None, 10).await),
        Refusal::OtherPlatform
    );
}

#[tokio::test]
async fn a_store_out_of_reach_is_not_a_wrong_key() {
    let mut store = MockApiKeyStore::new();
    store
        .expect_find()
        .returning(|_: ApiKeyId| Err(StoreError::Overloaded));
    let text = House::new().key(None).await.text;
    let result = over(store).authenticate(text.expose()).await;
    let failed = matches!(result, Err(AuthenticationError::Store(StoreError::Overloaded)));
    assert!(failed, "{result:?}");
}
