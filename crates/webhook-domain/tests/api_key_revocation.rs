//! Which keys a caller sees and revokes, and the key that is kept.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{AuditLog, AuditQuery, MockApiKeyStore, Outcome};
use webhook_domain::services::{ApiKeyService, CreateApiKey, RevokeApiKey};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::{Refusal, ServiceError};

const CREATING: &[Permission] = &[Permission::ApiKeyCreate];
const VIEWING: &[Permission] = &[Permission::WebhookView];

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

    async fn key_for(
        &self,
        scope: PlatformScope,
        permissions: &[Permission],
        lifetime: Option<Duration>,
    ) -> CreatedApiKey {
        let create = CreateApiKey {
            name: None,
            scope,
            permissions: permissions.iter().copied().collect(),
            lifetime,
            idempotent: None,
        };
        self.clock.advance_seconds(1);
        done(self.service.create(&operator(), create).await)
    }

    async fn key(&self, permissions: &[Permission]) -> CreatedApiKey {
        self.key_for(acme(), permissions, None).await
    }

    async fn revoke(&self, acting: &Acting, key: &CreatedApiKey) -> Result<Outcome<ApiKey>, ServiceError> {
        let revoke = RevokeApiKey::default();
        self.service.revoke(acting, key.key.id, revoke).await
    }

    async fn is_good(&self, key: &CreatedApiKey) -> bool {
        self.service.authenticate(key.text.expose()).await.is_ok()
    }

    async fn list(&self, acting: &Acting) -> Vec<ApiKeyId> {
        ids(self.service.list(acting, None, 10).await.unwrap())
    }
}

fn acme() -> PlatformScope {
    PlatformScope::One(fixtures::acme())
}

fn other() -> PlatformScope {
    PlatformScope::One(fixtures::platform("other"))
}

fn tenant() -> Acting {
    fixtures::acting(&fixtures::acme())
}

fn operator() -> Acting {
    fixtures::operator(&fixtures::acme())
}

/// An API key with every permission that is good for all platforms, at work on `acme`.
async fn steward(fixture: &Fixture) -> Acting {
    let key = fixture.key_for(PlatformScope::All, Permission::ALL, None).await;
    let caller = fixture.service.authenticate(key.text.expose()).await.unwrap();
    let request = "reqr_steward".parse().unwrap();
    Arc::new(caller)
        .acting_on(Some(fixtures::acme()), request)
        .unwrap()
}

fn ids(keys: Vec<ApiKey>) -> Vec<ApiKeyId> {
    keys.into_iter().map(|key| key.id).collect()
}

