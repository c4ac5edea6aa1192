//! Quotas: what one platform may have is never passed, and only by what is new it is refused.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Ports;
use super::announcements::{follower, telling};
use super::lane_scene::of;
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::Refusal;
use crate::access::api_key::{ApiKey, CreatedApiKey, generate_text};
use crate::access::audit::{AuditAction, AuditDetails};
use crate::access::caller::PlatformScope;
use crate::access::permission::PermissionSet;
use crate::access::quota::{Counted, OverQuota, Quota};
use crate::concurrently::concurrently;
use crate::delivery::event::Event;
use crate::error::ServiceError;
use crate::id::ApiKeyId;
use crate::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use crate::ports::{
    Change, Creation, DeliveryQuery, Effect, NewApiKey, Outcome, Publication, Published, Resend, ResendMany,
    Revocation, TrackedDelivery,
};
use crate::services::CreateWebhook;
use crate::signing::secret::{SecretBytes, SecretText};
use crate::testing::fixtures;
use crate::webhook::{PageSize, Webhook, WebhookQuery};

fn at_most(of: Counted, most: u32) -> Quota {
    Quota::new(of, NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN))
}

fn over(quota: Quota, present: u64, more: u64) -> Refusal {
    Refusal::OverQuota(OverQuota { quota, present, more })
}

/// How many were done; the others must have been refused for a quota.
fn count_done<T: std::fmt::Debug>(outcomes: Vec<Result<Outcome<T>, ServiceError>>) -> usize {
    let all = outcomes.len();
    let failed = outcomes.into_iter().filter(Result::is_err);
    let refusals: Vec<_> = failed.map(refused).collect();
    for refusal in &refusals {
        assert!(matches!(refusal, Refusal::OverQuota(_)), "{refusal:?}");
    }
    all - refusals.len()
}

fn named<T: 'static>(name: &str, id: fn(&T) -> String) -> IdempotentRequest<T> {
    IdempotentRequest {
        key: held(IdempotencyKey::parse(name)),
        fingerprint: RequestFingerprint::of(&[name.as_bytes()]),
        render: Arc::new(move |subject, _| SecretBytes::new(id(subject).into_bytes())),
    }
}

async fn create(scene: &Scene, quota: Option<Quota>) -> Result<Outcome, ServiceError> {
    let webhook = scene.new_webhook(fixtures::bare_settings());
    let creation = Creation {
        quota,
        ..scene.creation(&webhook, None)
    };
    scene.ports.webhooks().create(creation).await
}

async fn delete(scene: &Scene, webhook: &Webhook) {
    let delete = |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            ..Change::default()
        })
    };
    done(scene.change(webhook.id, None, delete).await);
}

async fn webhooks(scene: &Scene) -> u64 {
    let query = WebhookQuery {
        limit: PageSize::MAX,
        ..WebhookQuery::default()
    };
    scene.page(query).await.total
}

/// The one too many is refused and leaves nothing; a deletion makes room; what is over a lowered quota stays.
pub async fn a_platform_has_no_more_webhooks_than_its_quota(ports: &Ports) {
    let scene = Scene::new(ports);
    let quota = at_most(Counted::Webhooks, 2);
    let (first, _) = done(create(&scene, Some(quota)).await);
    done(create(&scene, Some(quota)).await);
    let records = scene.audit(crate::ports::AuditQuery::newest(10)).await;
    assert_eq!(refused(create(&scene, Some(quota)).await), over(quota, 2, 1));
    assert_eq!(webhooks(&scene).await, 2);
    assert_eq!(scene.audit(crate::ports::AuditQuery::newest(10)).await, records);
    done(create(&Scene::new(ports), Some(quota)).await);
    delete(&scene, &first).await;
    done(create(&scene, Some(quota)).await);
    done(create(&scene, None).await);
    let lowered = at_most(Counted::Webhooks, 1);
    assert_eq!(refused(create(&scene, Some(lowered)).await), over(lowered, 3, 1));
    assert_eq!(webhooks(&scene).await, 3);
}

/// At the same moment no more are created than there is room for.
pub async fn concurrent_creations_do_not_pass_a_quota_together(ports: &Ports) {
    let scene = Scene::new(ports);
    let quota = at_most(Counted::Webhooks, 5);
    let outcomes = concurrently((0..24).map(|_| create(&scene, Some(quota)))).await;
    assert_eq!(count_done(outcomes), 5);
    assert_eq!(webhooks(&scene).await, 5);
}

/// What was done is answered again, though there is no room any more; at the same moment too.
pub async fn a_creation_that_is_answered_again_is_not_judged_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let quota = at_most(Counted::Webhooks, 1);
    let creation = || {
        let webhook = scene.new_webhook(fixtures::bare_settings());
        let request = named("create", |webhook: &Webhook| webhook.id.to_string());
        Creation {
            quota: Some(quota),
            ..scene.creation(&webhook, Some(request))
        }
    };
    let store = ports.webhooks();
    let outcomes = concurrently((0..6).map(|_| store.create(creation()))).await;
    let replays = outcomes.into_iter().map(held);
    let replays = replays.filter(|outcome| matches!(outcome, Outcome::Replayed(_)));
    assert_eq!(replays.count(), 5);
    replayed(ports.webhooks().create(creation()).await);
    assert_eq!(webhooks(&scene).await, 1);
}

