//! Audit records are read back whole, in order, and by those they concern.

use std::time::Duration;

use super::Ports;
use super::deleting::delete;
use super::scene::{Scene, done, held};
use super::verdict::fail;
use crate::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditedAdoption, AuditedRetiredKey};
use crate::access::audit_chain::{AuditFlaw, AuditHead, AuditStep};
use crate::concurrently::concurrently;
use crate::id::WebhookId;
use crate::ports::{AuditQuery, Change, Effect};
use crate::signing::key_ring::Overlap;
use crate::testing::{ManualClock, fixtures};
use crate::webhook::Webhook;

async fn save(scene: &Scene, webhook: WebhookId, record: &AuditRecord) {
    let audit = record.clone();
    let decide = move |_: &Webhook| {
        Ok(Change {
            effect: Effect::Keep,
            audit: Some(audit.clone()),
            ..Change::default()
        })
    };
    done(scene.change(webhook, None, decide).await);
}

/// A limit keeps the newest.
pub async fn audit_records_come_newest_first(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    for _ in 0..4 {
        scene.clock.advance_seconds(1);
        done(scene.roll(webhook.id, Overlap::NONE).await);
    }
    let records = scene.records(webhook.id).await;
    assert_eq!(records.len(), 5);
    assert!(records.is_sorted_by(|newer, older| newer.at > older.at));
    let newest = scene.audit(AuditQuery::of_resource(webhook.id, 2)).await;
    assert_eq!(newest, records[..2]);
}

/// Step by step up to the newest record, of whatever platform. A step begins behind a record that is there and no other.
pub async fn the_chain_is_verified_in_steps(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let step = async |from: &AuditHead, most| held(ports.audit().verify_step(from.clone(), most).await);
    let nothing = AuditHead::of_nothing();
    assert_eq!(
        step(&nothing, 2).await,
        AuditStep::Whole {
            head: nothing.clone()
        }
    );
    for scene in [&scene, &other, &scene, &scene, &other] {
        scene.create(fixtures::bare_settings()).await;
    }
    let mut ends = vec![nothing];
    let whole = loop {
        match step(&ends[ends.len() - 1], 2).await {
            AuditStep::GoesOn { last, newest } => {
                assert_eq!(newest, 5);
                ends.push(last);
            }
            end => break end,
        }
    };
    let AuditStep::Whole { head } = whole else {
        fail(&format!("{whole:?}"))
    };
    ends.push(head);
    let positions: Vec<_> = ends.iter().map(|end| end.position).collect();
    assert_eq!(positions, [0, 2, 4, 5]);
    assert_eq!(
        step(&ends[0], 5).await,
        AuditStep::Whole {
            head: ends[3].clone()
        }
    );
    // Behind the newest there is nothing yet, and then what was added.
    let head = ends[3].clone();
    assert_eq!(step(&head, 2).await, AuditStep::Whole { head: head.clone() });
    ports.reopen().await;
    scene.create(fixtures::bare_settings()).await;
    let AuditStep::Whole { head: newer } = step(&head, 2).await else {
        fail("the new record follows")
    };
    assert_eq!(newer.position, 6);
    for (from, flaw) in [
        (
            AuditHead::new(3, ends[1].mac().to_vec()),
            AuditFlaw::Rewritten { position: 3 },
        ),
        (
            AuditHead::new(0, newer.mac().to_vec()),
            AuditFlaw::Rewritten { position: 0 },
        ),
        (
            AuditHead::new(9, newer.mac().to_vec()),
            AuditFlaw::Truncated {
                position: 6,
                expected: 9,
            },
        ),
    ] {
        assert_eq!(step(&from, 2).await, AuditStep::Flawed(flaw));
    }
}

/// Another webhook's records and another platform's are not among them.
pub async fn audit_records_are_those_of_one_resource_of_one_platform(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let webhook = scene.create(fixtures::bare_settings()).await;
    scene.create(fixtures::bare_settings()).await;
    assert_eq!(scene.records(webhook.id).await.len(), 1);
    assert_eq!(other.records(webhook.id).await, []);
    assert_eq!(scene.records("").await, []);
}

