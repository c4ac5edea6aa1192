//! The API over TLS of its own: what clients of several kinds get, certificates that are renewed, and what stops a start.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use serde_json::json;
use webhook_test_tls::{Authority, Identity, authorities, named};
use webhook_tests::{Backend, Deployment, clock::wait_for, on_each_database, pem};

on_each_database!(
    clients_of_both_versions_are_served,
    a_renewed_certificate_is_shown_without_a_restart,
);

/// For what takes no time on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that speaks TLS, with its files and an API key.
struct Secured {
    child: Child,
    output: Arc<Mutex<String>>,
    address: SocketAddr,
    key: String,
    issuer: Authority,
    deployment: Deployment,
}

impl Secured {
    fn start(deployment: Deployment) -> Self {
        let issuer = authority("the issuer of the API");
        let mut deployment = with_files(deployment, &issued(&issuer));
        deployment.set("WEBHOOK_LOG", "info");
        let key = deployment.create_key("default", &["WEBHOOK.CREATE", "EVENT.CREATE"], &[]);
        let mut child = deployment
            .command(&[])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let output = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let shared = Arc::clone(&output);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let address = wait_for("it says where it listens", PATIENCE, || {
            let said = output.lock().unwrap().clone();
            let (_, rest) = said.split_once("\"server.address\":\"")?;
            rest.split_once('"')?.0.parse().ok()
        });
        Self {
            child,
            output,
            address,
            key,
            issuer,
            deployment,
        }
    }

    fn said(&self, text: &str) -> usize {
        self.output.lock().unwrap().matches(text).count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.deployment.directory().join(name)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("it runs");
    }

    fn connect(&self, client: &Client) -> std::io::Result<Stream> {
        client.connect(self.address)
    }

    /// A client that believes this server's issuer.
    fn client(&self) -> Client {
        Client::believing(&[&self.issuer])
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server said ---\n{}", self.output.lock().unwrap());
        }
    }
}

fn authority(name: &str) -> Authority {
    authorities(name).0
}

fn issued(issuer: &Authority) -> Identity {
    Identity::issued(&named("localhost"), issuer)
}

/// Puts the certificate and its key into files, as a renewal does it, and names them.
fn with_files(mut deployment: Deployment, identity: &Identity) -> Deployment {
    let directory = deployment.directory().to_owned();
    for (setting, name, text) in [
        (
            "WEBHOOK_TLS_CERTIFICATE_FILE",
            "tls.pem",
            pem::certificates(&identity.chain),
        ),
        ("WEBHOOK_TLS_KEY_FILE", "tls.key", identity.key_pem()),
    ] {
        let (path, next) = (directory.join(name), directory.join("next"));
        fs::write(&next, text).expect("a file");
        fs::rename(&next, &path).expect("a file");
        deployment.set(setting, &path.to_string_lossy());
    }
    deployment
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A client over TLS.
struct Client(Arc<ClientConfig>);

impl Client {
    fn believing(issuers: &[&Authority]) -> Self {
        Self::of(issuers, &[&TLS12, &TLS13], &[])
    }

    fn of(
        issuers: &[&Authority],
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for issuer in issuers {
            roots.add(issuer.as_ref().der().clone()).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // Each connection shows what the server shows now.
        config.resumption = rustls::client::Resumption::disabled();
        Self(Arc::new(config))
    }

    fn connect(&self, address: SocketAddr) -> std::io::Result<Stream> {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.0), name).expect("a client");
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut connection = connection;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}

/// Whether the server is alive, asked over this connection.
fn is_alive(stream: &mut Stream) -> bool {
    let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).expect("it is sent");
    read_answer(stream).0 == 200
}

/// The status and the body of an answer whose length is given.
fn read_answer(stream: &mut Stream) -> (u16, String) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    assert!(line.starts_with("HTTP/1.1 "), "{line:?}");
    let status = line
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    (status, String::from_utf8(body).expect("text"))
}

