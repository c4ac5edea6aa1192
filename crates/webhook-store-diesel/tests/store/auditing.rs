//! The chain of audit records: whatever is done to them in the database is found.

use webhook_domain::access::audit_chain::AuditStep;
use webhook_domain::ports::AuditLog as _;
use webhook_domain::signing::key_ring::Overlap;
use webhook_store_diesel::{AuditFlaw, AuditHead, AuditVerdict, DieselStore, OpenError};

use crate::opening::execute;
use crate::place::{Place, Services, master_key, on_each_database};

on_each_database! {
    records_that_were_left_alone_are_whole
    a_record_with_any_column_changed_is_found
    a_record_that_is_removed_moved_or_added_is_found
    a_head_that_does_not_fit_is_found
    what_a_step_begins_behind_must_still_stand
    an_older_copy_of_everything_is_found_by_a_head_that_was_kept
    records_of_before_the_chain_are_chained_when_the_database_is_opened
    a_chain_that_was_removed_is_not_made_again
}

/// Eight records: of two creations and six rolls.
async fn eight_records(place: &Place) -> std::sync::Arc<DieselStore> {
    let store = place.open();
    let services = Services::over(&store);
    let (one, other) = (services.create().await, services.create().await);
    for id in [one.id, one.id, other.id, one.id, other.id, other.id] {
        services.roll(id, Overlap::NONE).await.unwrap();
    }
    store
}

async fn verdict(store: &DieselStore, kept: Option<&AuditHead>) -> AuditVerdict {
    store.verify_audit_records(kept.cloned()).await.unwrap()
}

/// What steps of `most` records find, each behind the one before.
async fn stepped(store: &DieselStore, most: u32) -> AuditStep {
    let mut from = AuditHead::of_nothing();
    loop {
        match store.verify_step(from, most).await.unwrap() {
            AuditStep::GoesOn { last, .. } => from = last,
            end => return end,
        }
    }
}

async fn head(store: &DieselStore) -> AuditHead {
    match verdict(store, None).await {
        AuditVerdict::Intact { head, .. } => head,
        broken => panic!("{broken:?}"),
    }
}

async fn records_that_were_left_alone_are_whole(place: Place) {
    let store = eight_records(&place).await;
    let first = head(&store).await;
    assert_eq!(first.position, 8);
    assert_eq!(first.to_string().parse(), Ok(first.clone()));
    let services = Services::over(&store);
    services.create().await;
    let whole = verdict(&store, Some(&first)).await;
    assert!(
        matches!(whole, AuditVerdict::Intact { records: 9, .. }),
        "{whole:?}"
    );
    store.close();
    let reopened = place.open_with(&master_key(7)).unwrap();
    assert!(matches!(
        verdict(&reopened, Some(&first)).await,
        AuditVerdict::Intact { records: 9, .. }
    ));
}

async fn a_record_with_any_column_changed_is_found(place: Place) {
    let store = eight_records(&place).await;
    head(&store).await;
    for (column, value) in [
        ("id", "'aud_01hv9k2m4rt6w8y0abcdefghjk'"),
        ("platform", "'other'"),
        ("at", "at + 1"),
        ("credential", "'service'"),
        ("request_id", "'r'"),
        ("action", "'WEBHOOK.CREATED'"),
        ("resource_id", "'whk_01hv9k2m4rt6w8y0abcdefghjk'"),
        ("details", "'{}'"),
        ("previous", "NULL"),
        ("mac", "(SELECT mac FROM audit_records WHERE position = 3)"),
    ] {
        execute(
            &place,
            "CREATE TABLE kept AS SELECT * FROM audit_records WHERE position = 4",
        );
        execute(
            &place,
            &format!("UPDATE audit_records SET {column} = {value} WHERE position = 4"),
        );
        assert_eq!(
            verdict(&store, None).await,
            AuditVerdict::Flawed(AuditFlaw::Broken { position: 4 }),
            "{column}"
        );
        execute(&place, "DELETE FROM audit_records WHERE position = 4");
        execute(
            &place,
            "INSERT INTO audit_records SELECT * FROM kept; DROP TABLE kept",
        );
        head(&store).await;
    }
}

