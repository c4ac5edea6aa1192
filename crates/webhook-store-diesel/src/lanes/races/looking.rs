//! Lanes that change hands between the statements of a look at them.

use std::sync::Arc;

use webhook_domain::delivery::lane::Epoch;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::DeliveryQueue;
use webhook_domain::webhook::Webhook;

use super::steps::lane;
use super::{Ground, eventually, execute, race};
use crate::database::connection::AnyConnection;
use crate::{DieselStore, StoreLimits};

/// Has the lane change hands each time that events are read.
const CHANGE_HANDS: &str = "CREATE FUNCTION change_hands() RETURNS BOOLEAN LANGUAGE sql VOLATILE AS \
     $$ UPDATE lanes SET epoch = epoch + 1; SELECT TRUE $$; \
     CREATE POLICY changing ON events USING (change_hands()); \
     ALTER TABLE events ENABLE ROW LEVEL SECURITY; ALTER TABLE events FORCE ROW LEVEL SECURITY";

/// The look has read what is queued, and waits for the webhook. Meanwhile the first delivery is recorded and the lane changes
/// hands: what it has read is of an epoch that is over, and it reads again.
#[test]
fn a_lane_that_changes_hands_while_it_is_looked_at_is_read_again() {
    race(|ground, one, _| {
        let (webhook, process) = with_two_queued(ground, one);
        let store = ground.store();
        one.begin().unwrap();
        execute(one, "LOCK TABLE webhooks IN ACCESS EXCLUSIVE MODE");
        let found = std::thread::scope(|scope| {
            let looking = scope.spawn(|| look(&store, process, &webhook));
            eventually("the look waits for the webhook", || ground.somebody_waits());
            ground.execute(
                "UPDATE deliveries SET status = 'SUCCEEDED' WHERE position = (SELECT min(position) FROM deliveries)",
            );
            ground
                .execute("UPDATE lanes SET epoch = epoch + 2, done = (SELECT min(position) FROM deliveries)");
            one.commit().unwrap();
            looking.join().unwrap()
        });
        let state = lane(one, webhook.id).unwrap();
        assert_eq!((found.epoch, found.queued.len()), (state.epoch, 1));
        assert!(found.queued[0].position > state.done);
    });
}

#[test]
fn a_lane_that_goes_on_changing_hands_is_given_with_nothing_queued() {
    race(|ground, one, _| {
        let (webhook, process) = with_two_queued(ground, one);
        let store = ground.store();
        ground.execute(CHANGE_HANDS);
        let found = look(&store, process, &webhook);
        ground.execute("ALTER TABLE events DISABLE ROW LEVEL SECURITY");
        let state = lane(one, webhook.id).unwrap();
        assert_eq!((found.epoch, found.queued.len()), (state.epoch, 0));
        assert!(state.epoch > Epoch(6), "it was read once and five times again");
        assert_eq!(look(&store, process, &webhook).queued.len(), 2);
    });
}

/// A key that was retired before what is queued was read signs nothing of it: the webhook is read last.
#[test]
fn what_is_queued_is_never_newer_than_the_webhook_that_it_is_given_with() {
    race(|ground, one, other| {
        let (webhook, process) = with_two_queued(ground, one);
        let store = ground.store();
        one.begin().unwrap();
        execute(one, "LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
        let found = std::thread::scope(|scope| {
            let looking = scope.spawn(|| look(&store, process, &webhook));
            eventually("the look waits for what is queued", || ground.somebody_waits());
            let renaming = ground.setting(&webhook, |settings| settings.include_previous_data = true);
            ground.changed(other, &[renaming]);
            one.commit().unwrap();
            looking.join().unwrap()
        });
        assert_eq!(found.webhook.version.0, webhook.version.0 + 1);
        assert_eq!(found.queued.len(), 2);
    });
}

impl Ground {
    /// A store on the same database, as another process has it.
    pub(super) fn store(&self) -> Arc<DieselStore> {
        let limits = StoreLimits::default();
        DieselStore::open(&self.url, Self::master_key(), self.entropy.clone(), limits).unwrap()
    }
}

fn look(store: &DieselStore, process: ProcessId, webhook: &Webhook) -> webhook_domain::ports::Lane {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let found = runtime.block_on(store.look(process, webhook.id, None, 10));
    found.unwrap().unwrap()
}

fn with_two_queued(ground: &Ground, connection: &mut AnyConnection) -> (Webhook, ProcessId) {
    let webhook = ground.webhook(connection);
    let process = ground.owner(connection, &[webhook.id]);
    ground.published(connection);
    ground.published(connection);
    (webhook, process)
}
