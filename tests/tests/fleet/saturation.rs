//! Publishers ask for more than the store can do. The process refuses some of them, but it keeps its lease: no lane goes to
//! another process, and nothing is sent twice.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use webhook_tests::{Backend, Client, Deployment, raw::Connection, receiver::Receiver};

use crate::{
    ground::{arrivals, publish, second_process, service, webhook_to},
    sql,
};

const PUBLISHERS: usize = 32;
/// Of each publisher: together more than a process takes in before it refuses some.
const CONNECTIONS: usize = 150;
const LASTS: Duration = Duration::from_secs(10);
const WEBHOOKS: usize = 4;
/// Between two looks at who lives.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PROCESSES: &str = "SELECT id AS value FROM processes ORDER BY id";

#[test]
fn a_saturated_process_keeps_its_lease_and_its_lanes() {
    allow_many_connections();
    let service = service(Backend::Postgres);
    let client = service.client();
    let receivers: Vec<_> = (0..WEBHOOKS).map(|_| Receiver::start()).collect();
    for receiver in &receivers {
        webhook_to(&client, receiver);
    }
    publish(&client, 0);
    for receiver in &receivers {
        receiver.wait_for(1);
    }
    slow_down(service.deployment());
    let (_other, second) = second_process(&service);
    publish(&second, 1);
    let mut database = sql::postgres(service.deployment());
    let mut seen = BTreeSet::new();
    let accepted = saturate(&client, || {
        seen.insert(sql::texts(&mut database, PROCESSES));
    });
    assert!(accepted > PUBLISHERS, "it was at work: {accepted} were accepted");
    assert_eq!(seen.len(), 1, "no process comes or goes: {seen:?}");
    for receiver in &receivers {
        let mut arrived = arrivals(&receiver.got());
        let all = arrived.len();
        arrived.sort_unstable();
        arrived.dedup();
        assert_eq!(all - arrived.len(), 0, "of {all} that arrived, some did twice");
    }
}

/// Makes the database slow at storing events, so that the store is the bottleneck, not HTTP.
fn slow_down(deployment: &Deployment) {
    for statement in [
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(0.002); RETURN new; END'",
        "CREATE TRIGGER slow BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION be_slow()",
    ] {
        deployment.execute(statement);
    }
}

/// Publishes as fast as it goes over many connections, and does `look` meanwhile; gives how many events were accepted.
fn saturate(client: &Client, mut look: impl FnMut()) -> usize {
    let began = Instant::now();
    let number = AtomicUsize::new(2);
    thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|_| {
                let (client, number) = (client.clone(), &number);
                scope.spawn(move || publish_until(began + LASTS, &client, number))
            })
            .collect();
        while began.elapsed() < LASTS {
            look();
            sleep(LOOK_EVERY);
        }
        let join = |publisher: thread::ScopedJoinHandle<'_, usize>| publisher.join().expect("it counts");
        publishers.into_iter().map(join).sum()
    })
}

/// Keeps one publication under way on each of its connections. It may be refused, and a connection closed that was silent
/// for long.
fn publish_until(end: Instant, client: &Client, number: &AtomicUsize) -> usize {
    let send = |mut connection: Connection| {
        let n = number.fetch_add(1, Ordering::Relaxed);
        let event = json!({"type": "INVOICE.CREATED", "data": {"n": n}});
        let wire = client.post("/v1/events").json(&event).wire();
        connection.send(&wire).ok().map(|()| connection)
    };
    let begin = || Connection::open(client.address()).ok().and_then(send);
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| begin()).collect();
    let mut accepted = 0;
    while Instant::now() < end {
        for place in &mut connections {
            let answered = place.take().and_then(|mut connection| {
                let answer = connection.read_answer().ok()?;
                accepted += usize::from(answer.status == 202);
                send(connection)
            });
            *place = answered.or_else(begin);
        }
    }
    accepted
}

/// Lets this process and those it starts have enough connections.
fn allow_many_connections() {
    let needed = 2_048 + (PUBLISHERS * CONNECTIONS) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit {
            current: Some(needed),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).expect("the limit of open files can be raised");
    }
}
