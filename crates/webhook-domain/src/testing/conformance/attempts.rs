//! What is kept of attempts.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, held};
use crate::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode, TlsFailure};
use crate::delivery::penalty_box::{HeadFate, PenaltyBox, ShortWaits};
use crate::id::DeliveryId;
use crate::ports::{DeliveryQuery, MAX_ATTEMPTS, Resend};
use crate::testing::fixtures;

/// However much receivers answer, and however it is written down, the last attempts are kept, each whole.
pub async fn the_last_attempts_are_kept_however_much_was_answered(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let refused = AttemptOutcome::failed(FailureCause::Status(held(StatusCode::new(503))));
    let mut made = Vec::new();
    for _ in 0..30 {
        let lane = scene.lane(process, &webhook).await;
        let turn = scene.turn(&lane, &lane.queued[0], refused);
        assert_eq!(
            held(ports.lanes().record(process, vec![turn.clone()]).await).lost,
            []
        );
        made.push(turn.attempt);
        scene.clock.advance(Duration::from_secs(1));
        let kept = scene.tracked(DeliveryId::of(event.id, webhook.id)).await.attempts;
        assert!(kept.len() >= made.len().min(4) && kept.len() <= MAX_ATTEMPTS);
        assert_eq!(kept, made[made.len() - kept.len()..]);
    }
}

/// Of very many short attempts exactly the last ones are kept, and all are counted.
pub async fn no_more_attempts_are_kept_than_may_be(ports: &Ports) {
    const MADE: u32 = MAX_ATTEMPTS as u32 + 30;
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let mut lane = scene.lane(process, &webhook).await;
    let mut turns = Vec::new();
    for _ in 0..MADE {
        let mut turn = scene.turn(
            &lane,
            &lane.queued[0],
            AttemptOutcome::failed(FailureCause::Timeout),
        );
        turn.attempt.response_body = None;
        lane.penalty_box = turn.penalty_box;
        lane.queued[0].attempts += 1;
        scene.clock.advance(Duration::from_secs(1));
        turns.push(turn);
    }
    let made: Vec<_> = turns.iter().map(|turn| turn.attempt.clone()).collect();
    for turn in turns {
        assert_eq!(held(ports.lanes().record(process, vec![turn]).await).lost, []);
    }
    let id = DeliveryId::of(event.id, webhook.id);
    assert_eq!(
        scene.tracked(id).await.attempts,
        made[made.len() - MAX_ATTEMPTS..]
    );
    assert_eq!(scene.lane(process, &webhook).await.queued[0].attempts, MADE);
    let query = DeliveryQuery {
        limit: 1,
        ..DeliveryQuery::default()
    };
    let listed = held(ports.events().deliveries(&scene.platform, query).await);
    assert_eq!(listed[0].attempts, made[made.len() - MAX_ATTEMPTS..]);
}

/// Every way in which an attempt can end, and every state of the penalty box, come back as they were saved.
pub async fn attempts_and_penalty_boxes_read_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let unknown_issuer = TlsFailure::UnknownIssuer {
        sent_one_alone: false,
    };
    let causes = [
        FailureCause::Status(held(StatusCode::new(503))),
        FailureCause::Timeout,
        FailureCause::NameResolution,
        FailureCause::ForbiddenAddress,
        FailureCause::Connection,
        FailureCause::EgressProxy,
        FailureCause::Tls(TlsFailure::NotYetValid),
        FailureCause::Tls(unknown_issuer),
        FailureCause::MalformedAnswer,
    ];
    let mut made = Vec::new();
    for (place, cause) in (0_u64..).zip(causes) {
        let lane = scene.lane(process, &webhook).await;
        let mut turn = scene.turn(&lane, &lane.queued[0], AttemptOutcome::failed(cause));
        turn.attempt.duration = Duration::from_millis(place);
        turn.attempt.response_body = None;
        let later = |seconds: u64| scene.now().plus(Duration::from_millis(seconds * 1000 + 1));
        turn.penalty_box = PenaltyBox::Retrying {
            since: later(1),
            cause,
            first_failed_at: later(2),
            retry_count: 3,
            failed_at: later(4),
            retry_at: later(5),
            short_waits: ShortWaits {
                count: u32::from(place % 2 == 0) * 7,
                is_one: place % 4 == 0,
            },
            planned_at: (place % 3 == 0).then(|| later(6)),
        };
        assert_eq!(
            held(ports.lanes().record(process, vec![turn.clone()]).await).lost,
            []
        );
        assert_eq!(scene.lane(process, &webhook).await.penalty_box, turn.penalty_box);
        made.push(turn.attempt);
        scene.clock.advance(Duration::from_millis(1001));
    }
    let id = DeliveryId::of(event.id, webhook.id);
    assert_eq!(scene.tracked(id).await.attempts, made);
}

/// What has been given up leaves its lane as what was delivered does.
pub async fn what_is_given_up_leaves_its_lane(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let first = scene.published("INVOICE.CREATED").await;
    let second = scene.published("INVOICE.CREATED").await;
    let lane = scene.lane(process, &webhook).await;
    let mut turn = scene.turn(
        &lane,
        &lane.queued[0],
        AttemptOutcome::failed(FailureCause::Connection),
    );
    turn.delivery = lane.queued[0]
        .delivery
        .clone()
        .after(HeadFate::GivenUp, scene.now());
    turn.penalty_box = PenaltyBox::NextInTurn {
        since: scene.now(),
        cause: FailureCause::Connection,
        given_up_at: scene.now(),
    };
    assert_eq!(
        held(ports.lanes().record(process, vec![turn.clone()]).await).lost,
        []
    );
    assert_eq!(scene.queued(process, &webhook).await, [second.id]);
    assert_eq!(scene.lane(process, &webhook).await.penalty_box, turn.penalty_box);
    assert_eq!(
        scene.tracked(DeliveryId::of(first.id, webhook.id)).await.delivery,
        turn.delivery
    );
    let failed = || DeliveryQuery {
        status: Some("FAILED"),
        limit: 10,
        ..DeliveryQuery::default()
    };
    let id = DeliveryId::of(first.id, webhook.id);
    assert_eq!(
        scene.listed(failed()).await,
        [id],
        "it is listed by what became of it"
    );
    let resend = Resend {
        platform: scene.platform.clone(),
        delivery: id,
        at: scene.now(),
        quota: None,
        idempotency: None,
    };
    held(ports.events().resend(resend).await);
    assert_eq!(
        scene.listed(failed()).await,
        [],
        "and no more once it is sent again"
    );
}