fn clients_of_both_versions_are_served(backend: Backend) {
    let server = Secured::start(Deployment::new(backend));
    for version in [&TLS12, &TLS13] {
        let client = Client::of(&[&server.issuer], &[version], &[b"h2", b"http/1.1"]);
        let connect = || server.connect(&client).expect("it connects");
        assert_eq!(connect().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let authorised = |head: &str| format!("{head} HTTP/1.1\r\nX-API-KEY: {}\r\n", server.key);
        let big = json!({"type": "INVOICE.CREATED", "data": {"text": "x".repeat(200_000)}}).to_string();
        for (head, body, status) in [
            ("GET /health/live", String::new(), 200),
            ("POST /v1/events", big, 202),
            ("GET /nothing", String::new(), 404),
        ] {
            let request = format!(
                "{}Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                authorised(head),
                body.len()
            );
            let mut stream = connect();
            stream.write_all(request.as_bytes()).expect("it is sent");
            let (found, answer) = read_answer(&mut stream);
            assert_eq!(found, status, "{head}: {answer}");
        }
        // What actix refuses by itself gets the API's words over TLS too.
        let mut stream = connect();
        stream.write_all(b"nonsense\r\n\r\n").expect("it is sent");
        let (status, answer) = read_answer(&mut stream);
        assert_eq!(status, 400);
        assert!(answer.contains("BAD_REQUEST"), "{answer}");
        let mut stream = connect();
        let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("it is sent");
        let mut answer = Vec::new();
        // Without a close_notify this is an error: nobody could tell an end from a cut.
        stream
            .read_to_end(&mut answer)
            .expect("the connection is closed in order");
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
    }
}

fn a_renewed_certificate_is_shown_without_a_restart(backend: Backend) {
    let server = Secured::start(Deployment::new(backend));
    let mut old = server.connect(&server.client()).expect("it connects");
    let renewed = authority("another issuer");
    let believing = Client::believing(&[&renewed]);
    assert!(server.connect(&believing).is_err(), "it is not shown yet");
    let identity = issued(&renewed);
    // The certificate comes before its key: for a moment the two do not belong together.
    fs::write(server.file("tls.pem"), pem::certificates(&identity.chain)).expect("a file");
    wait_for("it says what is wrong", PATIENCE, || {
        (server.said("is not the key of the first certificate; the certificate before stays in force") == 1)
            .then_some(())
    });
    server
        .connect(&server.client())
        .expect("what was shown is still shown");
    fs::write(server.file("tls.key"), identity.key_pem()).expect("a file");
    wait_for("the new one is shown", PATIENCE, || {
        server.connect(&believing).ok()
    });
    assert!(server.connect(&server.client()).is_err(), "the old one is not");
    assert!(is_alive(&mut old), "connections that there are go on");
    assert_eq!(server.said("stays in force"), 1, "a wrong content is said once");
    fs::remove_file(server.file("tls.key")).expect("it is there");
    server.signal(Signal::HUP);
    wait_for("it says that it is gone", PATIENCE, || {
        (server.said("tls.key cannot be read") >= 1).then_some(())
    });
    server.connect(&believing).expect("what was shown is still shown");
}

#[test]
fn who_does_not_speak_tls_or_does_not_go_on_is_cut_off() {
    let server = Secured::start(Deployment::new(Backend::Sqlite));
    let mut plain = TcpStream::connect(server.address).expect("it connects");
    plain.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    plain
        .write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it is sent");
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = plain.read_to_end(&mut answer);
    assert!(
        !answer.starts_with(b"HTTP/"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let began = Instant::now();
    for first_bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stalled = TcpStream::connect(server.address).expect("it connects");
        stalled.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stalled.write_all(first_bytes).expect("it is sent");
        // A reset is an end as well; a read that waits for all of its time is none.
        let timed_out = stalled
            .read_to_end(&mut Vec::new())
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(!timed_out, "it is not held for ever");
    }
    assert!(
        began.elapsed() >= Duration::from_secs(5),
        "each has the time of a head"
    );
    let h2_alone = Client::of(&[&server.issuer], &[&TLS13], &[b"h2"]);
    assert!(server.connect(&h2_alone).is_err());
    let mut stream = server.connect(&server.client()).expect("others are served");
    assert!(is_alive(&mut stream));
}

#[test]
fn handshakes_that_are_not_finished_keep_nobody_out() {
    let server = Secured::start(Deployment::new(Backend::Sqlite).with_open_files(192));
    let stalled: Vec<_> = (0..300)
        .filter_map(|_| {
            let mut socket = TcpStream::connect(server.address).ok()?;
            socket.write_all(b"\x16\x03\x01").ok()?;
            Some(socket)
        })
        .collect();
    assert!(stalled.len() > 64);
    let mut stream = server.connect(&server.client()).expect("a client is let in");
    assert!(is_alive(&mut stream));
}

#[test]
fn wrong_files_stop_the_start_and_are_named() {
    let issuer = authority("an issuer");
    let (one, other) = (issued(&issuer), issued(&issuer));
    let key = |text: &str| ("tls.key", text.to_owned());
    let certificate = |text: &str| ("tls.pem", text.to_owned());
    for ((name, text), said) in [
        (key(&other.key_pem()), "WEBHOOK_TLS_KEY_FILE"),
        (key("nothing"), "has no private key in PEM"),
        (certificate("nothing"), "WEBHOOK_TLS_CERTIFICATE_FILE"),
        (
            certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "cannot be read",
        ),
    ] {
        let deployment = with_files(Deployment::new(Backend::Sqlite), &one);
        fs::write(deployment.directory().join(name), text).expect("a file");
        let ended = deployment.run(&[]);
        assert_eq!(ended.code(), 2, "{}", ended.output());
        assert!(ended.output().contains(said), "{}", ended.output());
        assert!(!ended.output().contains("PRIVATE KEY"), "{}", ended.output());
        assert!(!deployment.data().exists(), "nothing is made");
    }
    let mut deployment = with_files(Deployment::new(Backend::Sqlite), &one);
    deployment.unset("WEBHOOK_TLS_KEY_FILE");
    let ended = deployment.run(&[]);
    assert_eq!(ended.code(), 2);
    assert!(
        ended.output().contains("must both be set, or neither"),
        "{}",
        ended.output()
    );
}
