//! The way to a receiver, step by step: its name, each address as the guard judges it, connections, the egress proxy, TLS. Nothing is sent
//! to it once there is a connection.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::webhook::{TargetPolicy, TargetUrl};
use webhook_sender_hyper::{HyperSender, Judged, NotReached, Reach, Tried};

use super::finding::Finding;
use super::report::{Bench, Report};
use super::settings::TLS;
use crate::clock::SystemClock;
use crate::exit::{Failure, chain};
use crate::outbound::Outbound;
use crate::settings::Examined;

/// Beyond the steps that each have the time of an attempt.
const MARGIN: Duration = Duration::from_secs(10);

/// Says how far a delivery to `url` would come.
pub(super) fn examine(report: &mut Report, examined: &Examined, url: String) -> Result<(), Failure> {
    let settings = &examined.settings;
    if report.has_failed(TLS) {
        let message =
            "the way to the receiver was not looked at: the certificates for deliveries cannot be used";
        return report.add(
            "reach",
            Finding::fail(message, "mend the settings for deliveries first"),
        );
    }
    let sender = Outbound::of(settings, 0).and_then(|outbound| outbound.sender(Arc::new(SystemClock)));
    let sender = match sender {
        Ok(sender) => sender,
        Err(failure) => {
            let advice = "mend the settings for deliveries first";
            return report.add("reach", Finding::fail(failure.message(), advice));
        }
    };
    let limit = settings.attempt_timeout * 4 + MARGIN;
    let policy = settings.target_policy.clone();
    let check = move |bench: &Bench| look(bench, &sender, url, &policy);
    report.aside(limit, "reach", check).map(drop)
}

fn look(bench: &Bench, sender: &HyperSender, url: String, policy: &TargetPolicy) {
    let url = match TargetUrl::propose(url, policy) {
        Ok((url, objection)) => {
            bench.found(
                "reach.url",
                match objection {
                    None => Finding::ok(format!("{} may be a webhook's url here", url.as_str())),
                    Some(problem) => Finding::fail(
                        format!("{} {problem}", url.as_str()),
                        "take another url, or allow it: WEBHOOK_ALLOW_HTTP, WEBHOOK_ALLOWED_NETWORKS",
                    ),
                },
            );
            url
        }
        Err(problem) => {
            return bench.found(
                "reach.url",
                Finding::fail(format!("the url {problem}"), "correct it"),
            );
        }
    };
    bench.begins("reach");
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("the runtime cannot be started: {}", chain(&error));
            return bench.found(
                "reach",
                Finding::fail(message, "find out what the machine is short of"),
            );
        }
    };
    let Some(reach) = runtime.block_on(sender.reach(&url)) else {
        return bench.found("reach.url", Finding::fail("the url has no host", "correct it"));
    };
    tell(bench, &reach);
}

fn tell(bench: &Bench, reach: &Reach) {
    match &reach.addresses {
        None => bench.found(
            "reach.name",
            Finding::ok(format!("the egress proxy is asked for {}", reach.host)),
        ),
        Some(Err(problem)) => bench.found(
            "reach.name",
            Finding::fail(
                format!("{} has no address: {problem}", reach.host),
                "correct the name, or see that the machine's name servers (/etc/resolv.conf) know it",
            ),
        ),
        Some(Ok(judged)) => {
            let addresses: Vec<_> = judged.iter().map(|(address, _)| address.to_string()).collect();
            bench.found(
                "reach.name",
                Finding::ok(format!("{} is {}", reach.host, addresses.join(", "))),
            );
            bench.found("reach.guard", guarded(judged));
        }
    }
    if let Some((proxy, connected)) = &reach.proxy {
        bench.found("reach.proxy", match connected {
            Ok(()) => Finding::ok(format!("the egress proxy {proxy} accepts connections")),
            Err(problem) => Finding::fail(
                format!("the egress proxy {proxy} cannot be reached: {problem}"),
                "see that it runs and that WEBHOOK_EGRESS_PROXY names it; nothing is delivered without it",
            ),
        });
    }
    if !reach.connections.is_empty() {
        bench.found("reach.tcp", connections(&reach.connections));
    }
    bench.found("reach", outcome(reach));
}

fn guarded(judged: &[Judged]) -> Finding {
    let refused: Vec<_> = judged
        .iter()
        .filter_map(|(address, verdict)| Some(format!("{address} {}", verdict.as_ref().err()?)))
        .collect();
    let advice = "a receiver is public; to deliver into a network of your own, list it in WEBHOOK_ALLOWED_NETWORKS; \
                  WEBHOOK_DENIED_NETWORKS goes before that";
    match (refused.len(), judged.len()) {
        (0, _) => Finding::ok("deliveries may go to each of its addresses"),
        (refusals, all) if refusals == all => Finding::fail(refused.join("; "), advice),
        _ => Finding::warn(
            format!("{}; deliveries go to the others", refused.join("; ")),
            advice,
        ),
    }
}

