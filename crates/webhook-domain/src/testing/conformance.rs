//! What every implementation of the store ports must do, one function per rule.
//!
//! A rule takes [`Ports`] and panics when they break it. It works on a platform of its own with a random
//! name and counts on nothing else: rules may run at the same time on one database, and on what earlier
//! runs left there. A crate with a store turns every rule into a test of that name:
//!
//! ```
//! use std::sync::Arc;
//! use webhook_domain::testing::{MemoryStore, conformance::Ports};
//!
//! /// Runs a test to its end, on the runtime that the store needs.
//! fn block_on<T>(test: impl Future<Output = T>) -> T {
//!     tokio::runtime::Runtime::new().expect("a runtime").block_on(test)
//! }
//!
//! /// Opens the store, a fresh one or the one that all tests share.
//! async fn fresh_ports() -> Ports {
//!     let store = Arc::new(MemoryStore::new());
//!     Ports::new(store)
//! }
//!
//! webhook_domain::conformance_tests!(run = block_on, ports = fresh_ports);
//! # block_on(async { fresh_ports().await });
//! ```
//!
//! What has to live as long as the store, such as a temporary directory, is handed over by
//! [`Ports::keeping`]. A rule starts up to 128 changes at once: the store must admit as many.

use std::any::Any;
use std::sync::Arc;

use crate::ports::{
    AnswerStore, ApiKeyStore, AuditLog, DeliveryPause, DeliveryQueue, EventStore, WebhookStore,
};

mod announcements;
mod api_keys;
mod attempts;
mod audit;
mod changing;
mod deleting;
mod events;
mod held_up;
mod idempotency;
mod lane_scene;
mod lanes;
mod pausing;
mod reading;
mod references;
mod rolling;
mod scene;
mod upkeep;

pub use announcements::*;
pub use api_keys::*;
pub use attempts::*;
pub use audit::*;
pub use changing::*;
pub use deleting::*;
pub use events::*;
pub use held_up::*;
pub use idempotency::*;
pub use lanes::*;
pub use pausing::*;
pub use reading::*;
pub use references::*;
pub use rolling::*;
pub use upkeep::*;

/// The ports of one store.
#[derive(Clone)]
pub struct Ports {
    /// Its webhooks.
    pub webhooks: Arc<dyn WebhookStore>,
    /// Its answers to probes.
    pub answers: Arc<dyn AnswerStore>,
    /// Its API keys.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// Its audit records.
    pub audit: Arc<dyn AuditLog>,
    /// Its events.
    pub events: Arc<dyn EventStore>,
    /// Its lanes.
    pub lanes: Arc<dyn DeliveryQueue>,
    /// Its pause of all deliveries.
    pub pause: Arc<dyn DeliveryPause>,
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl Ports {
    /// The ports of `store`.
    #[must_use]
    pub fn new<S>(store: Arc<S>) -> Self
    where
        S: WebhookStore
            + AnswerStore
            + ApiKeyStore
            + AuditLog
            + EventStore
            + DeliveryQueue
            + DeliveryPause
            + 'static,
    {
        Self {
            webhooks: store.clone(),
            answers: store.clone(),
            api_keys: store.clone(),
            audit: store.clone(),
            events: store.clone(),
            lanes: store.clone(),
            pause: store,
            kept: None,
        }
    }

    /// The ports, keeping `guard` until they are dropped.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept = Some(Arc::new(guard));
        self
    }
}

