//! Lanes that two processes take at once, and that something happens to while they are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;

use webhook_domain::id::{ProcessId, WebhookId};

use super::steps::{lane, succeeded, take};
use super::{Ground, execute, number, race};
use crate::database::connection::AnyConnection;
use crate::engine::failure::transact;
use crate::lanes::own::{find_ready, leave, take_waiting};

/// How many lanes two processes take at once, and how often.
const LANES: usize = 50;
const ROUNDS: usize = 50;

/// Holds a look at processes up between the moment that a statement judges and the moment that it locks.
const PAUSE: &str = "CREATE FUNCTION pause() RETURNS BOOLEAN LANGUAGE plpgsql AS $$ BEGIN \
     IF current_setting('race.paused', TRUE) = 'on' AND current_query() LIKE 'WITH free%' THEN \
     PERFORM pg_advisory_lock_shared(1); PERFORM pg_advisory_unlock_shared(1); END IF; RETURN TRUE; END $$; \
     CREATE POLICY pausing ON processes USING (pause()); \
     ALTER TABLE processes ENABLE ROW LEVEL SECURITY; ALTER TABLE processes FORCE ROW LEVEL SECURITY";

#[test]
fn each_of_the_lanes_that_two_processes_take_at_once_is_told_to_one_of_them() {
    race(|ground, one, other| {
        let (webhooks, creations): (Vec<_>, Vec<_>) = (0..LANES).map(|_| ground.creation()).unzip();
        ground.changed(one, &creations);
        let webhooks: Vec<WebhookId> = webhooks.iter().map(|webhook| webhook.id).collect();
        let mut owners: BTreeMap<(WebhookId, i64), ProcessId> = BTreeMap::new();
        let mut shared = 0;
        for _ in 0..ROUNDS {
            let (first, second) = (ground.process(one), ground.process(other));
            let start = Barrier::new(2);
            let took = |connection: &mut AnyConnection, process| {
                start.wait();
                let taken = transact(connection, |connection| Ok(take(connection, process, &webhooks)));
                taken.unwrap().into_iter().collect::<BTreeSet<_>>()
            };
            let (taken_by_first, taken_by_second) = std::thread::scope(|scope| {
                let second = scope.spawn(|| took(other, second));
                (took(one, first), second.join().unwrap())
            });
            assert!(taken_by_first.is_disjoint(&taken_by_second), "told to both");
            assert_eq!(
                taken_by_first.len() + taken_by_second.len(),
                LANES,
                "told to nobody"
            );
            shared += usize::from(!taken_by_first.is_empty() && !taken_by_second.is_empty());
            for (process, taken) in [(first, &taken_by_first), (second, &taken_by_second)] {
                for webhook in taken {
                    let lane = lane(one, *webhook).unwrap();
                    assert_eq!(lane.owner, Some(process), "the database says otherwise");
                    let earlier = owners.insert((*webhook, lane.epoch.0), process);
                    assert_eq!(earlier, None, "an epoch has two owners");
                }
                leave(one, &process.to_string()).unwrap();
            }
        }
        println!("both got some in {shared} of {ROUNDS} rounds");
    });
}

/// One has judged that the lane is free, and before it locks it another has taken it.
#[test]
fn a_lane_that_changes_hands_after_it_was_judged_is_not_taken() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let (first, second) = (ground.process(one), ground.process(other));
        let taken = paused(ground, one, other, second, webhook.id, |one| {
            let taken = transact(one, |one| Ok(take(one, first, &[webhook.id])));
            assert_eq!(taken.unwrap(), [webhook.id]);
        });
        assert_eq!(taken, [], "it was told of what it did not get");
        assert_eq!(lane(one, webhook.id).unwrap().owner, Some(first));
    });
}

/// As before, but what happens between is no change of the owner.
#[test]
fn a_lane_into_which_something_is_published_after_it_was_judged_is_taken_and_ready() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.process(other);
        let taken = paused(ground, one, other, process, webhook.id, |one| {
            ground.published(one);
        });
        assert_eq!(taken, [webhook.id]);
        assert_is_ready_for(ground, one, process, webhook.id);
    });
}

