//! An egress proxy: connections to receivers go through it, by HTTP `CONNECT` (RFC 9110 §9.3.6) or SOCKS5 (RFC 1928, 1929).
//!
//! We resolve the receiver's name, judge its addresses, and ask the proxy for an **address**. So the proxy connects to what was judged, and
//! TLS goes from us to the receiver as ever: the proxy sees neither names in the request nor what is sent by https. With
//! [`resolves`](EgressProxy::resolving) it is asked for the name instead: then the proxy alone decides where that leads, and the guard
//! judges only addresses that stand in a url. Plain http goes through a tunnel as well.
//!
//! The proxy's own address is the operator's choice, and is not judged. What the proxy says is read within bounds; nothing of the receiver
//! can come before we have sent something, so more bytes than its answer are an error.

mod http_connect;
mod socks5;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use url::{Host, Url};
use webhook_domain::InvalidValue;
use webhook_domain::signing::secret::SecretText;

/// A proxy that connections to receivers go through.
#[derive(Debug, Clone)]
pub struct EgressProxy {
    protocol: Protocol,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    credentials: Option<Credentials>,
    pub(crate) resolves: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    HttpConnect,
    Socks5,
}

#[derive(Debug, Clone)]
struct Credentials {
    username: String,
    password: SecretText,
}

/// Where the proxy is asked to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// An address that was judged.
    Address(SocketAddr),
    /// A name that the proxy resolves.
    Name(String, u16),
}

/// Why there is no connection through the proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTunnel {
    /// The proxy does not take our connections or our credentials, or does not speak its protocol.
    #[error("the egress proxy cannot be used")]
    Proxy(#[source] io::Error),
    /// The proxy's rules do not let us connect to this receiver.
    #[error("the egress proxy does not allow this receiver")]
    NotAllowed,
    /// The proxy could not connect to the receiver.
    #[error("the egress proxy could not connect to the receiver")]
    Receiver,
}

impl EgressProxy {
    /// Reads `http://host:port` or `socks5://host:port`, with `user:password@` before the host if the proxy wants credentials.
    ///
    /// # Errors
    /// Says what would be right, and repeats nothing.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: InvalidValue = InvalidValue::new(
            "must be http://host:port or socks5://host:port, with user:password@ before the host if need be",
        );
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        let (protocol, usual_port) = match url.scheme() {
            "http" => (Protocol::HttpConnect, Some(80)),
            "socks5" => (Protocol::Socks5, Some(1080)),
            "socks5h" => {
                return Err(InvalidValue::new(
                    "must begin with socks5://; whether the proxy resolves names is a setting of its own (proxy_resolves)",
                ));
            }
            "https" => {
                return Err(InvalidValue::new(
                    "must begin with http:// or socks5://: TLS to the proxy itself is not supported",
                ));
            }
            _ => return Err(EXPECTED),
        };
        let host = match url.host().ok_or(EXPECTED)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if host.is_empty() || !is_bare {
            return Err(EXPECTED);
        }
        Ok(Self {
            protocol,
            host,
            port: url.port().or(usual_port).ok_or(EXPECTED)?,
            credentials: credentials(&url)?,
            resolves: false,
        })
    }

    /// The same proxy, which is asked for names instead of addresses if it `resolves` them.
    #[must_use]
    pub fn resolving(mut self, resolves: bool) -> Self {
        self.resolves = resolves;
        self
    }

    /// Whether the proxy is given a user and a password.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Asks the proxy at the other end of `stream` to connect to `target`.
    pub(crate) async fn tunnel(&self, mut stream: TcpStream, target: &Target) -> Result<TcpStream, NoTunnel> {
        let credentials = self.credentials.as_ref();
        match self.protocol {
            Protocol::HttpConnect => http_connect::tunnel(&mut stream, target, credentials).await?,
            Protocol::Socks5 => socks5::tunnel(&mut stream, target, credentials).await?,
        }
        Ok(stream)
    }
}

impl fmt::Display for EgressProxy {
    /// The protocol, host and port: no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::HttpConnect => "http",
            Protocol::Socks5 => "socks5",
        };
        match self.host.parse() {
            Ok(IpAddr::V6(address)) => write!(f, "{scheme}://[{address}]:{}", self.port),
            _ => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Target {
    /// As in the authority of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, InvalidValue> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .ok()
    };
    let fits = |text: &String| (1..=255).contains(&text.len()) && !text.contains(|c: char| c.is_control());
    let username = decoded(url.username())
        .filter(fits)
        .filter(|name| !name.contains(':'));
    let password = decoded(password).filter(fits);
    match (username, password) {
        (Some(username), Some(password)) => Ok(Some(Credentials {
            username,
            password: SecretText::new(password),
        })),
        _ => Err(InvalidValue::new(
            "must have a user and a password of 1 to 255 bytes, percent-encoded, without control characters, the user without a colon",
        )),
    }
}

fn broken(error: io::Error) -> NoTunnel {
    NoTunnel::Proxy(error)
}

fn nonsense(what: &'static str) -> NoTunnel {
    NoTunnel::Proxy(io::Error::new(io::ErrorKind::InvalidData, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url_with_a_host_and_perhaps_credentials() {
        for (text, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example:3128/", "http://proxy.example:3128"),
            ("http://proxy.example", "http://proxy.example:80"),
            ("socks5://10.0.0.1", "socks5://10.0.0.1:1080"),
            ("socks5://[fd00::1]:9050", "socks5://[fd00::1]:9050"),
            (
                "http://user:p%40ss@proxy.example:3128",
                "http://proxy.example:3128",
            ),
        ] {
            assert_eq!(EgressProxy::parse(text).unwrap().to_string(), shown, "{text}");
        }
        let proxy = EgressProxy::parse("socks5://us%20er:p%40s%3As@h").unwrap();
        let credentials = proxy.credentials.as_ref().unwrap();
        assert_eq!(
            (credentials.username.as_str(), credentials.password.expose()),
            ("us er", "p@s:s")
        );
        assert!(!format!("{proxy:?}").contains("p@s"), "{proxy:?}");
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_not_repeated() {
        for wrong in [
            "",
            "proxy.example:3128",
            "//proxy.example",
            "ftp://hunter2.example",
            "https://hunter2.example",
            "socks4://hunter2.example",
            "socks5h://hunter2.example",
            "http://",
            "http://hunter2.example/path",
            "http://hunter2.example?x",
            "http://user@hunter2.example",
            "http://:hunter2@h.example",
            "http://us%3Aer:hunter2@h.example",
            "http://user:hunter2%0A@h.example",
            &format!("http://user:{}@h.example", "hunter2".repeat(40)),
        ] {
            let problem = EgressProxy::parse(wrong).unwrap_err().to_string();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