/// Who, when, from which request, what, to what, and every detail.
pub async fn an_audit_record_reads_back_equal(ports: &Ports) {
    let mut scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let id = webhook.id.to_string();
    let details = AuditDetails {
        changed_fields: vec!["name".into(), "url".into()],
        current_key: Some("sha256:b4ea245fbd5d21ac".into()),
        protocol: Some("ED25519".into()),
        retired_keys: vec![AuditedRetiredKey {
            fingerprint: "sha256:0000000000000000".into(),
            expires_at: 1_712_935_357,
            kept_until: Some(1_715_527_357),
        }],
        ended_keys: vec!["sha256:ffffffffffffffff".into()],
        adopted_key: Some(AuditedAdoption {
            fingerprint: "sha256:0000000000000000".into(),
            evidence: "RECEIPT".into(),
            adopted_at: 1_712_935_357_042,
        }),
        imported_keys: vec!["sha256:0123456789abcdef".into()],
        previous_credentials_expires_at: Some(1_712_935_358),
        replayed: true,
        shown_keys: vec!["sha256:fedcba9876543210".into()],
        permissions: vec!["WEBHOOK.VIEW".into()],
        verdict: Some("NOT_ADOPTED".into()),
        rotation: Some("rot_01hv9k2m4rt6w8y0abcdefghjk".into()),
        stop_reason: Some("REQUESTED".into()),
    };
    scene.clock.advance_seconds(1);
    let full = scene.record(AuditAction::SecretRolled, &id, details);
    save(&scene, webhook.id, &full).await;
    // The operator's, who is no API key.
    scene.acting = fixtures::operator(&scene.platform);
    scene.clock.advance_seconds(1);
    let bare = scene.record(AuditAction::SecretRemoved, &id, AuditDetails::default());
    save(&scene, webhook.id, &bare).await;
    assert_eq!(scene.records(&id).await[..2], [bare, full]);
}

/// Writes a record alone, a second later.
async fn append(scene: &Scene, webhook: WebhookId) -> AuditRecord {
    scene.clock.advance_seconds(1);
    let details = AuditDetails::of_replay(&[held("sha256:0123456789abcdef".parse())]);
    let record = scene.record(AuditAction::SecretRevealed, &webhook.to_string(), details);
    held(scene.ports.webhooks().append_record(record.clone()).await);
    record
}

/// It is written without a change, behind the records of its webhook, and what comes later is behind it: also when the webhook is gone.
pub async fn a_record_alone_stands_among_those_of_its_webhook(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut alone = vec![append(&scene, webhook.id).await];
    assert_eq!(scene.stored(webhook.id).await, webhook);
    let rolled = done(scene.roll(webhook.id, Overlap::NONE).await).0;
    alone.insert(0, append(&scene, webhook.id).await);
    alone.insert(0, append(&scene, webhook.id).await);
    done(delete(&scene, &rolled, None).await);
    alone.insert(0, append(&scene, webhook.id).await);
    alone.insert(0, append(&scene, webhook.id).await);
    assert_eq!(scene.find(webhook.id).await, None);

    let records = scene.records(webhook.id).await;
    let (was_alone, others): (Vec<_>, Vec<_>) = records
        .iter()
        .cloned()
        .partition(|record| record.action == AuditAction::SecretRevealed);
    assert_eq!(was_alone, alone);
    let others = others.iter().map(|record| record.action);
    use AuditAction::{SecretRolled, WebhookCreated, WebhookDeleted};
    assert_eq!(
        others.collect::<Vec<_>>(),
        [WebhookDeleted, SecretRolled, WebhookCreated]
    );
    assert!(records.is_sorted_by(|newer, older| newer.id > older.id));
    assert_eq!(scene.audit(AuditQuery::newest(100)).await, records);
}

/// None is lost, of those alone and of those with a change.
pub async fn records_alone_are_kept_while_their_webhook_is_changed_and_deleted(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let (scene, webhook) = (&scene, &webhook);
    let attempt = |n: u32| async move {
        match n {
            6 => delete(scene, webhook, None).await.is_ok(),
            n if n % 2 == 0 => scene.roll(webhook.id, Overlap::NONE).await.is_ok(),
            _ => !append(scene, webhook.id).await.details.shown_keys.is_empty(),
        }
    };
    let written = concurrently((0..12).map(attempt)).await;
    let written = written.into_iter().filter(|is_written| *is_written).count();
    assert_eq!(scene.records(webhook.id).await.len(), written + 1);
}

/// The newest comes first, and no page skips or repeats a record, though a clock was ten years ahead and came back.
pub async fn audit_records_stay_in_order_when_a_clock_is_set_back(ports: &Ports) {
    let scene = Scene::new(ports);
    let start = scene.now();
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut rolled_at = Vec::new();
    for seconds in [315_360_000, 315_360_001, 60, 3_660, 61, 61, 62] {
        scene
            .clock
            .set(start.plus(std::time::Duration::from_secs(seconds)));
        rolled_at.insert(0, scene.now());
        done(scene.roll(webhook.id, Overlap::NONE).await);
    }
    for resource_id in [None, Some(webhook.id.to_string())] {
        let query = AuditQuery {
            resource_id,
            action: Some(AuditAction::SecretRolled),
            ..AuditQuery::newest(2)
        };
        let mut read: Vec<AuditRecord> = Vec::new();
        for _ in 0..4 {
            let before = read.last().map(|record| record.id);
            read.extend(
                scene
                    .audit(AuditQuery {
                        before,
                        ..query.clone()
                    })
                    .await,
            );
        }
        let told: Vec<_> = read.iter().map(|record| record.at).collect();
        assert_eq!(told, rolled_at, "{query:?}");
        assert!(read.is_sorted_by(|newer, older| newer.id > older.id));
    }
}

