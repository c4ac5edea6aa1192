//! Rotations: which webhooks they are about, and that each is rolled once or passed over.

use std::time::Duration;

use super::announcements::follower;
use super::ports::Ports;
use super::scene::{Scene, done, held};
use crate::access::audit::AuditAction;
use crate::id::WebhookId;
use crate::ports::{Change, Effect};
use crate::rotation::{ReferencePrefix, RotationFilter, RotationStatus, RotationTotals, Settled, SkipReason};
use crate::signing::key_ring::{Evidence, Overlap};
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::fixtures;
use crate::webhook::{Settings, Webhook, WebhookFilter};

use super::rotation_scene::{everything, key_of, of};

/// Each condition, and several at once: what is counted is what it is about, in the order of creation, on its own platform.
pub async fn a_rotation_is_about_the_webhooks_that_meet_its_filter(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    elsewhere.create(fixtures::bare_settings()).await;
    let mut made: Vec<Webhook> = Vec::new();
    for (number, reference) in [Some("é-1"), Some("é-2"), Some("e-3"), None, Some("%"), Some("é")]
        .into_iter()
        .enumerate()
    {
        let settings = Settings {
            reference: reference.map(fixtures::reference),
            active: number % 2 == 0,
            signing_protocol: match number % 3 {
                0 => SigningProtocol::Ed25519,
                _ => SigningProtocol::HmacSha256,
            },
            ..fixtures::bare_settings()
        };
        made.push(scene.create(settings).await);
        scene.clock.advance_seconds(10);
    }
    done(scene.roll(made[1].id, Overlap::NONE).await);
    let prefixed = |text: &str| RotationFilter {
        reference_prefix: Some(held(ReferencePrefix::parse(text.into()))),
        ..RotationFilter::default()
    };
    let other = |others: WebhookFilter| RotationFilter {
        others,
        ..RotationFilter::default()
    };
    let ids = |ids: &[WebhookId]| Some(ids.iter().copied().collect());
    let foreign = held(WebhookId::generate(scene.now(), scene.entropy.as_ref()));
    let cases: [(RotationFilter, &[usize]); 8] = [
        (everything(), &[0, 1, 2, 3, 4, 5]),
        (prefixed("é-"), &[0, 1]),
        (prefixed("%"), &[4]),
        (
            RotationFilter {
                ids: ids(&[made[4].id, foreign, made[0].id]),
                ..RotationFilter::default()
            },
            &[0, 4],
        ),
        (
            other(WebhookFilter {
                active: Some(false),
                ..WebhookFilter::default()
            }),
            &[1, 3, 5],
        ),
        (
            other(WebhookFilter {
                signing_protocol: Some(SigningProtocol::Ed25519),
                ..WebhookFilter::default()
            }),
            &[0, 3],
        ),
        (
            other(WebhookFilter {
                rolled_before: Some(made[3].created_at),
                ..WebhookFilter::default()
            }),
            &[0, 2],
        ),
        (
            RotationFilter {
                ids: ids(&[made[0].id, made[1].id]),
                others: WebhookFilter {
                    active: Some(true),
                    ..WebhookFilter::default()
                },
                ..prefixed("é")
            },
            &[0],
        ),
    ];
    for (filter, expected) in cases {
        let expected: Vec<WebhookId> = expected.iter().map(|number| made[*number].id).collect();
        let acting = fixtures::operator(&scene.platform);
        let planned = held(scene.rotations().plan(&acting, &of(filter.clone())).await);
        assert_eq!(planned.first, expected, "{filter:?}");
        assert_eq!(planned.total, expected.len() as u64);
        let store = ports.rotations();
        let one = held(store.matching_webhooks(&scene.platform, &filter, 1).await);
        assert_eq!((one.total, one.first.len()), (planned.total, 1));
        let begun = scene.begin_rotation(of(filter.clone())).await;
        assert_eq!(begun.totals.total, planned.total);
        assert_eq!(scene.rotation(&begun).await, begun);
        let about = scene.webhooks_of(&begun).await;
        let numbers = about.iter().map(|webhook| webhook.number);
        assert!(numbers.eq(0..planned.total), "{about:?}");
        assert_eq!(
            about.iter().map(|about| about.webhook).collect::<Vec<_>>(),
            expected
        );
        done(scene.rotations().stop(&acting, begun.id, None).await);
        scene.clock.advance_seconds(1);
    }
    let acting = fixtures::operator(&scene.platform);
    let listed = held(scene.rotations().list(&acting, None, 100).await);
    assert!(listed.is_sorted_by(|earlier, later| earlier.id > later.id));
    assert_eq!(listed.len(), 8);
    let behind = held(scene.rotations().list(&acting, Some(listed[5].id), 100).await);
    assert_eq!(behind, listed[6..]);
}

