//! Keys are known by their fingerprints for as long as audit records are kept.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, done, held};
use crate::access::audit::{AuditAction, AuditDetails};
use crate::access::key_history::{KnownKey, PastKey};
use crate::id::{SigningKeyId, WebhookId};
use crate::ports::{Change, Effect};
use crate::signing::key_ring::{Evidence, KeyRing, Overlap};
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

/// From its making on, through its end and its webhook's, and on its own platform alone. The end of what expires is known when it is promised.
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
    delete(&scene, webhook.id).await;
    ends[4] = Some(scene.now());
    all_known(&ends).await;
    ports.reopen().await;
    all_known(&ends).await;
    let never: Fingerprint = held("sha256:0000000000000000".parse());
    assert_eq!(known(&scene, &never, None, 10).await, []);
}

async fn delete(scene: &Scene, webhook: WebhookId) {
    let ring = scene.stored(webhook).await.key_ring;
    let details = AuditDetails::of_end(&ring, scene.now());
    let record = scene.record(AuditAction::WebhookDeleted, &webhook.to_string(), details);
    let delete = move |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            audit: Some(record.clone()),
            ..Change::default()
        })
    };
    done(scene.change(webhook, None, delete).await);
}

/// Those that ended last first, of this webhook and in this time alone; also when the webhook is gone.
pub async fn the_keys_of_a_webhook_that_have_ended_are_listed(ports: &Ports) {
    let (scene, stranger) = (Scene::new(ports), Scene::new(ports));
    let webhook = scene.create(fixtures::bare_settings()).await;
    let other = scene.create(fixtures::bare_settings()).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        let ring = scene.stored(webhook.id).await.key_ring;
        made.push((
            held(ring.current().ok_or("it has a key")).fingerprint(),
            scene.now(),
        ));
        scene.clock.advance_seconds(10);
        done(scene.roll(webhook.id, Overlap::NONE).await);
        done(scene.roll(other.id, Overlap::NONE).await);
    }
    let ended = |place: usize| PastKey {
        fingerprint: made[place].0.clone(),
        protocol: Some(SigningProtocol::HmacSha256),
        made_at: Some(made[place].1),
        ended_at: made[place].1.plus(Duration::from_secs(10)),
    };
    let beginning = Instant::from_milliseconds(0);
    let listed = async |of: &Scene, from, to, limit| {
        let log = ports.audit();
        held(log.past_keys(&of.platform, webhook.id, from, to, limit).await)
    };
    let now = scene.now();
    assert_eq!(
        listed(&scene, beginning, now, 9).await,
        [ended(3), ended(2), ended(1), ended(0)]
    );
    assert_eq!(listed(&scene, beginning, now, 2).await, [ended(3), ended(2)]);
    let (second, third) = (ended(1).ended_at, ended(2).ended_at);
    assert_eq!(listed(&scene, second, third, 9).await, [ended(2), ended(1)]);
    let none = |instant: Instant| instant.plus(Duration::from_millis(1));
    assert_eq!(listed(&scene, none(third), now, 9).await, [ended(3)]);
    assert_eq!(listed(&stranger, beginning, now, 9).await, []);
    // What is promised to end later has not ended.
    done(scene.roll(webhook.id, Overlap::DAY).await);
    let now = scene.now();
    assert_eq!(listed(&scene, beginning, now, 9).await.len(), 4);
    delete(&scene, webhook.id).await;
    let all = listed(&scene, beginning, now, 9).await;
    assert_eq!(all.len(), 6);
    assert!(all.is_sorted_by_key(|key| (std::cmp::Reverse(key.ended_at), key.fingerprint.to_string())));
    ports.reopen().await;
    assert_eq!(listed(&scene, beginning, now, 9).await, all);
}

/// Of which there is no audit record: it ends with the adoption of the next key, or when it was kept for as long as can be.
pub async fn the_end_of_a_kept_key_is_known(ports: &Ports) {
    let scene = Scene::new(ports);
    for adopted in [true, false] {
        let webhook = scene.create(fixtures::bare_settings()).await;
        let (first, made_at) = (scene.stored(webhook.id).await.key_ring, scene.now());
        let first = held(first.current().ok_or("it has a key")).fingerprint();
        done(scene.roll_keeping(webhook.id, Overlap::DAY).await);
        let until = scene.stored(webhook.id).await.key_ring;
        let until = until.end_of(held(until.retired().first().ok_or("it has another key")));
        let ended_at = match adopted {
            true => scene.now().plus(Duration::from_secs(100_000)),
            false => until,
        };
        // Of one of the two nobody asks before it has ended.
        if !adopted {
            let promised = hmac(&webhook, made_at, Some(until));
            assert_eq!(known(&scene, &first, None, 10).await, [promised]);
        }
        scene.clock.set(ended_at);
        if adopted {
            scene.prove(webhook.id, Evidence::Check).await;
        }
        scene.clock.set(until.plus(Duration::from_secs(10)));
        let now = scene.now();
        let sweep = move |stored: &Webhook| {
            Ok(Change {
                effect: Effect::Save(Box::new(stored.clone().without_expired_keys(now))),
                ..Change::default()
            })
        };
        done(scene.change(webhook.id, None, sweep).await);
        assert_eq!(scene.stored(webhook.id).await.key_ring.retired().len(), 0);
        let expected = hmac(&webhook, made_at, Some(ended_at));
        assert_eq!(known(&scene, &first, None, 10).await, [expected]);
    }
}

/// What has a public half has no secret that anybody is shown.
pub async fn it_is_known_how_a_key_signed(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhook = scene.new_webhook(fixtures::bare_settings());
    let key = fixtures::new_key(scene.now(), scene.entropy.as_ref()).under(SigningProtocol::Ed25519);
    webhook.key_ring = KeyRing::new(key.clone());
    done(ports.webhooks().create(scene.creation(&webhook, None)).await);
    let made_at = scene.now();
    scene.clock.advance_seconds(5);
    delete(&scene, webhook.id).await;
    let expected = KnownKey {
        protocol: Some(SigningProtocol::Ed25519),
        ..hmac(&webhook, made_at, Some(scene.now()))
    };
    assert_eq!(known(&scene, &key.fingerprint(), None, 10).await, [expected]);
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
    let expiry = scene.now().whole_seconds().plus(Duration::from_secs(86_400));
    let keys = webhooks[0].key_ring.fingerprints(scene.now());
    for (key, end) in keys.into_iter().zip([None, Some(expiry)]) {
        let [first, second, third] = [0, 1, 2].map(|place| hmac(&webhooks[place], scene.now(), end));
        assert_eq!(
            known(&scene, &key, None, 2).await,
            [first.clone(), second.clone()]
        );
        let rest = known(&scene, &key, Some(webhooks[1].id), 2).await;
        assert_eq!(rest, std::slice::from_ref(&third));
        assert_eq!(known(&scene, &key, Some(webhooks[2].id), 2).await, []);
    }
}
