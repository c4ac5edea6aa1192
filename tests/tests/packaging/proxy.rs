//! nginx in front of the API, as `docs/operating/nginx.conf` has it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use serde_json::json;
use webhook_test_tls::{Authority, Identity, authorities, named};
use webhook_tests::{Backend, Deployment, Service, clock::wait_for};

use super::files::file;

/// For what takes no time on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

const NAME: &str = "webhooks.example.com";

/// A running nginx in front of a service.
struct Nginx {
    child: Child,
    address: SocketAddr,
    issuer: Authority,
}

impl Nginx {
    /// Starts it with the file as it stands, but for addresses and paths.
    fn before(service: &Service) -> Self {
        let directory = service.deployment().directory();
        let issuer = authorities("the issuer of nginx").0;
        let identity = Identity::issued(&named(NAME), &issuer);
        let certificate = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            data_encoding::BASE64.encode(&identity.chain[0])
        );
        fs::write(directory.join("nginx.pem"), certificate).expect("a file");
        fs::write(directory.join("nginx.key"), identity.key_pem()).expect("a file");
        let address = free_address();
        let path = |name: &str| directory.join(name).display().to_string();
        let mut server = file("nginx.conf");
        for (written, here) in [
            (
                "server 127.0.0.1:8080;",
                format!("server {};", service.server().address()),
            ),
            ("listen 443 ssl;", format!("listen {address} ssl;")),
            ("/etc/ssl/webhooks.example.com.pem", path("nginx.pem")),
            ("/etc/ssl/webhooks.example.com.key", path("nginx.key")),
        ] {
            assert!(server.contains(written), "{written}");
            server = server.replace(written, &here);
        }
        let main = format!(
            "daemon off; master_process off; pid {}; error_log stderr; events {{}}\n\
             http {{ access_log off; client_body_temp_path {}; proxy_temp_path {}; fastcgi_temp_path {}; uwsgi_temp_path {}; scgi_temp_path {};\n{server}}}\n",
            path("nginx.pid"),
            path("b"),
            path("p"),
            path("f"),
            path("u"),
            path("s"),
        );
        fs::write(directory.join("nginx.conf"), main).expect("a file");
        let child = Command::new("/usr/sbin/nginx")
            .args(["-c", &path("nginx.conf"), "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx runs");
        let nginx = Self {
            child,
            address,
            issuer,
        };
        wait_for("nginx listens", PATIENCE, || TcpStream::connect(address).ok());
        nginx
    }

    /// The answer to a request from this address of loopback: status, headers in lower case, body.
    fn ask(&self, from: &str, head: &str, body: &str) -> (u16, String, String) {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.as_ref().der().clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = self.connect_from(from);
        let name = ServerName::try_from(NAME).expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut stream = StreamOwned::new(connection, socket);
        let request = format!(
            "{head}Host: {NAME}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head[9..12].parse().expect("a status");
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    fn connect_from(&self, from: &str) -> TcpStream {
        let here: SocketAddr = format!("{from}:0").parse().expect("an address");
        let made = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&made, &here).expect("all of 127.0.0.0/8 is this machine's");
        connect(&made, &self.address).expect("nginx listens");
        made.into()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

#[test]
fn clients_behind_nginx_are_told_apart_and_lose_nothing() {
    let deployment = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_TRUSTED_PROXIES", "127.0.0.1/32")
        .with("WEBHOOK_FAILED_AUTHENTICATIONS_PER_SECOND", "1");
    let service = Service::start_on(deployment);
    let nginx = Nginx::before(&service);
    let key = format!("X-API-KEY: {}\r\n", service.key());

    let new = json!({"name": "x", "reference": null, "url": "https://example.com/"}).to_string();
    let create = format!(
        "POST /v1/webhooks HTTP/1.1\r\n{key}Accept-Encoding: gzip\r\nX-REQUEST-ID: of-the-client\r\n"
    );
    let (status, head, body) = nginx.ask("127.0.0.1", &create, &new);
    assert_eq!(status, 201, "{body}");
    assert!(
        head.contains("etag: \"1\"") && head.contains("x-request-id: of-the-client"),
        "{head}"
    );
    let location = head
        .split("location: ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .expect("a place");
    assert!(location.starts_with("/v1/webhooks/whk_"), "{location}");

    let event = json!({"type": "INVOICE.CREATED", "data": {"text": "x".repeat(250_000)}}).to_string();
    let publish = format!("POST /v1/events HTTP/1.1\r\n{key}");
    assert_eq!(nginx.ask("127.0.0.1", &publish, &event).0, 202);
    let too_long = json!({"type": "INVOICE.CREATED", "data": {"text": "x".repeat(300_000)}}).to_string();
    let (status, _, body) = nginx.ask("127.0.0.1", &publish, &too_long);
    assert_eq!(status, 413);
    assert!(body.contains("262144"), "the service's own words: {body}");

    // Twenty failures at once are forgiven, the next is not; whatever address the client claims.
    let wrong = "GET /v1/webhooks HTTP/1.1\r\nX-Forwarded-For: 127.0.0.9\r\nForwarded: for=127.0.0.8\r\nX-API-KEY: wrong\r\n";
    wait_for("failures from one address are refused", PATIENCE, || {
        (nginx.ask("127.0.0.2", wrong, "").0 == 429).then_some(())
    });
    assert_eq!(
        nginx.ask("127.0.0.3", wrong, "").0,
        401,
        "another client is not meant"
    );
    let list = format!("GET /v1/webhooks HTTP/1.1\r\n{key}");
    assert_eq!(
        nginx.ask("127.0.0.2", &list, "").0,
        200,
        "nor is a valid credential"
    );
}
