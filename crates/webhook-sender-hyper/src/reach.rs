//! Whether a receiver can be reached, step by step: a delivery says the outcome alone, and whoever looks for the fault wants to know at
//! which step it is. The same resolver, guard, proxy and TLS as for deliveries; nothing is sent once a connection is there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use webhook_domain::delivery::address::ForbiddenAddress;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::Shortage;
use webhook_domain::webhook::TargetUrl;

use crate::connector::MAX_ADDRESSES;
use crate::own::NoAnswer;
use crate::pool::Origin;
use crate::{HyperSender, not_connected};

/// How long one address may take to accept a connection.
const TCP_WITHIN: Duration = Duration::from_secs(5);

/// An address, and what the guard says of it.
pub type Judged = (IpAddr, Result<(), ForbiddenAddress>);

/// An address, and after how long it accepted a connection, or why it did not.
pub type Tried = (SocketAddr, Result<Duration, std::io::Error>);

/// What was found on the way to a receiver.
#[derive(Debug)]
pub struct Reach {
    /// The host that the url names.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the connection is to be encrypted.
    pub is_encrypted: bool,
    /// The addresses of the host, each with what the guard says of it, or why there are none. None if the egress proxy is asked for
    /// the name.
    pub addresses: Option<Result<Vec<Judged>, String>>,
    /// Whether each address that is admitted accepts connections, and after how long; nothing if they go through a proxy.
    pub connections: Vec<Tried>,
    /// The egress proxy, if there is one, and whether it accepts connections.
    pub proxy: Option<(String, Result<(), String>)>,
    /// Whether a delivery would have a connection: over the first address that accepts one, and encrypted if it is to be.
    pub connected: Result<(), NotReached>,
}

/// Why a delivery would have no connection.
#[derive(Debug)]
pub enum NotReached {
    /// What its attempt would have as its cause, and what the error says of it.
    Failed(FailureCause, String),
    /// Something of our own was wanting.
    Short(Shortage),
}

impl HyperSender {
    /// Finds out how far a delivery to `url` would come. None for a url that no delivery could be sent to.
    pub async fn reach(&self, url: &TargetUrl) -> Option<Reach> {
        let origin = Origin::of(&url::Url::parse(url.as_str()).ok()?)?;
        let proxy = self.connector.proxy.as_ref();
        let is_name = origin.host.parse::<IpAddr>().is_err();
        let addresses = match proxy.is_some_and(|proxy| proxy.resolves) && is_name {
            true => None,
            false => Some(self.judged(&origin.host).await),
        };
        let admitted = || addresses.iter().flatten().flatten();
        let connections = match proxy {
            Some(_) => Vec::new(),
            None => connect_to_each(admitted(), origin.port).await,
        };
        let proxy = match proxy {
            None => None,
            Some(proxy) => Some((proxy.to_string(), self.connect_to(&proxy.host, proxy.port).await)),
        };
        let connected = match timeout(self.limits.attempt_timeout, self.connector.connect(&origin)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(match not_connected(&error) {
                NoAnswer::Failed(cause) => NotReached::Failed(cause, chain(&error)),
                NoAnswer::Short(shortage) => NotReached::Short(shortage),
            }),
            Err(_) => Err(NotReached::Failed(FailureCause::Timeout, String::new())),
        };
        Some(Reach {
            host: origin.host,
            port: origin.port,
            is_encrypted: origin.is_encrypted,
            addresses,
            connections,
            proxy,
            connected,
        })
    }

    async fn judged(&self, host: &str) -> Result<Vec<Judged>, String> {
        let guard = &self.connector.guard;
        let found = self.resolved(host).await?;
        Ok(found
            .into_iter()
            .map(|address| (address, guard.allowed.judge(address)))
            .collect())
    }

    async fn resolved(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let asked = self.connector.guard.resolver.resolve(host);
        match timeout(self.limits.attempt_timeout, asked).await {
            Ok(Ok(addresses)) if addresses.is_empty() => Err("it has no address".to_owned()),
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err("no name server has answered in time".to_owned()),
        }
    }

    /// Whether any address of `host` accepts connections.
    async fn connect_to(&self, host: &str, port: u16) -> Result<(), String> {
        let addresses = self.resolved(host).await?;
        let mut problem = "it has no address".to_owned();
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match tcp(SocketAddr::new(address, port)).await.1 {
                Ok(_) => return Ok(()),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(problem)
    }
}

/// Connects to each of the addresses that are admitted, all at once.
async fn connect_to_each<'a>(judged: impl Iterator<Item = &'a Judged>, port: u16) -> Vec<Tried> {
    let admitted = judged.filter(|(_, verdict)| verdict.is_ok()).take(MAX_ADDRESSES);
    let mut trying = JoinSet::new();
    for (address, _) in admitted {
        trying.spawn(tcp(SocketAddr::new(*address, port)));
    }
    let mut connections = trying.join_all().await;
    connections.sort_by_key(|(address, _)| *address);
    connections
}

async fn tcp(address: SocketAddr) -> Tried {
    let began = Instant::now();
    let connected = match timeout(TCP_WITHIN, TcpStream::connect(address)).await {
        Ok(connected) => connected.map(|_| began.elapsed()),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    };
    (address, connected)
}

/// An error with what caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
