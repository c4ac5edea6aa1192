//! A receiver of deliveries: a real listener that keeps what it gets, answers as it is told, and verifies signatures with
//! nothing but an HMAC of its own.

mod spelling;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use data_encoding::{BASE64, HEXUPPER};
use ring::hmac;

pub use self::spelling::Spelling;
use crate::clock::wait_for;

/// What a receiver does with a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Answers with this status.
    Answer(u16),
    /// Answers with this status, so much later.
    AnswerAfter(Duration, u16),
    /// Answers with this status, and with a receipt made with this secret.
    Receipt(u16, String),
    /// Answers 400 with all headers it was sent, and its body, written like this, and with each header once more as one of its own.
    Echo(Spelling),
    /// Sends these bytes, whatever they are, and takes the next delivery of the connection.
    Say(Vec<u8>),
    /// Sends these bytes, and then one byte after another until the sender hangs up.
    Drip(Vec<u8>),
    /// Sends these bytes and hangs up.
    SayAndHangUp(Vec<u8>),
    /// Sends these bytes and then nothing more, until the sender hangs up.
    SayAndHang(Vec<u8>),
    /// Hangs up without an answer.
    HangUp,
    /// Resets the connection without an answer.
    Reset,
}

/// A delivery as it came.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Its path and query.
    pub target: String,
    /// Its headers, by name in lower case.
    pub headers: HashMap<String, String>,
    /// Its body, byte for byte.
    pub body: Vec<u8>,
}

impl Delivered {
    /// The value of `webhook-receipt` for it that a receiver with `secret` makes.
    #[track_caller]
    pub fn receipt(&self, secret: &str) -> String {
        let bytes = secret.strip_prefix("whsec_").expect("a secret has its prefix");
        let bytes = BASE64.decode(bytes.as_bytes()).expect("a secret is base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let signed = format!(
            "receipt.{}.{}",
            self.header("webhook-id"),
            self.header("webhook-timestamp")
        );
        format!(
            "v1,{}",
            BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref())
        )
    }

    /// The value of a header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a delivery is UTF-8")
    }

    /// Whether `secret` signed it, in both families of headers alike.
    #[track_caller]
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signed = [
            self.header("x-payload-signature-timestamp").as_bytes(),
            b".",
            &self.body,
        ]
        .concat();
        let mac = format!("v1={}", HEXUPPER.encode(hmac::sign(&key, &signed).as_ref()));
        let own = self
            .header("x-payload-signature")
            .split(',')
            .any(|signature| signature == mac);

        let bytes = secret.strip_prefix("whsec_").expect("a secret has its prefix");
        let bytes = BASE64.decode(bytes.as_bytes()).expect("a secret is base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = [id.as_bytes(), b".", at.as_bytes(), b".", &self.body].concat();
        let mac = format!("v1,{}", BASE64.encode(hmac::sign(&key, &signed).as_ref()));
        let standard = self
            .header("webhook-signature")
            .split(' ')
            .any(|signature| signature == mac);
        assert_eq!(own, standard, "the two families disagree");
        own
    }
}

/// How a receiver conducts itself by what it gets.
pub type Judge = Box<dyn Fn(&Delivered) -> Conduct + Send + Sync>;

/// What a receiver is to do.
#[derive(Default)]
struct Plan {
    /// In turn, the next one last.
    turns: Mutex<Vec<Conduct>>,
    /// After that.
    judge: Mutex<Option<Arc<Judge>>>,
}

impl Plan {
    fn conduct(&self, delivered: &Delivered) -> Conduct {
        let turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Judged without the lock: a judge may wait.
        turn.or_else(|| judge.map(|judge| judge(delivered)))
            .unwrap_or(Conduct::Answer(204))
    }
}

/// A listener on loopback.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    got: Arc<Mutex<Vec<Delivered>>>,
    plan: Arc<Plan>,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the receiver at {}", self.address)
    }
}

impl Receiver {
    /// A receiver that answers 204.
    pub fn start() -> Self {
        Self::on("127.0.0.1", None)
    }

    /// The same at another address of this machine.
    pub fn at(address: &str) -> Self {
        Self::on(address, None)
    }

    /// The same over TLS.
    pub fn over_tls(tls: Arc<rustls::ServerConfig>) -> Self {
        Self::on("127.0.0.1", Some(tls))
    }

