//! API keys: what is stored is what holds.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, held};
use crate::api_key::{ApiKey, generate_text};
use crate::audit::{AuditAction, AuditDetails, AuditRecord};
use crate::caller::PlatformScope;
use crate::id::ApiKeyId;
use crate::permission::{Permission, PermissionSet};

fn new_key(scene: &Scene) -> ApiKey {
    let entropy = scene.entropy.as_ref();
    let id = held(ApiKeyId::generate(scene.now(), entropy));
    let (_, digest) = held(generate_text(id, entropy));
    ApiKey {
        id,
        scope: PlatformScope::One(scene.platform.clone()),
        permissions: PermissionSet::from_iter([Permission::WebhookUpdate, Permission::AuditRecordView]),
        digest,
        created_at: scene.now(),
        expires_at: None,
        revoked_at: None,
    }
}

fn record_of(scene: &Scene, key: &ApiKey, action: AuditAction) -> AuditRecord {
    scene.record(action, &key.id.to_string(), AuditDetails::default())
}

async fn insert(scene: &Scene, key: &ApiKey) {
    let audit = record_of(scene, key, AuditAction::ApiKeyCreated);
    held(scene.ports.api_keys.insert(key.clone(), audit).await);
}

async fn find(scene: &Scene, id: ApiKeyId) -> Option<ApiKey> {
    held(scene.ports.api_keys.find(id).await)
}

async fn revoke(scene: &Scene, key: &ApiKey) -> bool {
    let audit = record_of(scene, key, AuditAction::ApiKeyRevoked);
    held(scene.ports.api_keys.revoke(key.id, scene.now(), audit).await)
}

/// With an expiry or without, for one platform or for all, with any set of permissions.
pub async fn an_api_key_reads_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let plain = new_key(&scene);
    let full = ApiKey {
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
    assert!(!revoke(&scene, &unknown).await);
    assert_eq!(find(&scene, unknown.id).await, None);
    assert_eq!(scene.records(unknown.id).await, []);
}

/// Keys of other platforms stand among them: the list is the operator's.
pub async fn api_keys_are_listed_in_pages_in_the_order_of_their_ids(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut keys: Vec<_> = (0..4).map(|_| new_key(&scene)).collect();
    for key in &keys {
        insert(&scene, key).await;
    }
    assert!(revoke(&scene, &keys[1]).await);
    keys[1].revoked_at = Some(scene.now());
    keys.sort_by_key(|key| key.id);

    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = held(ports.api_keys.list(after, 3).await);
        assert!(page.len() <= 3);
        assert!(page.is_sorted_by_key(|key| key.id));
        let Some(last) = page.last() else { break };
        assert!(after < Some(last.id), "a page begins where the one before did");
        after = Some(last.id);
        listed.extend(page);
    }
    let own = PlatformScope::One(scene.platform.clone());
    listed.retain(|key| key.scope == own);
    assert_eq!(listed, keys);
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
    assert!(revoke(&scene, &key).await);
    assert_eq!(find(&scene, key.id).await, Some(revoked.clone()));
    scene.clock.advance_seconds(1);
    assert!(!revoke(&scene, &key).await);
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