/// Of those that have changed since, it is said why they were left as they are. A roll is audited as whoever began it, with the rotation.
pub async fn each_webhook_of_a_rotation_is_rolled_or_passed_over(ports: &Ports) {
    let scene = Scene::new(ports);
    let hears = follower(&scene, &["ROTATION.FINISHED"]).await;
    let mut made = Vec::new();
    for _ in 0..6 {
        scene.clock.advance_seconds(1);
        made.push(scene.create(fixtures::bare_settings()).await);
    }
    for _ in 0..5 {
        done(scene.roll(made[4].id, held(Overlap::from_seconds(604_800))).await);
    }
    scene.clock.advance_seconds(1);
    let active = RotationFilter {
        ids: Some(made.iter().map(|webhook| webhook.id).collect()),
        others: WebhookFilter {
            active: Some(true),
            ..WebhookFilter::default()
        },
        ..RotationFilter::default()
    };
    let begun = scene.begin_rotation(of(active)).await;
    let delete = |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            ..Change::default()
        })
    };
    done(scene.change(made[1].id, None, delete).await);
    done(scene.set(made[2].id, |settings| settings.active = false).await);
    scene.clock.advance(Duration::from_millis(100));
    done(scene.roll(made[3].id, Overlap::DAY).await);
    let runner = scene.runner(scene.some_process());
    scene.run_to_the_end(&runner).await;

    let rolled = [scene.stored(made[0].id).await, scene.stored(made[5].id).await];
    let skipped = |reason| Some(Settled::Skipped(reason));
    assert_eq!(
        scene.outcomes(&begun).await,
        [
            Some(key_of(&rolled[0])),
            skipped(SkipReason::Deleted),
            skipped(SkipReason::NoLongerMatches),
            skipped(SkipReason::RolledSince),
            skipped(SkipReason::RingFull),
            Some(key_of(&rolled[1])),
        ]
    );
    let totals = RotationTotals {
        total: 6,
        rolled: 2,
        skipped: 4,
        ..RotationTotals::default()
    };
    let ended = scene.rotation(&begun).await;
    assert_eq!((ended.status, ended.totals), (RotationStatus::Done, totals));
    assert_eq!(ended.finished_at, Some(scene.now()));
    for (before, after) in [&made[0], &made[5]].into_iter().zip(&rolled) {
        let retired = after.key_ring.retired().iter().map(|retired| retired.key.id);
        assert!(retired.eq(before.key_ring.current().map(|key| key.id)));
        let records = scene.records(after.id).await;
        assert_eq!(records[0].action, AuditAction::SecretRolled);
        assert_eq!(records[0].details.rotation, Some(begun.id.to_string()));
        assert_eq!(
            (&records[0].credential, &records[0].request),
            (&begun.begun_by, &begun.request)
        );
    }
    assert!(scene.claimed(&runner).await.is_none(), "it has ended");
    let process = scene.process().await;
    while held(ports.lanes().fan_out().await) {}
    let lane = held(scene.look(process, &hears).await.ok_or("its lane is gone"));
    let told: Vec<_> = lane
        .queued
        .iter()
        .map(|queued| queued.event.data.as_str())
        .collect();
    assert_eq!(told, [r#"["DONE",2]"#]);

    scene.prove(rolled[0].id, Evidence::Check).await;
    scene.prove(made[3].id, Evidence::Check).await;
    let adopted = scene.rotation(&begun).await;
    assert_eq!(adopted.totals, RotationTotals { adopted: 1, ..totals });
    let marks = scene
        .webhooks_of(&begun)
        .await
        .into_iter()
        .map(|webhook| webhook.is_adopted);
    assert!(marks.eq([true, false, false, false, false, false]));
    done(scene.roll(rolled[0].id, Overlap::DAY).await);
    assert_eq!(
        scene.rotation(&begun).await.totals.adopted,
        1,
        "of the key of the rotation"
    );
}
