//! Connecting to a receiver: resolve, judge, connect to what was judged.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use webhook_domain::address::AllowedNetworks;

use crate::pool::Origin;
use crate::resolver::Resolve;
use crate::tls::{NotEncrypted, Seen, Tls};
use crate::watched::Stream;

/// How long an address is alone in being tried (RFC 8305 §8, "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);
/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 16;

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
}

impl Connector {
    pub(crate) async fn connect(&self, origin: &Origin) -> Result<Opened, NotConnected> {
        let addresses = in_turns(self.guard.addresses(&origin.host).await?);
        let tcp = first(addresses, origin.port).await.map_err(NotConnected::Tcp)?;
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

/// A connection to that of `addresses` that takes one first. Each is tried a moment after the one before it, or at once when that
/// one has failed (RFC 8305 §5); the others are then given up.
async fn first(mut addresses: VecDeque<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let mut trying = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
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
                Err(ended) => last = io::Error::other(ended),
            },
            () = sleep_until(next_at), if !addresses.is_empty() => {
                if let Some(address) = addresses.pop_front() {
                    trying.spawn(TcpStream::connect(SocketAddr::new(address, port)));
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
