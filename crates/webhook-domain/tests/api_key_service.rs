//! Finding out whose request it is, and making keys.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::api_key::CreatedApiKey;
use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::caller::{Acting, Caller, Credential, PlatformScope};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::id::ApiKeyId;
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{ApiKeyStore, AuditLog, AuditQuery, MockApiKeyStore, Outcome, ScopeFilter};
use webhook_domain::services::{ApiKeyService, AuthenticationError, CreateApiKey};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::webhook::Name;
use webhook_domain::{Refusal, ServiceError, StoreError};

struct Fixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    service: ApiKeyService,
}

impl Fixture {
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
        done(self.service.create(&operator, create).await)
    }

    /// The one record of a new key.
    async fn record(&self, created: &CreatedApiKey) -> AuditRecord {
        let query = AuditQuery::of_resource(created.key.id, 10);
        let records = AuditLog::list(self.store.as_ref(), &fixtures::acme(), query).await;
        let mut records = records.unwrap();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    async fn authenticate(&self, key: &CreatedApiKey) -> Option<Caller> {
        caller(self.service.authenticate(key.text.expose()).await)
    }
}

fn key_for(scope: PlatformScope, permissions: &[Permission], lifetime: Option<Duration>) -> CreateApiKey {
    CreateApiKey {
        name: None,
        scope,
        permissions: permissions.iter().copied().collect(),
        lifetime,
        idempotent: None,
    }
}

fn done<T>(result: Result<Outcome<T>, ServiceError>) -> T {
    match result.unwrap() {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

fn caller(result: Result<Caller, AuthenticationError>) -> Option<Caller> {
    match result {
        Ok(caller) => Some(caller),
        Err(AuthenticationError::Rejected) => None,
        Err(error) => panic!("{error:?}"),
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
    let fixture = Fixture::new();
    let key = fixture.key(None).await;
    let caller = fixture.authenticate(&key).await.unwrap();
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
    let text = Fixture::new().key(None).await.text.expose().to_owned();
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
    let key = Fixture::new().key(None).await;
    assert!(Fixture::new().authenticate(&key).await.is_none());
}

#[tokio::test]
async fn a_key_with_another_secret_is_rejected() {
    let fixture = Fixture::new();
    let key = fixture.key(None).await;
    let entropy = SeededEntropy::new(1);
    let (forged, _) = webhook_domain::access::api_key::generate_text(key.key.id, &entropy).unwrap();
    assert!(caller(fixture.service.authenticate(forged.expose()).await).is_none());
}

#[tokio::test]
async fn a_key_is_good_until_its_instant_and_not_at_it() {
    let fixture = Fixture::new();
    let key = fixture.key(Some(Duration::from_secs(60))).await;
    let expires_at = key.key.expires_at.unwrap();
    assert_eq!(
        expires_at,
        ManualClock::START.whole_seconds().plus(Duration::from_secs(60))
    );
    fixture.clock.set(expires_at.minus(Duration::from_millis(1)));
    assert!(fixture.authenticate(&key).await.is_some());
    fixture.clock.set(expires_at);
    assert!(fixture.authenticate(&key).await.is_none());
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
async fn a_new_key_is_stored_as_asked_and_its_record_names_what_it_may() {
    let fixture = Fixture::new();
    let creator = fixtures::acting(&fixtures::acme());
    let name = Some(Name::parse("Zoë's key".into()).unwrap());
    let permissions = [Permission::WebhookView, Permission::EventCreate];
    let create = CreateApiKey {
        name: name.clone(),
        ..key_for(PlatformScope::One(fixtures::acme()), &permissions, None)
    };
    let created = done(fixture.service.create(&creator, create).await);
    let key = &created.key;
    assert_eq!(key.name, name);
    assert_eq!(key.scope, PlatformScope::One(fixtures::acme()));
    assert_eq!(key.permissions, PermissionSet::from_iter(permissions));
    assert_eq!((key.expires_at, key.revoked_at), (None, None));
    let stored = ApiKeyStore::find(fixture.store.as_ref(), key.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(key));

    let record = fixture.record(&created).await;
    assert_eq!(record.action, AuditAction::ApiKeyCreated);
    assert_eq!(record.credential, creator.credential());
    let mut named = record.details.permissions.clone();
    named.sort();
    assert_eq!(named, ["EVENT.CREATE", "WEBHOOK.VIEW"]);
    let told = format!("{record:?} {created:?}");
    assert!(!told.contains(created.text.expose()), "{told}");
}

#[tokio::test]
async fn who_is_good_for_all_platforms_makes_keys_for_one_or_for_all() {
    let fixture = Fixture::new();
    let operator = fixtures::operator(&fixtures::acme());
    for scope in [
        PlatformScope::One(fixtures::acme()),
        PlatformScope::One(fixtures::platform("other")),
        PlatformScope::All,
    ] {
        let create = key_for(scope.clone(), &[Permission::WebhookView], None);
        let created = done(fixture.service.create(&operator, create).await);
        assert_eq!(fixture.authenticate(&created).await.unwrap().scope, scope);
    }
}

#[tokio::test]
async fn a_creation_asked_for_again_gives_the_same_text_again_and_makes_no_second_key() {
    let fixture = Fixture::new();
    let creator = fixtures::acting(&fixtures::acme());
    let acme = || PlatformScope::One(fixtures::acme());
    let create = |body: &str| CreateApiKey {
        idempotent: Some(IdempotentRequest {
            key: IdempotencyKey::parse("create").unwrap(),
            fingerprint: RequestFingerprint::of(&[body.as_bytes()]),
            render: Arc::new(|created: &CreatedApiKey, _| {
                SecretBytes::new(created.text.expose().as_bytes().to_vec())
            }),
        }),
        ..key_for(acme(), &[Permission::WebhookView], None)
    };
    let first = fixture.service.create(&creator, create("a")).await.unwrap();
    let Outcome::Done { subject, answer } = first else {
        panic!("replayed");
    };
    fixture.clock.advance_seconds(60);
    let answer = answer.unwrap();
    assert_eq!(answer.expose(), subject.text.expose().as_bytes());
    match fixture.service.create(&creator, create("a")).await {
        Ok(Outcome::Replayed(again)) => assert_eq!(again, answer),
        other => panic!("not replayed: {other:?}"),
    }
    let other = fixture.service.create(&creator, create("b")).await;
    assert_eq!(refusal(other), Refusal::IdempotencyKeyReused);
    let keys = ApiKeyStore::list(fixture.store.as_ref(), ScopeFilter::These(vec![acme()]), None, 10).await;
    assert_eq!(keys.unwrap(), [subject.key]);

    // Who asks is checked again before the answer is given again.
    let demoted = fixtures::acting_with(&fixtures::acme(), &[Permission::ApiKeyCreate]);
    let again = fixture.service.create(&demoted, create("a")).await;
    let permission = Permission::WebhookView;
    assert_eq!(refusal(again), Refusal::NotPermitted { permission });
}

#[tokio::test]
async fn a_store_out_of_reach_is_not_a_wrong_key() {
    let mut store = MockApiKeyStore::new();
    store
        .expect_find()
        .returning(|_: ApiKeyId| Err(StoreError::Overloaded));
    let text = Fixture::new().key(None).await.text;
    let result = over(store).authenticate(text.expose()).await;
    let failed = matches!(result, Err(AuthenticationError::Store(StoreError::Overloaded)));
    assert!(failed, "{result:?}");
}
