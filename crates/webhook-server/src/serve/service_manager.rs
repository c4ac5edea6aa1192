//! What the service manager is told (`sd_notify(3)`): that the server is ready, reads its files anew, stops, and is alive.
//!
//! Nothing is told where nobody asks, which is where `NOTIFY_SOCKET` is not set. Here and not by a crate, since a server that
//! watches itself must not wait for a manager that does not read, and some managers name their socket without a file.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::time::Duration;

use actix_web::rt;
use rustix::time::{ClockId, clock_gettime};

/// Says that requests are answered and deliveries made.
pub(crate) fn ready(address: SocketAddr) {
    tell(&format!("READY=1\nSTATUS=Listening on {address}"));
}

/// Says that the server stops, and how long that may take.
pub(crate) fn stopping(within: Duration) {
    tell(&format!(
        "STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS=Finishing requests and deliveries in flight",
        within.as_micros()
    ));
}

/// Runs `read`, which reads files anew, and says when that begins and when it is over.
pub(crate) fn reloading(read: impl FnOnce()) {
    let now = clock_gettime(ClockId::Monotonic);
    let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    // With `Type=notify-reload`, a reload without the time of its beginning ends the service.
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    read();
    tell("READY=1");
}

/// Says that the thread this runs on is alive, twice in each period of the watchdog, for ever. Ends if there is no watchdog.
pub(crate) async fn keep_alive() {
    let variable = |name| std::env::var(name).ok();
    let period = watchdog_period(
        variable("WATCHDOG_USEC"),
        variable("WATCHDOG_PID"),
        std::process::id(),
    );
    let Some(period) = period else { return };
    loop {
        tell("WATCHDOG=1");
        rt::time::sleep(period / 2).await;
    }
}

/// How often this process must say that it is alive, if it must.
fn watchdog_period(microseconds: Option<String>, pid: Option<String>, own_pid: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid != own_pid.to_string()) {
        return None;
    }
    let microseconds = microseconds?.parse().ok()?;
    (microseconds > 0).then(|| Duration::from_micros(microseconds))
}

fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(
            error = %error,
            socket.path = %socket.display(),
            "the service manager could not be told of the service's state (NOTIFY_SOCKET)"
        );
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address(socket.to_owned())?)?;
    Ok(())
}

/// A name that begins with `@` is in Linux's abstract namespace; any other is a file's.
fn address(socket: OsString) -> io::Result<UnixAddress> {
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => UnixAddress::from_abstract_name(name),
        None => UnixAddress::from_pathname(socket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_file_or_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("webhook-notify-{}", std::process::id());
        let abstract_address = UnixAddress::from_abstract_name(&abstract_name).unwrap();
        for (listener, name) in [
            (UnixDatagram::bind(&path).unwrap(), path.clone().into_os_string()),
            (
                UnixDatagram::bind_addr(&abstract_address).unwrap(),
                format!("@{abstract_name}").into(),
            ),
        ] {
            send(&name, "READY=1").unwrap();
            let mut heard = [0; 64];
            let length = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1");
        }
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let _listener = UnixDatagram::bind(&path).unwrap();
        let refused = (0..100_000).find_map(|_| send(path.as_os_str(), "WATCHDOG=1").err());
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn the_watchdog_is_that_of_this_process_and_has_a_period() {
        let period = |microseconds: &str, pid: Option<&str>| {
            watchdog_period(Some(microseconds.to_owned()), pid.map(str::to_owned), 42)
        };
        assert_eq!(period("30000000", None), Some(Duration::from_secs(30)));
        assert_eq!(period("30000000", Some("42")), Some(Duration::from_secs(30)));
        assert_eq!(period("30000000", Some("43")), None);
        assert_eq!(period("0", None), None);
        assert_eq!(period("soon", None), None);
        assert_eq!(watchdog_period(None, None, 42), None);
    }
}