#[track_caller]
fn done<T>(result: Result<Outcome<T>, ServiceError>) -> T {
    match result.unwrap() {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> Refusal {
    match result {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_revoked_key_is_good_for_nothing_from_then_on() {
    let fixture = Fixture::new();
    let (key, kept) = (fixture.key(VIEWING).await, fixture.key(VIEWING).await);
    fixture.clock.advance_seconds(60);
    let revoked = done(fixture.revoke(&tenant(), &key).await);
    assert_eq!(
        revoked.revoked_at,
        Some(ManualClock::START.plus(Duration::from_secs(62)))
    );
    assert!(!fixture.is_good(&key).await);
    assert!(fixture.is_good(&kept).await);
    for acting in [tenant(), operator()] {
        let again = refusal(fixture.revoke(&acting, &key).await);
        assert_eq!(again, Refusal::NO_SUCH_API_KEY);
    }
    let query = AuditQuery::of_resource(key.key.id, 10);
    let records = AuditLog::list(fixture.store.as_ref(), &fixtures::acme(), query).await;
    let records = records.unwrap();
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [AuditAction::ApiKeyRevoked, AuditAction::ApiKeyCreated]);
    assert_eq!(records[0].credential, tenant().credential());
}

#[tokio::test]
async fn a_tenant_sees_and_revokes_the_keys_of_its_platform_alone() {
    let fixture = Fixture::new();
    let own = fixture.key(VIEWING).await;
    let foreign = fixture.key_for(other(), VIEWING, None).await;
    let for_all = fixture.key_for(PlatformScope::All, VIEWING, None).await;
    assert_eq!(fixture.list(&tenant()).await, [own.key.id]);
    for key in [&foreign, &for_all] {
        let refused = refusal(fixture.revoke(&tenant(), key).await);
        assert_eq!(refused, Refusal::NO_SUCH_API_KEY);
        assert!(fixture.is_good(key).await);
    }
    done(fixture.revoke(&tenant(), &own).await);
}

#[tokio::test]
async fn who_is_good_for_all_platforms_has_the_keys_of_the_one_acted_on_and_those_for_all() {
    let fixture = Fixture::new();
    let steward = steward(&fixture).await;
    let own = fixture.key(VIEWING).await;
    let foreign = fixture.key_for(other(), VIEWING, None).await;
    let for_all = fixture.key_for(PlatformScope::All, VIEWING, None).await;
    let seen = fixture.list(&steward).await;
    assert_eq!(
        seen[1..],
        [own.key.id, for_all.key.id],
        "the first is the steward's own"
    );
    let refused = refusal(fixture.revoke(&steward, &foreign).await);
    assert_eq!(refused, Refusal::NO_SUCH_API_KEY);
    assert!(fixture.is_good(&foreign).await);
    for key in [&own, &for_all] {
        done(fixture.revoke(&steward, key).await);
        assert!(!fixture.is_good(key).await);
    }
}

#[tokio::test]
async fn the_last_key_that_creates_keys_is_revoked_at_the_command_line_alone() {
    let fixture = Fixture::new();
    let (first, last) = (fixture.key(CREATING).await, fixture.key(CREATING).await);
    done(fixture.revoke(&tenant(), &first).await);
    for acting in [tenant(), steward(&fixture).await] {
        assert_eq!(refusal(fixture.revoke(&acting, &last).await), Refusal::LastApiKey);
    }
    assert!(fixture.is_good(&last).await);
    done(fixture.revoke(&operator(), &last).await);
    assert!(!fixture.is_good(&last).await);
}

#[tokio::test]
async fn a_key_that_is_good_for_nothing_or_elsewhere_does_not_stand_in_for_the_last() {
    let fixture = Fixture::new();
    let last = fixture.key(CREATING).await;
    let minute = Some(Duration::from_secs(60));
    let expired = fixture.key_for(acme(), CREATING, minute).await;
    let revoked = fixture.key(CREATING).await;
    fixture.key(VIEWING).await;
    fixture.key_for(other(), CREATING, None).await;
    fixture.key_for(PlatformScope::All, CREATING, None).await;
    done(fixture.revoke(&tenant(), &revoked).await);
    fixture.clock.advance_seconds(60);
    assert!(!fixture.is_good(&expired).await);
    assert_eq!(
        refusal(fixture.revoke(&tenant(), &last).await),
        Refusal::LastApiKey
    );

    // What creates no keys any more is not kept.
    done(fixture.revoke(&tenant(), &expired).await);
    let heir = fixture.key(CREATING).await;
    done(fixture.revoke(&tenant(), &last).await);
    assert!(fixture.is_good(&heir).await);
}

#[tokio::test]
async fn the_last_key_for_all_platforms_that_creates_keys_is_kept_too() {
    let fixture = Fixture::new();
    fixture.key(CREATING).await;
    let steward = steward(&fixture).await;
    let own = fixture.list(&steward).await[1];
    let revoke = RevokeApiKey::default();
    let refused = fixture.service.revoke(&steward, own, revoke).await;
    assert_eq!(refusal(refused), Refusal::LastApiKey);
}

#[tokio::test]
async fn a_revocation_asked_for_again_is_answered_again() {
    let fixture = Fixture::new();
    let key = fixture.key(VIEWING).await;
    let revoke = || RevokeApiKey {
        idempotent: Some(IdempotentRequest {
            key: IdempotencyKey::parse("revoke").unwrap(),
            fingerprint: RequestFingerprint::of(&[b"revoke"]),
            render: Arc::new(|key: &ApiKey, _| {
                SecretBytes::new(format!("{} {:?}", key.id, key.revoked_at).into_bytes())
            }),
        }),
    };
    let id = key.key.id;
    let first = fixture.service.revoke(&tenant(), id, revoke()).await.unwrap();
    let Outcome::Done { subject, answer } = first else {
        panic!("replayed");
    };
    let text = format!("{id} {:?}", subject.revoked_at);
    assert!(subject.revoked_at.is_some());
    fixture.clock.advance_seconds(60);
    match fixture.service.revoke(&tenant(), id, revoke()).await {
        Ok(Outcome::Replayed(again)) => {
            assert_eq!(again.expose(), text.as_bytes());
            assert_eq!(Some(again), answer);
        }
        other => panic!("not replayed: {other:?}"),
    }
}

#[tokio::test]
async fn keys_are_listed_in_pages_revoked_ones_included() {
    let fixture = Fixture::new();
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(fixture.key(VIEWING).await);
    }
    done(fixture.revoke(&tenant(), &keys[1]).await);
    let expected: Vec<_> = keys.iter().map(|key| key.key.id).collect();
    let first = ids(fixture.service.list(&tenant(), None, 2).await.unwrap());
    assert_eq!(first, expected[..2]);
    let rest = fixture.service.list(&tenant(), first.last().copied(), 2).await;
    assert_eq!(ids(rest.unwrap()), expected[2..]);
}

#[tokio::test]
async fn the_keys_of_all_platforms_are_told_to_those_who_are_good_for_all() {
    let fixture = Fixture::new();
    assert!(fixture.service.is_unused().await.unwrap());
    let key = fixture.key(VIEWING).await;
    let foreign = fixture.key_for(other(), VIEWING, None).await;
    assert!(!fixture.service.is_unused().await.unwrap());
    let all = fixture.service.list_all(&operator(), None, 10).await.unwrap();
    assert_eq!(ids(all), [key.key.id, foreign.key.id]);
    let scope = fixture.service.scope_of(&operator(), foreign.key.id).await;
    assert_eq!(scope.unwrap(), other());
    let unknown = fixtures::API_KEY.parse().unwrap();
    let scope = fixture.service.scope_of(&operator(), unknown).await;
    assert_eq!(refusal(scope), Refusal::NO_SUCH_API_KEY);

    let all = fixture.service.list_all(&tenant(), None, 10).await;
    assert_eq!(refusal(all), Refusal::OtherPlatform);
    let scope = fixture.service.scope_of(&tenant(), key.key.id).await;
    assert_eq!(refusal(scope), Refusal::OtherPlatform);
}

#[tokio::test]
async fn without_the_permission_the_store_is_not_asked() {
    let mut store = MockApiKeyStore::new();
    store.expect_find().never();
    store.expect_revoke().never();
    store.expect_list().never();
    let clock = Arc::new(ManualClock::default());
    let service = ApiKeyService::new(Arc::new(store), clock, Arc::new(SeededEntropy::default()));
    let id = fixtures::API_KEY.parse().unwrap();
    let without = |permission: Permission| {
        let others = Permission::ALL.iter().copied().filter(|one| *one != permission);
        fixtures::acting_with(&fixtures::acme(), &Vec::from_iter(others))
    };
    let not_permitted = |permission| Refusal::NotPermitted { permission };

    let permission = Permission::ApiKeyDelete;
    let revoke = RevokeApiKey::default();
    let revoked = service.revoke(&without(permission), id, revoke).await;
    assert_eq!(refusal(revoked), not_permitted(permission));

    let permission = Permission::ApiKeyView;
    let viewless = without(permission);
    for refused in [
        refusal(service.list(&viewless, None, 1).await),
        refusal(service.list_all(&viewless, None, 1).await),
        refusal(service.scope_of(&viewless, id).await),
    ] {
        assert_eq!(refused, not_permitted(permission));
    }
}
