//! Receivers, names and senders to test with.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use webhook_domain::delivery::address::{AllowedNetworks, Network};
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use webhook_domain::ports::{Parcel, Response, Sender as _};
use webhook_domain::testing::ManualClock;
use webhook_domain::webhook::{Authentication, AuthenticationType, Credentials, TargetUrl};
use webhook_sender_hyper::{HyperSender, MachineResolver, Resolve, Roots, SenderLimits};

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A receiver: what it got, how often it was connected to.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    got: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// One that answers every request with these bytes.
    pub(crate) async fn answering(answer: &'static str) -> Self {
        Self::on("127.0.0.1:0", answer).await
    }

    pub(crate) async fn on(address: &str, answer: &'static str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            got: Arc::default(),
        };
        let (connections, got) = (receiver.connections.clone(), receiver.got.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(stream, answer, got.clone()));
            }
        });
        receiver
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/hook?a=b", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

/// Answers requests until the client hangs up.
pub(crate) async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    got: Arc<Mutex<Vec<String>>>,
) {
    let mut read = String::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        read.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if let Some(end) = end_of_request(&read) {
            let rest = read.split_off(end);
            got.lock().unwrap().push(std::mem::replace(&mut read, rest));
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

pub(crate) fn end_of_request(read: &str) -> Option<usize> {
    let head = read.find("\r\n\r\n")? + 4;
    let length = read[..head].to_ascii_lowercase();
    let (_, length) = length.split_once("content-length: ")?;
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    (read.len() >= head + length).then_some(head + length)
}

/// Knows what it is told to, answer after answer; the last one stays.
pub(crate) struct Names(Mutex<VecDeque<Vec<IpAddr>>>);

impl Names {
    pub(crate) fn saying(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect());
        Arc::new(Self(Mutex::new(answers.collect())))
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        answer.ok_or(io::ErrorKind::NotFound.into())
    }
}

pub(crate) fn allowing(networks: &[&str]) -> AllowedNetworks {
    AllowedNetworks::new(
        networks
            .iter()
            .map(|text| Network::parse(text).unwrap())
            .collect(),
    )
}

pub(crate) fn sender_with(
    allowed: AllowedNetworks,
    resolver: Arc<dyn Resolve>,
    roots: Vec<CertificateDer<'static>>,
) -> HyperSender {
    let limits = SenderLimits {
        attempt_timeout: Duration::from_millis(700),
        ..SenderLimits::default()
    };
    let clock = Arc::new(ManualClock::at(ManualClock::START));
    HyperSender::new(allowed, resolver, Roots::of(roots), None, limits, clock).unwrap()
}

pub(crate) fn sender() -> HyperSender {
    sender_with(
        allowing(&["127.0.0.0/8"]),
        Arc::new(MachineResolver::default()),
        Vec::new(),
    )
}

pub(crate) fn parcel(url: &str) -> Option<Parcel> {
    // As one that was stored when more was allowed: what counts is what is connected to.
    url::Url::parse(url).ok()?;
    Some(Parcel {
        url: TargetUrl::restore(url.to_owned()),
        headers: vec![
            ("webhook-id", "evt_1".into()),
            ("X-PAYLOAD-SIGNATURE", "v1=AB".into()),
        ],
        authentication: Authentication::new(AuthenticationType::None, Credentials::default()).unwrap(),
        custom_headers: None,
        body: br#"{"data":{}}"#.to_vec(),
        is_probe: false,
        within: None,
    })
}

pub(crate) async fn send(sender: &HyperSender, url: &str) -> Response {
    sender.send(parcel(url).unwrap()).await.unwrap()
}

pub(crate) fn failed(cause: FailureCause) -> Response {
    Response::of(AttemptOutcome::failed(cause))
}

pub(crate) fn answered(status: u16) -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(status).unwrap())
}