/// Every page goes on where the one before ended, whether of one resource or of the platform, also with a filter.
pub async fn audit_records_are_read_on_from_the_oldest_seen(ports: &Ports) {
    let scene = Scene::new(ports);
    let (one, other) = (
        scene.create(fixtures::bare_settings()).await,
        scene.create(fixtures::bare_settings()).await,
    );
    for webhook in [one.id, other.id, one.id, one.id, other.id] {
        scene.clock.advance_seconds(1);
        done(scene.roll(webhook, Overlap::NONE).await);
    }
    let rolled = Some(AuditAction::SecretRolled);
    for (resource_id, action, count) in [
        (None, None, 7),
        (None, rolled, 5),
        (Some(one.id.to_string()), None, 4),
        (Some(other.id.to_string()), rolled, 2),
        (Some("whk_01hv9k2m4rt6w8y0abcdefghjk".into()), None, 0),
    ] {
        let query = AuditQuery {
            resource_id,
            action,
            ..AuditQuery::newest(2)
        };
        let whole = scene
            .audit(AuditQuery {
                limit: 100,
                ..query.clone()
            })
            .await;
        assert_eq!(whole.len(), count, "{query:?}");
        assert!(whole.is_sorted_by(|newer, older| newer.at >= older.at));
        let mut read = Vec::new();
        loop {
            let before = read.last().map(|record: &AuditRecord| record.id);
            let page = scene
                .audit(AuditQuery {
                    before,
                    ..query.clone()
                })
                .await;
            assert!(page.len() <= 2);
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, whole, "{query:?}");
    }
}

/// Records of one webhook whose clock stepped back between them, as they were written: the last one has the lowest id.
async fn written_backwards(scene: &Scene, webhook: WebhookId) -> Vec<AuditRecord> {
    let mut written = Vec::new();
    for second in [50, 40, 60, 30, 20] {
        scene
            .clock
            .set(ManualClock::START.plus(Duration::from_secs(second)));
        let record = scene.record(
            AuditAction::SecretRevealed,
            &webhook.to_string(),
            AuditDetails::default(),
        );
        save(scene, webhook, &record).await;
        written.push(record);
    }
    // Their ids are greater than those of the records before.
    let mut stored = scene.records(webhook).await;
    stored.truncate(written.len());
    stored.reverse();
    assert!(stored.is_sorted_by(|older, newer| older.id < newer.id));
    let of_written = written.iter().zip(&stored).map(|(written, stored)| AuditRecord {
        id: stored.id,
        ..written.clone()
    });
    assert_eq!(stored, of_written.collect::<Vec<_>>());
    stored
}

/// Those of one resource come in the order in which they were written, whatever their clocks said, also page by page.
pub async fn records_of_a_resource_come_as_they_were_written(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut expected = written_backwards(&scene, webhook.id).await;
    expected.reverse();
    assert_eq!(scene.records(webhook.id).await[..5], expected);
    for (place, record) in expected.iter().enumerate() {
        let query = AuditQuery {
            before: Some(record.id),
            ..AuditQuery::of_resource(webhook.id, 2)
        };
        let page = scene.audit(query).await;
        let rest = &expected[place + 1..];
        assert!(
            page.starts_with(&rest[..rest.len().min(2)]),
            "before {place}: {page:?}"
        );
    }
}

/// Those of a platform come in the order of their ids, also page by page.
pub async fn records_of_a_platform_come_in_the_order_of_their_ids(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut expected = written_backwards(&scene, webhook.id).await;
    expected.sort_by_key(|record| std::cmp::Reverse(record.id));
    assert_eq!(scene.audit(AuditQuery::newest(5)).await, expected);
    for (place, record) in expected.iter().enumerate() {
        let query = AuditQuery {
            before: Some(record.id),
            ..AuditQuery::newest(2)
        };
        let page = scene.audit(query).await;
        let rest = &expected[place + 1..];
        assert!(
            page.starts_with(&rest[..rest.len().min(2)]),
            "before {place}: {page:?}"
        );
    }
}
