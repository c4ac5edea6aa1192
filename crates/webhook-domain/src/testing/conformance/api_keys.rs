//! API keys: what is stored is what holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Ports;
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::Refusal;
use crate::access::api_key::{ApiKey, CreatedApiKey, generate_text};
use crate::access::audit::{AuditAction, AuditDetails};
use crate::access::caller::PlatformScope;
use crate::access::permission::{Permission, PermissionSet};
use crate::concurrently::concurrently;
use crate::error::ServiceError;
use crate::id::ApiKeyId;
use crate::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use crate::ports::{NewApiKey, Outcome, Revocation, ScopeFilter};
use crate::signing::secret::{SecretBytes, SecretText};
use crate::testing::fixtures;
use crate::webhook::Name;

pub(super) fn new_key(scene: &Scene) -> ApiKey {
    let entropy = scene.entropy.as_ref();
    let id = held(ApiKeyId::generate(scene.now(), entropy));
    let (_, digest) = held(generate_text(id, entropy));
    ApiKey {
        id,
        name: None,
        scope: PlatformScope::One(scene.platform.clone()),
        permissions: PermissionSet::from_iter([Permission::WebhookUpdate, Permission::AuditRecordView]),
        digest,
        created_at: scene.now(),
        expires_at: None,
        revoked_at: None,
    }
}

async fn insert_as(
    scene: &Scene,
    key: &ApiKey,
    request: Option<IdempotentRequest<CreatedApiKey>>,
) -> Result<Outcome<CreatedApiKey>, ServiceError> {
    let created = CreatedApiKey {
        key: key.clone(),
        text: SecretText::new(format!("the text of {}", key.id)),
    };
    let audit = scene.record(
        AuditAction::ApiKeyCreated,
        &key.id.to_string(),
        AuditDetails::default(),
    );
    let idempotency = request.map(|request| request.by(&scene.acting, scene.now()));
    scene
        .ports
        .api_keys()
        .insert(NewApiKey {
            created,
            audit,
            quota: None,
            idempotency,
        })
        .await
}

pub(super) async fn insert(scene: &Scene, key: &ApiKey) {
    done(insert_as(scene, key, None).await);
}

pub(super) async fn find(scene: &Scene, id: ApiKeyId) -> Option<ApiKey> {
    held(scene.ports.api_keys().find(id).await)
}

async fn revoke_as(
    scene: &Scene,
    key: &ApiKey,
    request: Option<IdempotentRequest<ApiKey>>,
) -> Result<Outcome<ApiKey>, ServiceError> {
    let record = scene.record(
        AuditAction::ApiKeyRevoked,
        &key.id.to_string(),
        AuditDetails::default(),
    );
    let now = scene.now();
    let decide = move |key: &ApiKey, mates: &[ApiKey]| Ok((key.revoke(mates, now)?, record.clone()));
    let idempotency = request.map(|request| request.by(&scene.acting, scene.now()));
    let revocation = Revocation {
        id: key.id,
        decide: Box::new(decide),
        idempotency,
    };
    scene.ports.api_keys().revoke(revocation).await
}

pub(super) async fn revoke(scene: &Scene, key: &ApiKey) {
    done(revoke_as(scene, key, None).await);
}

fn named<T: 'static>(key: &str, id: fn(&T) -> ApiKeyId) -> Option<IdempotentRequest<T>> {
    Some(IdempotentRequest {
        key: held(IdempotencyKey::parse(key)),
        fingerprint: RequestFingerprint::of(&[key.as_bytes()]),
        render: Arc::new(move |subject, _| SecretBytes::new(id(subject).to_string().into_bytes())),
    })
}

/// With an expiry or without, for one platform or for all, with any set of permissions.
pub async fn an_api_key_reads_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let plain = new_key(&scene);
    let full = ApiKey {
        name: Some(held(Name::parse("Zoë's key".into()))),
        scope: PlatformScope::All,
        permissions: PermissionSet::all(),
        expires_at: Some(scene.now().whole_seconds().plus(Duration::from_secs(60))),
        ..new_key(&scene)
    };
    let powerless = ApiKey {
        permissions: PermissionSet::default(),
        ..new_key(&scene)
    };
    for key in [plain, full, powerless] {
        insert(&scene, &key).await;
        assert_eq!(find(&scene, key.id).await, Some(key));
    }
}

