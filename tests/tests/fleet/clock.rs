//! Wall clocks that are wrong. Whether a process lives does not depend on the time of day. So no delivery is late because a
//! clock was put right, or because the clocks of two machines differ.

use std::{thread::sleep, time::Duration};

use webhook_tests::{
    Backend, Client, Server, Service,
    clock::{instant, now},
    on_each_database,
    receiver::{Conduct, Receiver},
    shifted_clock::ShiftedClock,
};

use crate::ground::{all_arrive, arrivals, arrive, deployment, first_arrivals, publish, webhook_to};

on_each_database!(
    what_a_process_with_a_fast_clock_left_goes_on_when_the_clock_is_right,
    what_a_process_with_a_slow_clock_left_goes_on_when_the_clock_is_right,
    what_waits_while_a_running_processs_clock_is_put_right_is_sent_in_time,
    what_failed_by_a_clock_that_was_ahead_is_sent_once_the_clock_is_right
);

const TWO_HOURS: i64 = 2 * 60 * 60;
const EVENTS: usize = 10;

/// A server whose wall clock is `seconds` ahead, or behind if negative.
fn serve_shifted(service: &Service, seconds: i64) -> Server {
    let deployment = service.deployment();
    let clock = ShiftedClock::new(deployment.directory(), "wrong");
    clock.shift(seconds);
    let mut command = deployment.command(&[]);
    clock.show_to(&mut command);
    Server::start(command)
}

fn what_a_process_with_a_fast_clock_left_goes_on_when_the_clock_is_right(backend: Backend) {
    goes_on_with_the_right_clock(backend, TWO_HOURS);
}

fn what_a_process_with_a_slow_clock_left_goes_on_when_the_clock_is_right(backend: Backend) {
    goes_on_with_the_right_clock(backend, -TWO_HOURS);
}

fn goes_on_with_the_right_clock(backend: Backend, shift: i64) {
    let within = match backend {
        Backend::Sqlite => Duration::from_secs(3),
        Backend::Postgres => Duration::from_secs(10),
    };
    // The first is delivered, and the second is under way when the process is killed.
    let receiver = Receiver::start().conducting([
        Conduct::Answer(204),
        Conduct::AnswerAfter(Duration::from_secs(60), 204),
    ]);
    let mut service = Service::start_on(deployment(backend));
    service.take_server().stop();
    let wrong = serve_shifted(&service, shift);
    let client = Client::with_key(wrong.address(), service.key());
    webhook_to(&client, &receiver);
    let published = publish(&client, 0);
    let off = instant(&published["created_at"]) - now() - shift;
    assert!(
        off.abs() < 60,
        "the clock is not wrong as it should be, but {off} s off"
    );
    (1..EVENTS).for_each(|n| drop(publish(&client, n)));
    receiver.wait_for(2);
    wrong.kill();
    service.start_again();
    all_arrive(&receiver, EVENTS, within);
    assert_eq!(first_arrivals(&receiver.got()), (0..EVENTS).collect::<Vec<_>>());
    let client = service.client();
    publish(&client, EVENTS);
    all_arrive(&receiver, EVENTS + 1, Duration::from_secs(2));
}

/// A process whose clock can be set while it runs, what waits in it sent again after five seconds.
fn settable(backend: Backend) -> (Service, Server, ShiftedClock) {
    let deployment = deployment(backend).with("WEBHOOK_RETRY_SPEED", "24");
    let mut service = Service::start_on(deployment);
    service.take_server().stop();
    let clock = ShiftedClock::new(service.deployment().directory(), "settable");
    let mut command = service.deployment().command(&[]);
    clock.show_to(&mut command);
    let server = Server::start(command);
    (service, server, clock)
}

fn what_waits_while_a_running_processs_clock_is_put_right_is_sent_in_time(backend: Backend) {
    let (service, server, clock) = settable(backend);
    let client = Client::with_key(server.address(), service.key());
    let receiver = Receiver::start().conducting([Conduct::Answer(204), Conduct::Answer(500)]);
    webhook_to(&client, &receiver);
    clock.shift(TWO_HOURS);
    publish(&client, 0);
    all_arrive(&receiver, 1, Duration::from_secs(3));
    // It has been seen to be ready by the wrong clock.
    sleep(Duration::from_millis(2_500));
    clock.shift(0);
    sleep(Duration::from_millis(500));
    publish(&client, 1);
    receiver.wait_for(2);
    arrive(&receiver, 3, Duration::from_secs(9));
    assert_eq!(arrivals(&receiver.got()), [0, 1, 1]);
}

fn what_failed_by_a_clock_that_was_ahead_is_sent_once_the_clock_is_right(backend: Backend) {
    let (service, server, clock) = settable(backend);
    let client = Client::with_key(server.address(), service.key());
    let receiver = Receiver::start().conducting([Conduct::Answer(500)]);
    webhook_to(&client, &receiver);
    clock.shift(TWO_HOURS);
    publish(&client, 0);
    receiver.wait_for(1);
    sleep(Duration::from_millis(500));
    clock.shift(0);
    arrive(&receiver, 2, Duration::from_secs(9));
}

#[test]
fn processes_whose_clocks_differ_deliver_each_event_once_and_in_order() {
    for shift in [TWO_HOURS, -TWO_HOURS] {
        let mut service = Service::start_on(deployment(Backend::Postgres));
        service.take_server().stop();
        let receivers: Vec<_> = (0..3).map(|_| Receiver::start()).collect();
        let wrong = serve_shifted(&service, shift);
        let first = Client::with_key(wrong.address(), service.key());
        for receiver in &receivers {
            webhook_to(&first, receiver);
        }
        publish(&first, 0);
        for receiver in &receivers {
            all_arrive(receiver, 1, Duration::from_secs(5));
        }
        service.start_again();
        let second = service.client();
        for n in 1..=EVENTS {
            publish(if n % 2 == 0 { &first } else { &second }, n);
            for receiver in &receivers {
                all_arrive(receiver, n + 1, Duration::from_secs(3));
            }
        }
        let order: Vec<_> = (0..=EVENTS).collect();
        for receiver in &receivers {
            assert_eq!(arrivals(&receiver.got()), order, "with a clock {shift} s ahead");
        }
        drop(wrong);
    }
}