fn connections(tried: &[Tried]) -> Finding {
    let failed: Vec<_> = tried
        .iter()
        .filter_map(|(address, outcome)| Some((address, outcome.as_ref().err()?)))
        .collect();
    let told = |(address, error): &(&SocketAddr, &std::io::Error)| format!("{address}: {error}");
    let said = failed.iter().map(told).collect::<Vec<_>>().join("; ");
    // A machine without IPv6 tries the other addresses, as it should.
    let is_unreachable = |(address, error): &(&SocketAddr, &std::io::Error)| {
        let kinds = [ErrorKind::NetworkUnreachable, ErrorKind::AddrNotAvailable];
        address.is_ipv6() && kinds.contains(&error.kind())
    };
    let advice =
        "see that the receiver listens there, and that firewalls on the way let this machine through";
    let fastest = tried
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().ok())
        .min();
    match fastest {
        None => Finding::fail(format!("no address accepts a connection: {said}"), advice),
        Some(fastest) if failed.iter().all(is_unreachable) => Finding::ok(format!(
            "a connection is accepted, the first after {} ms",
            fastest.as_millis()
        )),
        Some(_) => Finding::warn(format!("some addresses accept no connection: {said}"), advice),
    }
}

fn outcome(reach: &Reach) -> Finding {
    match &reach.connected {
        Ok(()) if reach.is_encrypted => Finding::ok(format!(
            "a delivery would get to {} port {}, over TLS with a certificate that is believed",
            reach.host, reach.port
        )),
        Ok(()) => Finding::ok(format!(
            "a delivery would get to {} port {}, not encrypted",
            reach.host, reach.port
        )),
        Err(NotReached::Short(shortage)) => Finding::fail(
            format!("nothing is known of the receiver: {shortage}"),
            "mend that first; it is this machine's own",
        ),
        Err(NotReached::Failed(cause, detail)) => {
            let detail = match detail.as_str() {
                "" => String::new(),
                detail => format!(" ({detail})"),
            };
            Finding::fail(format!("{}: {cause}{detail}", cause.name()), advice(*cause))
        }
    }
}

fn advice(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::Tls(_) => {
            "the receiver mends its certificate or its TLS; an issuer of its own is trusted by WEBHOOK_RECEIVERS_CA_FILE, and a \
             certificate for the service is given by WEBHOOK_CLIENT_CERTIFICATE_FILE and WEBHOOK_CLIENT_KEY_FILE"
        }
        FailureCause::EgressProxy => {
            "the egress proxy must allow connections to this receiver, and be given what it asks for"
        }
        FailureCause::Timeout => {
            "see whether a firewall drops what goes there, or raise WEBHOOK_ATTEMPT_TIMEOUT"
        }
        _ => "see the steps before this one",
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use webhook_domain::delivery::address::ForbiddenAddress;

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn an_address_that_is_refused_is_told_with_its_rule() {
        let of = |verdicts: &[Result<(), ForbiddenAddress>]| -> Vec<Judged> {
            let address = IpAddr::from([127, 0, 0, 1]);
            verdicts.iter().map(|verdict| (address, *verdict)).collect()
        };
        let refused = Err(ForbiddenAddress::NotPublic);
        assert_eq!(guarded(&of(&[Ok(())])).status, Status::Ok);
        assert_eq!(guarded(&of(&[Ok(()), refused])).status, Status::Warn);
        let found = guarded(&of(&[refused]));
        assert_eq!(found.status, Status::Fail);
        assert!(
            found.message.starts_with("127.0.0.1 is not a public address"),
            "{found:?}"
        );
    }

    #[test]
    fn a_machine_without_ipv6_is_no_reason_to_warn() {
        let tried = |six: ErrorKind| {
            let connected = Ok(Duration::from_millis(3));
            [
                ("192.0.2.1:443".parse().unwrap(), connected),
                ("[2001:db8::1]:443".parse().unwrap(), Err(six.into())),
            ]
        };
        assert_eq!(
            connections(&tried(ErrorKind::NetworkUnreachable)).status,
            Status::Ok
        );
        assert_eq!(
            connections(&tried(ErrorKind::ConnectionRefused)).status,
            Status::Warn
        );
        assert_eq!(connections(&tried(ErrorKind::TimedOut)[1..]).status, Status::Fail);
    }
}