/// Nothing is made up.
pub async fn an_unknown_api_key_is_not_found(ports: &Ports) {
    let scene = Scene::new(ports);
    let unknown = new_key(&scene);
    assert_eq!(find(&scene, unknown.id).await, None);
    assert_eq!(
        refused(revoke_as(&scene, &unknown, None).await),
        Refusal::NO_SUCH_API_KEY
    );
    assert_eq!(find(&scene, unknown.id).await, None);
    assert_eq!(scene.records(unknown.id).await, []);
}

/// Those of one scope, or of several, or of all: that list is the operator's.
pub async fn api_keys_are_listed_in_pages_in_the_order_of_their_ids(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut keys: Vec<_> = (0..4).map(|_| new_key(&scene)).collect();
    for key in &keys {
        insert(&scene, key).await;
    }
    revoke(&scene, &keys[1]).await;
    keys[1].revoked_at = Some(scene.now());
    keys.sort_by_key(|key| key.id);

    let own = PlatformScope::One(scene.platform.clone());
    let unknown = PlatformScope::One(fixtures::platform("nobody"));
    let these = ScopeFilter::These;
    for scopes in [
        these(vec![own.clone()]),
        these(vec![unknown.clone(), own.clone()]),
        ScopeFilter::Every,
    ] {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = held(ports.api_keys().list(scopes.clone(), after, 3).await);
            assert!(page.len() <= 3);
            assert!(page.is_sorted_by_key(|key| key.id));
            let Some(last) = page.last() else { break };
            assert!(after < Some(last.id), "a page begins where the one before did");
            after = Some(last.id);
            listed.extend(page);
        }
        if scopes == ScopeFilter::Every {
            listed.retain(|key| key.scope == own);
        }
        assert_eq!(listed, keys, "{scopes:?}");
    }
    for nobodys in [these(vec![unknown]), these(vec![])] {
        assert_eq!(held(ports.api_keys().list(nobodys, None, 3).await), []);
    }
}

/// The first revocation holds, with its instant; the next finds nothing to do and leaves no record.
pub async fn a_revoked_api_key_is_revoked_once(ports: &Ports) {
    let scene = Scene::new(ports);
    let (key, other) = (new_key(&scene), new_key(&scene));
    insert(&scene, &key).await;
    insert(&scene, &other).await;
    scene.clock.advance_seconds(1);
    let revoked = ApiKey {
        revoked_at: Some(scene.now()),
        ..key.clone()
    };
    assert_eq!(done(revoke_as(&scene, &key, None).await).0, revoked);
    assert_eq!(find(&scene, key.id).await, Some(revoked.clone()));
    scene.clock.advance_seconds(1);
    assert_eq!(
        refused(revoke_as(&scene, &key, None).await),
        Refusal::NO_SUCH_API_KEY
    );
    assert_eq!(find(&scene, key.id).await, Some(revoked));
    assert_eq!(find(&scene, other.id).await, Some(other));
    assert_eq!(scene.records(key.id).await.len(), 2);
}

/// Who made a key and who revoked it is known as long as the key is.
pub async fn the_records_of_api_keys_are_saved_with_them(ports: &Ports) {
    let scene = Scene::new(ports);
    let key = new_key(&scene);
    insert(&scene, &key).await;
    scene.clock.advance_seconds(1);
    revoke(&scene, &key).await;
    let records = scene.records(key.id).await;
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [AuditAction::ApiKeyRevoked, AuditAction::ApiKeyCreated]);
}

/// A decision sees the keys of its scope that are not revoked, and a refused one saves nothing.
pub async fn the_last_api_key_that_creates_is_kept(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    let creating = |scene: &Scene| ApiKey {
        permissions: PermissionSet::all(),
        ..new_key(scene)
    };
    let (first, second, foreign) = (creating(&scene), creating(&scene), creating(&elsewhere));
    for key in [&first, &second, &foreign] {
        insert(&scene, key).await;
    }
    insert(&scene, &new_key(&scene)).await;
    revoke(&scene, &first).await;
    assert_eq!(
        refused(revoke_as(&scene, &second, None).await),
        Refusal::LastApiKey
    );
    assert_eq!(find(&scene, second.id).await, Some(second.clone()));
    assert_eq!(scene.records(second.id).await.len(), 1);
}

/// Two that would each be the last but for the other are not both revoked.
pub async fn of_concurrent_revocations_of_the_last_two_one_is_refused(ports: &Ports) {
    let scene = Scene::new(ports);
    let keys: Vec<_> = (0..4)
        .map(|_| ApiKey {
            permissions: PermissionSet::all(),
            ..new_key(&scene)
        })
        .collect();
    for key in &keys {
        insert(&scene, key).await;
    }
    let revocations = concurrently(keys.iter().map(|key| revoke_as(&scene, key, None))).await;
    let refusals: Vec<_> = revocations
        .into_iter()
        .filter(Result::is_err)
        .map(refused)
        .collect();
    assert_eq!(refusals, [Refusal::LastApiKey]);
}

