//! The receivers: one listener with a path for each webhook. Each keeps what arrives before it takes it, refuses it, resets
//! the connection, drips its answer or hangs, as the plan says.

use std::{
    collections::HashSet,
    io::{BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use webhook_tests::{
    clock::now,
    receiver::{self, Delivered},
};

use crate::{
    judge::Arrived,
    plan::{Conduct, Plan},
    receipts::Knowledge,
};

/// The headers that are judged; the others are not kept.
const JUDGED: [&str; 5] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-payload-signature",
    "x-payload-signature-timestamp",
];
/// Longer than the sender's patience of 10 seconds.
const HANG: Duration = Duration::from_secs(12);

/// What came for one webhook.
#[derive(Debug, Default)]
struct Inbox {
    arrived: Vec<Arrived>,
    distinct: HashSet<String>,
    /// The event that came last, and how many times in a row.
    head: (usize, usize),
    has_hung: bool,
    knowledge: Knowledge,
}

/// All receivers.
#[derive(Debug)]
pub(crate) struct Inboxes {
    address: SocketAddr,
    inboxes: Arc<Vec<Mutex<Inbox>>>,
    stopped: Arc<AtomicBool>,
}

impl Inboxes {
    pub(crate) fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let started = Self {
            address: listener.local_addr().expect("a listener has an address"),
            inboxes: Arc::new((0..plan.webhooks).map(|_| Mutex::default()).collect()),
            stopped: Arc::default(),
        };
        let (inboxes, stopped) = (Arc::clone(&started.inboxes), Arc::clone(&started.stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let inboxes = Arc::clone(&inboxes);
                thread::spawn(move || converse(stream, plan, &inboxes));
            }
        });
        started
    }

    /// Where a webhook's receiver is.
    pub(crate) fn url(&self, webhook: usize) -> String {
        format!("http://{}/hook/{webhook}", self.address)
    }

    /// Tells a webhook's receiver its newest secret.
    pub(crate) fn learn(&self, webhook: usize, secret: String) {
        self.inbox(webhook).knowledge.learn(secret);
    }

    /// What a webhook's receiver knows.
    pub(crate) fn knowledge(&self, webhook: usize) -> Knowledge {
        std::mem::take(&mut self.inbox(webhook).knowledge)
    }

    fn inbox(&self, webhook: usize) -> MutexGuard<'_, Inbox> {
        self.inboxes[webhook]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events have arrived, each counted once for each webhook, and how many attempts.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.inboxes.iter().fold((0, 0), |(distinct, all), inbox| {
            let inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
            (distinct + inbox.distinct.len(), all + inbox.arrived.len())
        })
    }

    /// Everything that arrived for a webhook, in the order it came.
    pub(crate) fn take(&self, webhook: usize) -> Vec<Arrived> {
        std::mem::take(&mut self.inbox(webhook).arrived)
    }
}

impl Drop for Inboxes {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn converse(stream: TcpStream, plan: Plan, inboxes: &[Mutex<Inbox>]) {
    let _ = stream.set_nodelay(true);
    let mut writer = stream.try_clone().expect("a socket can be cloned");
    let mut reader = BufReader::new(stream);
    while let Some(delivered) = receiver::read(&mut reader) {
        let (conduct, receipt) = keep(delivered, plan, inboxes);
        let sent = match conduct {
            Conduct::Accept => writer.write_all(format!("HTTP/1.1 204 Taken\r\n{receipt}\r\n").as_bytes()),
            Conduct::Fail => writer.write_all(b"HTTP/1.1 500 Refused\r\ncontent-length: 0\r\n\r\n"),
            Conduct::Drip => drip(&mut writer),
            Conduct::Reset => {
                let at_once = Some(Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(&writer, at_once).expect("a socket can be reset");
                return;
            }
            Conduct::Hang => {
                thread::sleep(HANG);
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Keeps a delivery, and says what is to be done with it, and which header lines an answer has that accepts it.
fn keep(mut delivered: Delivered, plan: Plan, inboxes: &[Mutex<Inbox>]) -> (Conduct, String) {
    let webhook = delivered.target.strip_prefix("/hook/");
    let webhook: usize = webhook
        .and_then(|number| number.parse().ok())
        .expect("only paths of webhooks are delivered to");
    let event = event_of(&delivered).expect("only events of the plan are delivered");
    delivered
        .headers
        .retain(|name, _| JUDGED.contains(&name.as_str()));
    let mut inbox = inboxes[webhook].lock().unwrap_or_else(PoisonError::into_inner);
    inbox.head = match inbox.head {
        (last, times) if last == event => (event, times + 1),
        _ => (event, 0),
    };
    inbox.distinct.insert(delivered.header("webhook-id").to_owned());
    let conduct = match plan.conduct(webhook, event, inbox.head.1) {
        // Hanging takes long; once is enough.
        Conduct::Hang if std::mem::replace(&mut inbox.has_hung, true) => Conduct::Accept,
        conduct => conduct,
    };
    let receipt = match conduct {
        Conduct::Accept => inbox.knowledge.receipt(webhook, &delivered),
        _ => None,
    };
    inbox.arrived.push(Arrived { delivered, at: now() });
    (conduct, receipt.unwrap_or_default())
}

fn event_of(delivered: &Delivered) -> Option<usize> {
    let json: Value = serde_json::from_slice(&delivered.body).ok()?;
    usize::try_from(json["data"]["n"].as_u64()?).ok()
}

fn drip(writer: &mut TcpStream) -> std::io::Result<()> {
    for part in [
        "HTTP/1.1 2",
        "00 Slow\r\ncontent-",
        "length: 4\r\n\r\n",
        "do",
        "ne",
    ] {
        writer.write_all(part.as_bytes())?;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
