//! The machine: its clock, its file descriptors, and whether the address to listen on is free, or one of ours serves there already.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use webhook_domain::time::{Clock as _, Instant};

use super::finding::Finding;
use super::report::{Bench, Report};
use crate::clock::SystemClock;
use crate::exit::Failure;
use crate::serve::bootstrap::reachable;
use crate::serve::descriptors::Descriptors;
use crate::settings::Settings;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How long whoever listens already may take for each step.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// 2025-01-01T00:00:00Z: no release of this service is older.
const OLDEST_TIME: i64 = 1_735_689_600_000;
/// The most that is read of an answer.
const MAX_ANSWER: u64 = 16 << 10;

/// Says what is wrong with the machine.
pub(super) fn examine(report: &mut Report, settings: &Settings, listens: bool) -> Result<(), Failure> {
    report.add("clock", clock(SystemClock.now()))?;
    report.add("descriptors", descriptors())?;
    if !listens {
        return Ok(());
    }
    let address = settings.listen;
    let speaks_tls = settings.certificate.is_some();
    let check = move |bench: &Bench| bench.found("listen", listen(address, speaks_tls));
    report.aside(LIMIT, "listen", check).map(drop)
}

fn clock(now: Instant) -> Finding {
    match now.as_milliseconds() < OLDEST_TIME {
        true => Finding::fail(
            format!("the machine's clock says {now}, which cannot be"),
            "set it right and keep it so (NTP): signatures carry it, and certificates are judged by it",
        ),
        false => Finding::ok(format!("the machine's clock says {now}")),
    }
}

fn descriptors() -> Finding {
    let (limit, shared) = Descriptors::foreseen();
    let message = format!(
        "a server started from here may have {limit} files open: {} clients and {} attempts at a time",
        shared.clients, shared.attempts
    );
    let advice = "raise the hard limit (`ulimit -Hn`, LimitNOFILE= in systemd)";
    match (Descriptors::is_too_low(limit), shared.are_few()) {
        (true, _) => Finding::fail(message, advice),
        (_, true) => Finding::warn(message, advice),
        _ => Finding::ok(message),
    }
}

fn listen(address: SocketAddr, speaks_tls: bool) -> Finding {
    let error = match TcpListener::bind(address) {
        Ok(_) => return Finding::ok(format!("{address} is free to listen on")),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse if speaks_tls => Finding::warn(
            format!(
                "a program listens on {address}; which one is not known, since this service speaks TLS there"
            ),
            format!("ask it: curl https://{address}/health/ready, under the name in the certificate"),
        ),
        ErrorKind::AddrInUse => occupied(address),
        ErrorKind::AddrNotAvailable => Finding::fail(
            format!("this machine has no address {}", address.ip()),
            "set WEBHOOK_LISTEN to one that it has, or to 0.0.0.0 or [::] for all",
        ),
        ErrorKind::PermissionDenied => Finding::fail(
            format!("this user may not listen on {address}: {error}"),
            "take a port from 1024 on, or give the service CAP_NET_BIND_SERVICE",
        ),
        _ => Finding::fail(
            format!("{address} cannot be listened on: {error}"),
            "set WEBHOOK_LISTEN to another",
        ),
    }
}

/// Whether it is one of ours that listens there.
fn occupied(address: SocketAddr) -> Finding {
    let stranger = |said: &str| {
        Finding::fail(
            format!("another program listens on {address}: {said}"),
            "stop it, or set WEBHOOK_LISTEN to another address",
        )
    };
    let answer = match ask(reachable(address)) {
        Ok(answer) => answer,
        Err(error) => return stranger(&format!("it does not answer as this service does ({error})")),
    };
    let head = answer
        .split("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !head.contains("\r\nx-request-id: reqr_") {
        return stranger("it is not this service");
    }
    match head.split(' ').nth(1) {
        Some("200") => Finding::ok(format!(
            "a server of this service listens on {address}, and is ready"
        )),
        status => Finding::warn(
            format!(
                "a server of this service listens on {address}, and is not ready (/health/ready answers {})",
                status.unwrap_or("nothing")
            ),
            "its log says why",
        ),
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWERS_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER).read_to_end(&mut answer) {
        // What has come is enough to know it by.
        Err(_) if !answer.is_empty() => {}
        read => drop(read?),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_clock_of_a_time_before_this_service_cannot_be_right() {
        assert_eq!(clock(Instant::from_milliseconds(0)).status, Status::Fail);
        assert_eq!(clock(Instant::from_milliseconds(OLDEST_TIME)).status, Status::Ok);
    }

    #[test]
    fn a_stranger_at_the_address_is_told_from_nobody() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        let stranger = std::thread::spawn(move || {
            let (mut stream, _) = free.accept().unwrap();
            let mut request = [0; 16];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
            free
        });
        let found = listen(address, false);
        assert_eq!(found.status, Status::Fail, "{found:?}");
        drop(stranger.join().unwrap());
        assert_eq!(listen("127.0.0.1:0".parse().unwrap(), false).status, Status::Ok);
        assert_eq!(listen("192.0.2.1:0".parse().unwrap(), false).status, Status::Fail);
    }
}