#[test]
fn a_lane_into_which_something_is_being_published_is_taken_at_the_next_look() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.process(other);
        one.begin().unwrap();
        ground.publish(one);
        // It is locked by a publisher, and waiting for that is not worth a look's while.
        let taken = transact(other, |other| Ok(take(other, process, &[webhook.id])));
        assert_eq!(taken.unwrap(), []);
        one.commit().unwrap();
        let found = find_ready(other, &process.to_string(), 0, 0).unwrap();
        assert_eq!((found.own, &found.free), (Vec::new(), &vec![webhook.id]));
        let taken = transact(other, |other| Ok(take(other, process, &found.free)));
        assert_eq!(taken.unwrap(), [webhook.id]);
        assert_is_ready_for(ground, one, process, webhook.id);
    });
}

#[test]
fn a_lane_that_is_hardly_ever_left_alone_is_waited_for() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.process(other);
        one.begin().unwrap();
        ground.publish(one);
        other.begin().unwrap();
        let taken = ground.while_waiting(
            other,
            |other| take_waiting(other, &process.to_string(), webhook.id).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(taken, [webhook.id]);
        assert_is_ready_for(ground, one, process, webhook.id);
    });
}

#[test]
fn what_is_published_into_a_lane_that_is_being_taken_is_told_to_who_has_taken_it() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.process(one);
        one.begin().unwrap();
        assert_eq!(take(one, process, &[webhook.id]), [webhook.id]);
        let taken = lane(one, webhook.id).unwrap();
        other.begin().unwrap();
        let event = ground.event();
        let mut audiences = crate::events::audience::Audiences::default();
        let spread = ground.address(other, &mut audiences, event);
        let hints = ground.while_waiting(other, |other| ground.put(other, spread), || one.commit().unwrap());
        other.commit().unwrap();
        assert_eq!(hints.elsewhere, [(process, webhook.id)]);
        let after = lane(one, webhook.id).unwrap();
        assert_eq!((after.owner, after.epoch), (taken.owner, taken.epoch));
        assert_is_ready_for(ground, one, process, webhook.id);
    });
}

#[test]
fn a_turn_of_a_lane_that_was_taken_meanwhile_is_refused() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let (first, second) = (ground.owner(one, &[webhook.id]), ground.process(one));
        ground.published(one);
        let turn = ground.turn(one, &webhook, succeeded());
        leave(one, &first.to_string()).unwrap();
        one.begin().unwrap();
        assert_eq!(take(one, second, &[webhook.id]), [webhook.id]);
        other.begin().unwrap();
        let lost = ground.while_waiting(
            other,
            |other| ground.record(other, first, &turn),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(lost, [webhook.id]);
        ground.delivered(one, second, &webhook);
    });
}

#[test]
fn a_lane_in_which_a_turn_is_being_recorded_is_taken_with_the_turn() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let (first, second) = (ground.owner(one, &[webhook.id]), ground.process(one));
        ground.published(one);
        let turn = ground.turn(one, &webhook, succeeded());
        leave(one, &first.to_string()).unwrap();
        one.begin().unwrap();
        assert_eq!(ground.record(one, first, &turn), [], "nobody has taken it yet");
        assert_eq!(
            transact(other, |other| Ok(take(other, second, &[webhook.id]))).unwrap(),
            []
        );
        one.commit().unwrap();
        let taken = transact(other, |other| Ok(take(other, second, &[webhook.id])));
        assert_eq!(taken.unwrap(), [webhook.id]);
        assert_eq!(lane(one, webhook.id).unwrap().done, turn.position);
    });
}

/// Has `process` judge the lane, and something happen before it locks it. Says what it was told.
fn paused(
    ground: &Ground,
    one: &mut AnyConnection,
    other: &mut AnyConnection,
    process: ProcessId,
    webhook: WebhookId,
    meanwhile: impl FnOnce(&mut AnyConnection),
) -> Vec<WebhookId> {
    ground.execute(PAUSE);
    execute(other, "SET race.paused = 'on'");
    execute(one, "SELECT pg_advisory_lock(1)");
    let taken = ground.while_waiting(
        other,
        |other| transact(other, |other| Ok(take(other, process, &[webhook]))).unwrap(),
        || {
            meanwhile(one);
            execute(one, "SELECT pg_advisory_unlock(1)");
        },
    );
    ground.execute("ALTER TABLE processes DISABLE ROW LEVEL SECURITY");
    taken
}

fn assert_is_ready_for(
    ground: &Ground,
    connection: &mut AnyConnection,
    process: ProcessId,
    webhook: WebhookId,
) {
    let found = find_ready(connection, &process.to_string(), 0, 0).unwrap();
    assert_eq!((found.own, found.free), (vec![webhook], Vec::new()));
    let now = ground.now().as_milliseconds();
    let ready = number(connection, "SELECT ready_at AS number FROM lanes");
    assert!(ready <= now);
}