async fn a_record_that_is_removed_moved_or_added_is_found(place: Place) {
    let store = eight_records(&place).await;
    execute(&place, "CREATE TABLE kept AS SELECT * FROM audit_records");
    let truncated = |position, expected| AuditVerdict::Flawed(AuditFlaw::Truncated { position, expected });
    let broken = |position| AuditVerdict::Flawed(AuditFlaw::Broken { position });
    for (what, expected) in [
        ("DELETE FROM audit_records WHERE position = 1", broken(2)),
        ("DELETE FROM audit_records WHERE position = 4", broken(5)),
        ("DELETE FROM audit_records WHERE position = 8", truncated(7, 8)),
        ("DELETE FROM audit_records WHERE position > 3", truncated(3, 8)),
        ("DELETE FROM audit_records", truncated(0, 8)),
        (
            "UPDATE audit_records SET position = 80 WHERE position = 8",
            truncated(7, 8),
        ),
        (
            "UPDATE audit_records SET position = 30 WHERE position = 3; \
             UPDATE audit_records SET position = 3 WHERE position = 4; \
             UPDATE audit_records SET position = 4 WHERE position = 30",
            broken(3),
        ),
        (
            "INSERT INTO audit_records SELECT 9, id, platform, at, credential, request_id, action, resource_id, details, \
             previous, mac FROM kept WHERE position = 8",
            AuditVerdict::Flawed(AuditFlaw::Added { position: 9 }),
        ),
    ] {
        execute(&place, what);
        assert_eq!(verdict(&store, None).await, expected, "{what}");
        for most in [1, 3, 100] {
            let step = match stepped(&store, most).await {
                AuditStep::Flawed(flaw) => AuditVerdict::Flawed(flaw),
                whole => panic!("{whole:?} after {what}"),
            };
            assert_eq!(step, expected, "{what}, in steps of {most}");
        }
        execute(
            &place,
            "DELETE FROM audit_records; INSERT INTO audit_records SELECT * FROM kept",
        );
        head(&store).await;
    }
}

async fn a_head_that_does_not_fit_is_found(place: Place) {
    let store = eight_records(&place).await;
    for what in [
        "UPDATE audit_chain SET position = 7",
        "UPDATE audit_chain SET mac = (SELECT mac FROM audit_records WHERE position = 7)",
        "UPDATE audit_chain SET position = 7, mac = (SELECT mac FROM audit_records WHERE position = 7)",
        "UPDATE audit_chain SET seal = mac",
    ] {
        execute(&place, "CREATE TABLE kept AS SELECT * FROM audit_chain");
        execute(&place, what);
        assert_eq!(
            verdict(&store, None).await,
            AuditVerdict::Flawed(AuditFlaw::HeadForged),
            "{what}"
        );
        execute(
            &place,
            "DELETE FROM audit_chain; INSERT INTO audit_chain SELECT * FROM kept; DROP TABLE kept",
        );
        head(&store).await;
    }
}

async fn what_a_step_begins_behind_must_still_stand(place: Place) {
    let store = eight_records(&place).await;
    let whole = AuditStep::Whole {
        head: head(&store).await,
    };
    for most in [1, 3, 8] {
        assert_eq!(stepped(&store, most).await, whole);
    }
    let AuditStep::GoesOn { last, newest: 8 } = store.verify_step(AuditHead::of_nothing(), 3).await.unwrap()
    else {
        panic!("there are eight records")
    };
    execute(&place, "CREATE TABLE kept AS SELECT * FROM audit_records");
    let (broken, rewritten) = (
        AuditFlaw::Broken { position: 3 },
        AuditFlaw::Rewritten { position: 3 },
    );
    for (what, flaw) in [
        (
            "UPDATE audit_records SET details = '{}' WHERE position = 3",
            broken,
        ),
        (
            "UPDATE audit_records SET mac = (SELECT mac FROM kept WHERE position = 4) WHERE position = 2",
            broken,
        ),
        ("DELETE FROM audit_records WHERE position = 2", broken),
        (
            "UPDATE audit_records SET mac = (SELECT mac FROM kept WHERE position = 4) WHERE position = 3",
            rewritten,
        ),
        ("DELETE FROM audit_records WHERE position = 3", rewritten),
        (
            "DELETE FROM audit_records WHERE position = 2; UPDATE audit_records SET position = 2 WHERE position = 3",
            rewritten,
        ),
    ] {
        execute(&place, what);
        let step = store.verify_step(last.clone(), 3).await.unwrap();
        assert_eq!(step, AuditStep::Flawed(flaw), "{what}");
        execute(
            &place,
            "DELETE FROM audit_records; INSERT INTO audit_records SELECT * FROM kept",
        );
    }
    assert!(matches!(
        store.verify_step(last, 3).await.unwrap(),
        AuditStep::GoesOn { .. }
    ));
}

