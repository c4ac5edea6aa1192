//! Connecting to a receiver: resolve, judge, connect to what was judged, or have the [egress proxy](crate::proxy) connect to it.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use webhook_domain::address::AllowedNetworks;

use crate::pool::Origin;
use crate::proxy::{EgressProxy, NoTunnel, Target};
use crate::resolver::Resolve;
use crate::tls::{NotEncrypted, Seen, Tls};
use crate::watched::Stream;

/// How long an address is alone in being tried (RFC 8305 §8, "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);
/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 16;
/// How long the egress proxy may take to accept a connection.
const PROXY_CONNECTS_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    #[error("the name has no address")]
    Unknown,
    #[error("no address of it may be delivered to")]
    Forbidden,
    #[error("the connection was refused or broke")]
    Tcp(#[source] io::Error),
    #[error(transparent)]
    Proxy(#[from] NoTunnel),
    #[error(transparent)]
    Tls(#[from] NotEncrypted),
}

/// Says which addresses of a name may be connected to.
pub(crate) struct Guard {
    pub(crate) allowed: AllowedNetworks,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl Guard {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NotConnected> {
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self
                .resolver
                .resolve(host)
                .await
                .map_err(|_| NotConnected::Unknown)?,
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
        let encrypted = self.tls.encrypt(&origin.host, tcp).await?;
        Ok(Opened {
            stream: Box::new(encrypted.stream),
            seen: encrypted.seen,
        })
    }

    async fn straight(&self, origin: &Origin) -> Result<TcpStream, NotConnected> {
        let addresses = in_turns(self.guard.addresses(&origin.host).await?);
        let none = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let connect = |address| TcpStream::connect(SocketAddr::new(address, origin.port));
        first(addresses, none, connect).await.map_err(NotConnected::Tcp)
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
                let none = io::Error::from(io::ErrorKind::AddrNotAvailable);
                let port = proxy.port;
                let connected = first(at, none, move |address| {
                    TcpStream::connect(SocketAddr::new(address, port))
                });
                let connected = timeout(PROXY_CONNECTS_WITHIN, connected).await;
                let stream = connected
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                    .map_err(NoTunnel::Proxy)?;
                proxy.tunnel(stream, &target).await
            }
        };
        Ok(first(targets, NoTunnel::Receiver, tunnel).await?)
    }

    /// Where the proxy is: wherever the operator says, public or not.
    async fn addresses_of(&self, proxy: &EgressProxy) -> Result<VecDeque<IpAddr>, NoTunnel> {
        let found = match proxy.host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => self.guard.resolver.resolve(&proxy.host).await,
        };
        match found {
            Ok(addresses) if !addresses.is_empty() => Ok(in_turns(addresses)),
            _ => Err(NoTunnel::Proxy(io::Error::new(
                io::ErrorKind::NotFound,
                "its name has no address",
            ))),
        }
    }
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
/// one has failed (RFC 8305 §5); the others are then given up. If none takes one, why not the last; `none` if there are no targets.
async fn first<T, E, Connecting>(
    mut targets: VecDeque<T>,
    none: E,
    connect: impl Fn(T) -> Connecting,
) -> Result<TcpStream, E>
where
    E: Send + 'static,
    Connecting: Future<Output = Result<TcpStream, E>> + Send + 'static,
{
    let mut trying = JoinSet::new();
    let mut last = none;
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(tried) = trying.join_next() => match tried {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => {
                    last = error;
                    next_at = Instant::now();
                }
                // It ended in a panic: the others go on.
                Err(_) => next_at = Instant::now(),
            },
            () = sleep_until(next_at), if !targets.is_empty() => {
                if let Some(target) = targets.pop_front() {
                    trying.spawn(connect(target));
                }
                next_at = Instant::now() + HEAD_START;
            }
            else => return Err(last),
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
