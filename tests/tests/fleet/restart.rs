//! On SQLite one process at a time delivers. When it was killed, the next one goes on with its deliveries at once: there
//! is no lease of the dead process to wait for.

use std::time::Duration;

use webhook_tests::{
    Backend, Service,
    clock::wait_for,
    receiver::{Conduct, Receiver},
};

use crate::ground::{all_arrive, arrive, first_arrivals, publish, second_process, service, webhook_to};

const LANES: usize = 5;
const EVENTS: usize = 10;
/// How long after it is ready a process may take to make its first attempts.
const AT_ONCE: Duration = Duration::from_millis(1500);
/// How long a process that waits beside the one that delivers may take to notice that it is dead.
const NOTICED_WITHIN: Duration = Duration::from_secs(3);

/// Webhooks with a backlog each, whose receivers keep the first attempt under way for longer than the story lasts.
fn with_a_backlog(service: &Service) -> Vec<Receiver> {
    let held = Conduct::AnswerAfter(Duration::from_secs(60), 204);
    let holding = || Receiver::start().conducting([held.clone()]);
    let receivers: Vec<_> = (0..LANES).map(|_| holding()).collect();
    let client = service.client();
    for receiver in &receivers {
        webhook_to(&client, receiver);
    }
    (0..EVENTS).for_each(|n| drop(publish(&client, n)));
    for receiver in &receivers {
        receiver.wait_for(1);
    }
    receivers
}

#[track_caller]
fn everything_arrives_in_order(receivers: &[Receiver]) {
    for receiver in receivers {
        all_arrive(receiver, EVENTS, Duration::from_secs(10));
        let order: Vec<_> = (0..EVENTS).collect();
        assert_eq!(first_arrivals(&receiver.got()), order);
    }
}

#[test]
fn after_a_kill_the_next_process_delivers_as_soon_as_it_is_ready() {
    let mut service = service(Backend::Sqlite);
    let receivers = with_a_backlog(&service);
    service.kill();
    service.start_again();
    wait_for("every lane goes on", AT_ONCE, || {
        let goes_on = |receiver: &Receiver| receiver.got().len() > 1;
        receivers.iter().all(goes_on).then_some(())
    });
    everything_arrives_in_order(&receivers);
}

#[test]
fn a_second_process_on_the_file_goes_on_within_three_seconds_of_a_kill() {
    let mut service = service(Backend::Sqlite);
    let receivers = with_a_backlog(&service);
    let (_other, client) = second_process(&service);
    service.kill();
    for receiver in &receivers {
        arrive(receiver, 2, NOTICED_WITHIN);
    }
    everything_arrives_in_order(&receivers);
    publish(&client, EVENTS);
    for receiver in &receivers {
        all_arrive(receiver, EVENTS + 1, Duration::from_secs(1));
    }
}
