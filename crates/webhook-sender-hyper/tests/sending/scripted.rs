//! Receivers that do as their script says, and senders whose limits are short: an attempt has 400 ms, and what follows a head 100 ms.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use webhook_domain::testing::ManualClock;
use webhook_sender_hyper::{HyperSender, MachineResolver, Roots, SenderLimits};

use crate::fixtures::{allowing, end_of_request};

/// What a receiver does next on a connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Reads one request whole.
    Read,
    Say(Vec<u8>),
    Wait(u64),
    /// Says this over and over.
    Drip(&'static str),
    /// Ends the connection in an orderly way.
    End,
    /// Ends it with a reset.
    Reset,
    Hang,
}

pub(crate) fn say(text: impl Into<Vec<u8>>) -> Act {
    Act::Say(text.into())
}

/// A receiver that does as its script says.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    pub(crate) made: Arc<AtomicUsize>,
    pub(crate) read: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) async fn start(connections: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scripted = Self {
            address: listener.local_addr().unwrap(),
            made: Arc::default(),
            read: Arc::default(),
        };
        let (made, read) = (scripted.made.clone(), scripted.read.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = made.fetch_add(1, Ordering::SeqCst);
                let script = connections.get(number).or(connections.last()).unwrap().clone();
                tokio::spawn(act(stream, script, read.clone()));
            }
        });
        scripted
    }

    pub(crate) fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::SeqCst)
    }
}

async fn act(mut stream: TcpStream, script: Vec<Act>, read: Arc<AtomicUsize>) {
    let mut got = String::new();
    let mut buffer = vec![0; 64 * 1024];
    for act in script {
        match act {
            Act::Read => loop {
                if let Some(end) = end_of_request(&got) {
                    got.drain(..end);
                    read.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                match stream.read(&mut buffer).await {
                    Ok(count @ 1..) => got.push_str(&String::from_utf8_lossy(&buffer[..count])),
                    _ => return,
                }
            },
            Act::Say(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Wait(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
            Act::Drip(text) => {
                while stream.write_all(text.as_bytes()).await.is_ok() {
                    sleep(Duration::from_millis(20)).await;
                }
                return;
            }
            Act::End => return,
            Act::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Act::Hang => sleep(Duration::from_secs(60)).await,
        }
    }
}

pub(crate) fn sender() -> HyperSender {
    sender_with(|_| {})
}

pub(crate) fn sender_with(change: impl FnOnce(&mut SenderLimits)) -> HyperSender {
    let mut limits = SenderLimits {
        attempt_timeout: Duration::from_millis(400),
        body_timeout: Duration::from_millis(100),
        ..SenderLimits::default()
    };
    change(&mut limits);
    HyperSender::new(
        allowing(&["127.0.0.0/8"]),
        Arc::new(MachineResolver::default()),
        Roots::of(Vec::new()),
        None,
        limits,
        Arc::new(ManualClock::at(ManualClock::START)),
    )
    .unwrap()
}