    fn on(address: &str, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("loopback has a free port");
        let receiver = Self {
            address: listener.local_addr().expect("a listener has an address"),
            scheme: if tls.is_some() { "https" } else { "http" },
            got: Arc::default(),
            plan: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
        };
        let (got, plan, stopped) = (
            Arc::clone(&receiver.got),
            Arc::clone(&receiver.plan),
            Arc::clone(&receiver.stopped),
        );
        let connections = Arc::clone(&receiver.connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                connections.fetch_add(1, Ordering::AcqRel);
                let (got, plan, tls) = (Arc::clone(&got), Arc::clone(&plan), tls.clone());
                let socket = stream.try_clone().expect("a socket can be cloned");
                thread::spawn(move || match tls {
                    None => converse(&socket, stream, &got, &plan),
                    Some(tls) => {
                        let session = rustls::ServerConnection::new(tls).expect("TLS can be spoken");
                        let stream = rustls::StreamOwned::new(session, stream);
                        converse(&socket, stream, &got, &plan);
                    }
                });
            }
        });
        receiver
    }

    /// Conducts itself like this in turn, and answers 204 after that.
    pub fn conducting(self, conduct: impl IntoIterator<Item = Conduct>) -> Self {
        self.conduct(conduct);
        self
    }

    /// Has it conduct itself like this in turn from now on, and answer 204 after that.
    pub fn conduct(&self, conduct: impl IntoIterator<Item = Conduct>) {
        let mut turns: Vec<_> = conduct.into_iter().collect();
        turns.reverse();
        *self.plan.turns.lock().unwrap_or_else(PoisonError::into_inner) = turns;
    }

    /// Conducts itself from now on as `judge` says of each delivery.
    pub fn judge(&self, judge: Judge) {
        *self.plan.judge.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(judge));
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("{}://{}/hook", self.scheme, self.address)
    }

    /// The same by a name, or another address, of this machine.
    pub fn url_at(&self, host: &str) -> String {
        format!("{}://{host}:{}/hook", self.scheme, self.address.port())
    }

    /// What came so far.
    pub fn got(&self) -> Vec<Delivered> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many deliveries have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Delivered> {
        wait_for(
            &format!("{count} deliveries arrive"),
            Duration::from_secs(60),
            || Some(self.got()).filter(|got| got.len() >= count),
        )
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

/// Takes deliveries until the sender hangs up, or the receiver does.
fn converse(socket: &TcpStream, stream: impl Read + Write, got: &Mutex<Vec<Delivered>>, plan: &Plan) {
    let mut stream = BufReader::new(stream);
    while let Some(delivered) = read(&mut stream) {
        got.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(delivered.clone());
        match plan.conduct(&delivered) {
            Conduct::Echo(spelling) => send(&mut stream, &echo(&delivered, spelling)),
            Conduct::Answer(status) => send(&mut stream, &answer(status)),
            Conduct::Receipt(status, secret) => {
                let receipt = format!("webhook-receipt: {}\r\n", delivered.receipt(&secret));
                send(&mut stream, &answer_with(status, &receipt));
            }
            Conduct::AnswerAfter(pause, status) => {
                thread::sleep(pause);
                send(&mut stream, &answer(status));
            }
            Conduct::Say(bytes) => send(&mut stream, &bytes),
            Conduct::SayAndHangUp(bytes) => return send(&mut stream, &bytes),
            Conduct::SayAndHang(bytes) => {
                send(&mut stream, &bytes);
                while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
                return;
            }
            Conduct::Drip(bytes) => return drip(stream.get_mut(), &bytes),
            Conduct::HangUp => return,
            Conduct::Reset => {
                let at_once = Some(Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(socket, at_once).expect("a socket can be reset");
                return;
            }
        }
    }
}

fn answer(status: u16) -> Vec<u8> {
    answer_with(status, "")
}

fn answer_with(status: u16, headers: &str) -> Vec<u8> {
    let length = if status == 204 {
        ""
    } else {
        "content-length: 0\r\n"
    };
    format!("HTTP/1.1 {status} Said\r\n{headers}{length}\r\n").into_bytes()
}

fn echo(delivered: &Delivered, spelling: Spelling) -> Vec<u8> {
    let mut headers: Vec<_> = delivered.headers.iter().collect();
    // What may be secret comes first, before the place where an answer is cut.
    headers.sort_by_key(|(name, _)| {
        (
            !name.contains("signature") && !name.contains("auth"),
            name.as_str(),
        )
    });
    let lines = |prefix: &str| -> String {
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{prefix}{name}: {value}\r\n"));
        lines.collect()
    };
    let body = spelling.write(&format!("{}{}", lines(""), delivered.text()));
    let head = format!(
        "HTTP/1.1 400 Said\r\n{}content-length: {}\r\n\r\n",
        lines("x-echo-"),
        body.len()
    );
    [head, body].concat().into_bytes()
}

/// Sends `bytes`. If the other side has hung up, the next read says so.
fn send(stream: &mut BufReader<impl Read + Write>, bytes: &[u8]) {
    let stream = stream.get_mut();
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
}

/// Sends `bytes`, and then one byte after another until the other side hangs up.
fn drip(writer: &mut impl Write, bytes: &[u8]) {
    let mut sent = writer.write_all(bytes);
    while sent.is_ok() {
        thread::sleep(Duration::from_millis(100));
        sent = writer.write_all(b"a");
    }
}

/// Reads the next delivery of a connection; none when the sender has hung up.
pub fn read(reader: &mut impl BufRead) -> Option<Delivered> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Delivered {
        target,
        headers,
        body,
    })
}
