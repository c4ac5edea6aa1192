//! The addresses to listen on: whether they are free, or one of ours serves there already.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use webhook_front_actix::CertificateAndKey;

use super::finding::Finding;
use super::report::{Bench, Report};
use crate::exit::Failure;
use crate::files::inbound_tls;
use crate::serve::bootstrap::reachable;
use crate::settings::{CertificateFiles, MetricsSettings, Settings};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How long whoever listens already may take for each step.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// The most that is read of an answer. Metrics are longer than anything else that is asked for.
const MAX_ANSWER: u64 = 256 << 10;

/// What is to be listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Api,
    /// For metrics; whether the address is the default, without which a start only warns.
    Metrics {
        is_default: bool,
    },
}

impl Purpose {
    const fn variable(self) -> &'static str {
        match self {
            Self::Api => "WEBHOOK_LISTEN",
            Self::Metrics { .. } => "WEBHOOK_METRICS_LISTEN",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Api => "/health/ready",
            Self::Metrics { .. } => "/metrics",
        }
    }

    /// What keeps a start from serving, or from having metrics alone.
    fn wrong(self, message: String, advice: String) -> Finding {
        match self {
            Self::Metrics { is_default: true } => {
                Finding::warn(format!("{message}; a start goes without metrics"), advice)
            }
            _ => Finding::fail(message, advice),
        }
    }
}

/// Says who listens, where the settings for that are right.
pub(super) fn examine(
    report: &mut Report,
    settings: &Settings,
    (listens, has_metrics): (bool, bool),
) -> Result<(), Failure> {
    if listens {
        let address = settings.listen;
        let files = settings.certificate.clone();
        report.aside(LIMIT, "listen", move |bench: &Bench| {
            bench.found("listen", api(address, files.as_ref()));
        })?;
    }
    let MetricsSettings {
        address, is_default, ..
    } = settings.metrics;
    match address {
        Some(address) if has_metrics => report
            .aside(LIMIT, "metrics_listen", move |bench: &Bench| {
                bench.found(
                    "metrics_listen",
                    look(address, Purpose::Metrics { is_default }, None),
                );
            })
            .map(drop),
        _ => Ok(()),
    }
}

fn api(address: SocketAddr, files: Option<&CertificateFiles>) -> Finding {
    match files.map(inbound_tls::certificate_in) {
        None => look(address, Purpose::Api, None),
        Some(Ok(certificate)) => look(address, Purpose::Api, Some(&certificate)),
        // What is wrong with the files is told by itself.
        Some(Err(_)) => match TcpListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::warn(
                format!("a program listens on {address}; which one is not known without the certificate"),
                "mend the certificate first",
            ),
            _ => look(address, Purpose::Api, None),
        },
    }
}

fn look(address: SocketAddr, purpose: Purpose, certificate: Option<&CertificateAndKey>) -> Finding {
    let error = match TcpListener::bind(address) {
        Ok(_) => return Finding::ok(format!("{address} is free to listen on")),
        Err(error) => error,
    };
    let variable = purpose.variable();
    match error.kind() {
        ErrorKind::AddrInUse => occupied(address, purpose, certificate),
        ErrorKind::AddrNotAvailable => purpose.wrong(
            format!("this machine has no address {}", address.ip()),
            format!("set {variable} to one that it has, or to 0.0.0.0 or [::] for all"),
        ),
        ErrorKind::PermissionDenied => purpose.wrong(
            format!("this user may not listen on {address}: {error}"),
            "take a port from 1024 on, or give the service CAP_NET_BIND_SERVICE".to_owned(),
        ),
        _ => purpose.wrong(
            format!("{address} cannot be listened on: {error}"),
            format!("set {variable} to another"),
        ),
    }
}

/// Whether it is one of ours that listens there.
fn occupied(address: SocketAddr, purpose: Purpose, certificate: Option<&CertificateAndKey>) -> Finding {
    let stranger = |said: &str| {
        purpose.wrong(
            format!("another program listens on {address}: {said}"),
            format!("stop it, or set {} to another address", purpose.variable()),
        )
    };
    let answer = match ask(reachable(address), purpose.path(), certificate) {
        Ok(answer) => answer,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return stranger("it does not show the certificate of the API");
        }
        Err(error) => return stranger(&format!("it does not answer as this service does ({error})")),
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let head = head.to_ascii_lowercase();
    if !head.contains("\r\nx-request-id: reqr_") {
        return stranger("it is not this service");
    }
    let status = head.split(' ').nth(1).unwrap_or("nothing");
    match (purpose, status) {
        (Purpose::Api, "200") => Finding::ok(format!(
            "a server of this service listens on {address}, and is ready"
        )),
        (Purpose::Api, _) => Finding::warn(
            format!(
                "a server of this service listens on {address}, and is not ready (/health/ready answers {status})"
            ),
            "its log says why",
        ),
        (Purpose::Metrics { .. }, "200") if body.contains("webhook_build_info") => Finding::ok(format!(
            "a server of this service has its metrics on {address}; a further one on this machine needs another address"
        )),
        // The API of a server of this service.
        (Purpose::Metrics { .. }, _) => stranger("it is this service, and has no metrics there"),
    }
}

fn ask(address: SocketAddr, path: &str, certificate: Option<&CertificateAndKey>) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, ANSWERS_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    match certificate {
        None => exchange(stream, &request),
        Some(certificate) => exchange(certificate.ask(stream)?, &request),
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
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
    fn a_stranger_at_the_address_is_told_from_nobody() {
        for (purpose, status) in [
            (Purpose::Api, Status::Fail),
            (Purpose::Metrics { is_default: false }, Status::Fail),
            (Purpose::Metrics { is_default: true }, Status::Warn),
        ] {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            let stranger = std::thread::spawn(move || {
                let (mut stream, _) = free.accept().unwrap();
                let mut request = [0; 16];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
                free
            });
            let found = look(address, purpose, None);
            assert_eq!(found.status, status, "{found:?}");
            drop(stranger.join().unwrap());
            assert_eq!(
                look("127.0.0.1:0".parse().unwrap(), purpose, None).status,
                Status::Ok
            );
            assert_eq!(look("192.0.2.1:0".parse().unwrap(), purpose, None).status, status);
        }
    }
}