fn new_key(scene: &Scene, seconds: Option<u64>) -> ApiKey {
    let id = held(ApiKeyId::generate(scene.now(), scene.entropy.as_ref()));
    let (_, digest) = held(generate_text(id, scene.entropy.as_ref()));
    ApiKey {
        id,
        name: None,
        scope: PlatformScope::One(scene.platform.clone()),
        permissions: PermissionSet::default(),
        digest,
        created_at: scene.now(),
        expires_at: seconds.map(|seconds| scene.now().plus(Duration::from_secs(seconds))),
        revoked_at: None,
    }
}

async fn insert(
    scene: &Scene,
    key: &ApiKey,
    quota: Quota,
    request: Option<IdempotentRequest<CreatedApiKey>>,
) -> Result<Outcome<CreatedApiKey>, ServiceError> {
    let id = key.id.to_string();
    let new = NewApiKey {
        created: CreatedApiKey {
            key: key.clone(),
            text: SecretText::new(format!("the text of {id}")),
        },
        quota: Some(quota),
        audit: scene.record(AuditAction::ApiKeyCreated, &id, AuditDetails::default()),
        idempotency: request.map(|request| request.by(&scene.acting, scene.now())),
    };
    scene.ports.api_keys().insert(new).await
}

/// Those that are revoked or have expired make room, and those of others take none.
pub async fn a_platform_has_no_more_api_keys_in_force_than_its_quota(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    let quota = at_most(Counted::ApiKeys, 2);
    let (lasting, brief) = (new_key(&scene, None), new_key(&scene, Some(60)));
    let request = || named("key", |created: &CreatedApiKey| created.key.id.to_string());
    answered(insert(&scene, &lasting, quota, Some(request())).await);
    done(insert(&scene, &brief, quota, None).await);
    let another = || insert_another(&scene, quota);
    assert_eq!(refused(another().await), over(quota, 2, 1));
    replayed(insert(&scene, &new_key(&scene, None), quota, Some(request())).await);
    done(insert(&elsewhere, &new_key(&elsewhere, None), quota, None).await);
    scene.clock.advance_seconds(59);
    assert_eq!(refused(another().await), over(quota, 2, 1));
    scene.clock.advance_seconds(1);
    done(another().await);
    assert_eq!(refused(another().await), over(quota, 2, 1));
    let (now, record) = (
        scene.now(),
        scene.record(
            AuditAction::ApiKeyRevoked,
            &lasting.id.to_string(),
            AuditDetails::default(),
        ),
    );
    let revocation = Revocation {
        id: lasting.id,
        decide: Box::new(move |key: &ApiKey, _: &[ApiKey]| Ok((key.revoked(now), record.clone()))),
        idempotency: None,
    };
    done(ports.api_keys().revoke(revocation).await);
    done(another().await);
    assert_eq!(refused(another().await), over(quota, 2, 1));
}

async fn insert_another(scene: &Scene, quota: Quota) -> Result<Outcome<CreatedApiKey>, ServiceError> {
    insert(scene, &new_key(scene, None), quota, None).await
}

/// At the same moment no more are made than there is room for.
pub async fn concurrent_api_keys_do_not_pass_a_quota_together(ports: &Ports) {
    let scene = Scene::new(ports);
    let quota = at_most(Counted::ApiKeys, 3);
    let outcomes = concurrently((0..12).map(|_| insert_another(&scene, quota))).await;
    assert_eq!(count_done(outcomes), 3);
}

async fn publish(scene: &Scene, event: &Event, quota: Quota) -> Result<Outcome<Published>, ServiceError> {
    let publication = Publication {
        event: event.clone(),
        quota: Some(quota),
        idempotency: None,
    };
    scene.ports.events().publish(publication).await
}

async fn pending(scene: &Scene) -> usize {
    let query = DeliveryQuery {
        status: Some("PENDING"),
        limit: 100,
        ..DeliveryQuery::default()
    };
    scene.listed(query).await.len()
}