/// Makes a test of every rule of [`conformance`](crate::testing::conformance), named as the rule is.
///
/// `run` runs a future to its end; `ports` is an async function that gives
/// [`Ports`](crate::testing::conformance::Ports).
#[macro_export]
macro_rules! conformance_tests {
    (run = $run:expr, ports = $ports:expr $(,)?) => {
        $crate::conformance_tests! { @rules $run, $ports;
            a_created_webhook_reads_back_equal_in_every_field
            a_webhook_with_nothing_set_reads_back_equal
            a_webhook_of_another_platform_is_not_found
            webhooks_are_listed_by_the_number_of_a_page
            webhooks_are_listed_from_a_cursor
            the_store_can_be_reached
            a_change_saves_the_webhook_and_its_record
            every_setting_can_be_changed_and_cleared
            a_change_of_an_unknown_webhook_is_not_found
            a_change_of_another_platforms_webhook_is_not_found
            a_refused_decision_saves_nothing
            a_change_of_nothing_saves_its_record_alone
            a_deleted_webhook_is_gone
            the_records_of_a_deleted_webhook_stay
            the_reference_of_a_deleted_webhook_is_free
            a_deletion_is_answered_again
            what_is_changed_while_it_is_deleted_stays_deleted
            concurrent_rolls_without_overlap_form_one_chain
            concurrent_rolls_with_overlap_form_one_chain
            of_six_concurrent_rolls_with_overlap_one_is_refused
            concurrent_rolls_of_many_webhooks_lose_none
            five_keys_retired_in_one_second_read_back_in_their_order
            a_sixth_retired_key_is_refused_and_nothing_changes
            a_roll_without_overlap_leaves_one_key
            a_removal_leaves_no_current_key
            the_same_request_is_answered_with_the_same_bytes
            the_same_creation_makes_one_webhook
            a_key_used_for_another_request_is_refused
            a_key_used_for_another_creation_is_refused
            keys_of_another_credential_or_platform_are_others
            a_replay_decides_nothing
            a_change_of_nothing_is_answered_again_too
            a_refusal_is_not_an_answer
            an_outlived_answer_is_replaced
            concurrent_requests_with_one_key_change_once
            concurrent_creations_with_one_key_make_one_webhook
            forgotten_answers_are_those_before_the_instant
            a_taken_reference_is_refused_at_creation
            a_taken_reference_is_refused_at_a_change
            a_webhook_keeps_its_own_reference
            a_reference_given_up_is_free
            webhooks_without_a_reference_do_not_collide
            a_reference_is_taken_on_its_own_platform_alone
            references_differ_by_case_and_by_spaces
            of_concurrent_creations_with_one_reference_one_wins
            of_concurrent_changes_to_one_reference_one_wins
            webhooks_with_expired_keys_are_those_past_the_instant
            a_sweep_erases_expired_keys_alone
            a_sweep_leaves_version_and_records_as_they_are
            an_api_key_reads_back_equal
            an_unknown_api_key_is_not_found
            api_keys_are_listed_in_pages_in_the_order_of_their_ids
            a_revoked_api_key_is_revoked_once
            the_records_of_api_keys_are_saved_with_them
            the_last_api_key_that_creates_is_kept
            of_concurrent_revocations_of_the_last_two_one_is_refused
            creating_and_revoking_an_api_key_are_answered_again
            audit_records_come_newest_first
            audit_records_are_those_of_one_resource_of_one_platform
            an_audit_record_reads_back_equal
            audit_records_are_read_on_from_the_oldest_seen
            an_event_goes_to_the_webhooks_that_want_it
            an_event_that_nobody_wants_goes_nowhere
            a_publication_is_answered_again
            what_is_resent_goes_to_the_end
            nothing_is_resent_to_a_deleted_webhook
            deliveries_are_listed
            old_events_are_forgotten_once_they_are_done
            changes_are_told_to_who_names_them
            what_changes_nothing_is_not_told
            who_wants_to_hear_is_told_from_its_own_creation_on
            a_lane_is_in_order
            turns_are_kept
            turns_are_recorded_at_once
            a_lane_is_taken_over_from_the_dead_alone
            a_process_that_leaves_gives_its_lanes_up
            a_lease_is_renewed
            lanes_with_something_to_do_are_found
            lanes_that_wait_are_not_found
            a_turn_told_twice_counts_once
            a_failure_of_an_older_target_holds_nothing_up
            arrivals_are_told
            a_deleted_webhook_has_no_lane
            what_is_given_up_leaves_its_lane
            the_last_attempts_are_kept_however_much_was_answered
            a_webhook_says_what_holds_its_queue_up
            a_change_of_the_target_lets_the_queue_go_on
            a_webhook_that_is_made_active_is_out_of_the_box
            what_is_held_up_is_expedited
            a_probe_is_answered_again
            deliveries_are_paused_until_they_are_resumed
        }
    };
    (@rules $run:expr, $ports:expr; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                ($run)(async {
                    let ports = ($ports)().await;
                    $crate::testing::conformance::$rule(&ports).await;
                });
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// Where a rule is written and where it is made a test of: a rule that is missing from one is not run.
    #[test]
    fn every_rule_is_made_a_test_of() {
        let list = include_str!("conformance.rs");
        let (_, list) = list.split_once("$ports;\n").unwrap();
        let (list, _) = list.split_once('}').unwrap();
        let listed: Vec<_> = list.split_whitespace().collect();
        let sources = [
            include_str!("conformance/reading.rs"),
            include_str!("conformance/changing.rs"),
            include_str!("conformance/deleting.rs"),
            include_str!("conformance/rolling.rs"),
            include_str!("conformance/idempotency.rs"),
            include_str!("conformance/references.rs"),
            include_str!("conformance/upkeep.rs"),
            include_str!("conformance/api_keys.rs"),
            include_str!("conformance/audit.rs"),
            include_str!("conformance/events.rs"),
            include_str!("conformance/announcements.rs"),
            include_str!("conformance/lanes.rs"),
            include_str!("conformance/attempts.rs"),
            include_str!("conformance/held_up.rs"),
            include_str!("conformance/pausing.rs"),
        ];
        let written: Vec<_> = sources
            .iter()
            .flat_map(|source| source.split("\npub async fn ").skip(1))
            .filter_map(|rule| rule.split('(').next())
            .collect();
        assert_eq!(listed, written);
    }
}
