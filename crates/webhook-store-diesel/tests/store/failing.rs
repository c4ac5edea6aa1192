//! What goes wrong between the store and its database, and what is said of it.

use std::sync::Arc;

use webhook_domain::ports::WebhookStore;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::{ServiceError, StoreError};
use webhook_tests::postgres::{Cluster, Database};

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
        std::future::poll_fn(|context| {
            let _ = roll.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
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
            disconnect_all(database);
            services.roll(webhook.id, Overlap::NONE).await.unwrap();
            services.read(webhook.id).await.unwrap();
        }
    });
}

fn disconnect_all(database: &Database) {
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = '{database}' AND pid <> pg_backend_pid()",
    );
}

#[test]
fn a_database_that_has_turned_forgetful_gets_no_more_changes() {
    let place = Place::postgres();
    let Place::Postgres(database) = &place else {
        unreachable!()
    };
    block_on(async {
        let store = place.open();
        let services = Services::over(&store);
        let webhook = services.create().await;
        database.execute("ALTER DATABASE {database} SET synchronous_commit = off");
        disconnect_all(database);
        let error = services.roll(webhook.id, Overlap::NONE).await.unwrap_err();
        assert!(
            matches!(error, ServiceError::Store(StoreError::Unavailable(_))),
            "{error}"
        );
    });
}

#[test]
fn a_reload_of_the_servers_settings_makes_no_connection_forgetful() {
    let cluster = Cluster::private(&[]);
    let place = Place::Postgres(cluster.create_database());
    let Place::Postgres(database) = &place else {
        unreachable!()
    };
    block_on(async {
        let store = place.open();
        let services = Services::over(&store);
        let webhook = services.create().await;
        at_commit_of_a_roll(
            &place,
            "IF current_setting('synchronous_commit') = 'off' THEN RAISE EXCEPTION 'forgetful'; END IF",
        );
        database.execute("ALTER SYSTEM SET synchronous_commit = off");
        database.execute("SELECT pg_reload_conf()");
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(services.roll(webhook.id, Overlap::NONE).await.is_ok());
    });
}

#[test]
fn a_server_that_takes_no_writes_is_not_ready() {
    let place = Place::postgres();
    let Place::Postgres(database) = &place else {
        unreachable!()
    };
    block_on(async {
        let store = place.open();
        assert!(store.check().await.is_ok());
        database.execute("ALTER DATABASE {database} SET default_transaction_read_only = on");
        disconnect_all(database);
        let checked = store.check().await;
        assert!(matches!(checked, Err(StoreError::Unavailable(_))), "{checked:?}");
    });
}

#[test]
fn isolation_is_the_stores_own_and_not_the_servers() {
    let place = Place::postgres();
    let Place::Postgres(database) = &place else {
        unreachable!()
    };
    database.execute("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'");
    block_on(async {
        let stores = [place.open(), place.open()].map(|store| Arc::new(Services::over(&store)));
        let webhook = stores[0].create().await;
        let rolls: Vec<_> = (0..40)
            .map(|number: usize| {
                let services = stores[number % 2].clone();
                tokio::spawn(async move { services.roll(webhook.id, Overlap::NONE).await })
            })
            .collect();
        for roll in rolls {
            roll.await.unwrap().unwrap();
        }
        assert_eq!(stores[0].read(webhook.id).await.unwrap().version.0, 41);
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
