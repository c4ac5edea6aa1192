//! Connecting to a receiver: resolve, judge, connect to what was judged.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use webhook_domain::address::AllowedNetworks;

use crate::resolver::Resolve;
use crate::stream::Stream;

/// How long one address may take, where a name has several.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(4);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    #[error("the name has no address")]
    Unknown,
    #[error("no address of it may be delivered to")]
    Forbidden,
    #[error("the connection was refused or broke")]
    Tcp(#[source] io::Error),
    #[error("there is no common way to encrypt, or the certificate is not to be trusted")]
    Tls(#[source] io::Error),
}

/// Whom the certificates of receivers must come from.
#[derive(Debug, Clone)]
pub struct Roots(RootCertStore);

impl Roots {
    /// Those that the machine trusts. What cannot be read of them is left out, and told in the log.
    #[must_use]
    pub fn of_machine() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(error = %error, "a trusted root certificate cannot be read");
        }
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!("this machine trusts no root certificates: no https receiver can be delivered to");
        }
        Self(roots)
    }

    /// These.
    #[must_use]
    pub const fn of(roots: RootCertStore) -> Self {
        Self(roots)
    }
}

/// Says which addresses of a name may be connected to.
pub(crate) struct Guard {
    pub(crate) allowed: AllowedNetworks,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl Guard {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NotConnected> {
        let literal = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let found = match literal.parse() {
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
#[derive(Clone)]
pub(crate) struct GuardedConnector {
    guard: Arc<Guard>,
    tls: TlsConnector,
}

impl GuardedConnector {
    pub(crate) fn new(guard: Guard, Roots(roots): Roots) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            guard: Arc::new(guard),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    async fn connect(self, uri: Uri) -> Result<Stream, NotConnected> {
        let host = uri.host().ok_or(NotConnected::Unknown)?;
        let encrypted = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let tcp = first(&self.guard.addresses(host).await?, port).await?;
        if !encrypted {
            return Ok(Stream::Plain(TokioIo::new(tcp)));
        }
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|error| NotConnected::Tls(io::Error::other(error)))?;
        let tls = self.tls.connect(name, tcp).await.map_err(NotConnected::Tls)?;
        Ok(Stream::Encrypted(Box::new(TokioIo::new(tls))))
    }
}

/// A connection to the first of `addresses` that takes one.
async fn first(addresses: &[IpAddr], port: u16) -> Result<TcpStream, NotConnected> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let connected = tokio::time::timeout(ADDRESS_TIMEOUT, TcpStream::connect((*address, port))).await;
        match connected {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(NotConnected::Tcp)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(NotConnected::Tcp(last))
}

impl Service<Uri> for GuardedConnector {
    type Response = Stream;
    type Error = NotConnected;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, NotConnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotConnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