async fn an_older_copy_of_everything_is_found_by_a_head_that_was_kept(place: Place) {
    let store = eight_records(&place).await;
    execute(&place, "CREATE TABLE kept AS SELECT * FROM audit_chain");
    let services = Services::over(&store);
    services.create().await;
    let kept = head(&store).await;
    execute(
        &place,
        "DELETE FROM audit_records WHERE position > 8; DELETE FROM audit_chain; INSERT INTO audit_chain SELECT * FROM kept",
    );
    assert!(matches!(
        verdict(&store, None).await,
        AuditVerdict::Intact { records: 8, .. }
    ));
    let expected = AuditVerdict::Flawed(AuditFlaw::Truncated {
        position: 8,
        expected: 9,
    });
    assert_eq!(verdict(&store, Some(&kept)).await, expected);
    services.create().await;
    services.create().await;
    assert_eq!(
        verdict(&store, Some(&kept)).await,
        AuditVerdict::Flawed(AuditFlaw::Rewritten { position: 9 })
    );
}

/// The schema of the release before, with records, as its first migration made it.
fn before_the_chain(place: &Place) {
    let schema = match place {
        Place::Sqlite(_) => include_str!("../../migrations/sqlite/2026-11-23-000001_webhooks/up.sql"),
        Place::Postgres(_) => include_str!("../../migrations/postgres/2026-11-23-000001_webhooks/up.sql"),
    };
    execute(place, schema);
    execute(
        place,
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
         run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    );
    execute(
        place,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20261123000001')",
    );
    for number in 1..=5 {
        execute(
            place,
            &format!(
                "INSERT INTO audit_records (id, platform, at, credential, request_id, action, resource_id, details) VALUES \
                 ('aud_01hv9k2m4rt6w8y0abcdefghj{number}', 'acme', {number}, 'service', 'r', 'WEBHOOK.CREATED', \
                 'whk_01hv9k2m4rt6w8y0abcdefghj{}', '{{}}')",
                number % 2
            ),
        );
    }
}

async fn records_of_before_the_chain_are_chained_when_the_database_is_opened(place: Place) {
    before_the_chain(&place);
    let store = place.open();
    assert!(matches!(
        verdict(&store, None).await,
        AuditVerdict::Intact { records: 5, .. }
    ));
    execute(&place, "UPDATE audit_records SET previous = 1 WHERE position = 5");
    assert_eq!(
        verdict(&store, None).await,
        AuditVerdict::Flawed(AuditFlaw::Broken { position: 5 }),
        "it was 3"
    );
}

async fn a_chain_that_was_removed_is_not_made_again(place: Place) {
    eight_records(&place).await.close();
    for what in [
        "UPDATE audit_records SET action = 'WEBHOOK.CREATED' WHERE position = 4",
        "UPDATE audit_records SET mac = ''",
        "DELETE FROM audit_records",
    ] {
        execute(&place, what);
        execute(&place, "DELETE FROM audit_chain");
        let refused = place.open_with(&master_key(7)).err();
        assert!(matches!(refused, Some(OpenError::ChainGone)), "{refused:?}");
    }
}
