//! What a service manager hears of a server, over `NOTIFY_SOCKET`.

use std::{os::unix::net::UnixDatagram, time::Duration};

use webhook_tests::{Backend, Deployment, clock::wait_for, on_each_database};

on_each_database!(a_manager_hears_of_the_start_of_reloads_and_of_the_stop);

/// For what takes no time on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service manager that reads what it is told.
struct Manager(UnixDatagram);

impl Manager {
    /// One that `deployment` will tell of its state.
    fn of(deployment: &mut Deployment) -> Self {
        let path = deployment.directory().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        deployment.set("NOTIFY_SOCKET", &path.to_string_lossy());
        Self(socket)
    }

    /// The next message that is none of the watchdog's.
    fn next(&self) -> String {
        loop {
            let message = self.next_of_any_kind();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn next_of_any_kind(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).expect("the manager is told something");
        String::from_utf8(bytes[..length].to_vec()).expect("text")
    }
}

fn a_manager_hears_of_the_start_of_reloads_and_of_the_stop(backend: Backend) {
    let mut deployment = Deployment::new(backend).with("WEBHOOK_STOP_TIMEOUT", "7");
    let manager = Manager::of(&mut deployment);
    let server = deployment.serve();
    let ready = manager.next();
    assert_eq!(
        ready,
        format!("READY=1\nSTATUS=Listening on {}", server.address())
    );

    server.hang_up();
    let reloading = manager.next();
    let began = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap_or_else(|| panic!("{reloading}"));
    assert!(began.parse::<u64>().expect("microseconds") > 0);
    assert_eq!(manager.next(), "READY=1");

    assert_eq!(server.stop().code(), 0);
    let stopping = manager.next();
    assert!(
        stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=7000000\n"),
        "{stopping}"
    );
}

#[test]
fn a_watchdog_hears_of_a_server_twice_in_each_of_its_periods_until_it_stands_still() {
    let mut deployment = Deployment::new(Backend::Sqlite).with("WATCHDOG_USEC", "400000");
    let manager = Manager::of(&mut deployment);
    let server = deployment.serve();
    for _ in 0..5 {
        while manager.next_of_any_kind() != "WATCHDOG=1" {}
    }
    server.freeze();
    manager
        .0
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("a timeout");
    let silent = wait_for("what was sent before is read", PATIENCE, || {
        manager.0.recv(&mut [0; 4096]).err()
    });
    assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock);
    server.thaw();
    manager.0.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    assert_eq!(manager.next_of_any_kind(), "WATCHDOG=1");
}

#[test]
fn the_watchdog_of_another_process_is_not_told() {
    let mut deployment = Deployment::new(Backend::Sqlite)
        .with("WATCHDOG_USEC", "20000")
        .with("WATCHDOG_PID", "1");
    let manager = Manager::of(&mut deployment);
    let server = deployment.serve();
    assert!(manager.next_of_any_kind().starts_with("READY=1"));
    assert_eq!(server.stop().code(), 0);
    assert!(manager.next_of_any_kind().starts_with("STOPPING=1"));
}

#[test]
fn a_manager_that_is_gone_stops_nothing_and_is_warned_of() {
    let mut deployment = Deployment::new(Backend::Sqlite);
    drop(Manager::of(&mut deployment));
    let server = deployment.serve();
    wait_for("it says so", PATIENCE, || {
        server.output().contains("NOTIFY_SOCKET").then_some(())
    });
    assert_eq!(server.stop().code(), 0);
}
