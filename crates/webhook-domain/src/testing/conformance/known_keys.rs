//! Keys are known by their fingerprints for as long as audit records are kept.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, done, held};
use crate::access::audit::{AuditAction, AuditDetails};
use crate::access::key_history::KnownKey;
use crate::id::{SigningKeyId, WebhookId};
use crate::ports::{Change, Effect};
use crate::signing::key_ring::{KeyRing, Overlap};
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::{SeededEntropy, fixtures};
use crate::time::Instant;
use crate::webhook::Webhook;

async fn known(scene: &Scene, key: &Fingerprint, after: Option<WebhookId>, limit: u32) -> Vec<KnownKey> {
    let log = scene.ports.audit();
    held(log.known_keys(&scene.platform, key, after, limit).await)
}

fn hmac(webhook: &Webhook, made_at: Instant, ended_at: Option<Instant>) -> KnownKey {
    KnownKey {
        webhook: webhook.id,
        protocol: Some(SigningProtocol::HmacSha256),
        made_at: Some(made_at),
        ended_at,
    }
}

/// From its making on, through its end and its webhook's, and on its own platform alone. An end is noted when the key goes: at once for what
/// somebody ends, and by the sweep for what has expired, which may be much later.
pub async fn a_key_is_known_by_its_fingerprint_for_ever(ports: &Ports) {
    let (scene, stranger) = (Scene::new(ports), Scene::new(ports));
    let mut made = Vec::new();
    let webhook = scene.create(fixtures::bare_settings()).await;
    let current = async || {
        let ring = scene.stored(webhook.id).await.key_ring;
        let key = held(ring.current().ok_or("it has a key"));
        (key.fingerprint(), scene.now())
    };
    made.push(current().await);
    // The second roll leaves the key before to expire and be swept before the third; the fourth ends what signs.
    for overlap in [Overlap::NONE, Overlap::DAY, Overlap::DAY, Overlap::NONE] {
        scene.clock.advance_seconds(10);
        if made.len() == 3 {
            scene.clock.advance_seconds(86_400);
            let now = scene.now();
            let sweep = move |stored: &Webhook| {
                Ok(Change {
                    effect: Effect::Save(Box::new(stored.clone().without_expired_keys(now))),
                    ..Change::default()
                })
            };
            done(scene.change(webhook.id, None, sweep).await);
        }
        done(scene.roll(webhook.id, overlap).await);
        made.push(current().await);
    }
    let expiry = made[2].1.whole_seconds().plus(Duration::from_secs(86_400));
    let mut ends = vec![
        Some(made[1].1),
        Some(expiry),
        Some(made[4].1),
        Some(made[4].1),
        None,
    ];
    let all_known = async |ends: &[Option<Instant>]| {
        for ((key, at), end) in made.iter().zip(ends) {
            assert_eq!(known(&scene, key, None, 10).await, [hmac(&webhook, *at, *end)]);
            assert_eq!(known(&stranger, key, None, 10).await, []);
        }
    };
    all_known(&ends).await;
    scene.clock.advance_seconds(10);
    let record = scene.record(
        AuditAction::WebhookDeleted,
        &webhook.id.to_string(),
        AuditDetails::default(),
    );
    let delete = move |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            audit: Some(record.clone()),
            ..Change::default()
        })
    };
    done(scene.change(webhook.id, None, delete).await);
    ends[4] = Some(scene.now());
    all_known(&ends).await;
    ports.reopen().await;
    all_known(&ends).await;
    let never: Fingerprint = held("sha256:0000000000000000".parse());
    assert_eq!(known(&scene, &never, None, 10).await, []);
}

/// A secret from elsewhere may be that of many webhooks.
pub async fn a_key_of_several_webhooks_is_known_of_each(ports: &Ports) {
    let scene = Scene::new(ports);
    let entropy = SeededEntropy::new(7);
    let secrets = fixtures::imported_secrets();
    let mut webhooks = Vec::new();
    for _ in 0..3 {
        let id = || held(SigningKeyId::generate(scene.now(), &entropy));
        let mut webhook = scene.new_webhook(fixtures::bare_settings());
        webhook.key_ring = held(KeyRing::imported(
            &secrets,
            (id(), id()),
            Overlap::DAY,
            scene.now(),
        ));
        done(ports.webhooks().create(scene.creation(&webhook, None)).await);
        webhooks.push(webhook);
    }
    webhooks.sort_by_key(|webhook| webhook.id);
    let [first, second, third] = [0, 1, 2].map(|place| hmac(&webhooks[place], scene.now(), None));
    for key in webhooks[0].key_ring.fingerprints(scene.now()) {
        assert_eq!(
            known(&scene, &key, None, 2).await,
            [first.clone(), second.clone()]
        );
        let rest = known(&scene, &key, Some(webhooks[1].id), 2).await;
        assert_eq!(rest, std::slice::from_ref(&third));
        assert_eq!(known(&scene, &key, Some(webhooks[2].id), 2).await, []);
    }
}
