//! Connecting to a receiver: resolve, judge, connect to what was judged, or have the [egress proxy](crate::proxy) connect to it.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use webhook_domain::delivery::address::AllowedNetworks;
use webhook_domain::ports::Shortage;

use crate::own;
use crate::pool::Origin;
use crate::proxy::{EgressProxy, NoTunnel, Target};
use crate::resolver::Resolve;
use crate::tls::{NotEncrypted, Seen, Tls};
use crate::watched::Stream;

/// How long an address is alone in being tried (RFC 8305 §8, "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);
/// How many addresses of a name are tried.
pub(crate) const MAX_ADDRESSES: usize = 16;
/// How long the egress proxy may take to accept a connection.
const PROXY_CONNECTS_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    #[error("the name has no address")]
    Unknown,
    #[error("none of its addresses is allowed")]
    Forbidden,
    #[error(transparent)]
    Short(#[from] Shortage),
    #[error("the connection was refused or broke")]
    Tcp(#[source] io::Error),
    #[error(transparent)]
    Proxy(NoTunnel),
    #[error(transparent)]
    Tls(NotEncrypted),
}

/// Says which addresses of a name may be connected to.
pub(crate) struct Guard {
    pub(crate) allowed: AllowedNetworks,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl Guard {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NotConnected> {
        let found =
            match host.parse() {
                Ok(address) => vec![address],
                Err(_) => self.resolver.resolve(host).await.map_err(|error| {
                    own::shortage(&error).map_or(NotConnected::Unknown, NotConnected::Short)
                })?,
            };
        if found.is_empty() {
            return Err(NotConnected::Unknown);
        }
        let admitted: Vec<_> = found
            .into_iter()
            .filter(|address| self.allowed.judge(*address).is_ok())
            .collect();
        if admitted.is_empty() {
            Err(NotConnected::Forbidden)
        } else {
            Ok(admitted)
        }
    }
}

/// Connects to receivers.
pub(crate) struct Connector {
    pub(crate) guard: Guard,
    pub(crate) tls: Tls,
    /// What connections go through, if not straight to the receiver.
    pub(crate) proxy: Option<EgressProxy>,
}

impl Connector {
    pub(crate) async fn connect(&self, origin: &Origin) -> Result<Opened, NotConnected> {
        let tcp = match &self.proxy {
            None => self.straight(origin).await?,
            Some(proxy) => self.through(proxy, origin).await?,
        };
        tcp.set_nodelay(true).map_err(NotConnected::Tcp)?;
        if !origin.is_encrypted {
            return Ok(Opened {
                stream: Box::new(tcp),
                seen: Arc::default(),
            });
        }
        let encrypted = self.tls.encrypt(&origin.host, tcp).await;
        let encrypted = encrypted.map_err(|error| match own::shortage(&error) {
            Some(shortage) => NotConnected::Short(shortage),
            None => NotConnected::Tls(error),
        })?;
        Ok(Opened {
            stream: Box::new(encrypted.stream),
            seen: encrypted.seen,
        })
    }

    async fn straight(&self, origin: &Origin) -> Result<TcpStream, NotConnected> {
        let addresses = in_turns(self.guard.addresses(&origin.host).await?);
        let port = origin.port;
        first(addresses, move |address| tcp(SocketAddr::new(address, port))).await
    }

    async fn through(&self, proxy: &EgressProxy, origin: &Origin) -> Result<TcpStream, NotConnected> {
        let is_name = origin.host.parse::<IpAddr>().is_err();
        let targets = if proxy.resolves && is_name {
            VecDeque::from([Target::Name(origin.host.clone(), origin.port)])
        } else {
            let addresses = in_turns(self.guard.addresses(&origin.host).await?);
            let target = |address| Target::Address(SocketAddr::new(address, origin.port));
            addresses.into_iter().map(target).collect()
        };
        let at = self.addresses_of(proxy).await?;
        let tunnel = |target| {
            let (proxy, at) = (proxy.clone(), at.clone());
            async move {
                let port = proxy.port;
                let connecting = first(at, move |address| tcp(SocketAddr::new(address, port)));
                let stream = match timeout(PROXY_CONNECTS_WITHIN, connecting).await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(NotConnected::Short(shortage))) => return Err(shortage.into()),
                    Ok(Err(NotConnected::Tcp(error))) => return Err(unusable(&error)),
                    Ok(Err(_)) | Err(_) => return Err(unusable(&io::ErrorKind::TimedOut.into())),
                };
                proxy.tunnel(stream, &target).await.map_err(|error| match error {
                    NoTunnel::Proxy(error) => unusable(&error),
                    error => NotConnected::Proxy(error),
                })
            }
        };
        first(targets, tunnel).await
    }

    /// Where the proxy is: wherever the operator says, public or not.
    async fn addresses_of(&self, proxy: &EgressProxy) -> Result<VecDeque<IpAddr>, NotConnected> {
        let found = match proxy.host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => self.guard.resolver.resolve(&proxy.host).await,
        };
        match found {
            Ok(addresses) if !addresses.is_empty() => Ok(in_turns(addresses)),
            Ok(_) => Err(unusable(&io::Error::new(
                io::ErrorKind::NotFound,
                "its name has no address",
            ))),
            Err(error) => Err(unusable(&error)),
        }
    }
}

