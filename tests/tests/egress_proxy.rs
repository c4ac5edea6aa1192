//! Deliveries through an egress proxy, from the settings to the receiver.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::json;
use webhook_tests::{Backend, Deployment, Service, fixtures::create_with, receiver::Receiver};

const PASSWORD: &str = "hunter2-of-the-proxy";

/// A proxy by `CONNECT` or SOCKS5 that does what it is asked, and what it was asked for.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(serve: fn(&mut TcpStream) -> io::Result<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = asked.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, noted) = (client.unwrap(), noted.clone());
                thread::spawn(move || -> io::Result<()> {
                    let target = serve(&mut client)?;
                    noted.lock().unwrap().push(target.clone());
                    let mut there = TcpStream::connect(target)?;
                    let (mut back, mut forth) = (there.try_clone()?, client.try_clone()?);
                    thread::spawn(move || io::copy(&mut back, &mut forth));
                    io::copy(&mut client, &mut there).map(drop)
                });
            }
        });
        Self { address, asked }
    }
}

fn connect(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    assert!(head.contains("Proxy-Authorization: Basic "), "{head}");
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn socks5(client: &mut TcpStream) -> io::Result<String> {
    client.read_exact(&mut [0; 4])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 10];
    client.read_exact(&mut request)?;
    assert_eq!(request[..4], [5, 1, 0, 1], "to connect to an IPv4 address");
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let [a, b, c, d, high, low] = request[4..] else {
        unreachable!("six bytes are left")
    };
    Ok(format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([high, low])))
}

fn deliveries_and_tests_go_through(
    backend: Backend,
    scheme: &str,
    serve: fn(&mut TcpStream) -> io::Result<String>,
) {
    let proxy = Proxy::start(serve);
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_LOG", "debug")
        .with(
            "WEBHOOK_EGRESS_PROXY",
            &format!("{scheme}://user:{PASSWORD}@{}", proxy.address),
        );
    let mut service = Service::start_on(deployment);
    let client = service.client();
    let receiver = Receiver::start();
    // By its name: the proxy is asked for what that leads to.
    let url = receiver.url().replace("127.0.0.1", "localhost");
    let webhook = create_with(&client, json!({"url": url}));
    client
        .post("/v1/events")
        .json(&json!({"type": "INVOICE.CREATED", "data": {}}))
        .send()
        .expect_status(202);
    receiver.wait_for(1);
    let tested = client
        .post(&format!("/v1/webhooks/{}/send-test", webhook.id()))
        .send()
        .expect_status(200)
        .json();
    assert_eq!(tested["successful"], true, "{tested}");
    let got = receiver.wait_for(2);
    let port = url
        .rsplit(':')
        .next()
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(got[0].header("host"), format!("localhost:{port}"));
    let asked = proxy.asked.lock().unwrap().clone();
    assert_eq!(asked, [format!("127.0.0.1:{port}"), format!("127.0.0.1:{port}")]);
    let output = service.kill().output();
    assert!(
        output.contains(&proxy.address.to_string()),
        "the proxy is named at the start"
    );
    assert!(!output.contains(PASSWORD), "its password is not");
}

#[test]
fn deliveries_and_tests_go_through_connect_on_sqlite() {
    deliveries_and_tests_go_through(Backend::Sqlite, "http", connect);
}

#[test]
fn deliveries_and_tests_go_through_socks5_on_postgres() {
    deliveries_and_tests_go_through(Backend::Postgres, "socks5", socks5);
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_as_such() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let deployment =
        Deployment::new(Backend::Sqlite).with("WEBHOOK_EGRESS_PROXY", &format!("socks5://{nobody}"));
    let service = Service::start_on(deployment);
    let webhook = create_with(&service.client(), json!({"url": "https://93.184.216.34/"}));
    let tested = service
        .client()
        .post(&format!("/v1/webhooks/{}/send-test", webhook.id()))
        .unchecked()
        .send();
    assert_eq!(tested.status, 503, "it is not the receiver's fault");
    let tested = tested.json();
    assert!(
        tested["message"].as_str().unwrap().contains("egress proxy"),
        "{tested}"
    );
}