/// Neither is done twice, and the answer is the same bytes.
pub async fn creating_and_revoking_an_api_key_are_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let (key, other) = (new_key(&scene), new_key(&scene));
    let create = || named("create", |created: &CreatedApiKey| created.key.id);
    let first = answered(insert_as(&scene, &key, create()).await);
    assert_eq!(replayed(insert_as(&scene, &other, create()).await), first);
    assert_eq!(find(&scene, other.id).await, None);

    let delete = || named("delete", |key: &ApiKey| key.id);
    let first = answered(revoke_as(&scene, &key, delete()).await);
    assert_eq!(replayed(revoke_as(&scene, &key, delete()).await), first);
    assert_eq!(scene.records(key.id).await.len(), 2);

    let another = named("create", |key: &ApiKey| key.id).map(|request| IdempotentRequest {
        fingerprint: RequestFingerprint::of(&[b"another request"]),
        ..request
    });
    insert(&scene, &other).await;
    assert_eq!(
        refused(revoke_as(&scene, &other, another).await),
        Refusal::IdempotencyKeyReused
    );
    assert_eq!(find(&scene, other.id).await, Some(other));
}

/// A decision is given the key, and with it all keys of its scope that are not revoked: itself and expired ones among them.
pub async fn a_revocation_sees_the_keys_of_its_scope(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    let key = new_key(&scene);
    let expired = ApiKey {
        expires_at: Some(scene.now().whole_seconds()),
        ..new_key(&scene)
    };
    let revoked = new_key(&scene);
    let of_all = ApiKey {
        scope: PlatformScope::All,
        ..new_key(&scene)
    };
    for key in [&key, &expired, &revoked, &of_all, &new_key(&elsewhere)] {
        insert(&scene, key).await;
    }
    revoke(&scene, &revoked).await;
    let seen = Arc::new(Mutex::new(None));
    let record = scene.record(
        AuditAction::ApiKeyRevoked,
        &key.id.to_string(),
        AuditDetails::default(),
    );
    let (see, now) = (seen.clone(), scene.now());
    let decide = move |key: &ApiKey, mates: &[ApiKey]| {
        let mut mates = mates.to_vec();
        mates.sort_by_key(|mate| mate.id);
        *see.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.clone(), mates));
        Ok((key.revoked(now), record.clone()))
    };
    let revocation = Revocation {
        id: key.id,
        decide: Box::new(decide),
        idempotency: None,
    };
    done(ports.api_keys().revoke(revocation).await);
    let mut expected = vec![key.clone(), expired];
    expected.sort_by_key(|mate| mate.id);
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert_eq!(seen, Some((key, expected)));
}

/// A key that a clock ten years ahead has made is good for as long as it was to be, from when the clock came back. Others are as they were.
pub async fn an_api_key_of_a_clock_that_was_ahead_expires_in_its_time(ports: &Ports) {
    let scene = Scene::new(ports);
    let start = scene.now();
    let expiring = |scene: &Scene| ApiKey {
        expires_at: Some(scene.now().whole_seconds().plus(Duration::from_secs(60))),
        ..new_key(scene)
    };
    let right = expiring(&scene);
    scene.clock.advance(Duration::from_secs(315_360_000));
    let (ahead, lasting, revoked) = (expiring(&scene), new_key(&scene), expiring(&scene));
    for key in [&right, &ahead, &lasting, &revoked] {
        insert(&scene, key).await;
    }
    revoke(&scene, &revoked).await;
    let was_revoked = find(&scene, revoked.id).await;
    scene.clock.set(start);
    scene.clock.advance_seconds(5);
    let store = ports.api_keys();
    let bring_back = || store.bring_back(scene.now(), scene.now(), 10);
    assert_eq!(held(bring_back().await), [ahead.id]);
    assert_eq!(held(bring_back().await), []);
    let expected = ApiKey {
        created_at: scene.now(),
        expires_at: Some(scene.now().whole_seconds().plus(Duration::from_secs(60))),
        ..ahead.clone()
    };
    assert_eq!(find(&scene, ahead.id).await, Some(expected));
    assert_eq!(find(&scene, right.id).await, Some(right));
    assert_eq!(find(&scene, lasting.id).await, Some(lasting));
    assert_eq!(find(&scene, revoked.id).await, was_revoked);
}