async fn tcp(address: SocketAddr) -> Result<TcpStream, NotConnected> {
    TcpStream::connect(address)
        .await
        .map_err(|error| match own::shortage_at(address, &error) {
            Some(shortage) => NotConnected::Short(shortage),
            None => NotConnected::Tcp(error),
        })
}

/// The egress proxy is ours: that it cannot be used says nothing of the receiver.
fn unusable(error: &io::Error) -> NotConnected {
    tracing::debug!(error = %error, "the egress proxy cannot be used");
    NotConnected::Short(own::shortage(error).unwrap_or(Shortage::EgressProxy))
}

/// A connection that was just opened, and what was seen of the receiver meanwhile.
pub(crate) struct Opened {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) seen: Arc<Seen>,
}

/// The addresses in the order in which they are tried: those of either family in turns, the family of the first one first
/// (RFC 8305 §4).
fn in_turns(addresses: Vec<IpAddr>) -> VecDeque<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut turns = VecDeque::new();
    while turns.len() < MAX_ADDRESSES && (!one.is_empty() || !other.is_empty()) {
        turns.extend(one.pop_front());
        turns.extend(other.pop_front());
    }
    turns
}

/// A connection to that of `targets` that takes one first. Each is tried a moment after the one before it, or at once when that
/// one has failed (RFC 8305 §5); the others are then given up. Where something of our own was wanting for one of them, nothing is known
/// of the receiver, whatever became of the others. If there are no targets, the receiver is unknown.
async fn first<T, Connecting>(
    mut targets: VecDeque<T>,
    connect: impl Fn(T) -> Connecting,
) -> Result<TcpStream, NotConnected>
where
    Connecting: Future<Output = Result<TcpStream, NotConnected>> + Send + 'static,
{
    let mut trying = JoinSet::new();
    let mut last = NotConnected::Unknown;
    let mut short = None;
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(tried) = trying.join_next() => match tried {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => {
                    match error {
                        NotConnected::Short(shortage) => short = Some(shortage),
                        error => last = error,
                    }
                    next_at = Instant::now();
                }
                // Tasks are ended with their runtime alone.
                Err(_) => short = Some(Shortage::Stopping),
            },
            () = sleep_until(next_at), if !targets.is_empty() => {
                if let Some(target) = targets.pop_front() {
                    trying.spawn(connect(target));
                }
                next_at = Instant::now() + HEAD_START;
            }
            else => return Err(short.map_or(last, NotConnected::Short)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_first_ones_goes_first() {
        let addresses =
            |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        for (found, order) in [
            (&["1.1.1.1"][..], &["1.1.1.1"][..]),
            (
                &["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"],
                &["::1", "1.1.1.1", "::2", "1.1.1.2", "::3"],
            ),
            (&["1.1.1.1", "1.1.1.2", "::1"], &["1.1.1.1", "::1", "1.1.1.2"]),
        ] {
            assert_eq!(in_turns(addresses(found)), addresses(order));
        }
    }

    #[test]
    fn no_more_are_tried_than_fit_into_an_attempt() {
        let many: Vec<IpAddr> = (0..=255).map(|last| IpAddr::from([10, 0, 0, last])).collect();
        assert_eq!(in_turns(many).len(), MAX_ADDRESSES);
    }
}
