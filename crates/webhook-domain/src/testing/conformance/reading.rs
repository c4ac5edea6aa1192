//! What was stored is what is read.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, done, held};
use crate::id::SigningKeyId;
use crate::ports::{Change, Effect};
use crate::signing::key_ring::{KeyRing, Overlap};
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::{ManualClock, SeededEntropy, fixtures};
use crate::webhook::{
    Authentication, AuthenticationType, Direction, Labels, Name, PageSize, PageStart, Settings, Webhook,
    WebhookOrder, WebhookQuery,
};

/// All settings, passwords and lists included, and the key come back as they were saved.
pub async fn a_created_webhook_reads_back_equal_in_every_field(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.new_webhook(fixtures::full_settings());
    let (answered, answer) = done(ports.webhooks().create(scene.creation(&webhook, None)).await);
    assert_eq!(answered, webhook);
    assert_eq!(answer, None, "an answer to a request that has no idempotency key");
    assert_eq!(scene.stored(webhook.id).await, webhook);
    assert_eq!(scene.records(webhook.id).await.len(), 1);
}

/// Null stays null, and an empty list or text stays one. So do credentials that are not in use.
pub async fn a_webhook_with_nothing_set_reads_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let bare = scene.create(fixtures::bare_settings()).await;
    assert_eq!(scene.stored(bare.id).await, bare);

    let mut settings = fixtures::full_settings();
    let credentials = settings.authentication.credentials().clone();
    settings.authentication = held(Authentication::new(AuthenticationType::None, credentials));
    settings.included_actions = Some(fixtures::actions(&[]));
    settings.reference = Some(fixtures::reference(""));
    let empty = scene.create(settings).await;
    assert_eq!(scene.stored(empty.id).await, empty);
}

/// What belongs to another platform does not exist.
pub async fn a_webhook_of_another_platform_is_not_found(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let webhook = scene.create(fixtures::bare_settings()).await;
    assert_eq!(other.find(webhook.id).await, None);
    assert_eq!(other.list().await, []);
    let unknown = scene.new_webhook(fixtures::bare_settings());
    assert_eq!(scene.find(unknown.id).await, None);
}

/// What everybody may know of a webhook's keys needs no platform. Keys of both kinds read back as they were.
pub async fn the_keys_of_a_webhook_are_found_by_its_id_alone(ports: &Ports) {
    let scene = Scene::new(ports);
    let settings = Settings {
        signing_protocol: SigningProtocol::Ed25519,
        ..fixtures::bare_settings()
    };
    let first = scene.create(settings).await;
    let read = async |id| held(ports.webhooks().key_ring(id).await);
    assert_eq!(read(first.id).await.as_ref(), Some(&first.key_ring));
    let (rolled, _) = done(scene.roll(first.id, Overlap::DAY).await);
    assert_eq!(read(first.id).await.as_ref(), Some(&rolled.key_ring));
    assert_eq!(scene.stored(first.id).await, rolled);
    let unknown = scene.new_webhook(fixtures::bare_settings());
    assert_eq!(read(unknown.id).await, None);
}

/// Secrets from elsewhere may be shorter and longer than ours.
pub async fn keys_from_elsewhere_read_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let entropy = SeededEntropy::new(5);
    let id = || held(SigningKeyId::generate(scene.now(), &entropy));
    let secrets = fixtures::imported_secrets();
    let mut webhook = scene.new_webhook(fixtures::bare_settings());
    webhook.key_ring = held(KeyRing::imported(
        &secrets,
        (id(), id()),
        Overlap::DAY,
        scene.now(),
    ));
    assert_eq!(webhook.key_ring.valid_at(scene.now()).count(), 2);
    done(ports.webhooks().create(scene.creation(&webhook, None)).await);
    assert_eq!(scene.stored(webhook.id).await, webhook);
}

/// Seven webhooks, of which some are alike in their names, have none, or an empty one; the oldest comes last. Some were changed since,
/// and one more was deleted.
async fn assorted(scene: &Scene) -> Vec<Webhook> {
    let mut webhooks = Vec::new();
    for name in [Some("b"), None, Some("B"), Some(""), Some("é"), Some("b")] {
        let settings = Settings {
            name: name.map(|text| held(Name::parse(text.into()))),
            reference: name.map(|text| fixtures::reference(&format!("{text}{}", webhooks.len()))),
            ..fixtures::bare_settings()
        };
        webhooks.push(scene.create(settings).await);
        scene.clock.advance_seconds(1);
    }
    scene.clock.set(ManualClock::START.minus(Duration::from_secs(60)));
    webhooks.push(scene.create(fixtures::bare_settings()).await);
    scene.clock.set(ManualClock::START.plus(Duration::from_secs(60)));
    for changed in [3, 0] {
        scene.clock.advance_seconds(1);
        webhooks[changed] = done(scene.roll(webhooks[changed].id, Overlap::DAY).await).0;
    }
    scene.clock.advance_seconds(1);
    let again = scene.now();
    let update = move |stored: &Webhook| {
        let mut webhook = stored.clone();
        webhook.settings.active = !webhook.settings.active;
        webhook.updated_at = again;
        let effect = Effect::Save(Box::new(webhook));
        Ok(Change {
            effect,
            ..Change::default()
        })
    };
    webhooks[4] = done(scene.change(webhooks[4].id, None, update).await).0;
    let gone = scene.create(fixtures::bare_settings()).await;
    let delete = |_: &Webhook| {
        let effect = Effect::Delete;
        Ok(Change {
            effect,
            ..Change::default()
        })
    };
    done(scene.change(gone.id, None, delete).await);
    webhooks
}

