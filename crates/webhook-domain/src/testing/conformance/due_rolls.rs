//! Keys that are due for a roll.
//!
//! Each rule has years of its own: what is due is found on every platform.

use std::sync::Arc;
use std::time::Duration;

use super::Ports;
use super::announcements::{described, follower};
use super::deleting::delete;
use super::scene::{Scene, done, held};
use crate::access::audit::AuditAction;
use crate::access::caller::Credential;
use crate::concurrently::concurrently;
use crate::id::WebhookId;
use crate::services::{DueRolls, DueRollsTally};
use crate::signing::key_ring::Overlap;
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::{MemoryStore, fixtures};
use crate::time::Instant;
use crate::webhook::{RotationDays, Settings, WebhookFilter, WebhookQuery};

/// More than any run leaves behind.
const MANY: u32 = 100_000;
const FROM_THE_START: (Instant, Option<WebhookId>) = (Instant::from_milliseconds(0), None);

fn settings(days: Option<u64>, rotates: bool) -> Settings {
    Settings {
        secret_rotation_days: days.map(|days| held(RotationDays::new(days))),
        secret_rotates_automatically: rotates,
        signing_protocol: SigningProtocol::Ed25519,
        ..fixtures::bare_settings()
    }
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

impl Scene {
    fn due_rolls(&self) -> DueRolls {
        let store = self.ports.webhooks().clone();
        let never_paused = Arc::new(MemoryStore::new());
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        DueRolls::new(store, never_paused, clock, entropy, Overlap::NONE).announcing(described)
    }

    /// Which webhooks of the platform are listed as due by then, and since when; `after` a place in that list.
    async fn due(&self, after: (Instant, Option<WebhookId>), now: Instant) -> Vec<(Instant, WebhookId)> {
        let mut due = held(self.ports.webhooks().with_due_rolls(after, now, MANY).await);
        due.retain(|due| due.platform == self.platform);
        due.into_iter().map(|due| (due.at, due.webhook)).collect()
    }

    /// Those of the platform whose key counts from later than this.
    async fn ahead(&self, latest: Instant) -> Vec<WebhookId> {
        let mut ahead = held(self.ports.webhooks().with_keys_ahead(latest, MANY).await);
        ahead.retain(|(platform, _)| *platform == self.platform);
        ahead.into_iter().map(|(_, webhook)| webhook).collect()
    }

    /// The webhooks of the platform that a filter on what is due has at `at`.
    async fn filtered(&self, is_due: bool, at: Instant) -> Vec<WebhookId> {
        let filter = WebhookFilter {
            roll_due: Some(is_due),
            ..WebhookFilter::default()
        };
        let query = WebhookQuery {
            filter,
            at,
            ..WebhookQuery::default()
        };
        let page = self.page(query).await;
        assert_eq!(page.total, page.webhooks.len() as u64);
        let mut found: Vec<_> = page.webhooks.iter().map(|webhook| webhook.id).collect();
        found.sort();
        found
    }
}

/// Those whose key is due are listed by when, then by their ids, from a place in that order on: by their own days as they are set, and by
/// when their key became the current one. One without a key or without days never is.
pub async fn webhooks_whose_key_is_due_are_listed_in_their_order(ports: &Ports) {
    let scene = Scene::at(ports, held("2031-01-01T00:00:00Z".parse()));
    let start = scene.now();
    let at = |count| start.plus(days(count));
    let second_before = |instant: Instant| instant.minus(Duration::from_secs(1));
    let mut both = [
        scene.create(settings(Some(90), false)).await,
        scene.create(settings(Some(90), false)).await,
    ];
    both.sort_by_key(|webhook| webhook.id);
    let keyless = scene.create(settings(Some(1), true)).await.id;
    done(scene.remove(keyless, Overlap::DAY, None).await);
    let without = scene.create(settings(None, true)).await.id;
    let set = scene.create(settings(None, false)).await.id;
    let soon = held(RotationDays::new(30));
    let set_days = scene.set(set, move |settings| settings.secret_rotation_days = Some(soon));
    done(set_days.await);
    let rolled = scene.create(settings(Some(60), false)).await.id;
    scene.clock.advance(days(31));
    done(scene.roll(rolled, Overlap::DAY).await);

    let all = [
        (at(30), set),
        (at(90), both[0].id),
        (at(90), both[1].id),
        (at(91), rolled),
    ];
    assert_eq!(scene.due(FROM_THE_START, at(91)).await, all);
    assert_eq!(scene.due(FROM_THE_START, second_before(at(91))).await, all[..3]);
    assert_eq!(scene.due((at(90), Some(both[0].id)), at(91)).await, all[2..]);
    assert_eq!(scene.due((at(30), Some(set)), at(90)).await, all[1..3]);
    let limited = held(ports.webhooks().with_due_rolls(FROM_THE_START, at(91), 1).await);
    assert_eq!(limited.len(), 1);
    assert_eq!(scene.ahead(at(30)).await, [rolled]);
    assert_eq!(scene.ahead(at(31)).await, []);
    let mut found: Vec<_> = all.iter().map(|(_, webhook)| *webhook).collect();
    found.sort();
    assert_eq!(scene.filtered(true, at(91)).await, found);
    found.retain(|webhook| *webhook != rolled);
    assert_eq!(scene.filtered(true, second_before(at(91))).await, found);
    let mut others = [keyless, without];
    others.sort();
    assert_eq!(scene.filtered(false, at(91)).await, others);

    // They are no more once there are no days, or no webhook.
    let cleared = scene.set(both[0].id, |settings| settings.secret_rotation_days = None);
    done(cleared.await);
    done(delete(&scene, &both[1], None).await);
    assert_eq!(scene.due(FROM_THE_START, at(91)).await, [all[0], all[3]]);
    let mut last = None;
    loop {
        last = held(ports.webhooks().note_rolls_anew(last, 2).await);
        if last.is_none() {
            break;
        }
    }
    assert_eq!(scene.due(FROM_THE_START, at(91)).await, [all[0], all[3]]);
}

/// Of services that look at the same time one rolls a key that is due, and none does before, or once more.
pub async fn a_key_that_is_due_is_rolled_once(ports: &Ports) {
    let scene = Scene::at(ports, held("2033-01-01T00:00:00Z".parse()));
    let webhook = scene.create(settings(Some(90), true)).await;
    let services = [(); 4].map(|()| scene.due_rolls());
    let mut rolled = 0;
    let second = Duration::from_secs(1);
    for (passed, expected) in [(days(90) - second, 0), (second, 1), (days(1), 1)] {
        scene.clock.advance(passed);
        for tally in concurrently(services.iter().map(DueRolls::run)).await {
            rolled += held(tally).rolled;
        }
        assert_eq!(rolled, expected, "{passed:?} later");
    }
    let now = scene.stored(webhook.id).await;
    let rolled_at = webhook.created_at.plus(days(90));
    let expirys: Vec<_> = now.key_ring.retired().iter().map(|key| key.expires_at).collect();
    assert_eq!(expirys, [rolled_at.plus(days(1))], "a day is the least");
    assert_eq!(now.version, webhook.version.next());
    let records = scene.records(webhook.id).await;
    let records: Vec<_> = records
        .iter()
        .map(|record| (record.action, record.credential.clone()))
        .collect();
    let created = (AuditAction::WebhookCreated, scene.acting.credential());
    assert_eq!(
        records,
        [(AuditAction::SecretRolled, Credential::Rotation), created]
    );
}

/// Of a key that is due and is not rolled by itself it is told once, whoever comes by.
pub async fn that_a_key_is_due_is_told_once(ports: &Ports) {
    let scene = Scene::at(ports, held("2035-01-01T00:00:00Z".parse()));
    let hears = follower(&scene, &["WEBHOOK.SECRET_ROLL_DUE"]).await;
    let by_hand = scene.create(settings(Some(90), false)).await;
    let shared = Settings {
        signing_protocol: SigningProtocol::HmacSha256,
        ..settings(Some(90), true)
    };
    let shared = scene.create(shared).await;
    let mut told = 0;
    for (passed, expected) in [(days(90), 2), (days(1), 2), (days(90), 2)] {
        scene.clock.advance(passed);
        let services = [(); 3].map(|()| scene.due_rolls());
        for tally in concurrently(services.iter().map(DueRolls::run)).await {
            let tally = held(tally);
            told += tally.told;
            assert_eq!(tally.rolled, 0);
        }
        assert_eq!(told, expected);
    }
    // Another key is another matter.
    done(scene.roll(by_hand.id, Overlap::DAY).await);
    assert_eq!(held(scene.due_rolls().run().await), DueRollsTally::default());
    scene.clock.advance(days(90));
    assert_eq!(held(scene.due_rolls().run().await).told, 1);
    let process = scene.process().await;
    let lane = held(scene.look(process, &hears).await.ok_or("a lane"));
    let heard = lane.queued.iter().map(|queued| {
        let action = queued.event.action.as_str().to_owned();
        (action, queued.event.data.as_str().to_owned())
    });
    let mut heard: Vec<_> = heard.collect();
    heard.sort();
    let of = |webhook, version: i64| {
        let data = format!(r#"["{webhook}",{version}]"#);
        ("WEBHOOK.SECRET_ROLL_DUE".to_owned(), data)
    };
    let mut expected = [of(by_hand.id, 1), of(by_hand.id, 2), of(shared.id, 1)];
    expected.sort();
    assert_eq!(heard, expected);
}
