//! Every rule, by the part of the suite it belongs to, and the macro that makes tests of them.

/// Makes a test of every rule of [`conformance`](crate::testing::conformance), named as the rule is.
///
/// `run` runs a future to its end; `ports` is an async function that gives
/// [`Ports`](crate::testing::conformance::Ports) of a fresh store. `parts` names parts of the suite; all of them unless it is given.
#[macro_export]
macro_rules! conformance_tests {
    (run = $run:expr, ports = $ports:expr $(,)?) => {
        $crate::conformance_tests! {
            run = $run,
            ports = $ports,
            parts = [webhooks api_keys answers events pause key_checks sessions rotations],
        }
    };
    (run = $run:expr, ports = $ports:expr, parts = [$($part:ident)+] $(,)?) => {
        $( $crate::conformance_tests! { @part $part $run, $ports } )+
    };
    (@part webhooks $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [Webhooks Audit];
            a_created_webhook_reads_back_equal_in_every_field
            a_webhook_with_nothing_set_reads_back_equal
            a_webhook_of_another_platform_is_not_found
            the_keys_of_a_webhook_are_found_by_its_id_alone
            keys_from_elsewhere_read_back_equal
            a_key_is_known_by_its_fingerprint_for_ever
            it_is_known_how_a_key_signed
            the_end_of_a_kept_key_is_known
            a_key_of_several_webhooks_is_known_of_each
            the_keys_of_a_webhook_that_have_ended_are_listed
            webhooks_are_listed_by_the_number_of_a_page
            webhooks_are_listed_from_a_cursor
            webhooks_are_found_by_how_old_their_secret_is
            the_store_can_be_reached
            a_change_saves_the_webhook_and_its_record
            every_setting_can_be_changed_and_cleared
            custom_headers_read_back_in_their_order_and_spelling
            expired_credentials_are_found_and_erased
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
            webhooks_with_expiring_keys_are_listed_in_their_order
            a_sweep_erases_expired_keys_alone
            webhooks_whose_key_is_due_are_listed_in_their_order
            a_key_that_is_due_is_rolled_once
            a_sweep_leaves_version_and_records_as_they_are
            an_answer_of_a_clock_that_was_ahead_counts_from_now
            audit_records_come_newest_first
            the_chain_is_verified_in_steps
            audit_records_are_those_of_one_resource_of_one_platform
            an_audit_record_reads_back_equal
            a_record_alone_stands_among_those_of_its_webhook
            records_alone_are_kept_while_their_webhook_is_changed_and_deleted
            audit_records_stay_in_order_when_a_clock_is_set_back
            audit_records_are_read_on_from_the_oldest_seen
            records_of_a_resource_come_as_they_were_written
            records_of_a_platform_come_in_the_order_of_their_ids
            webhooks_records_and_answers_are_there_after_a_restart
            a_platform_has_no_more_webhooks_than_its_quota
            concurrent_creations_do_not_pass_a_quota_together
            a_creation_that_is_answered_again_is_not_judged_again
            webhooks_whose_key_is_due_need_somebody
            webhooks_are_called_by_their_labels
            webhooks_whose_key_stops_unadopted_are_listed
        }
    };
    (@part api_keys $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [ApiKeys Audit];
            an_api_key_reads_back_equal
            an_unknown_api_key_is_not_found
            api_keys_are_listed_in_pages_in_the_order_of_their_ids
            a_revoked_api_key_is_revoked_once
            the_records_of_api_keys_are_saved_with_them
            the_last_api_key_that_creates_is_kept
            of_concurrent_revocations_of_the_last_two_one_is_refused
            creating_and_revoking_an_api_key_are_answered_again
            a_revocation_sees_the_keys_of_its_scope
            api_keys_are_there_after_a_restart
            an_api_key_of_a_clock_that_was_ahead_expires_in_its_time
            a_platform_has_no_more_api_keys_in_force_than_its_quota
            concurrent_api_keys_do_not_pass_a_quota_together
        }
    };
    (@part answers $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [Answers];
            a_probe_is_answered_again
            answers_to_probes_are_there_after_a_restart
        }
    };
    (@part events $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [Webhooks Events Lanes];
            an_event_goes_to_the_webhooks_that_want_it
            an_event_that_nobody_wants_goes_nowhere
            a_publication_is_answered_again
            what_is_resent_goes_to_the_end
            nothing_is_resent_to_a_deleted_webhook
            deliveries_are_listed
            what_a_key_has_signed_is_found
            old_events_are_forgotten_once_they_are_done
            what_is_given_up_by_request_is_out_of_its_lane
            giving_up_the_head_is_the_next_ones_turn
            a_success_of_what_is_given_up_meanwhile_counts
            what_has_ended_is_not_given_up
            giving_up_is_answered_again
            what_has_ended_is_found_in_the_order_of_its_events
            many_are_resent_in_order
            resending_many_is_answered_again
            an_event_of_a_clock_that_was_ahead_is_kept_from_now
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
            a_filtered_list_has_what_meets_every_condition
            webhooks_are_found_while_their_queue_is_held_up
            a_change_of_the_target_lets_the_queue_go_on
            a_webhook_that_is_made_active_is_out_of_the_box
            what_is_held_up_is_expedited
            a_resend_is_answered_again
            a_key_used_for_a_change_is_refused_for_a_publication
            what_is_resent_is_found
            events_are_forgotten_a_few_at_a_time
            an_event_is_kept_while_one_of_its_deliveries_waits
            nothing_takes_a_lane_from_the_living
            lanes_are_taken_a_few_at_a_time
            what_was_taken_is_named
            a_lost_lane_is_named_and_the_others_are_recorded
            no_more_attempts_are_kept_than_may_be
            attempts_and_penalty_boxes_read_back_equal
            previous_credentials_read_back_equal
            lanes_are_there_after_a_restart
            a_platform_has_no_more_pending_events_than_its_quota
            an_event_for_more_webhooks_than_the_quota_is_refused
            concurrent_publications_do_not_pass_a_quota_together
            what_is_resent_is_held_to_the_quota
            announcements_pass_the_quota
            that_a_key_stops_is_told_once
            what_befalls_queues_is_told_if_it_is_so
            that_a_key_is_due_is_told_once
            webhooks_that_are_held_up_are_listed
            what_waits_is_counted
            what_is_queued_is_counted
        }
    };
    (@part pause $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [Pause Audit];
            deliveries_are_paused_until_they_are_resumed
            a_pause_is_there_after_a_restart
            a_pause_and_its_end_are_recorded
        }
    };
    (@part rotations $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [Webhooks Audit ApiKeys Events Lanes Pause Rotations];
            a_rotation_is_about_the_webhooks_that_meet_its_filter
            each_webhook_of_a_rotation_is_rolled_or_passed_over
            a_step_of_a_rotation_is_settled_once
            a_rotation_notes_the_key_of_each_webhook
            a_rotation_begins_once
            rotations_that_ended_long_ago_are_forgotten
            a_rotation_goes_on_after_a_restart
        }
    };
    (@part key_checks $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [KeyChecks];
            a_check_is_judged_beside_those_of_the_last_hour
            of_concurrent_checks_one_begins
            a_check_that_sent_nothing_does_not_count
            checks_are_there_after_a_restart
        }
    };
    (@part sessions $run:expr, $ports:expr) => {
        $crate::conformance_tests! { @rules $run, $ports, [Sessions];
            a_session_reads_back_equal
            an_ended_session_is_gone
            the_last_use_of_a_session_is_noted
            an_api_key_has_no_more_sessions_than_it_may
            sessions_that_are_over_are_forgotten
        }
    };
    (@rules $run:expr, $ports:expr, $needs:tt; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                ($run)(async {
                    let ports = ($ports)().await;
                    // A rule that uses another port than it says it needs is found out here.
                    let ports = ports.only($crate::conformance_tests!(@needs $needs));
                    $crate::testing::conformance::$rule(&ports).await;
                });
            }
        )*
    };
    (@needs [$($port:ident)+]) => { &[$($crate::testing::conformance::Port::$port),+] };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Where a rule is written and where it is made a test of: a rule that is missing from one is not run.
    #[test]
    fn every_rule_is_made_a_test_of() {
        let (list, _) = include_str!("rules.rs").split_once("(@rules $run:expr").unwrap();
        let lists = list.split("];\n").skip(1).filter_map(|list| list.split_once('}'));
        let listed: Vec<_> = lists.flat_map(|(list, _)| list.split_whitespace()).collect();
        let sources = [
            include_str!("announcements.rs"),
            include_str!("api_keys.rs"),
            include_str!("attempts.rs"),
            include_str!("audit.rs"),
            include_str!("changing.rs"),
            include_str!("credentials.rs"),
            include_str!("deleting.rs"),
            include_str!("due_rolls.rs"),
            include_str!("durable.rs"),
            include_str!("events.rs"),
            include_str!("filtering.rs"),
            include_str!("forgetting.rs"),
            include_str!("giving_up.rs"),
            include_str!("held_up.rs"),
            include_str!("idempotency.rs"),
            include_str!("key_checks.rs"),
            include_str!("lanes.rs"),
            include_str!("needs.rs"),
            include_str!("owners.rs"),
            include_str!("pausing.rs"),
            include_str!("probes.rs"),
            include_str!("quotas.rs"),
            include_str!("reading.rs"),
            include_str!("references.rs"),
            include_str!("resending.rs"),
            include_str!("rolling.rs"),
            include_str!("known_keys.rs"),
            include_str!("rotation_steps.rs"),
            include_str!("rotations.rs"),
            include_str!("sessions.rs"),
            include_str!("signed_with.rs"),
            include_str!("telling.rs"),
            include_str!("upkeep.rs"),
        ];
        let written: Vec<_> = sources
            .iter()
            .flat_map(|source| source.split("\npub async fn ").skip(1))
            .filter_map(|rule| rule.split('(').next())
            .collect();
        assert_eq!(
            listed.iter().collect::<BTreeSet<_>>(),
            written.iter().collect::<BTreeSet<_>>()
        );
        assert_eq!(listed.len(), written.len(), "a rule stands twice");
    }
}
