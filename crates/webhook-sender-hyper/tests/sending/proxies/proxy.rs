//! A proxy that answers as it is told, and notes what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use webhook_domain::delivery::address::AllowedNetworks;
use webhook_sender_hyper::{EgressProxy, HyperSender};

use crate::fixtures::*;

pub(super) const PUBLIC: &[&str] = &["93.184.216.34"];
/// `user:pass` in base64.
pub(super) const CREDENTIALS: &str = "Proxy-Authorization: Basic dXNlcjpwYXNz";

/// A proxy that leads to one receiver, whatever it is asked for.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

/// How a proxy behaves.
#[derive(Clone)]
pub(super) enum Manners {
    /// Answers each `CONNECT` with this, and connects if it is 2xx.
    Http(String),
    /// Answers the greeting with this method, the credentials with that status, and the request with these bytes.
    Socks { method: u8, status: u8, reply: Vec<u8> },
}

pub(super) fn socks(reply: u8) -> Manners {
    socks_with(0, 0, &[5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
}

pub(super) fn socks_with(method: u8, status: u8, reply: &[u8]) -> Manners {
    Manners::Socks {
        method,
        status,
        reply: reply.to_vec(),
    }
}

pub(super) fn http(answer: &str) -> Manners {
    Manners::Http(answer.to_owned())
}

impl Proxy {
    pub(super) async fn start(manners: Manners, receiver: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = asked.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, manners.clone(), receiver, noted.clone()));
            }
        });
        Self { address, asked }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub(super) async fn serve(
    mut client: TcpStream,
    manners: Manners,
    receiver: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let is_through = match manners {
        Manners::Http(answer) => {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.ok()?);
            }
            asked.lock().unwrap().push(String::from_utf8(head).unwrap());
            client.write_all(answer.as_bytes()).await.ok()?;
            answer.contains(" 200")
        }
        Manners::Socks {
            method,
            status,
            reply,
        } => {
            let request = socks_request(&mut client, method, status).await?;
            asked.lock().unwrap().push(request);
            client.write_all(&reply).await.ok()?;
            reply.get(1) == Some(&0)
        }
    };
    if is_through {
        let mut there = TcpStream::connect(receiver).await.ok()?;
        copy_bidirectional(&mut client, &mut there).await.ok()?;
    }
    Some(())
}

/// What a client asks for, after its greeting and, with that method, its credentials.
pub(super) async fn socks_request(client: &mut TcpStream, method: u8, status: u8) -> Option<String> {
    let mut written = String::new();
    let (_, count) = (client.read_u8().await.ok()?, client.read_u8().await.ok()?);
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods).await.ok()?;
    client.write_all(&[5, method]).await.ok()?;
    if method == 2 {
        client.read_u8().await.ok()?;
        for between in [":", " "] {
            let mut text = vec![0; client.read_u8().await.ok()?.into()];
            client.read_exact(&mut text).await.ok()?;
            written += &(String::from_utf8(text).unwrap() + between);
        }
        client.write_all(&[1, status]).await.ok()?;
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => std::net::Ipv4Addr::from_bits(client.read_u32().await.ok()?).to_string(),
        4 => std::net::Ipv6Addr::from_bits(client.read_u128().await.ok()?).to_string(),
        _ => {
            let mut name = vec![0; client.read_u8().await.ok()?.into()];
            client.read_exact(&mut name).await.ok()?;
            String::from_utf8(name).unwrap()
        }
    };
    Some(format!("{written}{host} {}", client.read_u16().await.ok()?))
}

/// A sender to public addresses, to which names lead, through the proxy at this url.
pub(super) fn sender_through(url: &str, resolves: bool, names: &[&[&str]]) -> HyperSender {
    let proxy = EgressProxy::parse(url).unwrap().resolving(resolves);
    sender_with(AllowedNetworks::default(), Names::saying(names), Vec::new()).through(Some(proxy))
}

pub(super) const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
