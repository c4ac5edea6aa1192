//! A process is stopped for a while, as by a virtual machine that is paused or a laptop that sleeps, and then goes on where it was. If that
//! took longer than its lease, its lanes belong to another process, and it must notice: nothing is lost, and the order holds. If there is
//! no other process, it delivers again.

use std::{
    thread::{self, sleep},
    time::{Duration, Instant},
};

use diesel::connection::SimpleConnection as _;
use webhook_tests::{Backend, Client, Server, Service, clock::wait_for, receiver::Receiver};

use crate::{
    ground::{all_arrive, arrivals, first_arrivals, publish, second_process, service, webhook_to},
    sql,
};

const LANES: usize = 5;
/// How many events are published at a time before and after the stop.
const EVENTS: usize = 20;
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(9);
const SHORTER_THAN_A_LEASE: Duration = Duration::from_secs(3);
/// Between two publications while a process is stopped.
const PAUSE: Duration = Duration::from_millis(50);

/// How many sessions wait for a lock.
const WAITING: &str = "SELECT count(*) AS value FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
/// How many do nothing in the middle of a transaction.
const STANDING: &str = "SELECT count(*) AS value FROM pg_stat_activity \
    WHERE datname = current_database() AND state = 'idle in transaction'";

/// Two processes, of which the first has the lanes.
struct Pair {
    service: Service,
    other: Server,
    first: Client,
    second: Client,
    receivers: Vec<Receiver>,
    /// How many events have been published, one after the other.
    published: usize,
}

impl Pair {
    fn start() -> Self {
        let service = service(Backend::Postgres);
        let first = service.client();
        let receivers: Vec<_> = (0..LANES).map(|_| Receiver::start()).collect();
        for receiver in &receivers {
            webhook_to(&first, receiver);
        }
        publish(&first, 0);
        for receiver in &receivers {
            receiver.wait_for(1);
        }
        let (other, second) = second_process(&service);
        Self {
            service,
            other,
            first,
            second,
            receivers,
            published: 1,
        }
    }

    /// Publishes through the other process.
    fn publish_through_the_other(&mut self) {
        publish(&self.second, self.published);
        self.published += 1;
    }

    /// Stops the first process in the middle of its work, and publishes for as long.
    fn freeze_the_first(&mut self, at_least: Duration) {
        (0..EVENTS).for_each(|_| self.publish_through_the_other());
        let began = Instant::now();
        self.service.server().freeze();
        while began.elapsed() < at_least {
            self.publish_through_the_other();
            sleep(PAUSE);
        }
    }

    #[track_caller]
    fn everything_arrives(&self, within: Duration) {
        let began = Instant::now();
        for receiver in &self.receivers {
            let left = within.saturating_sub(began.elapsed());
            all_arrive(receiver, self.published, left);
        }
    }

    #[track_caller]
    fn first_arrivals_are_in_order(&self) {
        let order: Vec<_> = (0..self.published).collect();
        for receiver in &self.receivers {
            assert_eq!(first_arrivals(&receiver.got()), order);
        }
    }
}

#[test]
fn a_process_stopped_for_longer_than_its_lease_loses_nothing_and_works_on() {
    let mut pair = Pair::start();
    pair.freeze_the_first(LONGER_THAN_A_LEASE);
    // The other has taken the lanes.
    pair.everything_arrives(Duration::from_secs(5));
    pair.service.server().thaw();
    for _ in 0..EVENTS {
        pair.publish_through_the_other();
        publish(&pair.first, pair.published);
        pair.published += 1;
    }
    pair.everything_arrives(Duration::from_secs(5));
    pair.first_arrivals_are_in_order();
    // It has lanes again when it is alone.
    let Pair {
        service,
        other,
        first,
        receivers,
        published,
        ..
    } = pair;
    other.kill();
    publish(&first, published);
    for receiver in &receivers {
        all_arrive(receiver, published + 1, Duration::from_secs(10));
    }
    drop(service);
}

#[test]
fn a_process_that_is_alone_delivers_again_after_it_was_stopped_for_longer_than_its_lease() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let service = service(backend);
        let client = service.client();
        let receiver = Receiver::start();
        webhook_to(&client, &receiver);
        publish(&client, 0);
        all_arrive(&receiver, 1, Duration::from_secs(10));
        service.server().freeze();
        sleep(LONGER_THAN_A_LEASE);
        service.server().thaw();
        publish(&client, 1);
        all_arrive(&receiver, 2, Duration::from_secs(5));
    }
}

#[test]
fn on_sqlite_whoever_is_there_delivers_after_the_process_that_did_was_stopped() {
    let service = service(Backend::Sqlite);
    let client = service.client();
    let receiver = Receiver::start();
    webhook_to(&client, &receiver);
    publish(&client, 0);
    all_arrive(&receiver, 1, Duration::from_secs(10));
    let (_other, other) = second_process(&service);
    service.server().freeze();
    publish(&other, 1);
    sleep(LONGER_THAN_A_LEASE);
    assert_eq!(
        arrivals(&receiver.got()),
        [0],
        "it still has the lock of the file"
    );
    service.server().thaw();
    all_arrive(&receiver, 2, Duration::from_secs(5));
    publish(&client, 2);
    publish(&other, 3);
    all_arrive(&receiver, 4, Duration::from_secs(5));
    assert_eq!(first_arrivals(&receiver.got()), [0, 1, 2, 3]);
}

#[test]
fn a_process_stopped_for_less_than_its_lease_keeps_its_lanes() {
    let mut pair = Pair::start();
    pair.freeze_the_first(SHORTER_THAN_A_LEASE);
    pair.service.server().thaw();
    (0..EVENTS).for_each(|_| pair.publish_through_the_other());
    pair.everything_arrives(Duration::from_secs(5));
    let order: Vec<_> = (0..pair.published).collect();
    for receiver in &pair.receivers {
        assert_eq!(arrivals(&receiver.got()), order, "each arrives once");
    }
    // They are its own: what is published is sent although the other one dies now.
    pair.other.kill();
    publish(&pair.first, pair.published);
    for receiver in &pair.receivers {
        all_arrive(receiver, pair.published + 1, Duration::from_secs(2));
    }
}

#[test]
fn a_process_stopped_in_a_transaction_has_nothing_refused_by_the_other() {
    let service = service(Backend::Postgres);
    let receiver = Receiver::start();
    let first = service.client();
    webhook_to(&first, &receiver);
    publish(&first, 0);
    receiver.wait_for(1);
    let (_other, second) = second_process(&service);
    let mut database = sql::postgres(service.deployment());
    let mut somebody = sql::postgres(service.deployment());
    // So that nothing else of the process looks at the queue soon.
    publish(&first, 1);
    receiver.wait_for(2);
    somebody
        .batch_execute("BEGIN; SELECT * FROM lanes FOR UPDATE")
        .unwrap();
    thread::scope(|threads| {
        let published = threads.spawn(move || publish(&first, 2));
        wait_for("it waits for the queue", Duration::from_secs(2), || {
            (sql::number(&mut database, WAITING) > 0).then_some(())
        });
        service.server().freeze();
        somebody.batch_execute("ROLLBACK").unwrap();
        wait_for("it has the queue", Duration::from_secs(1), || {
            (sql::number(&mut database, STANDING) > 0).then_some(())
        });
        publish(&second, 3);
        service.server().thaw();
        published.join().unwrap();
    });
    all_arrive(&receiver, 4, Duration::from_secs(5));
}
