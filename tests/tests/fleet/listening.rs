//! A notification is a hint and may be lost: an event that is published while nobody listens arrives all the same, soon.

use std::time::Duration;

use webhook_tests::{Backend, clock::wait_for, receiver::Receiver};

use crate::{
    ground::{arrive, publish, second_process, service, webhook_to},
    sql,
};

const WITHIN: Duration = Duration::from_secs(3);

/// Ends every session of the database that listens, and says how many there were.
const END_LISTENERS: &str = "SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity \
    WHERE datname = current_database() AND query ILIKE 'LISTEN%'";

#[test]
fn what_is_published_while_nobody_listens_arrives_within_three_seconds() {
    let service = service(Backend::Postgres);
    let receiver = Receiver::start();
    let first = service.client();
    webhook_to(&first, &receiver);
    publish(&first, 0);
    receiver.wait_for(1);
    let (_other, second) = second_process(&service);
    let mut database = sql::postgres(service.deployment());
    // Which process works at the lane cannot be seen from here: each publishes, three rounds in a row, so that in some
    // of them the other one has to hear of it.
    for (round, publisher) in [&second, &second, &second, &first, &first, &first]
        .into_iter()
        .enumerate()
    {
        wait_for("somebody listens", Duration::from_secs(5), || {
            (sql::number(&mut database, END_LISTENERS) > 0).then_some(())
        });
        publish(publisher, round + 1);
        arrive(&receiver, round + 2, WITHIN);
    }
}