/// An event that does not fit is refused as a whole; what is delivered or deleted makes room; an event that nobody wants always fits.
pub async fn a_platform_has_no_more_pending_events_than_its_quota(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let quota = at_most(Counted::PendingEvents, 3);
    let one = scene.create(fixtures::bare_settings()).await;
    let other = scene.create(fixtures::bare_settings()).await;
    let event = || scene.event("INVOICE.CREATED");
    let first = event();
    assert_eq!(done(publish(&scene, &first, quota).await).0.deliveries, 2);
    let refused_event = event();
    assert_eq!(
        refused(publish(&scene, &refused_event, quota).await),
        over(quota, 2, 2)
    );
    assert_eq!(pending(&scene).await, 2);
    let events = ports.events();
    let of_refused = events.find_delivery(&scene.platform, of(&refused_event, &one));
    assert_eq!(held(of_refused.await), None);
    scene.deliver(process, &one).await;
    done(publish(&scene, &event(), quota).await);
    assert_eq!(refused(publish(&scene, &event(), quota).await), over(quota, 3, 2));
    delete(&scene, &other).await;
    done(publish(&scene, &event(), quota).await);
    done(publish(&scene, &event(), quota).await);
    assert_eq!(refused(publish(&scene, &event(), quota).await), over(quota, 3, 1));
    let lowered = at_most(Counted::PendingEvents, 1);
    assert!(matches!(
        refused(publish(&scene, &event(), lowered).await),
        Refusal::OverQuota(_)
    ));
    delete(&scene, &one).await;
    assert_eq!(done(publish(&scene, &event(), quota).await).0.deliveries, 0);
}

/// An event for more webhooks than a platform may have events waiting is never accepted, and says so.
pub async fn an_event_for_more_webhooks_than_the_quota_is_refused(ports: &Ports) {
    let scene = Scene::new(ports);
    let quota = at_most(Counted::PendingEvents, 2);
    for _ in 0..3 {
        scene.create(fixtures::bare_settings()).await;
    }
    let refusal = refused(publish(&scene, &scene.event("INVOICE.CREATED"), quota).await);
    assert!(
        refusal.to_string().contains("3 more events would wait"),
        "{refusal}"
    );
    assert_eq!(pending(&scene).await, 0);
}

/// At the same moment no more is accepted than there is room for.
pub async fn concurrent_publications_do_not_pass_a_quota_together(ports: &Ports) {
    let scene = Scene::new(ports);
    let quota = at_most(Counted::PendingEvents, 7);
    scene.create(fixtures::bare_settings()).await;
    scene.create(fixtures::bare_settings()).await;
    let events: Vec<_> = (0..20).map(|_| scene.event("INVOICE.CREATED")).collect();
    let outcomes = concurrently(events.iter().map(|event| publish(&scene, event, quota))).await;
    assert_eq!(count_done(outcomes), 3);
    assert_eq!(pending(&scene).await, 6);
}

async fn resend(
    scene: &Scene,
    event: &Event,
    to: &Webhook,
    quota: Quota,
) -> Result<Outcome<TrackedDelivery>, ServiceError> {
    let resend = Resend {
        quota: Some(quota),
        ..scene.resend(of(event, to))
    };
    scene.ports.events().resend(resend).await
}

/// What is sent again waits again, and counts.
pub async fn what_is_resent_is_held_to_the_quota(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let quota = at_most(Counted::PendingEvents, 1);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let first = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    let second = scene.event("INVOICE.CREATED");
    done(publish(&scene, &second, quota).await);
    assert_eq!(
        refused(resend(&scene, &first, &webhook, quota).await),
        over(quota, 1, 1)
    );
    assert_eq!(
        refused(resend(&scene, &second, &webhook, quota).await),
        Refusal::StillPending
    );
    let many = |room_for| ResendMany {
        platform: scene.platform.clone(),
        webhook: webhook.id,
        deliveries: vec![of(&first, &webhook)],
        room_for,
        before: 0,
        quota: Some(quota),
        is_last: true,
        at: scene.now(),
        idempotency: None,
    };
    assert_eq!(
        refused(ports.events().resend_many(many(1)).await),
        over(quota, 1, 1)
    );
    assert_eq!(scene.queued(process, &webhook).await, [second.id]);
    // A part of what was judged before passes, and counts.
    done(ports.events().resend_many(many(0)).await);
    let third = scene.event("INVOICE.CREATED");
    assert_eq!(refused(publish(&scene, &third, quota).await), over(quota, 2, 1));
    scene.deliver(process, &webhook).await;
    scene.deliver(process, &webhook).await;
    done(resend(&scene, &first, &webhook, quota).await);
    assert_eq!(refused(publish(&scene, &second, quota).await), over(quota, 1, 1));
}

/// What the service tells of itself passes the quota, and counts.
pub async fn announcements_pass_the_quota(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let quota = at_most(Counted::PendingEvents, 2);
    let takes_all = scene.create(fixtures::bare_settings()).await;
    let hears = follower(&scene, &["WEBHOOK.CREATED"]).await;
    let event = || scene.event("INVOICE.CREATED");
    done(publish(&scene, &event(), quota).await);
    let service = telling(&scene);
    for _ in 0..3 {
        let create = CreateWebhook {
            settings: fixtures::bare_settings(),
            idempotent: None,
        };
        let (created, _) = done(service.create(&scene.acting, create).await);
        done(scene.set(created.id, |settings| settings.active = false).await);
    }
    assert_eq!(scene.queued(process, &hears).await.len(), 3);
    assert!(matches!(
        refused(publish(&scene, &event(), quota).await),
        Refusal::OverQuota(OverQuota { more: 1, .. })
    ));
    assert_eq!(scene.queued(process, &takes_all).await.len(), 1);
}
