//! What goes wrong between the store and its database, and what is said of it.

use std::sync::Arc;

use webhook_domain::key_ring::Overlap;
use webhook_domain::{ServiceError, StoreError};

use crate::opening::execute;
use crate::place::{Place, Services, block_on, on_each_database};

on_each_database! {
    a_change_whose_caller_is_gone_is_made_all_the_same
    what_was_queued_before_closing_is_done_and_what_comes_after_is_refused
}

async fn a_change_whose_caller_is_gone_is_made_all_the_same(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    {
        let roll = services.roll(webhook.id, Overlap::DAY);
        tokio::pin!(roll);
        // Polled once, so that it is queued, and dropped.
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(roll.as_mut().poll(context).is_pending()));
        assert!(polled.await);
    }
    let rolled = services.roll(webhook.id, Overlap::DAY).await.unwrap();
    assert_eq!(rolled.version.0, 3);
}

async fn what_was_queued_before_closing_is_done_and_what_comes_after_is_refused(place: Place) {
    let store = place.open();
    let services = Arc::new(Services::over(&store));
    let webhook = services.create().await;
    let rolls: Vec<_> = (0..50)
        .map(|_| {
            let services = services.clone();
            tokio::spawn(async move { services.roll(webhook.id, Overlap::NONE).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let closing = store.clone();
    std::thread::spawn(move || closing.close()).join().unwrap();
    let mut done = 0;
    for roll in rolls {
        match roll.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert!(
                matches!(error, ServiceError::Store(StoreError::Overloaded)),
                "{error}"
            ),
        }
    }
    let reopened = Services::over(&place.open());
    assert_eq!(
        reopened.read(webhook.id).await.unwrap().version.0,
        1 + done,
        "what was answered is there"
    );
}

#[test]
fn a_connection_that_was_lost_while_idle_is_replaced() {
    let place = Place::postgres();
    block_on(async {
        let store = place.open();
        let services = Services::over(&store);
        let webhook = services.create().await;
        for _ in 0..3 {
            let Place::Postgres(database) = &place else {
                unreachable!()
            };
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{database}' AND pid <> pg_backend_pid()",
            );
            services.roll(webhook.id, Overlap::NONE).await.unwrap();
            services.read(webhook.id).await.unwrap();
        }
    });
}

/// Makes every commit that wrote an audit record of a roll do `what` first, in the database.
fn at_commit_of_a_roll(place: &Place, what: &str) {
    let Place::Postgres(database) = place else {
        panic!("not PostgreSQL")
    };
    database.execute(&format!(
        "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
         $$ BEGIN {what}; RETURN NULL; END $$"
    ));
    execute(
        place,
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON audit_records DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW WHEN (NEW.action = 'WEBHOOK.SECRET_ROLLED') EXECUTE FUNCTION at_commit()",
    );
}

#[test]
fn a_commit_that_fails_is_an_unknown_outcome_and_not_a_no() {
    for what in [
        "RAISE EXCEPTION 'no'",
        "PERFORM pg_terminate_backend(pg_backend_pid())",
    ] {
        let place = Place::postgres();
        block_on(async {
            let store = place.open();
            let services = Services::over(&store);
            let webhook = services.create().await;
            at_commit_of_a_roll(&place, what);
            let error = services.roll(webhook.id, Overlap::DAY).await.unwrap_err();
            assert!(
                matches!(error, ServiceError::Store(StoreError::OutcomeUnknown(_))),
                "{error}"
            );
            execute(&place, "DROP TRIGGER at_commit ON audit_records");
            assert_eq!(
                services.roll(webhook.id, Overlap::DAY).await.unwrap().version.0,
                2,
                "the writer goes on"
            );
        });
    }
}

#[test]
fn a_database_that_is_gone_is_unavailable_and_nothing_was_done() {
    let place = Place::postgres();
    block_on(async {
        let store = place.open();
        let services = Services::over(&store);
        let webhook = services.create().await;
        drop(place);
        let error = services.roll(webhook.id, Overlap::DAY).await.unwrap_err();
        assert!(
            matches!(error, ServiceError::Store(StoreError::Unavailable(_))),
            "{error}"
        );
    });
}
