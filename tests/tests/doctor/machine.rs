//! Clocks that are wrong, few descriptors, and who listens already.

use std::{net::TcpListener, thread};

use webhook_tests::{Backend, Deployment, Service, fixtures::create, shifted_clock::ShiftedClock};

use crate::{Report, doctor};

fn shifted(deployment: &Deployment, seconds: i64) -> Report {
    let clock = ShiftedClock::new(deployment.directory(), "doctor");
    clock.shift(seconds);
    let mut command = deployment.command(&["doctor"]);
    clock.show_to(&mut command);
    Report::of(command)
}

#[test]
fn a_clock_that_is_wrong_is_told_by_the_database_by_what_was_stored_and_by_itself() {
    let service = Service::start(Backend::Postgres);
    create(&service.client());
    let behind = shifted(service.deployment(), -3600);
    behind.expect_failures(1, &["clock.database"]);
    behind.expect("clock.stored", "WARN", "in the future");
    behind.expect("clock.database", "FAIL", "seconds behind the database's");
    let ahead = shifted(service.deployment(), 10);
    ahead.expect_failures(0, &[]);
    ahead.expect("clock.database", "WARN", "seconds ahead of the database's");
    let service = Service::start(Backend::Sqlite);
    create(&service.client());
    let behind = shifted(service.deployment(), -3600);
    behind.expect_failures(0, &[]);
    behind.expect("clock.stored", "WARN", "in the future");
    let long_ago = shifted(service.deployment(), -40 * 365 * 86_400);
    long_ago.expect_failures(1, &["clock"]);
}

#[test]
fn few_descriptors_are_told() {
    let look = |count| doctor(&Deployment::new(Backend::Sqlite).with_open_files(count), &[]);
    let few = look(1_024);
    few.expect_failures(0, &[]);
    few.expect("descriptors", "WARN", "may have 1024 files open");
    look(100).expect_failures(1, &["descriptors"]);
    assert_eq!(look(4_096).status("descriptors"), "OK");
}

#[test]
fn who_listens_already_is_told_apart() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for stream in other.incoming().flatten() {
            let mut stream = stream;
            let answer = b"HTTP/1.1 200 OK\r\nserver: other\r\ncontent-length: 0\r\n\r\n";
            let _ = std::io::Write::write_all(&mut stream, answer);
        }
    });
    let deployment = Deployment::new(Backend::Sqlite);
    let report = doctor(&deployment, &["--listen", &address]);
    report.expect_failures(1, &["listen"]);
    report.expect("listen", "FAIL", "it is not this service");
    let report = doctor(&deployment, &["--listen", "192.0.2.1:80"]);
    report.expect_failures(1, &["listen"]);
    report.expect("listen", "FAIL", "this machine has no address 192.0.2.1");

    let service = Service::start(Backend::Sqlite);
    let address = service.server().address().to_string();
    service.server().freeze();
    let report = doctor(service.deployment(), &["--listen", &address]);
    report.expect("listen", "FAIL", "does not answer as this service does");
    service.server().thaw();
}