fn sorted(webhooks: &[Webhook], order: WebhookOrder, direction: Direction) -> Vec<Webhook> {
    let mut sorted = webhooks.to_vec();
    sorted.sort_by_key(|webhook| order.cursor_of(webhook));
    if direction == Direction::Descending {
        sorted.reverse();
    }
    sorted
}

const ORDERS: [WebhookOrder; 4] = [
    WebhookOrder::CreatedAt,
    WebhookOrder::UpdatedAt,
    WebhookOrder::Name,
    WebhookOrder::Reference,
];

/// In every order and from either end, a page has what its number says, and the last one may be shorter.
pub async fn webhooks_are_listed_by_the_number_of_a_page(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    other.create(fixtures::bare_settings()).await;
    let webhooks = assorted(&scene).await;
    for (order, direction) in ORDERS
        .into_iter()
        .flat_map(|o| [(o, Direction::Ascending), (o, Direction::Descending)])
    {
        let expected = sorted(&webhooks, order, direction);
        for limit in [1, 3, 7, 100] {
            let query = |number| WebhookQuery {
                limit: held(PageSize::new(limit)),
                start: PageStart::Number(number),
                order,
                direction,
                ..WebhookQuery::default()
            };
            let mut listed = Vec::new();
            for number in 1..=expected.len().div_ceil(limit as usize) as u64 {
                let page = scene.page(query(number)).await;
                assert_eq!(page.total, 7);
                listed.extend(page.webhooks);
            }
            assert_eq!(listed, expected, "{order:?} {direction:?} {limit}");
            for beyond in [8, u64::MAX] {
                assert_eq!(scene.page(query(beyond)).await.webhooks, [], "{beyond}");
            }
        }
    }
}

/// In every order and from either end, a page goes on after a webhook or ends before it.
pub async fn webhooks_are_listed_from_a_cursor(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhooks = assorted(&scene).await;
    for (order, direction) in ORDERS
        .into_iter()
        .flat_map(|o| [(o, Direction::Ascending), (o, Direction::Descending)])
    {
        let expected = sorted(&webhooks, order, direction);
        for (place, webhook) in expected.iter().enumerate() {
            let page = async |start| {
                let limit = held(PageSize::new(2));
                let query = WebhookQuery {
                    limit,
                    start,
                    order,
                    direction,
                    ..WebhookQuery::default()
                };
                scene.page(query).await.webhooks
            };
            let cursor = order.cursor_of(webhook);
            let after = page(PageStart::After(cursor.clone())).await;
            let end = expected.len().min(place + 3);
            assert_eq!(
                after,
                expected[place + 1..end],
                "{order:?} {direction:?} after {place}"
            );
            let before = page(PageStart::Before(cursor)).await;
            assert_eq!(
                before,
                expected[place.saturating_sub(2)..place],
                "{order:?} {direction:?} before {place}"
            );
        }
    }
}

/// A store that works says so.
pub async fn the_store_can_be_reached(ports: &Ports) {
    held(ports.webhooks().check().await);
}

/// Those of the platform are called by their labels, and of others nothing is said.
pub async fn webhooks_are_called_by_their_labels(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let full = scene.create(fixtures::full_settings()).await;
    let bare = scene.create(fixtures::bare_settings()).await;
    let foreign = other.create(fixtures::full_settings()).await;
    let unknown = scene.new_webhook(fixtures::full_settings()).id;
    let asked = vec![foreign.id, bare.id, unknown, full.id];
    let labels = held(ports.webhooks().labels(&scene.platform, asked).await);
    let of = |webhook: &Webhook| Labels {
        name: webhook.settings.name.clone(),
        reference: webhook.settings.reference.clone(),
    };
    assert!(full.settings.name.is_some() && full.settings.reference.is_some());
    assert_eq!(labels, [(full.id, of(&full)), (bare.id, of(&bare))].into());
}
